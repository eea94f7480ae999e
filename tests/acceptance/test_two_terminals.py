"""What a second terminal sees of a run that is going on in the first, and what it can ask of it."""

import os
import select
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

Follow = Callable[..., Iterator[str]]

on_linux = pytest.mark.skipif(not Path("/proc/self").exists(), reason="a grandchild that left its group is only found through /proc")


def _until(lines: Iterator[str], text: str) -> str:
    """Reads progress up to the line with a text."""
    read = []
    for line in lines:
        read.append(line)
        if text in line:
            return line
    pytest.fail(f"{text!r} was never said: {read}")


def _is_gone(pid: int) -> bool:
    """Whether a process has ended, or does at once: one that was killed takes a moment to go. A zombie has ended."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    with open(descriptor, "rb", buffering=0):
        return bool(select.select([descriptor], [], [], 2.0)[0])


def test_a_running_run_answers_every_question(shell: Any, gate: Any, following: Follow) -> None:
    waits = gate("waits")
    shell.write("ws/todo.txt", "TODO\n")
    shell.plan(
        {
            "first": {"writes": "first.txt", "do": "echo x > first.txt", "done_when": [{"exists": "first.txt"}]},
            "slow": {
                "writes": "todo.txt",
                "do": f"{waits.command}; echo done > todo.txt",
                "needs": "first",
                "closes": {"todo": "todo.txt"},
            },
            "last": {"writes": "last.txt", "do": "echo x > last.txt", "needs": "slow"},
        },
        gaps={"todo": {"files": "*.txt", "containing": "TODO"}},
    )
    process = shell.start("execute", "plan.yaml", "--run", "r")
    following(process)
    waits.wait()
    status = shell.json("status")
    assert (status["state"], status["ended_at"]) == ("running", None)
    assert [task["state"] for task in status["tasks"]] == ["verified", "running", "waiting"]
    assert [task["attempts"] for task in status["tasks"]] == [1, 1, 0]
    assert shell.json("phases")[0]["verified"] == 1
    assert shell.json("gaps") == {"found": 1, "closed": 0, "open": [{"gap": "todo", "path": "todo.txt", "lines": "1"}]}
    assert [row["state"] for row in shell.json("runs")] == ["running"]
    assert [handoff["task"] for handoff in shell.json("handoffs")] == ["c.first"]
    assert shell.json("log")[-1]["kind"] == "attempt_started"
    assert shell.json("explain", "c.last")["reasons"] == ["it needs c.slow, which is running"]
    for command in ("status", "phases", "gaps", "runs", "handoffs", "log"):
        assert shell.swarm(command).stdout
    waits.open()
    process.communicate()
    assert process.wait() == 0
    assert shell.json("status")["state"] == "complete"


@on_linux
def test_cancel_ends_the_run_and_the_whole_tree_of_its_commands(shell: Any, gate: Any, following: Follow) -> None:
    waits, away = gate("waits"), gate("away")
    shell.write("away.sh", away.command)
    shell.plan(
        {
            "slow": {"writes": "x", "do": f"setsid sh '{shell.folder}/away.sh' & {waits.command}"},
            "then": {"writes": "y", "do": "echo > y", "needs": "slow"},
        }
    )
    process = shell.start("execute", "plan.yaml", "--run", "r")
    following(process)
    pids = [waits.wait(), away.wait()]
    shell.swarm("cancel", "r")
    process.communicate()
    assert process.wait() == 1
    assert [_is_gone(pid) for pid in pids] == [True, True]
    status = shell.json("status", "r")
    assert (status["state"], [task["state"] for task in status["tasks"]]) == ("cancelled", ["cancelled", "cancelled"])
    assert [task["attempts"] for task in status["tasks"]] == [0, 0]
    assert "resume" not in shell.swarm("status", "r").stdout
    shell.swarm("cancel", "r", status=1)


def test_an_approval_opens_a_gate_while_the_run_goes_on(shell: Any, gate: Any, following: Follow) -> None:
    waits = gate("waits")
    tasks = {"slow": {"writes": "x", "do": waits.command}, "after": {"writes": "y", "do": "echo > y", "phase": "two"}}
    shell.plan(tasks, phases=["one", {"two": {"gate": [{"approval": "alice"}]}}])
    process = shell.start("execute", "plan.yaml", "--run", "r")
    lines = following(process)
    waits.wait()
    shell.swarm("approve", "r", "two", "--who", "alice")
    _until(lines, "c.after  landed")
    assert shell.json("status", "r")["state"] == "running"
    waits.open()
    process.communicate()
    assert process.wait() == 0
    assert [event["who"] for event in shell.json("log", "r") if event["kind"] == "approval_given"] == ["alice"]


def test_a_failed_task_is_retried_while_the_run_goes_on(shell: Any, gate: Any, following: Follow) -> None:
    waits = gate("waits")
    tasks = {"slow": {"writes": "x", "do": waits.command}, "flaky": {"writes": "y", "do": f"test -e '{shell.folder}/ready'"}}
    shell.plan(tasks)
    process = shell.start("execute", "plan.yaml", "--run", "r")
    lines = following(process)
    waits.wait()
    _until(lines, "c.flaky  attempt 1 refused, the last")
    shell.swarm("retry", "r", "c.slow", status=1)
    shell.write("ready", "")
    shell.swarm("retry", "r", "flaky")
    _until(lines, "c.flaky  landed")
    waits.open()
    process.communicate()
    assert process.wait() == 0
    assert shell.json("status", "r")["tasks"][1]["attempts"] == 1, "a retry gives the attempts back"


def test_a_second_scheduler_is_told_who_has_the_run(shell: Any, gate: Any, following: Follow) -> None:
    waits = gate("waits")
    shell.plan({"slow": {"writes": "x", "do": waits.command}})
    process = shell.start("execute", "plan.yaml", "--run", "r")
    following(process)
    waits.wait()
    for words in (("resume", "r"), ("promote", "r"), ("rollback", "r", "c.slow")):
        refused = shell.swarm(*words, status=75)
        assert (refused.stdout, f"(pid {process.pid})" in refused.stderr) == ("", True)
    shell.swarm("execute", "plan.yaml", "--run", "r", status=2)
    waits.open()
    process.communicate()
    assert process.wait() == 0


def test_a_run_pauses_for_an_approval_and_goes_on_with_it(shell: Any) -> None:
    tasks = {"first": {"writes": "x", "do": "echo > x"}, "after": {"writes": "y", "do": "echo > y", "phase": "two"}}
    shell.plan(tasks, phases=["one", {"two": {"gate": [{"phase": "one", "done": "100%"}, {"approval": "alice"}]}}])
    paused = shell.swarm("execute", "plan.yaml", "--run", "r", status=75)
    assert "swarm approve r two" in paused.stderr
    assert shell.json("status", "r")["state"] == "paused"
    assert shell.states("r") == {"first": "verified", "after": "waiting"}
    shell.swarm("resume", "r", status=75)
    assert "swarm resume" in shell.swarm("approve", "r", "two").stderr
    shell.swarm("resume", "r")
    assert shell.states("r") == {"first": "verified", "after": "verified"}
    approvals = [event for event in shell.json("log", "r") if event["kind"] == "approval_given"]
    assert len(approvals) == 1
    assert approvals[0]["who"]


def test_what_cannot_be_approved_or_retried_is_said(shell: Any) -> None:
    shell.plan({"first": {"writes": "x", "do": "echo > x"}})
    shell.swarm("execute", "plan.yaml", "--run", "r")
    assert "asks for no approval" in shell.swarm("approve", "r", "one", status=2).stderr
    assert 'did you mean "one"' in shell.swarm("approve", "r", "on", status=2).stderr
    assert "has not failed: it is verified" in shell.swarm("retry", "r", "first", status=1).stderr
    assert "is complete already" in shell.swarm("cancel", "r", status=1).stderr


def test_whoever_stops_reading_the_progress_does_not_change_how_the_run_ends(shell: Any) -> None:
    shell.plan({"first": {"writes": "x", "do": "echo > x"}})
    process = shell.start("execute", "plan.yaml", "--run", "r")
    process.stderr.close()
    with process.stdout, process._client:
        status = process.wait()
    assert shell.json("status", "r")["state"] == "complete"
    assert status == 0
