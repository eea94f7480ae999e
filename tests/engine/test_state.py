"""The table of moves, and what is derived from it."""

import itertools
import math
from typing import get_args

import pytest

from swarm.engine import events as ev
from swarm.engine.events import Entry, Event
from swarm.engine.state import FINISHED, MOVES, Move, Stage, State, move_of
from swarm.errors import Bug

from .conftest import (
    START,
    Past,
    begun,
    cut_off,
    failed,
    graph_of,
    landed,
    landing,
    opened,
    random_past,
    refused,
    satisfied,
    scheduler,
    snapshot,
    verified,
)

TWO = "{a: , b: {needs: [a]}}"

TO: dict[Stage, list[Event]] = {
    Stage.WAITING: [],
    Stage.RUNNING: [begun("c.a")],
    Stage.LANDING: [begun("c.a"), landing("c.a")],
    Stage.VERIFIED: verified("c.a"),
    Stage.SATISFIED: [begun("c.a"), satisfied("c.a")],
    Stage.FAILED: failed("c.a"),
}
BY: dict[Move, Event] = {
    Move.START: begun("c.a", 2),
    Move.SATISFY: satisfied("c.a"),
    Move.REFUSE: refused("c.a"),
    Move.EXHAUST: refused("c.a", last=True),
    Move.CUT_OFF: cut_off("c.a"),
    Move.LAND: landing("c.a"),
    Move.LANDED: landed("c.a"),
    Move.RETRY: ev.TaskRetried(task="c.a"),
    Move.ROLL_BACK: ev.RolledBack(what="c.a", tasks=("c.a",), head="back"),
}
LEGAL = [(stage, move) for stage in Stage for move in Move if move in MOVES[stage]]
ILLEGAL = [(stage, move) for stage, move in itertools.product(Stage, Move) if move not in MOVES[stage]]


def test_the_tests_know_every_stage_and_every_move() -> None:
    assert (set(TO), set(BY)) == (set(Stage), set(Move))
    assert len(LEGAL) + len(ILLEGAL) == len(Stage) * len(Move)


@pytest.mark.parametrize(("stage", "move"), LEGAL)
def test_a_move_of_the_table_leads_where_the_table_says(stage: Stage, move: Move) -> None:
    past = Past(graph_of(TWO), opened("one"), *TO[stage])
    assert past.state.tasks["c.a"].stage is stage
    assert past.add(BY[move]).tasks["c.a"].stage is MOVES[stage][move]


@pytest.mark.parametrize(("stage", "move"), ILLEGAL)
def test_a_move_that_is_not_in_the_table_is_refused_and_changes_nothing(stage: Stage, move: Move) -> None:
    state = Past(graph_of(TWO), opened("one"), *TO[stage]).state
    before = snapshot(state)
    with pytest.raises(Bug, match=r"c\.a is .*not legal"):
        state.require_legal(BY[move])
    with pytest.raises(Bug, match=r"c\.a is .*not legal"):
        state.apply(Entry(seq=state.seq + 1, at=START, event=BY[move]))
    assert snapshot(state) == before


@pytest.mark.parametrize("move", Move)
def test_an_event_of_an_unknown_task_is_refused_and_changes_nothing(move: Move) -> None:
    state = Past(graph_of("{b: }"), opened("one")).state
    before = snapshot(state)
    for refuse in (state.require_legal, lambda event: state.apply(Entry(seq=state.seq + 1, at=START, event=event))):
        with pytest.raises(Bug, match="no task of this run"):
            refuse(BY[move])
    assert snapshot(state) == before


def test_a_rollback_of_several_tasks_happens_to_all_or_to_none() -> None:
    state = Past(graph_of("{a: , b: , x: }"), opened("one"), *verified("c.a", "c.b")).state
    before = snapshot(state)
    for kind in (ev.RollingBack(what="c", tasks=("c.a", "c.x"), old="o", new="n"), ev.RolledBack(what="c", tasks=("c.a", "c.x"), head="n")):
        with pytest.raises(Bug, match=r"c\.x is waiting"):
            state.require_legal(kind)
    with pytest.raises(Bug, match=r"c\.x is waiting"):
        state.apply(Entry(seq=state.seq + 1, at=START, event=ev.RolledBack(what="c", tasks=("c.a", "c.x"), head="n")))
    assert snapshot(state) == before


@pytest.mark.parametrize("off", [-1, 0, 2])
def test_an_entry_that_is_not_the_next_is_refused(off: int) -> None:
    state = Past(graph_of(TWO), opened("one")).state
    before = snapshot(state)
    with pytest.raises(Bug, match="after entry 3"):
        state.apply(Entry(seq=state.seq + off, at=START, event=begun("c.a")))
    assert snapshot(state) == before


def test_every_event_about_one_task_has_a_move_and_no_other_has() -> None:
    kinds = get_args(Event)
    moving = {type(BY[m]) for m in Move if m is not Move.ROLL_BACK}
    assert {kind for kind in kinds if "task" in kind.__dataclass_fields__} == moving | {ev.AttemptReported}
    assert all(move_of(event) is move for move, event in BY.items() if move is not Move.ROLL_BACK)


def test_a_landed_task_has_a_commit_a_handoff_and_moves_the_head() -> None:
    state = Past(graph_of(TWO), opened("one"), begun("c.a"), landing("c.a", "c1"), landed("c.a", "c1")).state
    record = state.tasks["c.a"]
    assert (record.commit, state.head, [one.task for one in state.landings]) == ("c1", "c1", ["c.a"])
    assert record.handoff is not None
    assert (record.attempts, record.spent, record.seconds) == (1, 0, 3.0)


def test_a_satisfied_task_costs_no_attempt_and_frees_those_that_need_it() -> None:
    state = Past(graph_of(TWO), opened("one"), begun("c.a"), satisfied("c.a")).state
    assert (state.tasks["c.a"].attempts, state.head, state.landings) == (0, "c0", [])
    assert state.next_ready(5) == ["c.b"]


def test_a_refused_attempt_counts_and_keeps_its_reason_for_the_next() -> None:
    state = Past(
        graph_of(TWO), opened("one"), begun("c.a"), refused("c.a", text="first"), begun("c.a", 2), refused("c.a", 2, text="second")
    ).state
    record = state.tasks["c.a"]
    assert [one.text for one in record.refusals] == ["first", "second"]
    assert (record.spent, record.attempts, record.begun, record.reason) == (2, 2, 2, "second")


def test_an_attempt_that_was_cut_off_does_not_count_but_its_number_is_used_up() -> None:
    state = Past(graph_of(TWO), opened("one"), begun("c.a"), cut_off("c.a")).state
    record = state.tasks["c.a"]
    assert (record.stage, record.spent, record.attempts, record.begun, record.reason) == (Stage.WAITING, 0, 0, 1, "interrupted")


def test_a_new_scheduler_cuts_off_what_ran_and_leaves_what_was_landing() -> None:
    graph = graph_of("{a: , b: , x: }")
    past = Past(graph, opened("one"), begun("c.a"), begun("c.b"), landing("c.b"), *failed("c.x"))
    state = past.add(scheduler())
    assert {name: record.stage for name, record in state.tasks.items()} == {
        "c.a": Stage.WAITING,
        "c.b": Stage.LANDING,
        "c.x": Stage.FAILED,
    }
    assert (state.tasks["c.a"].attempts, state.tasks["c.a"].reason) == (0, "cut off with its scheduler")
    assert past.add(landed("c.b")).finished("c.b")


def test_a_new_scheduler_forgets_pause_and_end() -> None:
    past = Past(graph_of(TWO), ev.RunPaused(reason="no git", missing=True), ev.RunEnded(state="stalled"))
    assert past.state.paused is not None
    state = past.add(scheduler())
    assert (state.paused, state.ended, state.ended_at) == (None, None, None)


def test_a_retry_gives_the_attempts_back_and_forgets_the_refusals() -> None:
    state = Past(graph_of(TWO), opened("one"), *failed("c.a"), ev.TaskRetried(task="c.a")).state
    record = state.tasks["c.a"]
    assert (record.stage, record.spent, record.refusals, record.reason, record.begun) == (Stage.WAITING, 0, [], "", 1)
    assert state.next_ready(5) == ["c.a"]


def test_a_rollback_makes_tasks_wait_again_and_leaves_phases_open() -> None:
    graph = graph_of("{a: , b: {needs: [a]}, x: }", phases="[one, two]")
    past = Past(graph, opened("one"), opened("two"), *verified("c.a", "c.b", "c.x"))
    tasks = ("c.a", "c.b")
    state = past.add(ev.RollingBack(what="c.a", tasks=tasks, old="o", new="n"))
    assert state.rolling is not None
    state = past.add(ev.RolledBack(what="c.a", tasks=tasks, head="n"))
    assert (state.rolling, state.head, set(state.opened)) == (None, "n", {"one", "two"})
    assert [one.task for one in state.landings] == ["c.x"]
    assert state.next_ready(5) == ["c.a"]
    record = state.tasks["c.b"]
    assert (record.stage, record.handoff, record.commit, record.begun, record.attempts) == (Stage.WAITING, None, None, 1, 0)


def test_only_narrows_what_could_start_to_the_named_tasks_and_what_they_need() -> None:
    state = Past(graph_of("{a: , b: {needs: [a]}, x: }"), opened("one"), only=("c.b",)).state
    assert state.selected == {"c.a", "c.b"}
    assert state.next_ready(5) == ["c.a"]


def test_a_promotion_is_remembered_until_it_is_undone() -> None:
    past = Past(graph_of(TWO), ev.Promoted(what="w", head="c0", paths=1))
    assert past.state.promoted is not None
    assert past.add(ev.PromotionUndone(paths=1)).promoted is None


@pytest.mark.parametrize("seed", range(60))
def test_what_is_derived_equals_its_definition_after_every_event(seed: int) -> None:
    for past in random_past(seed):
        assert_derived(past.state)


@pytest.mark.parametrize("seed", range(0, 60, 6))
def test_a_fold_of_the_past_equals_the_state_that_lived_through_it(seed: int) -> None:
    for past in random_past(seed):
        assert snapshot(past.folded()) == snapshot(past.state)


def assert_derived(state: State) -> None:
    stages = {name: record.stage for name, record in state.tasks.items()}
    finished = {name for name, stage in stages.items() if stage in FINISHED}
    nodes = state.graph.tasks
    assert state.running == {name for name, stage in stages.items() if stage is Stage.RUNNING}
    assert state.landing == {name for name, stage in stages.items() if stage is Stage.LANDING}
    assert state.unmet == {name: len(set(node.needs) - finished) for name, node in nodes.items()}
    for phase, weight in state.done_weight.items():
        assert math.isclose(weight, sum(node.weight for name, node in nodes.items() if node.phase == phase and name in finished))
    startable = [
        name
        for name, node in nodes.items()
        if stages[name] is Stage.WAITING
        and set(node.needs) <= finished
        and node.phase in state.opened
        and (state.selected is None or name in state.selected)
    ]
    assert state.next_ready(len(nodes)) == sorted(startable, key=lambda name: (nodes[name].priority, nodes[name].index))
    assert len(state.ready) == len(startable)
