"""`kill -9` at any moment, then `resume`: the same final tree, and no verified task is done again."""

import random
import signal
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, suppress

import pytest

PLAN = """
plan: bricks
goal: Lay bricks in order.
workspace: yard
gaps:
  unpainted: {files: "bricks/*.txt", lacking: painted}
categories:
  work:
    objective: A wall.
    lead: code-generator
    tasks:
      base:
        {phase: lay, goal: Lay., writes: [wall/base.txt], do: {command: "mkdir -p wall && echo base > wall/base.txt"}, done_when: [{exists: wall/base.txt}]}
      left:
        {phase: lay, goal: Lay., needs: [base], writes: [wall/left.txt], do: {command: "cat wall/base.txt > wall/left.txt"}, done_when: [{exists: wall/left.txt}]}
      right:
        {phase: lay, goal: Lay., needs: [base], writes: [wall/right.txt], do: {command: "cat wall/base.txt > wall/right.txt"}, done_when: [{exists: wall/right.txt}]}
      paint:
        phase: paint
        for_each: unpainted
        goal: Paint {path}.
        writes: ["{path}"]
        do: {command: "echo painted >> {path}"}
      top:
        phase: paint
        goal: Close the wall.
        needs: [left, right, "paint[*]"]
        writes: [wall/top.txt]
        do: {command: "cat wall/left.txt wall/right.txt bricks/*.txt > wall/top.txt"}
        done_when: [{run: "test -s wall/top.txt"}]
phases:
  - lay
  - paint: {gate: [{phase: lay, done: 100%}, {run: "test -f wall/left.txt"}]}
success: [{exists: wall/top.txt}]
"""  # noqa: E501 - a plan is easier to read in one line a task

KILLS = 4


def _prepare(shell) -> None:
    shell.write("plan.yaml", PLAN)
    for name in ("a", "b", "c"):
        shell.write(f"yard/bricks/{name}.txt", f"brick {name}\n")


def _kill_after(process: "subprocess.Popen[str]", lines: Iterator[str], count: int) -> None:
    """Kills the scheduler alone after so many lines of its progress."""
    for _ in zip(range(count), lines, strict=False):
        pass
    process.send_signal(signal.SIGKILL)
    process.communicate()


@pytest.mark.parametrize("seed", range(6))
def test_a_run_that_is_killed_again_and_again_ends_in_the_same_tree(shell, following: Callable[..., Iterator[str]], seed: int) -> None:
    """Six runs of four kills each: after a line of progress that the seed chooses."""
    _prepare(shell)
    chance = random.Random(seed)
    for _ in range(KILLS):
        begun = _has_begun(shell)
        process = shell.start(*(("resume", "wall") if begun else ("execute", "plan.yaml", "--run", "wall")))
        _kill_after(process, following(process), chance.randrange(1, 9))
    shell.swarm(*(("resume", "wall") if _has_begun(shell) else ("execute", "plan.yaml", "--run", "wall")))
    _assert_whole(shell)


def _has_begun(shell) -> bool:
    """Whether the run's first event is on disk, asked without another process."""
    path = shell.folder / ".swarm/runs/wall/journal.db"
    if not path.exists():
        return False
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as journal, suppress(sqlite3.OperationalError):
        return bool(journal.execute("SELECT 1 FROM events LIMIT 1").fetchone())
    return False


def _assert_whole(shell) -> None:
    status = shell.json("status", "wall")
    assert status["state"] == "complete"
    assert {task["state"] for task in status["tasks"]} == {"verified"}
    assert {task["attempts"] for task in status["tasks"]} == {1}, "an attempt that was cut off with its scheduler does not count"
    landed = [event["task"] for event in shell.json("log", "wall") if event["kind"] == "landed"]
    assert len(landed) == len(set(landed)) == 7
    shell.swarm("log", "wall", "--verify")
    shell.swarm("promote", "wall")
    top = (shell.folder / "yard/wall/top.txt").read_text()
    assert top == "base\nbase\n" + "".join(f"brick {name}\npainted\n" for name in "abc")
