"""The record of a run answers for its models: replayed with the server switched off, every handoff is the same."""

import shutil
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.model_server import Coder, Edit, Lesson, ModelServer, fields

PRINTS_THE_TIME = "date +%s%N; "
MODULE = """
import dspy


class Counts(dspy.Module):
    def __init__(self):
        super().__init__()
        self.count = dspy.Predict("brief -> n: int")

    def forward(self, brief, inbox, desk):
        found = self.count(brief=f"How many letters has {brief.task}?")
        return dspy.Prediction(handoff={"n": found.n})
"""
TASKS = {
    "plain": {"goal": "g", "writes": "plain", "do": "echo x > plain"},
    "made": {
        "goal": "Write made.txt.",
        "writes": "made.txt",
        "hands": "Number",
        "done_when": [{"run": PRINTS_THE_TIME + "test -s made.txt"}, {"judge": "Is made.txt friendly?"}],
    },
    "told": {"goal": "Tell.", "program": "predict", "needs": "made", "hands": "Number"},
    "thought": {"goal": "Think.", "program": "chain_of_thought", "needs": ["made", "finished"]},
    "finished": {
        "goal": "Write finished.txt.",
        "writes": "finished.txt",
        "do": PRINTS_THE_TIME + "echo one > finished.txt",
        "program": "react",
        "done_when": [{"run": PRINTS_THE_TIME + "grep two finished.txt"}],
        "keep": [{"run": "false"}],
    },
    "enough": {
        "goal": "Write enough.txt.",
        "writes": "enough.txt",
        "do": "echo enough > enough.txt",
        "program": "react",
        "done_when": [{"run": "test -s enough.txt"}, {"judge": "Is enough.txt enough?"}],
        "keep": [{"run": "false"}],
    },
    "second": {"goal": "Write second.txt.", "writes": "second.txt", "done_when": [{"run": PRINTS_THE_TIME + "test -s second.txt"}]},
    "own": {"goal": "Count.", "program": "counts.py:Counts", "hands": "Number"},
}
CODER = Coder(
    Lesson("Goal: Is made.txt friendly?", reads=["made.txt"], payload={"holds": True, "reason": "made.txt:1 says hello"}),
    Lesson("Goal: Is enough.txt enough?", reads=["enough.txt"], payload={"holds": True, "reason": "it says so"}),
    Lesson("How many letters has", payload={"n": 5}),
    Lesson("task c.made.", files={"made.txt": "hello\n"}, commands=[PRINTS_THE_TIME], payload={"n": 1}),
    Lesson("task c.told.", payload={"n": 2}),
    Lesson("task c.thought."),
    Lesson("task c.finished.", edits=[Edit("finished.txt", "one", "two")], commands=[PRINTS_THE_TIME]),
    Lesson("Attempt 1 was refused (checks)", files={"second.txt": "x\n"}, commands=[PRINTS_THE_TIME]),
    Lesson("task c.second.", commands=[PRINTS_THE_TIME]),
)


@pytest.fixture(scope="module")
def recorded(shared_shell: Any) -> int:
    """The run `r`, complete, of a server that is off by now; the port that it had."""
    shared_shell.write("counts.py", MODULE)
    shared_shell.plan(TASKS, contracts={"Number": {"n": "int"}}, limits={"attempts": 2})
    with ModelServer(CODER).in_thread() as server:
        shared_shell.thinking_with(server).swarm("execute", "plan.yaml", "--run", "r")
        return server.port


@contextmanager
def _nobody_calls(port: int) -> Iterator[None]:
    """Listens where the server was: whoever comes is seen, and hears nothing."""
    with socket.create_server(("127.0.0.1", port)) as listening:
        listening.setblocking(False)
        yield
        with pytest.raises(BlockingIOError):
            listening.accept()


def _kept(home: Path) -> dict[str, bytes]:
    """All that the run's folder holds on disk."""
    return {str(path.relative_to(home)): path.read_bytes() for path in (home / "runs/r").rglob("*") if path.is_file()}


def test_every_handoff_is_the_same_with_the_server_switched_off(shared_shell: Any, recorded: int) -> None:
    before, refs = _kept(shared_shell.folder / ".swarm"), shared_shell.git("for-each-ref")
    document = shared_shell.json("replay", "r")
    ids = {handoff["task"]: handoff["id"] for handoff in shared_shell.json("handoffs", "r")}
    same = {"same": True, "differences": [], "patch_same": True, "calls": 0, "usd": 0.0}
    assert document == {"run": "r", "handoffs": [{"task": task, "id": id_, **same} for task, id_ in ids.items()]}
    assert len(ids) == len(TASKS)
    with _nobody_calls(recorded):
        assert "8 the same, 0 different; 0 model calls, $0.00" in shared_shell.swarm("replay", "r").stdout
    assert (_kept(shared_shell.folder / ".swarm"), shared_shell.git("for-each-ref")) == (before, refs)


def test_a_model_in_the_environment_is_not_asked_either(shared_shell: Any, recorded: int) -> None:
    with ModelServer(fields(n=7)).in_thread() as server:
        shared_shell.thinking_with(server).swarm("replay", "r", "c.told")
        assert server.log == []


def _without(shell: Any, folder: Path, table: str, rows: str) -> Any:
    """A copy of the home that lacks rows of the record, which no command of ours would remove."""
    folder.mkdir()
    shutil.copytree(shell.folder / ".swarm", folder / ".swarm", symlinks=True)
    with closing(sqlite3.connect(folder / ".swarm/runs/r/journal.db")) as journal, journal:
        (name, trigger) = journal.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND sql LIKE ?", (f"%DELETE ON {table}%",)
        ).fetchone()
        journal.execute(f"DROP TRIGGER {name}")
        assert journal.execute(f"DELETE FROM {table} WHERE {rows}").rowcount > 0
        journal.execute(trigger)
    return replace(shell, folder=folder)


@pytest.mark.parametrize(
    ("rows", "task", "said"),
    [
        ("task = 'c.made' AND number = 2", "c.made", "call 2 of task c.made, attempt 1, is not in the record"),
        ("task = 'c.told'", "c.told", "call 1 of task c.told, attempt 1, is not in the record"),
        ("task = 'c.second' AND attempt = 2", "c.second", "call 1 of task c.second, attempt 2, is not in the record"),
        ("task = 'c.own'", "c.own", "call 1 of task c.own, attempt 1, is not in the record"),
    ],
    ids=["in-the-middle", "the-only-one", "of-a-second-attempt", "of-a-module"],
)
def test_an_answer_that_is_missing_is_a_difference_and_not_a_call(
    shared_shell: Any, recorded: int, tmp_path: Path, rows: str, task: str, said: str
) -> None:
    lacking = _without(shared_shell, tmp_path / "lacking", "calls", rows)
    with _nobody_calls(recorded):
        (replayed,) = lacking.json("replay", "r", task, status=1)["handoffs"]
    assert (replayed["same"], [one["field"] for one in replayed["differences"]]) == (False, ["model"])
    assert said in replayed["differences"][0]["replayed"]


def test_a_tools_answer_that_is_missing_is_looked_up_again_and_named_where_it_differs(
    shared_shell: Any, recorded: int, tmp_path: Path
) -> None:
    lacking = _without(shared_shell, tmp_path / "lacking", "told", "task = 'c.made' AND tool = 'run'")
    with _nobody_calls(recorded):
        (replayed,) = lacking.json("replay", "r", "c.made", status=1)["handoffs"]
    assert "call 3 of task c.made, attempt 1, is not in the record" in replayed["differences"][0]["replayed"]


def test_work_that_no_model_had_a_part_in_is_in_the_record_of_none(shell: Any) -> None:
    shell.plan({"plain": {"writes": "plain", "do": "echo x > plain"}})
    shell.swarm("execute", "plan.yaml", "--run", "r")
    shell.plan({"plain": {"writes": "plain"}})
    (replayed,) = shell.json("replay", "r", "--plan", "plan.yaml", status=1)["handoffs"]
    assert replayed["differences"][0]["field"] == "model"
    assert "c.plain was done without a model" in replayed["differences"][0]["replayed"]
