"""What parks a run, and how an attempt that was cut off starts again."""

import pytest

from swarm.engine import events as ev
from swarm.engine.events import RunEnded, RunPaused
from swarm.engine.ports import Assignment, Left
from swarm.errors import AgentStopped, EnvironmentFault, OutOfBudget, Parked

from .fakes import Act, World, plan_of, play


def failing(world: World, task: str, *errors: BaseException) -> None:
    """The attempts at a task fail in turn, then one does its work."""
    left = list(errors)
    world.performer.scripts[task] = lambda one: Act({one.task.name: ""}, fails=left.pop(0) if left else None)


def test_what_has_to_be_paid_for_parks_the_run_and_costs_no_attempt() -> None:
    world = World(plan_of("{a: , b: , later: {needs: [b]}}"), attempts=1)
    failing(world, "c.a", Parked("the budget of the plan is spent"))
    assert play(world.live()) == RunPaused(reason="the budget of the plan is spent", missing=False)
    assert world.state.tasks["c.a"].spent == 0
    assert play(world.live()) == RunEnded(state="complete")


def test_a_check_that_has_to_be_paid_for_parks_the_run() -> None:
    world = World(plan_of("{a: {done_when: [{run: has a.txt}]}}"))
    world.judge.commands["has a.txt"] = lambda files: broken()
    assert play(world.live()) == RunPaused(reason="the provider is down", missing=False)


def broken() -> bool:
    raise Parked("the provider is down")


def test_a_task_whose_own_budget_is_spent_fails_at_once() -> None:
    world = World(plan_of("{a: , b: }"), attempts=3)
    failing(world, "c.a", OutOfBudget("the budget of the task c.a is spent"))
    assert isinstance(play(world.live()), RunEnded)
    assert (world.stages(), world.refusals("c.a")) == ({"a": "failed", "b": "verified"}, ["budget"])


def test_an_attempt_that_was_cut_off_starts_again_from_its_base_and_goes_on_with_its_record() -> None:
    world = World(plan_of("{a: , b: }"))
    failing(world, "c.a", EnvironmentFault("x"), Parked("y"))
    assert isinstance(play(world.live()), RunPaused)
    assert world.stages() == {"a": "waiting", "b": "verified"}
    assert world.code.head != world.base
    assert isinstance(play(world.live()), RunPaused)
    assert play(world.live()) == RunEnded(state="complete")
    assert [(one.base, one.recorded_as, one.brief.attempt) for one in world.performer.of("c.a")] == [(world.base, 1, n) for n in (1, 2, 3)]
    assert sorted(world.code.files()) == ["b.txt", "c.a"]


def test_an_attempt_after_a_refused_one_starts_from_the_head_with_a_record_of_its_own() -> None:
    world = World(plan_of("{a: }"))
    failing(world, "c.a", EnvironmentFault("x"), AgentStopped("out of turns"))
    assert isinstance(play(world.live()), RunPaused)
    assert play(world.live()) == RunEnded(state="complete")
    assert [one.recorded_as for one in world.performer.of("c.a")] == [1, 1, 3]
    assert world.refusals("c.a") == ["agent"]


def test_after_a_rollback_nothing_starts_again_from_a_base_that_holds_what_is_gone() -> None:
    world = World(plan_of("{a: , b: }"), parallel=1)
    failing(world, "c.b", EnvironmentFault("x"))
    play(world.live())
    state = world.state
    assert state.tasks["c.b"].cut_off
    state._take(ev.RolledBack(what="c.a", tasks=("c.a",), head=world.base), world.clock.now())
    assert state.beginning("c.b") == (world.base, 2)


@pytest.mark.parametrize("ends_well", [True, False])
def test_what_an_attempt_left_is_on_record_whatever_became_of_it(ends_well: bool) -> None:
    world = World(plan_of("{a: }"), attempts=1)
    left = Left(ending="turn limit", turns=7, notes=("odd",), metrics=(("seconds", 0.5),))

    def script(assignment: Assignment) -> Act:
        if ends_well:
            return Act({"a": ""}, left=left)
        refusal = AgentStopped("out of turns")
        refusal.left = left
        return Act(fails=refusal)

    world.performer.scripts["c.a"] = script
    play(world.live())
    (report,) = [event for event in world.events if isinstance(event, ev.AttemptReported)]
    assert (report.ending, report.turns, report.notes, report.metrics) == ("turn limit", 7, ("odd",), (("seconds", 0.5),))
    assert world.state.tasks["c.a"].report == report
