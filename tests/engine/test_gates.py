"""Gates: shares by weight, what must be among them, what is measured, and the debt they leave."""

import pytest

from swarm.engine import events as ev
from swarm.engine.gates import debt_of, read_gate, share_done, share_reachable
from swarm.engine.schedule import OpenPhase, Room, decide

from .conftest import Past, begun, failed, graph_of, opened, phase_of, satisfied, taken, verified

SIXTY = "[one, {two: {gate: [{phase: one, done: 60%}]}}]"


def holds(past: Past, phase: str = "two") -> bool:
    reading = read_gate(past.state, phase_of(past.graph, phase))
    opens = OpenPhase(phase, reading.measured, ()).phase in {d.phase for d in decide(past.state, Room(0)) if isinstance(d, OpenPhase)}
    assert reading.holds == opens
    return opens


def test_a_share_counts_weights_and_not_tasks() -> None:
    past = Past(graph_of("{a: {weight: 3}, b: , d: , x: {phase: two}}", phases=SIXTY), opened("one"), *verified("c.b", "c.d"))
    assert share_done(past.state, "one") == pytest.approx(0.4)
    assert not holds(past)
    past.add(*verified("c.a"))
    assert share_done(past.state, "one") == 1.0
    assert holds(past)


def test_a_satisfied_task_counts_like_a_landed_one_and_a_failed_one_does_not() -> None:
    past = Past(graph_of("{a: , b: , x: {phase: two}}", phases=SIXTY), opened("one"), begun("c.a"), satisfied("c.a"), *failed("c.b"))
    assert share_done(past.state, "one") == 0.5


def test_a_share_of_nothing_is_whole() -> None:
    past = Past(graph_of("{x: {phase: two}}", phases="[one, {two: {gate: [{phase: one, done: 100%}]}}]"), opened("one"))
    assert share_done(past.state, "one") == 1.0
    assert share_reachable(past.state, "one", set()) == 1.0
    assert holds(past)


def test_thirds_add_up_to_a_whole_in_any_order() -> None:
    tasks = "{a: {weight: 0.1}, b: {weight: 0.2}, d: {weight: 0.3}, x: {phase: two}}"
    for order in (("c.a", "c.b", "c.d"), ("c.d", "c.b", "c.a"), ("c.b", "c.d", "c.a")):
        past = Past(graph_of(tasks, phases="[one, {two: {gate: [{phase: one, done: 100%}]}}]"), opened("one"), *verified(*order))
        assert holds(past)


def test_a_hundred_percent_is_every_task_however_little_the_last_one_weighs() -> None:
    tasks = "{a: {weight: 1000000}, b: {weight: 0.0001}, x: {phase: two}}"
    past = Past(graph_of(tasks, phases="[one, {two: {gate: [{phase: one, done: 100%}]}}]"), opened("one"), *verified("c.a"))
    assert not holds(past)
    past.add(*verified("c.b"))
    assert holds(past)


def test_a_share_that_is_reached_opens_nothing_while_a_must_task_is_missing() -> None:
    graph = graph_of("{a: , b: , d: , x: {phase: two}}", phases="[one, {two: {gate: [{phase: one, done: 60%, must: [c.d]}]}}]")
    past = Past(graph, opened("one"), *verified("c.a", "c.b"))
    assert not holds(past)
    past.add(*verified("c.d"))
    assert holds(past)


def test_must_alone_asks_for_no_share() -> None:
    graph = graph_of("{a: , b: , x: {phase: two}}", phases="[one, {two: {gate: [{phase: one, must: [c.b]}]}}]")
    assert holds(Past(graph, opened("one"), *verified("c.b")))


def test_a_must_pattern_means_every_task_that_it_matches() -> None:
    graph = graph_of("{a1: , a2: , x: {phase: two}}", phases="[one, {two: {gate: [{phase: one, must: ['c.a*']}]}}]")
    past = Past(graph, opened("one"), *verified("c.a1"))
    assert not holds(past)
    past.add(*verified("c.a2"))
    assert holds(past)


def test_a_phase_condition_also_needs_that_phase_to_be_open() -> None:
    phases = "[one, {two: {gate: [{approval: ada}]}}, {three: {gate: [{phase: two, done: 0%}]}}]"
    past = Past(graph_of("{a: , x: {phase: three}}", phases=phases), opened("one"))
    assert not holds(past, "three")
    past.add(ev.ApprovalGiven(phase="two", who="ada"))
    assert holds(past, "two")
    assert not holds(past, "three")
    past.add(opened("two"))
    assert holds(past, "three")


def test_an_approval_opens_its_own_phase_only() -> None:
    graph = graph_of(
        "{a: {phase: two}, b: {phase: three}}", phases="[one, {two: {gate: [{approval: x}]}}, {three: {gate: [{approval: y}]}}]"
    )
    past = Past(graph, opened("one"), ev.ApprovalGiven(phase="two", who="ada"))
    assert holds(past, "two")
    assert not holds(past, "three")


@pytest.mark.parametrize("condition", ["{metric: task_error_rate, below: 1%}", "{flag: ship}"])
def test_what_cannot_be_measured_here_never_holds(condition: str) -> None:
    past = Past(graph_of("{x: {phase: two}}", phases=f"[one, {{two: {{gate: [{condition}]}}}}]"), opened("one"))
    assert not holds(past)
    assert not read_gate(past.state, phase_of(past.graph, "two")).wants_measurement


def test_what_was_measured_is_read_with_its_numbers() -> None:
    past = Past(graph_of("{x: {phase: two}}", phases="[one, {two: {gate: [{run: x}]}}]"), opened("one"))
    gate = read_gate(past.state, phase_of(past.graph, "two"))
    assert [(one.condition, one.value, one.met) for one in gate.measured] == [("run: x", None, False)]
    assert gate.wants_measurement
    past.add(taken("two", "c0", c0=True))
    assert holds(past)


def test_what_a_phase_left_behind_is_debt_until_it_is_verified() -> None:
    past = Past(
        graph_of("{a: , b: , x: {phase: two}}", phases="[one, {two: {gate: [{phase: one, done: 50%}]}}]"), opened("one"), *verified("c.a")
    )
    assert debt_of(past.state, "one") == ()
    past.add(opened("two", debt=("c.b",)))
    assert (debt_of(past.state, "one"), debt_of(past.state, "two")) == (("c.b",), ())
    past.add(*verified("c.b"))
    assert debt_of(past.state, "one") == ()


def test_a_rollback_leaves_the_gate_open_and_makes_debt_of_what_it_took() -> None:
    past = Past(graph_of("{a: , b: , x: {phase: two}}", phases="[one, {two: {gate: [{phase: one, done: 100%}]}}]"), opened("one"))
    past.add(*verified("c.a", "c.b"), opened("two"))
    assert debt_of(past.state, "one") == ()
    past.add(ev.RollingBack(what="c.a", tasks=("c.a",), old="o", new="n"), ev.RolledBack(what="c.a", tasks=("c.a",), head="n"))
    assert "two" in past.state.opened
    assert debt_of(past.state, "one") == ("c.a",)
    past.add(*verified("c.a"))
    assert debt_of(past.state, "one") == ()


def test_a_phase_that_no_open_gate_asks_about_owes_nothing() -> None:
    past = Past(graph_of("{a: , x: {phase: two}}", phases="[one, two]"), opened("one"), opened("two"))
    assert debt_of(past.state, "one") == ()
