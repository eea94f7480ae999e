"""What should happen now, and why something does not."""

import pytest

from swarm.engine import events as ev
from swarm.engine.schedule import (
    CompleteLanding,
    CompleteRollback,
    Decision,
    MeasureGate,
    OpenPhase,
    Room,
    StartAttempt,
    blocked,
    decide,
    obstacles,
    shown_state,
)
from swarm.engine.state import State
from swarm.plans.order import remaining_seconds

from .conftest import START, Past, begun, failed, graph_of, landed, landing, opened, random_past, refused, satisfied, taken, verified

WIDE = Room(slots=1000)


def starts(state: State, slots: int = 1000, in_hand: frozenset[str] = frozenset()) -> list[str]:
    return [d.task for d in decide(state, Room(slots, in_hand)) if isinstance(d, StartAttempt)]


def ranked(tasks: str, expected: dict[str, float] | None = None, priority: dict[str, int] | None = None) -> State:
    graph = graph_of(tasks, priority=priority)
    state = State(graph, remaining_seconds(graph, expected or {}))
    state.apply(ev.Entry(seq=1, at=START, event=opened("one")))
    return state


def test_a_smaller_priority_starts_first_whatever_its_path() -> None:
    state = ranked("{late.a: , late.b: {needs: [a]}, early.x: }", priority={"late": 2, "early": 1})
    assert starts(state) == ["early.x", "late.a"]


def test_among_equal_priorities_the_longest_remaining_path_starts_first() -> None:
    state = ranked("{short: , a: , b: {needs: [a]}, d: {needs: [b]}, e: , f: {needs: [e]}}")
    assert starts(state) == ["c.a", "c.e", "c.short"]


def test_a_path_is_as_long_as_earlier_runs_say_and_not_as_many_tasks() -> None:
    state = ranked("{a: , b: {needs: [a]}, slow: }", expected={"c.a": 1, "c.b": 1, "c.slow": 60})
    assert starts(state) == ["c.slow", "c.a"]


def test_among_equals_the_order_of_the_plan_decides() -> None:
    assert starts(ranked("{z: , a: , m: }")) == ["c.z", "c.a", "c.m"]


@pytest.mark.parametrize("slots", [0, 1, 2, 3, 4])
def test_no_more_start_than_there_is_room_for_and_the_best_do(slots: int) -> None:
    assert starts(ranked("{z: , a: , m: }"), slots) == ["c.z", "c.a", "c.m"][:slots]


def test_no_waves_a_task_starts_when_its_own_needs_are_met_whatever_its_siblings_do() -> None:
    past = Past(graph_of("{a: , slow: , b: {needs: [a]}}"), opened("one"), begun("c.a"), begun("c.slow"))
    assert starts(past.state) == []
    past.add(landing("c.a"), landed("c.a"))
    assert starts(past.state) == ["c.b"]


def test_a_task_of_a_shut_phase_does_not_start() -> None:
    past = Past(graph_of("{a: {phase: two}, b: }", phases="[one, {two: {gate: [{approval: ada}]}}]"), opened("one"))
    assert starts(past.state) == ["c.b"]
    assert starts(past.add(ev.ApprovalGiven(phase="two", who="ada"), opened("two"))) == ["c.a", "c.b"]


def test_the_next_attempt_has_the_next_number() -> None:
    past = Past(graph_of("{a: }"), opened("one"), begun("c.a"), refused("c.a"))
    assert decide(past.state, WIDE) == (StartAttempt("c.a", 2),)


def test_only_starts_the_named_task_and_what_it_needs() -> None:
    past = Past(graph_of("{a: , b: {needs: [a]}, x: }"), opened("one"), only=("c.b",))
    assert starts(past.state) == ["c.a"]
    assert starts(past.add(*verified("c.a"))) == ["c.b"]


def test_gates_hold_under_only_as_ever() -> None:
    graph = graph_of("{a: , b: {phase: two}}", phases="[one, {two: {gate: [{phase: one, done: 100%}]}}]")
    assert decide(Past(graph, opened("one"), only=("c.b",)).state, WIDE) == ()


def test_phases_open_before_anything_starts_so_that_what_they_hold_takes_part_in_the_order() -> None:
    graph = graph_of("{late.a: , early.b: {phase: two}}", phases="[one, two]", priority={"late": 2, "early": 1})
    past = Past(graph)
    decisions = decide(past.state, Room(slots=1))
    assert decisions == (OpenPhase("one", (), ()), OpenPhase("two", (), ()))
    past.add(opened("one"), opened("two"))
    assert starts(past.state, slots=1) == ["early.b"]


def test_an_opening_says_what_its_gate_found_and_what_is_still_owed() -> None:
    graph = graph_of("{a: , b: , x: {phase: two}}", phases="[one, {two: {gate: [{phase: one, done: 50%}]}}]")
    (opening,) = (d for d in decide(Past(graph, opened("one"), *verified("c.b")).state, WIDE) if isinstance(d, OpenPhase))
    assert (opening.phase, opening.debt) == ("two", ("c.a",))
    assert [(one.value, one.threshold, one.met) for one in opening.gate] == [(0.5, 0.5, True)]


def test_a_landing_that_was_cut_off_is_completed_before_anything_else() -> None:
    graph = graph_of("{a: , b: , x: }", phases="[one, two]")
    past = Past(graph, opened("one"), begun("c.a"), landing("c.a"))
    assert decide(past.state, WIDE) == (CompleteLanding("c.a"),)


def test_a_landing_in_hand_is_not_completed_a_second_time() -> None:
    past = Past(graph_of("{a: , b: }"), opened("one"), begun("c.a"), landing("c.a"))
    assert decide(past.state, Room(1, in_hand=frozenset({"c.a"}))) == (StartAttempt("c.b", 1),)


def test_a_rollback_that_was_cut_off_is_completed_before_anything_else() -> None:
    past = Past(graph_of("{a: , b: }", phases="[one, two]"), opened("one"), *verified("c.a"))
    past.add(ev.RollingBack(what="c.a", tasks=("c.a",), old="o", new="n"))
    assert decide(past.state, WIDE) == (CompleteRollback(),)


MEASURED = "[one, {two: {gate: [{phase: one, done: 50%}, {run: x}, {gap: g}, {approval: ada}]}}]"


def measurable() -> Past:
    return Past(graph_of("{a: , b: , x: {phase: two}}", phases=MEASURED), opened("one"), begun("c.b"), *verified("c.a"))


def gates(state: State, measuring: frozenset[str] = frozenset()) -> list[Decision]:
    return [d for d in decide(state, Room(0, measuring=measuring)) if isinstance(d, (OpenPhase, MeasureGate))]


def test_what_has_to_be_measured_is_measured_together_once_all_else_holds() -> None:
    past = measurable()
    assert gates(past.state) == []
    past.add(ev.ApprovalGiven(phase="two", who="ada"))
    assert gates(past.state) == [MeasureGate("two", (1, 2))]
    assert gates(past.state, measuring=frozenset({"two"})) == []


def test_a_gate_is_measured_again_only_after_the_head_has_moved() -> None:
    past = measurable()
    past.add(ev.ApprovalGiven(phase="two", who="ada"), taken("two", past.state.head, c1=True, c2=False))
    assert gates(past.state) == []
    past.add(landing("c.b"), landed("c.b"))
    assert gates(past.state) == [MeasureGate("two", (1, 2))]


def test_a_gate_opens_when_what_was_measured_holds() -> None:
    past = measurable()
    past.add(ev.ApprovalGiven(phase="two", who="ada"), taken("two", past.state.head, c1=True, c2=True))
    (opening,) = gates(past.state)
    assert isinstance(opening, OpenPhase)
    assert opening.phase == "two"


def test_a_rollback_makes_a_shut_gate_be_measured_anew() -> None:
    past = measurable()
    past.add(ev.ApprovalGiven(phase="two", who="ada"), taken("two", past.state.head, c1=True, c2=True))
    past.add(ev.RollingBack(what="c.a", tasks=("c.a",), old="o", new="n"), ev.RolledBack(what="c.a", tasks=("c.a",), head="n"))
    assert gates(past.state) == []
    past.add(landing("c.b"), landed("c.b"))
    assert gates(past.state) == [MeasureGate("two", (1, 2))]


def test_what_waits_for_a_failed_task_is_blocked_and_nothing_else() -> None:
    graph = graph_of("{a: , b: {needs: [a]}, d: {needs: [b]}, x: , y: {needs: [x]}}")
    past = Past(graph, opened("one"), *failed("c.a"), begun("c.x"))
    assert blocked(past.state) == {"c.b", "c.d"}
    shown = {name: shown_state(past.state, name, blocked(past.state)) for name in graph.tasks}
    assert shown == {"c.a": "failed", "c.b": "blocked", "c.d": "blocked", "c.x": "running", "c.y": "waiting"}


def test_each_state_of_a_task_has_its_word() -> None:
    past = Past(graph_of("{a: , b: , d: , e: , f: {needs: [e]}}"), opened("one"), *verified("c.a"), begun("c.b"), satisfied("c.b"))
    past.add(begun("c.d"), landing("c.d"))
    words = [shown_state(past.state, name, set()) for name in past.graph.tasks]
    assert words == ["verified", "satisfied", "running", "ready", "waiting"]
    past.add(landed("c.d"), ev.RunEnded(state="cancelled"))
    assert [shown_state(past.state, name, set()) for name in past.graph.tasks] == [
        "verified",
        "satisfied",
        "verified",
        "cancelled",
        "cancelled",
    ]


@pytest.mark.parametrize("seed", range(60))
def test_a_task_has_no_obstacle_exactly_if_it_would_start_given_room(seed: int) -> None:
    """Where a phase is about to open, the decision opens it first: then the question is put again after that."""
    for past in random_past(seed, steps=40):
        state = past.folded()
        if state.rolling is None:
            assert_explained(state)


def assert_explained(state: State) -> None:
    unobstructed = {name for name in state.tasks if not list(obstacles(state, name))}
    assert unobstructed == {name for name in state.tasks if state.could_start(name)}
    room = Room(1000, in_hand=frozenset(state.running | state.landing))
    decisions = decide(state, room)
    openings = [d for d in decisions if isinstance(d, OpenPhase)]
    for opening in openings:
        event = ev.PhaseOpened(phase=opening.phase, gate=opening.gate, debt=opening.debt)
        state.apply(ev.Entry(seq=state.seq + 1, at=START, event=event))
    if openings:
        assert_explained(state)
    else:
        assert {d.task for d in decisions if isinstance(d, StartAttempt)} == unobstructed


def reasons(past: Past, task: str) -> str:
    return "; ".join(obstacles(past.state, task))


def test_an_explanation_names_the_task_that_is_missing_and_why() -> None:
    past = Past(graph_of("{a: , b: {needs: [a]}}"), opened("one"), begun("c.a"))
    assert reasons(past, "c.b") == "it needs c.a, which is running"
    past.add(refused("c.a", text="boom\nmore", last=True))
    assert reasons(past, "c.b") == "it needs c.a, which is failed after 1 attempts: boom"
    assert "swarm retry run-1 c.a" in reasons(past, "c.a")
    assert "attempt 1: boom" in reasons(past, "c.a")


def test_an_explanation_names_the_condition_that_keeps_a_phase_shut() -> None:
    phases = "[one, {two: {gate: [{phase: one, done: 50%, must: [c.b]}, {approval: ada}]}}, {three: {gate: [{phase: two, done: 0%}]}}]"
    past = Past(graph_of("{a: , b: , x: {phase: two}, y: {phase: three}}", phases=phases), opened("one"), *verified("c.a"))
    assert 'phase "two" is not open: phase "one" is 50% done of 50% and must have c.b' in reasons(past, "c.x")
    assert "approval: ada is not met yet" in reasons(past, "c.x")
    assert "and not open itself" in reasons(past, "c.y")


def test_an_explanation_says_that_a_measurement_was_red() -> None:
    past = Past(graph_of("{x: {phase: two}, a: }", phases="[one, {two: {gate: [{run: x}]}}]"), opened("one"), taken("two", "c0", c0=False))
    assert "run: x was not met when it was last measured" in reasons(past, "c.x")


def test_an_explanation_says_that_only_left_a_task_out() -> None:
    assert reasons(Past(graph_of("{a: , b: }"), opened("one"), only=("c.a",)), "c.b") == "--only left it out of this run"
