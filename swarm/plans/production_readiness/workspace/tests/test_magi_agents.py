"""The magi's house: proposals are judged by majority, and code is read without being run."""

from itertools import combinations, product

import pytest

from experiments.agents.agents.magi.code_reviewer import CodeReviewer
from experiments.agents.agents.magi.dependency_auditor import DependencyAuditor
from experiments.agents.agents.magi.magi_agent import MagiAgent
from experiments.agents.agents.magi.refactoring_advisor import RefactoringAdvisor
from experiments.agents.agents.magi.trial_planner import TrialPlanner


@pytest.mark.parametrize("agent_class", [CodeReviewer, DependencyAuditor, MagiAgent, RefactoringAdvisor, TrialPlanner])
async def test_each_agent_does_its_example_again_and_again(agent_class):
    agent = agent_class()
    assert [await agent.self_check() for _ in range(3)] == [True, True, True]


@pytest.mark.parametrize(
    ("proposal", "accepting"),
    [
        ("Raise the wall because of the flood, and measure it.", ["melchior", "balthasar", "caspar"]),
        ("Raise the wall.", ["caspar"]),
        ("Raise the wall so that it holds " + "and holds " * 30, ["melchior"]),
    ],
)
async def test_each_of_the_magi_wants_something_else(proposal, accepting):
    assert await MagiAgent().deliberate(proposal) == {"accepted": len(accepting) > 1, "accepting": accepting}


async def yes(_proposal):
    return True


async def no(_proposal):
    return False


async def ill(_proposal):
    raise TimeoutError("in bed")


async def test_a_tie_is_no_majority_and_a_judge_who_fails_has_not_accepted():
    assert await MagiAgent(judges={"one": yes, "two": no}).deliberate("x") == {"accepted": False, "accepting": ["one"]}
    assert await MagiAgent(judges={"one": yes, "two": ill, "three": yes}).deliberate("x") == {
        "accepted": True,
        "accepting": ["one", "three"],
    }


async def test_an_empty_proposal_is_not_judged():
    with pytest.raises(ValueError, match="a proposal needs words"):
        await MagiAgent().deliberate(" ")


@pytest.mark.parametrize(
    ("source", "findings"),
    [
        ("def f(a=[], *, b={}): ...", [(1, "all calls share this default value; use None")] * 2),
        ("def f(a=(), b=None, *, c): ...", []),
        ("try:\n    f()\nexcept:\n    pass", [(3, "this catches even an interrupt; name the exception")]),
        ("try:\n    f()\nexcept OSError:\n    pass", []),
        ("a == None or None != b", [(1, "compare with None by `is`")]),
        ("a != None\na is None\na == 0", [(1, "compare with None by `is`")]),
        ("import os.path\nimport re as r\nfrom a import b, c\nprint(b, r)", [(1, "os is never used"), (3, "c is never used")]),
        ("from __future__ import annotations\nfrom a import *\nimport os\nos.getcwd()", []),
    ],
)
def test_a_review_names_each_mistake_with_its_line(source, findings):
    assert CodeReviewer().review(source) == findings


async def test_a_review_reads_top_down():
    result = await CodeReviewer().execute_task(CodeReviewer.EXAMPLE)
    assert [finding.partition(":")[0] for finding in result["result"]["findings"]] == ["line 1", "line 3", "line 4"]


@pytest.mark.parametrize("operation", [CodeReviewer().review, RefactoringAdvisor().advise])
def test_what_is_no_python_is_refused_with_its_line(operation):
    with pytest.raises(ValueError, match=r"no Python: .* in line 2"):
        operation("a = 1\ndef (")


@pytest.mark.parametrize(
    "parameters",
    [
        {"a": [1, 2], "b": [1, 2], "c": [1, 2]},
        {"a": [1, 2, 3], "b": "xy", "c": [True], "d": [[], {}, None]},
        {letter: range(3) for letter in "abcdefgh"},
    ],
)
def test_each_two_settings_are_tried_together_in_fewer_trials_than_all(parameters):
    trials = TrialPlanner().plan(parameters)
    for (one, values), (other, more) in combinations(parameters.items(), 2):
        assert all(any((trial[one], trial[other]) == pair for trial in trials) for pair in product(values, more))
    assert len(trials) < len(list(product(*parameters.values())))


def test_eight_parameters_of_three_values_need_a_few_dozen_trials_of_6561():
    assert len(TrialPlanner().plan({letter: range(3) for letter in "abcdefgh"})) <= 24


@pytest.mark.parametrize("parameters", [{}, {"a": [1]}, {"a": [1], "b": []}])
def test_trials_need_two_parameters_with_values(parameters):
    with pytest.raises(ValueError, match="two parameters or more"):
        TrialPlanner().plan(parameters)


LONG = "async def long():\n" + "    await step()\n" * 30
DEEP = "def deep():\n    for a in b:\n        with a:\n            if a:\n                while a:\n                    a()\n"
CHAIN = "def chain(a):\n    if a == 1:\n        b()\n" + "".join(f"    elif a == {n}:\n        b()\n" for n in range(2, 8))


def test_advice_is_given_on_what_is_long_deep_or_takes_much():
    assert RefactoringAdvisor().advise(DEEP + LONG + "def wide(a, b, /, c, *, d, e, f): ...") == [
        "deep: 4 blocks within each other; return early or extract the inner one",
        "long: 31 lines; split it",
        "wide: 6 parameters; group those that belong together",
    ]


@pytest.mark.parametrize("source", [CHAIN, "def short(): ...", "x = 1"])
def test_a_chain_of_elifs_and_short_code_need_no_advice(source):
    assert RefactoringAdvisor().advise(source) == []


def test_what_is_too_much_can_be_chosen():
    assert len(RefactoringAdvisor(lines=1, depth=0, parameters=0).advise(CHAIN)) == 3


def test_imports_are_found_whatever_their_form():
    sources = {
        "village": "",
        "village.gate": "import os, village.mill\nfrom village import well",
        "village.mill": "from . import well\nfrom .gate import key",
        "village.well": "def draw():\n    from village.gate import key",
    }
    assert DependencyAuditor().imports(sources) == {
        "village": [],
        "village.gate": ["village", "village.mill", "village.well"],
        "village.mill": ["village", "village.gate", "village.well"],
        "village.well": ["village.gate"],
    }


def test_modules_that_import_each_other_are_one_ring_each():
    sources = {"a": "import b", "b": "import c, d", "c": "import a", "d": "import e", "e": "import d", "f": "import f", "g": "import a"}
    assert DependencyAuditor().cycles(sources) == [["a", "b", "c"], ["d", "e"], ["f"]]


def test_a_village_without_rings_has_none():
    assert DependencyAuditor().cycles({"a": "import b", "b": ""}) == []


def test_a_module_that_is_no_python_is_named():
    with pytest.raises(ValueError, match=r"mill is no Python: .* in line 1"):
        DependencyAuditor().imports({"mill": "def ("})
