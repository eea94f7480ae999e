"""`resume` is the ordinary start with a past: it goes on with what was stored, and repeats an end that nothing can change."""

from pathlib import Path
from typing import Any

import pytest

on_linux = pytest.mark.skipif(not Path("/proc/self").exists(), reason="what has left its group is only found through /proc")


def _chain(second: str = "echo 2 > two") -> dict[str, Any]:
    return {"one": {"writes": "one", "do": "echo 1 > one"}, "two": {"writes": "two", "needs": "one", "do": second, "phase": "later"}}


PAUSING = ["one", {"later": {"gate": [{"phase": "one", "done": "100%"}, {"approval": "alice"}]}}]


def _ended_at(shell: Any) -> list[int]:
    return [event["seq"] for event in shell.json("log", "r") if event["kind"] in ("run_ended", "scheduler_started")]


def test_an_edit_of_the_plan_is_named_and_not_used(shell: Any) -> None:
    shell.write("tools/two.sh", "echo 2 > two\n")
    tasks = _chain("sh $SWARM_PLAN_DIR/tools/two.sh") | {"same": {"writes": "same", "do": "echo > same"}}
    shell.plan(tasks, phases=PAUSING)
    shell.swarm("execute", "plan.yaml", "--run", "r", "--parallel", "3", status=75)
    shell.write("tools/two.sh", "echo edited > two\n")
    shell.plan({**tasks, "one": {"writes": "one", "do": "echo edited > one"}, "new": {"writes": "new", "do": "true"}}, phases=PAUSING)
    shell.swarm("approve", "r", "later")
    resumed = shell.swarm("resume", "r")
    assert "changed in" in resumed.stderr
    assert "c.one, c.two, c.new; to use the edit" in resumed.stderr
    assert (shell.git("show", "refs/swarm/r/head:one"), shell.git("show", "refs/swarm/r/head:two")) == ("1\n", "2\n")
    assert shell.json("log", "r")[0]["parallel"] == 3


def test_a_plan_that_is_gone_or_broken_does_not_stop_a_resume(shell: Any) -> None:
    plan = shell.plan(_chain(), phases=PAUSING)
    shell.swarm("execute", "plan.yaml", "--run", "r", status=75)
    plan.write_text("no: plan")
    assert "is no plan any more" in shell.swarm("resume", "r", status=75).stderr
    plan.unlink()
    shell.swarm("approve", "r", "later")
    shell.swarm("resume", "r")


def test_only_holds_when_the_run_is_resumed(shell: Any) -> None:
    ready = f"test -e '{shell.folder}/ready'"
    tasks = {
        "one": {"writes": "one", "do": f"{ready} && echo 1 > one"},
        "two": {"writes": "two", "do": "echo 2 > two", "needs": "one"},
        "aside": {"writes": "x", "do": "echo > x"},
    }
    shell.plan(tasks)
    shell.swarm("execute", "plan.yaml", "--run", "r", "--only", "c.two", status=1)
    assert shell.states("r") == {"one": "failed", "two": "blocked", "aside": "waiting"}
    shell.write("ready", "")
    shell.swarm("retry", "r", "one")
    resumed = shell.swarm("resume", "r", status=1)
    assert shell.states("r") == {"one": "verified", "two": "verified", "aside": "waiting"}
    assert "left out by --only: c.aside" in resumed.stderr
    assert "--only left it out" in shell.swarm("explain", "r", "aside").stdout


def test_an_ended_run_repeats_its_end_and_runs_nothing(shell: Any) -> None:
    count = f"echo x >> '{shell.folder}/count'"
    shell.plan({"one": {"writes": "one", "do": f"{count}; echo > one"}}, success=[{"run": count}])
    shell.swarm("execute", "plan.yaml", "--run", "r")
    seen, log = (shell.folder / "count").read_text(), shell.json("log", "r")
    assert shell.swarm("resume", "r").stdout == "r\n"
    assert ((shell.folder / "count").read_text(), shell.json("log", "r")) == (seen, log)


def test_a_stalled_run_repeats_its_status_until_somebody_acts(shell: Any) -> None:
    tasks = {
        "one": {"writes": "one", "do": f"test -e '{shell.folder}/ready'"},
        "two": {"writes": "two", "do": "echo 2 > two", "phase": "later"},
    }
    shell.plan(tasks, phases=["one", {"later": {"gate": [{"phase": "one", "done": "100%"}]}}])
    shell.swarm("execute", "plan.yaml", "--run", "r", status=1)
    log = shell.json("log", "r")
    assert shell.json("status", "r")["state"] == "stalled"
    shell.swarm("resume", "r", status=1)
    assert shell.json("log", "r") == log
    shell.write("ready", "")
    shell.swarm("retry", "r", "one")
    shell.swarm("resume", "r")
    assert shell.json("status", "r")["state"] == "complete"


def test_a_cancelled_run_is_not_resumed(shell: Any) -> None:
    shell.plan(_chain(), phases=PAUSING)
    shell.swarm("execute", "plan.yaml", "--run", "r", status=75)
    shell.swarm("cancel", "r")
    assert shell.states("r") == {"one": "verified", "two": "cancelled"}
    log = shell.json("log", "r")
    refused = shell.swarm("resume", "r", status=2)
    assert (refused.stdout, "was cancelled" in refused.stderr, shell.json("log", "r")) == ("", True, log)
    shell.swarm("cancel", "r", status=1)
    shell.swarm("promote", "r", "--incomplete")
    assert (shell.folder / "ws/one").read_text() == "1\n"


def test_leftovers_of_a_death_before_the_first_event_are_no_run(shell: Any) -> None:
    shell.plan(_chain(), phases=PAUSING)
    folder = shell.folder / ".swarm/runs/r"
    (folder / "requests").mkdir(parents=True)
    (folder / "plan").mkdir()
    (folder / "plan/plan.yaml").write_text("of an earlier life")
    (folder / "lock").write_text("4194304")
    assert shell.json("runs") == []
    for words in (("status", "r"), ("resume", "r"), ("cancel", "r")):
        assert "there is no run r" in shell.swarm(*words, status=2).stderr
    shell.swarm("execute", "plan.yaml", "--run", "r", status=75)
    assert [row["run"] for row in shell.json("runs")] == ["r"]


def test_a_journal_without_an_event_is_no_run(shell: Any) -> None:
    shell.plan(_chain(), phases=PAUSING)
    journal = shell.folder / ".swarm/runs/r/journal.db"
    journal.parent.mkdir(parents=True)
    journal.touch()
    assert shell.json("runs") == []
    shell.swarm("execute", "plan.yaml", "--run", "r", status=75)
    shell.swarm("log", "r", "--verify")


@on_linux
def test_the_next_scheduler_ends_what_a_dead_one_left_running(shell: Any, gate: Any, following: Any) -> None:
    waits = gate("waits")
    tasks = {"slow": {"writes": "x", "do": waits.command}, "two": {"writes": "two", "do": "echo 2 > two", "phase": "later"}}
    shell.plan(tasks, phases=["one", {"later": {"gate": [{"approval": "alice"}]}}])
    process = shell.start("execute", "plan.yaml", "--run", "r")
    following(process)
    left = waits.wait()
    process.kill()
    process.communicate()
    assert Path(f"/proc/{left}").exists()
    assert shell.json("status", "r")["state"] == "interrupted"
    shell.swarm("approve", "r", "later", "--who", "alice")
    resumed = shell.start("resume", "r")
    following(resumed)
    waits.wait()
    assert not Path(f"/proc/{left}/cwd").exists()
    waits.open()
    resumed.communicate()
    assert resumed.wait() == 0
    assert [(task["state"], task["attempts"]) for task in shell.json("status", "r")["tasks"]] == [("verified", 1)] * 2
