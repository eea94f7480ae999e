"""The documents behind `--json`: exactly the fields that were promised, with the values that the events give them."""

from datetime import timedelta
from typing import Any

import pytest

from swarm.engine import events as ev
from swarm.engine.views import explain_view, gaps_view, handoff_views, iso, phase_paces, phase_views, run_state, run_view, status_view
from swarm.plans.found import Found
from swarm.signatures.evidence import Evidence, Verdict

from .conftest import START, Past, begun, cut_off, failed, graph_of, landed, landing, opened, refused, satisfied, verified

NOW = START + timedelta(seconds=100)
GAPS = (Found(gap="hole", path="a.py", lines="1-2"), Found(gap="hole", path="b.py"), Found(gap="odd", path=None, text="x::y"))
TASKS = "{a: {closes: {hole: a.py}}, b: {needs: [a], closes: {hole: b.py}}, x: {phase: two, closes: {odd: '**'}}}"
PHASES = "[one, {two: {gate: [{phase: one, done: 50%}, {approval: ada}]}}]"
SUCCESS: dict[str, Any] = {"success": [{"run": "tests"}]}


def past() -> Past:
    return Past(graph_of(TASKS, PHASES, GAPS, **SUCCESS), opened("one"))


def status(run: Past, live: bool = True) -> dict[str, Any]:
    return status_view(run.state, live, NOW)


def task(run: Past, name: str, live: bool = True) -> dict[str, Any]:
    return next(one for one in status(run, live)["tasks"] if one["id"] == name)


def test_status_has_the_promised_fields_and_no_others() -> None:
    document = status(past())
    assert list(document) == ["run", "plan", "state", "started_at", "ended_at", "seconds", "phases", "tasks", "gaps", "success", "usage"]
    assert {tuple(one) for one in document["phases"]} == {("id", "state", "done", "tasks", "verified", "gate", "debt")}
    assert {tuple(one) for phase in document["phases"] for one in phase["gate"]} == {("condition", "value", "threshold", "met")}
    fields = ("id", "category", "phase", "agent", "state", "attempts", "seconds", "handoff", "commit", "reason")
    assert {tuple(one) for one in document["tasks"]} == {fields}
    assert list(document["gaps"]) == ["found", "closed", "open"]
    assert {tuple(one) for one in document["gaps"]["open"]} == {("gap", "path", "lines")}
    assert {tuple(one) for one in document["success"]} == {("check", "met")}
    assert list(document["usage"]) == ["calls", "tokens", "usd"]


def test_a_row_of_runs_has_the_promised_fields_and_times_in_utc() -> None:
    row = run_view(past().state, live=True, now=NOW)
    assert row == {
        "run": "run-1",
        "plan": "p",
        "state": "running",
        "started_at": "2026-01-01T00:00:00.000Z",
        "ended_at": None,
        "seconds": 100.0,
    }
    assert iso(None) is None


def test_a_run_without_a_living_scheduler_and_without_an_end_is_interrupted_and_its_clock_stands() -> None:
    run = past()
    run.add(begun("c.a"))
    row = run_view(run.state, live=False, now=NOW)
    assert (row["state"], row["ended_at"], row["seconds"]) == ("interrupted", None, 3.0)


@pytest.mark.parametrize("ending", ["complete", "incomplete", "stalled", "cancelled"])
def test_an_ended_run_has_the_state_and_time_of_its_end(ending: Any) -> None:
    run = past()
    run.add(ev.RunEnded(state=ending))
    row = run_view(run.state, live=False, now=NOW)
    assert (row["state"], row["ended_at"], row["seconds"]) == (ending, "2026-01-01T00:00:03.000Z", 3.0)


def test_a_paused_run_is_paused_until_a_scheduler_takes_it_up() -> None:
    run = past()
    run.add(ev.RunPaused(reason="no git", missing=True))
    assert run_state(run.state, live=False) == "paused"
    assert run_state(run.state, live=True) == "running"


def test_in_an_interrupted_run_no_task_is_shown_running_and_nothing_it_began_counts() -> None:
    run = past()
    run.add(begun("c.a"))
    assert {key: task(run, "c.a")[key] for key in ("state", "attempts", "seconds")} == {"state": "running", "attempts": 1, "seconds": 97.0}
    dead = task(run, "c.a", live=False)
    assert {key: dead[key] for key in ("state", "attempts", "seconds")} == {"state": "ready", "attempts": 0, "seconds": 0.0}


def test_a_tasks_row_follows_what_happened_to_it() -> None:
    run = past()
    run.add(begun("c.a"), refused("c.a", text="red tests"), begun("c.a", 2), cut_off("c.a", 2))
    row = task(run, "c.a")
    assert (row["state"], row["attempts"], row["reason"], row["handoff"], row["commit"]) == ("ready", 1, "interrupted", None, None)
    run.add(begun("c.a", 3), landing("c.a", "c1", attempt=3), landed("c.a", "c1"))
    row = task(run, "c.a")
    assert (row["state"], row["attempts"], row["seconds"], row["commit"], row["reason"]) == ("verified", 2, 3.0, "c1", None)
    assert len(row["handoff"]) == 64
    assert (row["category"], row["phase"], row["agent"]) == ("c", "one", "qa-validator")


def test_a_task_that_waits_for_a_failed_one_is_blocked() -> None:
    run = past()
    run.add(*failed("c.a"))
    assert [task(run, name)["state"] for name in ("c.a", "c.b", "c.x")] == ["failed", "blocked", "waiting"]


def test_phases_wait_open_and_are_done_and_show_share_gate_and_debt() -> None:
    run = past()
    run.add(*verified("c.a"))
    one, two = phase_views(run.state)
    assert (one["state"], one["done"], one["tasks"], one["verified"], one["gate"], one["debt"]) == ("open", 0.5, 2, 1, [], [])
    assert two["state"] == "waiting"
    assert two["gate"] == [
        {"condition": "phase: one done 50%", "value": 0.5, "threshold": 0.5, "met": True},
        {"condition": "approval: ada", "value": None, "threshold": None, "met": False},
    ]
    run.add(ev.ApprovalGiven(phase="two", who="ada"), opened("two", debt=("c.b",)))
    assert phase_views(run.state)[0]["debt"] == ["c.b"]
    run.add(*verified("c.b"))
    assert (phase_views(run.state)[0]["state"], phase_views(run.state)[0]["debt"]) == ("done", [])


def test_an_open_phase_shows_its_gate_as_it_was_found_when_it_opened() -> None:
    run = past()
    found = (ev.Measured(condition="phase: one done 50%", value=0.5, threshold=0.5, met=True),)
    run.add(*verified("c.a"), ev.PhaseOpened(phase="two", gate=found, debt=()), *verified("c.b"))
    assert [one["value"] for one in phase_views(run.state)[1]["gate"]] == [0.5]


def test_before_the_end_a_gap_counts_as_closed_once_its_task_is_finished() -> None:
    run = past()
    assert gaps_view(run.state) == {
        "found": 3,
        "closed": 0,
        "open": [
            {"gap": "hole", "path": "a.py", "lines": "1-2"},
            {"gap": "hole", "path": "b.py", "lines": ""},
            {"gap": "odd", "path": None, "lines": ""},
        ],
    }
    run.add(*verified("c.a"), begun("c.x"), satisfied("c.x"))
    assert (gaps_view(run.state)["closed"], [one["path"] for one in gaps_view(run.state)["open"]]) == (2, ["b.py"])


def test_at_the_end_gaps_are_what_was_measured_even_where_lines_moved_or_new_ones_appeared() -> None:
    run = past()
    left = (Found(gap="hole", path="b.py", lines="9"), Found(gap="hole", path="new.py"))
    run.add(*verified("c.a"), ev.RunEnded(state="incomplete", gaps=left))
    assert gaps_view(run.state) == {
        "found": 3,
        "closed": 2,
        "open": [{"gap": "hole", "path": "b.py", "lines": "9"}, {"gap": "hole", "path": "new.py", "lines": ""}],
    }


def test_a_cancelled_run_measured_nothing_and_shows_what_its_tasks_left() -> None:
    run = past()
    run.add(*verified("c.a"), ev.RunEnded(state="cancelled"))
    assert (gaps_view(run.state)["closed"], len(gaps_view(run.state)["open"])) == (1, 2)


def test_success_is_unknown_until_it_was_measured() -> None:
    run = past()
    assert status(run)["success"] == [{"check": "run: tests", "met": None}]
    run.add(ev.RunEnded(state="incomplete", success=(Verdict(key="k", check="run: tests", tree="t", green=False),)))
    assert status(run)["success"] == [{"check": "run: tests", "met": False}]


def test_explain_has_the_promised_fields() -> None:
    run = past()
    assert explain_view(run.state, "c.a") == {"task": "c.a", "state": "ready", "reasons": []}
    assert explain_view(run.state, "c.b") == {"task": "c.b", "state": "waiting", "reasons": ["it needs c.a, which is waiting"]}


def test_handoffs_come_in_the_order_in_which_they_were_made_with_the_promised_fields() -> None:
    run = past()
    red_green = Evidence(key="k", check="run: t", kind="done_when", before=False, after=True)
    judged = (Verdict(key="k", check="run: t", tree="t1", green=True),)
    run.add(
        begun("c.x"),
        satisfied("c.x"),
        begun("c.a"),
        landing("c.a", "c1", landed=judged, evidence=(red_green,), payload={"n": 1}),
        landed("c.a", "c1"),
    )
    first, second = handoff_views(run.state, run.entries)
    assert (first["task"], first["commit"], first["evidence"]) == ("c.x", None, [])
    assert second == {
        "id": task(run, "c.a")["handoff"],
        "run": "run-1",
        "task": "c.a",
        "attempt": 1,
        "agent": "qa-validator",
        "contract": None,
        "payload": {"n": 1},
        "evidence": [{"check": "run: t", "before": False, "after": True, "landed": True}],
        "base": "c0",
        "commit": "c1",
        "inputs": [],
        "seconds": 3.0,
        "usage": {"calls": 0, "tokens": 0, "usd": 0.0},
        "at": "2026-01-01T00:00:07.000Z",
    }


def test_the_evidence_of_a_satisfied_task_has_no_verdict_of_a_landing() -> None:
    run = past()
    green = Evidence(key="k", check="run: t", kind="done_when", before=True, after=True)
    happened = satisfied("c.a")
    run.add(
        begun("c.a"), ev.TaskSatisfied(task="c.a", attempt=1, handoff=landing("c.a", evidence=(green,)).handoff, seconds=happened.seconds)
    )
    assert [one["evidence"] for one in handoff_views(run.state, run.entries)] == [
        [{"check": "run: t", "before": True, "after": True, "landed": None}]
    ]


def test_what_was_rolled_back_is_no_handoff_any_more() -> None:
    run = past()
    run.add(*verified("c.a"))
    run.add(ev.RollingBack(what="c.a", tasks=("c.a",), old="o", new="n"), ev.RolledBack(what="c.a", tasks=("c.a",), head="n"))
    assert handoff_views(run.state, run.entries) == []
    assert (task(run, "c.a")["state"], task(run, "c.a")["reason"]) == ("ready", "rolled back with c.a")


def test_a_phase_s_pace_is_its_planned_days_and_the_time_from_its_opening_to_its_last_task() -> None:
    run = Past(graph_of("{a: , b: {phase: two}}", "[{one: {days: 1-2}}, {two: {days: 3, gate: [{phase: one, done: 100%}]}}, three]"))
    run.add(opened("one"))
    begin = run.entries[-1].at
    assert phase_paces(run.state, run.entries, NOW)["one"] == ("1-2", (NOW - begin).total_seconds()), "it goes on"
    run.add(*verified("c.a"))
    landed_at = run.entries[-1].at
    run.add(opened("two"))
    assert phase_paces(run.state, run.entries, NOW) == {
        "one": ("1-2", (landed_at - begin).total_seconds()),
        "two": ("3", (NOW - run.entries[-1].at).total_seconds()),
        "three": (None, None),
    }
