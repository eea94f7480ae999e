"""`swarm draft`, typed: a planner that looks, proposes, reads what is wrong and mends it; and everything that may come in its way."""

import json
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.model_server import Answer, Chat, ModelServer, Script, Status

FILES = {
    "prices.py": "def total(prices):\n    raise NotImplementedError\n",
    "orders.py": "def place(order):\n    raise NotImplementedError\n",
    "README.md": "# Shop\n",
    ".gitignore": ".env\n",
    ".env": "PASSWORD=hunter2\n",
}
GOOD = """\
plan: shop
goal: Finish the shop.
workspace: "ws"
gaps:
  open: {files: "*.py", ast: "raise NotImplementedError"}
  no-guide: {missing: [GUIDE.md]}
categories:
  code:
    objective: Nothing is left open.
    lead: code-generator
    tasks:
      implement:
        phase: build
        for_each: open
        goal: Implement {path}.
        writes: ["{path}"]
      guide:
        phase: proof
        goal: Write the guide.
        writes: [GUIDE.md]
        closes: {no-guide: GUIDE.md}
phases:
  - build
  - proof: {gate: [{phase: build, done: 100%}]}
"""
BAD = GOOD.replace("        closes: {no-guide: GUIDE.md}\n", "        keep: [{run: 'true'}]\n").replace(
    "      guide:\n        phase: proof\n        goal: Write the guide.\n        writes: [GUIDE.md]",
    "      guide:\n        phase: build\n        goal: Write the guide.\n        writes: [GUIDE.md, prices.py]",
).replace("  - proof: {gate: [{phase: build, done: 100%}]}\n", "")  # fmt: skip
"""A gap that nobody closes, and two tasks that may write one path."""


def _turn(*calls: tuple[str, Mapping[str, Any]]) -> Answer:
    listed = [{"tool": tool, "args": args} for tool, args in calls]
    return Answer(f"[[ ## thought ## ]]\nI know.\n\n[[ ## calls ## ]]\n{json.dumps(listed)}")


def _propose(plan: str) -> Answer:
    return _turn(("propose_plan", {"plan": plan}))


FINISH = _turn(("finish", {}))


class Planner:
    """Turn by turn what it says, and what it was told before each."""

    def __init__(self, *turns: Answer | Status) -> None:
        self.turns = turns
        self.told: list[str] = []

    def __call__(self, chat: Chat) -> Any:
        self.told.append(str(chat.messages[-1]["content"]))
        return self.turns[min(len(self.told), len(self.turns)) - 1]


@pytest.fixture
def planned(shell: Any) -> Callable[..., Any]:
    """Types `swarm draft` for a shop, with a model that plays a script."""
    for path, text in FILES.items():
        shell.write(f"ws/{path}", text)
    shell.environment["SWARM_LM_KEY"] = "sk-scripted"

    def draft(script: Script, *arguments: str, goal: str = "Finish the shop.", status: int = 0) -> Any:
        with ModelServer(script).in_thread() as server:
            lm = ("--lm", f"openai/scripted@{server.base_url}")
            return shell.swarm("draft", goal, "--workspace", "ws", *lm, *arguments, status=status)

    return draft


def _standing(shell: Any) -> set[str]:
    return {path.name for path in Path(shell.folder).iterdir()}


def test_a_planner_looks_proposes_reads_what_is_wrong_and_mends_it(shell: Any, planned: Callable[..., Any]) -> None:
    look = _turn(
        ("list_files", {}), ("read_file", {"path": "prices.py"}), ("read_file", {"path": ".env"}), ("search", {"pattern": "raise"})
    )
    planner = Planner(look, _propose(BAD), _propose(GOOD), FINISH)
    ended = planned(planner)
    first, looked, refused, proved = planner.told
    assert 'workspace: "ws"' in first
    assert "4 files:\n.gitignore\nREADME.md\norders.py\nprices.py" in first
    assert "2\t    raise NotImplementedError" in looked
    assert "hunter2" not in looked
    validated = shell.swarm("validate", str(shell.write("bad.yaml", BAD)), status=2).stdout.replace(f"{shell.folder}/bad.yaml", "plan.yaml")
    assert 'no task closes 1 of gap "no-guide": GUIDE.md [uncovered]' in validated
    assert "[overlap]" in validated
    assert validated.rpartition("the plan is refused")[0].rstrip() in refused
    assert "not proved: 2 errors" in refused
    assert "proved: 3 tasks in 2 phases, 3 gaps, each owned once\ngaps found: open 2, no-guide 1" in proved
    assert ended.stdout == ""
    assert ended.stderr.splitlines()[:2] == ["plan 1: 2 errors", "plan 2: proved: 3 tasks in 2 phases, 3 gaps"]
    assert ended.stderr.splitlines()[2] == (
        "wrote plan.yaml: 3 tasks in 2 phases, 3 gaps found; read it, then try `swarm validate plan.yaml` and `swarm execute plan.yaml`"
    )
    assert ended.stderr.splitlines()[3].startswith("the planner took 4 calls, ")
    assert (shell.folder / "plan.yaml").read_text().endswith(GOOD)
    assert "the plan holds: no problems, 3 tasks, 3 of 3 gaps covered" in shell.swarm("validate", "plan.yaml").stdout
    assert _standing(shell) == {"ws", "plan.yaml", "bad.yaml"}
    assert not list(Path("/tmp").glob("swarm-*/.swarm/scratch/proof-*"))


def test_a_plan_is_written_where_it_is_wanted_and_names_the_workspace_from_there(shell: Any, planned: Callable[..., Any]) -> None:
    (shell.folder / "plans").mkdir()
    planned(Planner(_propose(GOOD.replace('"ws"', '"../ws"')), FINISH), "--output", "plans/shop.yaml")
    assert "the plan holds" in shell.swarm("validate", "plans/shop.yaml").stdout


def test_one_that_never_gets_it_right_is_written_with_what_is_wrong_above_it(shell: Any, planned: Callable[..., Any]) -> None:
    unsolved = _turn(("finish", {"unsolved": "Who writes prices.py is for a person to say."}))
    ended = planned(Planner(_propose(BAD), unsolved), status=2)
    text = (shell.folder / "plan.yaml").read_text()
    noted = [line for line in text.splitlines() if line.startswith("# not proved: line ")]
    assert len(noted) == 2
    assert "# left open, says the planner: Who writes prices.py is for a person to say." in text
    assert text.endswith(BAD)
    problems = shell.swarm("validate", "plan.yaml", status=2).stdout.rpartition("the plan is refused")[0]
    assert problems in ended.stderr
    for line in noted:
        number = line.removeprefix("# not proved: line ").partition(":")[0]
        assert f"plan.yaml:{number}:" in problems
    assert "wrote plan.yaml, which is not proved: 2 errors, listed at its top" in ended.stderr


def test_a_planner_that_finishes_before_it_has_seen_the_proof_goes_on(shell: Any, planned: Callable[..., Any]) -> None:
    planner = Planner(_turn(("propose_plan", {"plan": BAD}), ("finish", {})), _propose(GOOD), FINISH)
    planned(planner)
    assert "no plan is proved yet" in planner.told[1]
    assert 'no task closes 1 of gap "no-guide"' in planner.told[1]
    assert "the plan holds" in shell.swarm("validate", "plan.yaml").stdout


def test_a_hostile_planner_makes_nothing_run_and_nothing_written(shell: Any, planned: Callable[..., Any]) -> None:
    hit = shell.folder / "hit"
    bomb = "a: &a [x, x]\n" + "".join(f"{b}: &{b} [*{a}, *{a}, *{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True))
    hostile = [
        GOOD.replace("{missing: [GUIDE.md]}", f'{{listed_by: "touch {hit}"}}'),
        GOOD.replace('workspace: "ws"', f'workspace: {{path: ws, setup: "touch {hit}", requires: ["touch {hit}"]}}'),
        GOOD.replace('workspace: "ws"', "workspace: /"),
        f"{bomb}{GOOD}",
    ]
    planner = Planner(*map(_propose, hostile), _turn(("finish", {"unsolved": "I may do nothing.\x1b[2J"})))
    ended = planned(planner, status=2)
    sentences = ["listed_by is not for a draft", "setup is not for a draft", 'the workspace of this plan is "ws"', "anchors are not part"]
    assert all(sentence in told for sentence, told in zip(sentences, planner.told[1:], strict=True))
    assert _standing(shell) == {"ws"}
    assert "anchors are not part" in ended.stderr
    assert "nothing was written" in ended.stderr
    assert "\x1b" not in ended.stderr


def test_absolute_paths_are_refused_as_validate_does(shell: Any, planned: Callable[..., Any]) -> None:
    planner = Planner(_propose(GOOD.replace("writes: [GUIDE.md]", "writes: [/etc/passwd]")), _turn(("finish", {"unsolved": "x"})))
    planned(planner, status=2)
    assert "[unsafe-path]" in planner.told[1]


def test_a_goal_may_be_a_document(shell: Any, planned: Callable[..., Any]) -> None:
    shell.write("goals/wanted.md", "# Wanted\n\nThe shop shall be finished by Friday.\n")
    planner = Planner(_propose(GOOD), FINISH)
    planned(planner, goal="goals/wanted.md")
    assert "The shop shall be finished by Friday." in planner.told[0]
    assert planner.told[0].count("Friday") == 1


def test_a_spent_budget_keeps_the_best_there_is(shell: Any, planned: Callable[..., Any]) -> None:
    ended = planned(Planner(_propose(BAD)), "--budget", "calls=1", status=2)
    assert "the planner was stopped: the budget of the plan is spent" in ended.stderr
    assert "the planner took 1 call," in ended.stderr
    assert "# the planner was stopped: the budget" in (shell.folder / "plan.yaml").read_text()


def test_a_key_that_is_refused_ends_it_with_a_sentence(shell: Any, planned: Callable[..., Any]) -> None:
    shell.environment["SWARM_LM_KEY"] = "sk-wrong"
    ended = planned(Planner(FINISH), status=69)
    assert "refuses the key" in ended.stderr
    assert "resume" not in ended.stderr
    assert "sk-wrong" not in ended.stderr
    assert _standing(shell) == {"ws"}


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (("A goal.", "--workspace", "ws", "--output", "there.yaml"), 2, "there.yaml is there already, and nothing is overwritten"),
        (("A goal.", "--workspace", "ws", "--output", "no/plan.yaml"), 2, "there is no folder no to write the plan into"),
        (("A goal.", "--workspace", "nowhere"), 2, "nowhere is not a folder"),
        (("goals.md", "--workspace", "ws"), 2, "there is no document at goals.md"),
        (("  ", "--workspace", "ws"), 2, "the goal is empty"),
        (("latin.md", "--workspace", "ws"), 2, "latin.md is not UTF-8 text"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said_before_a_model_is_asked(shell: Any, arguments: tuple[str, ...], status: int, sentence: str) -> None:
    shell.write("ws/a.py", "")
    shell.write("there.yaml", "mine\n")
    (shell.folder / "latin.md").write_bytes(b"caf\xe9")
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        nobody.settimeout(0)
        lm = f"openai/scripted@http://127.0.0.1:{nobody.getsockname()[1]}/v1"
        ended = shell.swarm("draft", *arguments, "--lm", lm, status=status)
        with pytest.raises(BlockingIOError):
            nobody.accept()
    assert sentence in ended.stderr
    assert _standing(shell) == {"ws", "there.yaml", "latin.md"}
    assert (shell.folder / "there.yaml").read_text() == "mine\n"


def test_without_a_model_the_ways_to_give_one_are_said(shell: Any) -> None:
    shell.write("ws/a.py", "")
    ended = shell.swarm("draft", "A goal.", "--workspace", "ws", status=69)
    assert ended.stderr.startswith("swarm: error: the planner needs a language model, and none is named.")
    assert all(way in ended.stderr for way in ("OPENAI_API_KEY", "ollama/", "SWARM_LM"))
    assert _standing(shell) == {"ws"}
