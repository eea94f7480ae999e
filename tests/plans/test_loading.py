"""The files that a plan names, its agents, and what loading leaves as it was."""

import gc
from collections.abc import Callable
from pathlib import Path

import pytest

from swarm.errors import PlanRefused
from swarm.plans.graph import compile_plan
from swarm.plans.load import Plan, load_plan, parse_plan
from swarm.plans.proofs import prove
from swarm.plans.undisturbed import undisturbed
from swarm.plans.vocabulary import ROSTER

Load = Callable[..., Plan]


@pytest.fixture
def load(tmp_path: Path, write: Callable[..., str]) -> Load:
    def make(tasks: str, *names: str, **rest: str) -> Plan:
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(name, encoding="utf-8")
        (tmp_path / "plan.yaml").write_text(write(tasks, **rest), encoding="utf-8")
        return load_plan(tmp_path / "plan.yaml", "plan.yaml")

    return make


def test_every_file_that_is_named_comes_with_the_plan(load: Load) -> None:
    tasks = (
        "a: {BASICS, program: 'programs/mine.py:Mine', do: [{template: t.j2, to: x}, {codemod: r.yml}]}\n"
        "b: {BASICS, done_when: [{run: 'sh $SWARM_PLAN_DIR/see.sh'}], do: {command: [python, '${SWARM_PLAN_DIR}/tools/go.py']}}"
    )
    named = {"programs/mine.py", "t.j2", "r.yml", "see.sh", "tools/go.py", "tools/deep/part.py", "me.py", "gate/ready"}
    others = {"programs/other.py", "tools/__pycache__/go.pyc", "unnamed.py"}
    phases = "- work: {gate: [{run: $SWARM_PLAN_DIR/gate/ready}]}"
    plan = load(tasks, *named, *others, top="agents: {me: {program: 'me.py:Me'}}", phases=phases)
    assert set(plan.files) == named
    assert plan.files["tools/deep/part.py"] == b"tools/deep/part.py"
    assert plan.load_problems == ()


@pytest.mark.parametrize(
    ("procedure", "code", "says"),
    [
        ("{template: t.j3, to: x}", "unknown-name", 'the file "t.j3" does not exist'),
        ("{codemod: ../r.yml}", "unsafe-path", '"../r.yml" is not below'),
        ("{template: /etc/passwd, to: x}", "unsafe-path", '"/etc/passwd" is not below'),
        ("{command: 'sh $SWARM_PLAN_DIR/../x.sh'}", "unsafe-path", '"../x.sh" is not below'),
    ],
)
def test_a_file_that_cannot_be_named_is_a_problem_at_its_name(load: Load, procedure: str, code: str, says: str) -> None:
    plan = load(f"a: {{BASICS, do: {procedure}}}", "t.j2")
    (problem,) = prove(compile_plan(plan))
    assert problem.code == code
    assert says in problem.text
    assert plan.source.text.splitlines()[problem.line - 1].lstrip().startswith("a:")


def test_the_shipped_agents_are_there_and_a_plan_overrides_fields(load: Load) -> None:
    agents = load("a: {BASICS}", top="agents: {code-generator: {lm: openai/gpt-5}, mine: {role: Mine, program: predict}}").agents
    assert set(agents) == {*ROSTER, "mine"}
    assert (agents["code-generator"].role, agents["code-generator"].lm, agents["code-generator"].program) == (
        ROSTER["code-generator"], "openai/gpt-5", "react",
    )  # fmt: skip
    assert agents["mine"].program == "predict"


def test_the_garbage_collector_is_left_as_it_was(write: Callable[..., str]) -> None:
    assert gc.isenabled()
    parse_plan(write("a: {BASICS}"), "f")
    with pytest.raises(PlanRefused):
        parse_plan("[", "f")
    assert gc.isenabled()
    gc.disable()
    try:
        with undisturbed():
            assert not gc.isenabled()
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_a_plan_and_its_graph_are_shown_in_a_line(load: Load) -> None:
    """asyncio makes a text of a finished task's result; of ten thousand tasks that took a second."""
    plan = load("\n".join(f"t{number}: {{BASICS}}" for number in range(50)))
    assert repr(plan) == "<Plan p in plan.yaml>"
    assert repr(compile_plan(plan)) == "<Graph of p: 50 tasks>"
