"""`kill -9` at any moment, then `resume`: the same final tree, and no verified task is done again."""

import random
import signal
import subprocess
from collections.abc import Callable, Iterator

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
      base: {phase: lay, goal: Lay., writes: [wall/base.txt], do: {command: "mkdir -p wall && echo base > wall/base.txt"}, done_when: [{exists: wall/base.txt}]}
      left: {phase: lay, goal: Lay., needs: [base], writes: [wall/left.txt], do: {command: "cat wall/base.txt > wall/left.txt"}, done_when: [{exists: wall/left.txt}]}
      right: {phase: lay, goal: Lay., needs: [base], writes: [wall/right.txt], do: {command: "cat wall/base.txt > wall/right.txt"}, done_when: [{exists: wall/right.txt}]}
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


def _prepare(shell) -> None:
    shell.write("plan.yaml", PLAN)
    for name in ("a", "b", "c"):
        shell.write(f"yard/bricks/{name}.txt", f"brick {name}\n")


def _kill_after(shell, process: "subprocess.Popen[str]", lines: Iterator[str], count: int) -> bool:
    """Kills the scheduler alone after so many lines of progress; whether it was still alive then."""
    for _, _line in zip(range(count), lines, strict=False):
        pass
    alive = process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return alive


@pytest.mark.parametrize("seed", range(21))
def test_a_killed_run_resumes_to_the_same_tree(shell, following: Callable[..., Iterator[str]], seed: int) -> None:
    _prepare(shell)
    chance = random.Random(seed)
    process = shell.start("execute", "plan.yaml", "--run", "wall")
    _kill_after(shell, process, following(process), chance.randrange(2, 24))
    exists = [row["run"] for row in shell.json("runs")]
    if exists:
        assert shell.json("status", "wall")["state"] in ("interrupted", "complete")
        shell.swarm("resume", "wall")
    else:
        shell.swarm("execute", "plan.yaml", "--run", "wall")
    status = shell.json("status", "wall")
    assert status["state"] == "complete"
    assert {task["state"] for task in status["tasks"]} == {"verified"}
    assert {task["attempts"] for task in status["tasks"]} == {1}, "an attempt that was cut off with its scheduler does not count"
    landed = [event["task"] for event in shell.json("log", "wall") if event["kind"] == "landed"]
    assert len(landed) == len(set(landed)) == 7
    shell.swarm("promote", "wall")
    assert (shell.folder / "yard/wall/top.txt").read_text() == "base\nbase\n" + "".join(f"brick {n}\npainted\n" for n in "abc")
    shell.swarm("log", "wall", "--verify")


def test_a_resume_that_is_killed_resumes(shell, following: Callable[..., Iterator[str]]) -> None:
    _prepare(shell)
    process = shell.start("execute", "plan.yaml", "--run", "wall")
    _kill_after(shell, process, following(process), 6)
    for count in (1, 3, 5):
        again = shell.start("resume", "wall")
        _kill_after(shell, again, following(again), count)
    shell.swarm("resume", "wall")
    assert shell.json("status", "wall")["state"] == "complete"
