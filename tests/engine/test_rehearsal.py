"""A rehearsal: the decisions of a run in which everything succeeds, and the deadlocks that it finds."""

import pytest

from swarm.engine.proof import prove_plan, stops_run
from swarm.engine.rehearsal import deadlocks, rehearse
from swarm.engine.schedule import Decision, MeasureGate, OpenPhase, StartAttempt
from swarm.plans.found import Found

from .conftest import graph_of


def rounds(tasks: str, parallel: int = 99, phases: str = "[one]", only: tuple[str, ...] = ()) -> list[list[str]]:
    """The tasks that start and the phases that open, by round."""
    rehearsal = rehearse(graph_of(tasks, phases), parallel, only)
    return [[name for decision in one if (name := named(decision))] for one in rehearsal.rounds]


def named(decision: Decision) -> str | None:
    match decision:
        case StartAttempt():
            return decision.task
        case OpenPhase():
            return decision.phase
        case _:
            return None


def test_a_rehearsal_says_what_would_happen_at_once_and_what_after() -> None:
    assert rounds("{a: , b: {needs: [a]}, x: }") == [["one"], ["c.a", "c.x"], ["c.b"]]


def test_a_rehearsal_keeps_to_the_parallel_bound() -> None:
    assert rounds("{a: , b: , x: }", parallel=2) == [["one"], ["c.a", "c.b"], ["c.x"]]


def test_a_rehearsal_of_only_some_tasks_starts_no_other() -> None:
    assert rounds("{a: , b: {needs: [a]}, x: }", only=("c.b",)) == [["one"], ["c.a"], ["c.b"]]


def test_a_rehearsal_opens_phases_when_their_share_is_reached_and_no_later() -> None:
    found = rounds("{a: , b: , x: {phase: two}}", parallel=1, phases="[one, {two: {gate: [{phase: one, done: 50%}]}}]")
    assert found == [["one"], ["c.a"], ["two"], ["c.b"], ["c.x"]]


@pytest.mark.parametrize("condition", ["{run: x}", "{metric: task_error_rate, below: 1%}", "{approval: ada}", "{flag: go}"])
def test_what_only_a_real_run_can_tell_is_taken_to_hold(condition: str) -> None:
    graph = graph_of("{a: , x: {phase: two}}", phases=f"[one, {{two: {{gate: [{condition}]}}}}]")
    assert list(deadlocks(graph)) == []
    assert rehearse(graph).state.finished("c.x")


def test_a_gap_condition_holds_once_the_tasks_that_close_the_gap_are_verified() -> None:
    tasks = "{a: {closes: {hole: '**'}}, x: {phase: two}}"
    assert rounds(tasks, phases="[one, {two: {gate: [{gap: hole}]}}]") == [["one"], ["c.a"], [], ["two"], ["c.x"]]


def texts_of(tasks: str, phases: str) -> str:
    return "\n".join(problem.text for problem in deadlocks(graph_of(tasks, phases)))


def test_a_task_behind_a_gate_that_waits_for_itself_is_a_deadlock_with_its_reason() -> None:
    text = texts_of("{a: , x: {phase: two}}", "[one, {two: {gate: [{phase: one, done: 100%, must: [c.x]}]}}]")
    assert '"c.x" would never start: phase "two" never opens' in text
    assert "must have c.x" in text


def test_a_task_that_needs_a_later_phase_which_waits_for_it_is_a_deadlock() -> None:
    text = texts_of("{a: {needs: [x]}, x: {phase: two}}", "[one, {two: {gate: [{phase: one, done: 100%}]}}]")
    assert '"c.a" would never start: it needs c.x, which never finishes' in text
    assert "(waits for c.a)" in text


def test_a_share_below_the_whole_is_no_deadlock() -> None:
    assert texts_of("{a: {needs: [x]}, b: , x: {phase: two}}", "[one, {two: {gate: [{phase: one, done: 50%}]}}]") == ""


def test_a_deadlocked_fan_out_is_named_once() -> None:
    found = tuple(Found(gap="hole", path=f"{n}.py") for n in range(3))
    graph = graph_of(
        "{x: {for_each: hole, needs: [y], writes: ['{path}']}, y: {phase: two}}", "[one, {two: {gate: [{phase: one, done: 100%}]}}]", found
    )
    assert [problem.text.split('"')[1] for problem in deadlocks(graph)] == ["c.x[0.py]", "c.y"]


def test_a_deadlock_is_an_error_of_the_whole_proof_unless_a_ring_explains_it() -> None:
    stuck = prove_plan(
        graph_of("{a: {keep: [{run: x}]}, x: {phase: two, keep: [{run: x}]}}", "[one, {two: {gate: [{phase: one, must: [c.x]}]}}]")
    )
    assert "deadlock" in {problem.code for problem in stuck}
    assert stops_run(stuck)
    ring = prove_plan(graph_of("{a: {needs: [b], keep: [{run: x}]}, b: {needs: [a], keep: [{run: x}]}}"))
    assert {problem.code for problem in ring} >= {"cycle"}
    assert "deadlock" not in {problem.code for problem in ring}


def test_a_measurement_of_a_gap_that_stays_open_is_taken_once_and_not_for_ever() -> None:
    graph = graph_of("{x: {phase: two, closes: {hole: '**'}}}", "[one, {two: {gate: [{gap: hole}]}}]")
    measurements = [d for one in rehearse(graph).rounds for d in one if isinstance(d, MeasureGate)]
    assert measurements == [MeasureGate("two", (0,))]
