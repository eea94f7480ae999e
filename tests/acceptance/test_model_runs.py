"""Plans without any procedure, carried out by agents: the gaps are closed, what passes between them is typed, what it took is known."""

import json
from typing import Any

import pytest

from tests.model_server import Coder, Edit, Lesson, ModelServer

CONTRACTS = {
    "Made": {"files": "list[path]", "functions": {"type": "int", "ge": 1}},
    "Summary": {"text": "str", "verdict": "literal[ready, unfinished]", "share": {"type": "float", "le": 1}, "notes": "dict[str, int]"},
    "Steps": {"steps": "list[str]"},
}
TASKS = {
    "steps": {"goal": "Think of the steps.", "program": "chain_of_thought", "hands": "Steps"},
    "stubs": {
        "for_each": "stub",
        "goal": "Implement {path}.",
        "needs": "steps",
        "writes": "{path}",
        "hands": "Made",
        "done_when": [{"run": "python3 -c 'import shapes, words'"}],
    },
    "guide": {
        "goal": "Write the guide.",
        "needs": "stubs[*]",
        "takes": ["Made"],
        "writes": "docs/**",
        "closes": {"unsaid": "**"},
        "hands": "Made",
        "done_when": [{"present": "area", "in": "docs/guide.md"}],
    },
    "summary": {"goal": "Sum it up.", "needs": ["guide", "steps"], "program": "predict", "hands": "Summary"},
}
STEPS = {"steps": ["implement", "write"]}
SUMMARY = {"text": "All of it is there.", "verdict": "ready", "share": 0.75, "notes": {"stubs": 2}}
CODER = Coder(
    Lesson("task c.steps.", payload=STEPS),
    Lesson(
        "task c.stubs[shapes.py].",
        edits=[Edit("shapes.py", "raise NotImplementedError", "return width * height")],
        commands=["python3 -c 'import shapes; assert shapes.area(2, 3) == 6'"],
        payload={"functions": 1},
    ),
    Lesson(
        "task c.stubs[words.py].", edits=[Edit("words.py", "raise NotImplementedError", "return text.upper()")], payload={"functions": 1}
    ),
    Lesson("task c.guide.", files={"docs/guide.md": "area and shout\n"}, payload={"functions": 2}),
    Lesson("task c.summary.", payload=SUMMARY),
)


@pytest.fixture(scope="module")
def asked(shared_shell: Any) -> dict[str, list[str]]:
    """The run `r`, complete; by task, the prompts that its agents sent."""
    shared_shell.write("ws/shapes.py", "def area(width, height):\n    raise NotImplementedError\n")
    shared_shell.write("ws/words.py", "def shout(text):\n    raise NotImplementedError\n")
    gaps = {"stub": {"files": "*.py", "ast": "raise NotImplementedError"}, "unsaid": {"missing": ["docs/guide.md"]}}
    shared_shell.plan(TASKS, gaps=gaps, contracts=CONTRACTS, success=[{"gap": "stub"}])
    with ModelServer(CODER).in_thread() as server:
        shared_shell.thinking_with(server).swarm("execute", "plan.yaml", "--run", "r")
    prompts = [exchange.chat.prompt for exchange in server.chats if exchange.chat]
    names = ["c.steps", "c.stubs[shapes.py]", "c.stubs[words.py]", "c.guide", "c.summary"]
    return {name: [prompt for prompt in prompts if f"This is task {name}." in prompt] for name in names}


def test_the_run_is_complete_and_every_gap_is_closed(shared_shell: Any, asked: Any) -> None:
    status = shared_shell.json("status", "r")
    assert (status["state"], {task["state"] for task in status["tasks"]}) == ("complete", {"verified"})
    assert status["gaps"] == {"found": 3, "closed": 3, "open": []}
    assert shared_shell.landed("r") == {"shapes.py": "M", "words.py": "M", "docs/guide.md": "A"}
    assert shared_shell.git("show", "refs/swarm/r/head:shapes.py") == "def area(width, height):\n    return width * height\n"
    shared_shell.swarm("log", "r", "--verify")


def test_handoffs_carry_typed_payloads_and_chain(shared_shell: Any, asked: Any) -> None:
    handoffs = {one["task"]: one for one in shared_shell.json("handoffs", "r")}
    assert {task: (one["contract"], one["payload"]) for task, one in handoffs.items()} == {
        "c.steps": ("Steps", STEPS),
        "c.stubs[shapes.py]": ("Made", {"files": ["shapes.py"], "functions": 1}),
        "c.stubs[words.py]": ("Made", {"files": ["words.py"], "functions": 1}),
        "c.guide": ("Made", {"files": ["docs/guide.md"], "functions": 2}),
        "c.summary": ("Summary", SUMMARY),
    }
    assert set(handoffs["c.summary"]["inputs"]) == {handoffs["c.guide"]["id"], handoffs["c.steps"]["id"]}
    assert handoffs["c.guide"]["evidence"][0] == {"check": "present: area in docs/guide.md", "before": False, "after": True, "landed": True}


def test_an_agent_is_told_what_was_handed_over_and_of_no_other_place(shared_shell: Any, asked: dict[str, list[str]]) -> None:
    assert '"steps": ["implement", "write"]' in asked["c.stubs[words.py]"][0]
    assert "All of it" not in "".join(asked["c.guide"])
    assert '{"files": ["shapes.py"], "functions": 1}' in asked["c.guide"][0]
    assert not [task for task, prompts in asked.items() if str(shared_shell.folder) in "".join(prompts)]


def test_what_it_took_is_known_and_an_unknown_price_is_not_zero(shared_shell: Any, asked: dict[str, list[str]]) -> None:
    usage = shared_shell.json("status", "r")["usage"]
    handoffs = {one["task"]: one["usage"] for one in shared_shell.json("handoffs", "r")}
    assert {task: one["calls"] for task, one in handoffs.items()} == {task: len(prompts) for task, prompts in asked.items()}
    assert usage["calls"] == sum(one["calls"] for one in handoffs.values())
    assert usage["tokens"] == sum(one["tokens"] for one in handoffs.values()) > 0
    assert {usage["usd"], *(one["usd"] for one in handoffs.values())} == {None}
    for shown in (shared_shell.swarm("status", "r").stdout, shared_shell.swarm("handoff", "r", "c.guide").stdout):
        assert "tokens, cost unknown" in shown
        assert "$0.00" not in shown


def test_a_state_is_saved_where_it_can_be_and_nothing_is_overwritten(shell: Any) -> None:
    shell.swarm("agents", "code-analyzer", "--save", "state.json")
    assert "turn" in json.loads((shell.folder / "state.json").read_text())
    for name, why in (("state.json", "is there already"), ("nodir/x.json", "cannot be written"), ("state.pkl", "a state is JSON")):
        assert why in shell.swarm("agents", "code-analyzer", "--save", name, status=2).stderr
