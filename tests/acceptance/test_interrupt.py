"""Ctrl-C, `kill` and a closed terminal: the first signal lets landings finish, the second ends everything; `resume` goes on from either."""

import os
import select
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

Follow = Callable[..., Iterator[str]]

AT_ONCE_S = 3.0
QUICK = {"do": "echo x > $SWARM_TASK", "writes": "c.*"}

on_linux = pytest.mark.skipif(not Path("/proc/self").exists(), reason="a grandchild that left its group is only found through /proc")


def _is_gone(pid: int) -> bool:
    """Whether a process has ended, or does at once: one that was killed takes a moment to go. A zombie has ended."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    with open(descriptor, "rb", buffering=0):
        return bool(select.select([descriptor], [], [], 2.0)[0])


def _slow_run(shell: Any, waits: Any) -> None:
    """One task that waits, one before it and one behind it."""
    shell.plan(
        {
            "first": {"writes": "first", "do": "echo x > first"},
            "slow": {"writes": "slow", "do": f"{waits.command}; echo x > slow", "needs": "first"},
            "last": {"writes": "last", "do": "cat first slow > last", "needs": "slow"},
        }
    )


def _completes(shell: Any, waits: Any) -> None:
    """The run is `interrupted`, and goes on without doing anything twice."""
    status = shell.json("status", "r")
    assert (status["state"], [task["attempts"] for task in status["tasks"]]) == ("interrupted", [1, 0, 0])
    assert [task["state"] for task in status["tasks"]] == ["verified", "ready", "waiting"]
    waits.open()
    shell.swarm("resume", "r")
    status = shell.json("status", "r")
    assert [(task["state"], task["attempts"]) for task in status["tasks"]] == [("verified", 1)] * 3
    started = [event["task"] for event in shell.json("log", "r") if event["kind"] == "attempt_started"]
    assert started == ["c.first", "c.slow", "c.slow", "c.last"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_one_signal_cuts_the_running_attempt_off(shell: Any, gate: Any, following: Follow, number: signal.Signals) -> None:
    waits = gate("waits")
    _slow_run(shell, waits)
    process = shell.start("execute", "plan.yaml", "--run", "r")
    following(process)
    pid = waits.wait()
    process.send_signal(number)
    _, errors = process.communicate()
    assert process.wait() == 130
    assert "Traceback" not in errors
    assert "swarm resume r" in errors
    assert _is_gone(pid)
    cut_off = [event for event in shell.json("log", "r") if event["kind"] == "attempt_cut_off"]
    assert [(event["task"], event["reason"]) for event in cut_off] == [("c.slow", "the run was interrupted")]
    _completes(shell, waits)


@on_linux
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_two_signals_end_everything_at_once(shell: Any, gate: Any, following: Follow, number: signal.Signals) -> None:
    waits, away = gate("waits"), gate("away")
    shell.write("away.sh", f"trap '' INT TERM HUP; {away.command}")
    _slow_run(shell, waits)
    plan = shell.folder / "plan.yaml"
    plan.write_text(plan.read_text().replace("echo $$ >", f"trap '' INT TERM HUP; setsid sh '{shell.folder}/away.sh' & echo $$ >"))
    process = shell.start("execute", "plan.yaml", "--run", "r")
    following(process)
    pids = [waits.wait(), away.wait()]
    began = time.monotonic()
    process.send_signal(number)
    process.send_signal(number)
    _, errors = process.communicate()
    assert process.wait() == 130
    assert time.monotonic() - began < AT_ONCE_S
    assert "Traceback" not in errors
    assert [_is_gone(pid) for pid in pids] == [True, True]
    away.open()
    _completes(shell, waits)


def test_what_is_landing_when_the_signal_comes_lands(shell: Any, following: Follow) -> None:
    shell.plan({f"t{number}": QUICK | {"writes": f"c.t{number}"} for number in range(12)}, limits={"parallel": 4})
    process = shell.start("execute", "plan.yaml", "--run", "r")
    lines = following(process)
    assert any("judged, landing" in line for line in lines)
    process.send_signal(signal.SIGINT)
    process.communicate()
    assert process.wait() == 130
    events = shell.json("log", "r")
    landings = [[event["task"] for event in events if event["kind"] == kind] for kind in ("landing", "landed")]
    assert landings[0] == landings[1]
    assert set(shell.landed("r")) == set(landings[1])
    assert 0 < len(landings[1]) < 12
    shell.swarm("resume", "r")
    assert len(shell.landed("r")) == 12


def test_a_signal_while_the_final_tree_is_measured_does_not_end_the_run(shell: Any, gate: Any, following: Follow) -> None:
    waits = gate("waits")
    shell.plan({"first": {"writes": "x", "do": "echo x > x"}}, success=[{"run": waits.command}])
    process = shell.start("execute", "plan.yaml", "--run", "r")
    following(process)
    pid = waits.wait()
    process.send_signal(signal.SIGINT)
    process.communicate()
    assert (process.wait(), _is_gone(pid)) == (130, True)
    assert shell.json("status", "r")["state"] == "interrupted"
    waits.open()
    shell.swarm("resume", "r")
    assert shell.json("status", "r")["state"] == "complete"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_before_the_run_exists_leaves_no_run(shell: Any, gate: Any, following: Follow, number: signal.Signals) -> None:
    waits = gate("waits")
    shell.plan({"first": {"writes": "x", "do": "echo x > x"}}, gaps={"listed": {"listed_by": waits.command}})
    process = shell.start("execute", "plan.yaml", "--run", "r")
    following(process)
    pid = waits.wait()
    process.send_signal(number)
    output, errors = process.communicate()
    assert (process.wait(), output, _is_gone(pid)) == (130, "", True)
    assert "Traceback" not in errors
    assert shell.json("runs") == []
    for _ in ("on the snapshot", "on the final tree"):
        waits.open()
    shell.swarm("execute", "plan.yaml", "--run", "r")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("words", [["validate", "plan.yaml"], ["execute", "plan.yaml", "--dry-run"], ["replay", "r"]], ids=" ".join)
def test_a_signal_ends_what_a_command_has_started(
    shell: Any, gate: Any, following: Follow, words: list[str], number: signal.Signals
) -> None:
    waits = gate("waits")
    if words[0] == "replay":
        shell.plan({"first": {"writes": "x", "do": f"if test -e '{shell.folder}/again'; then {waits.command}; fi; echo x > x"}})
        shell.swarm("execute", "plan.yaml", "--run", "r")
        shell.write("again", "")
    else:
        shell.plan({"first": {"writes": "x", "do": "echo x > x"}}, gaps={"listed": {"listed_by": waits.command}})
    shell.environment["TMPDIR"] = str(shell.write("temporary/.keep", "").parent)
    process = shell.start(*words)
    following(process)
    pid = waits.wait()
    process.send_signal(number)
    output, errors = process.communicate()
    assert (process.wait(), output, errors, _is_gone(pid)) == (130, "", "", True)
    assert [path.name for path in (shell.folder / "temporary").iterdir()] == [".keep"]
