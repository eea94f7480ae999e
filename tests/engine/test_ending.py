"""How a run ends: paused, complete, stalled, incomplete, in this order; and what the reasons name."""

import pytest

from swarm.engine import events as ev
from swarm.engine.ending import EXIT_OF, conclude, pause_for_approval
from swarm.engine.events import RunEnded
from swarm.plans.found import Found
from swarm.signatures.evidence import Verdict

from .conftest import Past, failed, graph_of, opened, taken, verified

GATED = "[one, {two: {gate: [{phase: one, done: 80%}]}}]"
GREEN = Verdict(key="k", check="run: tests", tree="t", green=True)
RED = Verdict(key="k", check="run: tests", tree="t", green=False)
GAP = Found(gap="hole", path="a.py", lines="3")


def ended(past: Past, *success: Verdict, gaps: tuple[Found, ...] = ()) -> tuple[str, str]:
    ending = conclude(past.state, gaps, success)
    return ending.state, "\n".join(ending.reasons)


def test_a_run_is_complete_when_all_is_verified_no_gap_is_left_and_every_check_is_green() -> None:
    past = Past(graph_of("{a: , b: }"), opened("one"), *verified("c.a", "c.b"))
    assert conclude(past.state, (), (GREEN,)) == RunEnded(state="complete", success=(GREEN,))


@pytest.mark.parametrize(
    ("success", "gaps", "reason"),
    [((RED,), (), "success checks not met: run: tests"), ((GREEN,), (GAP,), "gaps left: hole: a.py (line 3)")],
)
def test_a_run_whose_tasks_are_all_verified_is_incomplete_while_a_check_or_gap_is_open(
    success: tuple[Verdict, ...], gaps: tuple[Found, ...], reason: str
) -> None:
    assert ended(Past(graph_of("{a: }"), opened("one"), *verified("c.a")), *success, gaps=gaps) == ("incomplete", reason)


def test_a_failed_task_and_what_it_blocks_make_a_run_incomplete_and_both_are_named() -> None:
    past = Past(graph_of("{a: , b: {needs: [a]}, x: }"), opened("one"), *failed("c.a"), *verified("c.x"))
    assert ended(past) == ("incomplete", "failed: c.a\nnot begun: c.b")


def test_what_only_left_out_makes_a_run_incomplete_and_not_stalled() -> None:
    past = Past(
        graph_of("{a: , b: , x: {phase: two}}", phases="[one, {two: {gate: [{phase: one, done: 100%}]}}]"), opened("one"), only=("c.a",)
    )
    past.add(*verified("c.a"))
    assert ended(past) == ("incomplete", "left out by --only: c.b, c.x")


def test_a_gate_that_can_no_longer_open_stalls_the_run_and_names_the_tasks_and_the_share() -> None:
    graph = graph_of("{a: , b: {needs: [a]}, d: , e: , x: {phase: two}}", phases=GATED)
    state, text = ended(Past(graph, opened("one"), *verified("c.d", "c.e"), *failed("c.a")))
    assert state == "stalled"
    assert 'phase "two" stays shut: phase "one" is 50% done of 80%; 50% can still be reached; c.a, c.b keep it shut' in text
    assert "failed: c.a" in text


def test_a_stall_by_must_names_the_must_task_and_no_other() -> None:
    graph = graph_of("{a: , b: , d: , x: {phase: two}}", phases="[one, {two: {gate: [{phase: one, done: 30%, must: [c.a]}]}}]")
    _, text = ended(Past(graph, opened("one"), *failed("c.a"), *failed("c.b"), *verified("c.d")))
    assert "33% can still be reached; c.a keeps it shut" in text


def test_a_stall_reaches_through_tasks_that_wait_for_a_shut_phase() -> None:
    """`late` is in an open phase, and needs a task of a phase that will never open."""
    phases = "[one, {two: {gate: [{phase: one, done: 100%}]}}, three, {four: {gate: [{phase: three, done: 100%}]}}]"
    graph = graph_of("{a: , x: {phase: two}, late: {phase: three, needs: [x]}, y: {phase: four}}", phases=phases)
    _, text = ended(Past(graph, opened("one"), opened("three"), *failed("c.a")))
    assert 'phase "four" stays shut: phase "three" is 0% done of 100%; 0% can still be reached; c.late keeps it shut' in text


def test_a_red_measured_condition_stalls_the_run_in_words_that_say_so() -> None:
    graph = graph_of("{a: , x: {phase: two}}", phases="[one, {two: {gate: [{run: smoke}]}}]")
    state, text = ended(Past(graph, opened("one"), *verified("c.a"), taken("two", "commit of c.a", c0=False)))
    assert state == "stalled"
    assert 'phase "two" stays shut: run: x was not met when it was last measured' in text


def test_a_shut_phase_without_tasks_stalls_nothing() -> None:
    graph = graph_of("{a: }", phases="[one, {two: {gate: [{run: smoke}]}}]")
    assert ended(Past(graph, opened("one"), *verified("c.a"), taken("two", "c0", c0=False)))[0] == "complete"


def test_a_stalled_run_also_says_what_else_is_missing() -> None:
    graph = graph_of("{a: , x: {phase: two}}", phases=GATED)
    state, text = ended(Past(graph, opened("one"), *failed("c.a")), RED, gaps=(GAP,))
    assert state == "stalled"
    assert all(part in text for part in ("stays shut", "not begun: c.x", "gaps left", "success checks not met"))


def test_many_names_are_cut_short_with_a_count() -> None:
    past = Past(graph_of("{" + ", ".join(f"t{n}: " for n in range(13)) + "}"), opened("one"))
    assert ended(past)[1].endswith("c.t9 and 3 more")


APPROVAL = "[one, {two: {gate: [{phase: one, done: 100%}, {run: x}, {approval: ada}]}}]"


def test_a_run_that_only_waits_for_an_approval_is_paused_and_says_whose() -> None:
    past = Past(graph_of("{a: , x: {phase: two}}", phases=APPROVAL), opened("one"))
    assert pause_for_approval(past.state) is None
    past.add(*verified("c.a"))
    pause = pause_for_approval(past.state)
    assert pause is not None
    assert pause.reason == 'phase "two" waits for the approval of ada: swarm approve RUN two'
    assert not pause.missing
    assert pause_for_approval(past.add(ev.ApprovalGiven(phase="two", who="ada"))) is None


def test_an_approval_that_would_not_open_the_gate_is_not_waited_for() -> None:
    past = Past(graph_of("{a: , x: {phase: two}}", phases=APPROVAL), opened("one"), *failed("c.a"))
    assert pause_for_approval(past.state) is None
    assert ended(past)[0] == "stalled"


def test_an_approval_after_which_nothing_could_go_on_is_not_waited_for() -> None:
    graph = graph_of("{a: , b: , x: {phase: two, needs: [a]}}", phases="[one, {two: {gate: [{approval: ada}]}}]")
    assert pause_for_approval(Past(graph, opened("one"), *failed("c.a"), *verified("c.b")).state) is None
    assert pause_for_approval(Past(graph, opened("one"), *verified("c.b"), only=("c.b",)).state) is None
    assert pause_for_approval(Past(graph, opened("one"), *verified("c.b", "c.a")).state) is not None


def test_every_ending_has_its_exit_status() -> None:
    assert EXIT_OF == {"complete": 0, "incomplete": 1, "stalled": 1, "cancelled": 1}
