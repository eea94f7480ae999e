"""Many tasks at a time: bounds, gates, pauses, requests, interrupts, and what happens when something breaks."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, Literal

import pytest

from swarm.engine import events as ev
from swarm.engine.events import RunEnded, RunPaused
from swarm.errors import Bug, EnvironmentFault, HeadMoved, ProcedureFailed, RecordFault, RunOwned
from swarm.journal.memory import MemoryJournal
from swarm.journal.requests import Approve, Cancel, Request, Retry
from swarm.runner.loop import Interrupted, Outcome

from .fakes import Act, FakeLine, FakeMailbox, World, plan_of, play

FOUR = "{a: , b: , d: , e: }"


def flying(live: Coroutine[Any, Any, Outcome]) -> "asyncio.Task[Outcome]":
    return asyncio.get_running_loop().create_task(live)


def held(world: World, *tasks: str) -> asyncio.Event:
    """Attempts at these tasks wait for the event, then do their work."""
    gate = asyncio.Event()
    for task in tasks:
        world.performer.scripts[task] = lambda one: Act({f"{one.task.name.partition('.')[2]}.txt": ""}, waits=gate)
    return gate


@pytest.mark.parametrize("parallel", [1, 2, 3])
def test_no_more_attempts_are_in_flight_than_may_be_and_no_fewer_while_work_waits(parallel: int) -> None:
    world = World(plan_of("{a: , b: , d: , e: , f: }"), parallel=parallel)
    assert isinstance(play(world.live()), RunEnded)
    assert world.performer.most_active == parallel


def test_a_task_starts_while_a_sibling_of_what_it_needs_is_still_at_work() -> None:
    async def scenario() -> Outcome:
        gate = held(world, "c.slow")
        running = flying(world.live())
        await world.until(lambda: world.runner.state.finished("c.b"))
        assert world.performer.active == {"c.slow"}
        gate.set()
        return await running

    world = World(plan_of("{a: , slow: , b: {needs: [a]}}"))
    assert play(scenario()) == RunEnded(state="complete")


# What is missing


def test_a_missing_tool_pauses_the_run_lets_others_finish_and_starts_nothing_more() -> None:
    async def scenario() -> Outcome:
        gate = held(world, "c.b")
        running = flying(world.live())
        await world.until(lambda: any(isinstance(event, ev.AttemptCutOff) for event in world.events))
        gate.set()
        return await running

    world = World(plan_of("{a: , b: , later: {needs: [b]}}"))
    world.performer.scripts["c.a"] = lambda _: Act(fails=EnvironmentFault("`cargo` cannot be run: install it"))
    assert play(scenario()) == RunPaused(reason="`cargo` cannot be run: install it", missing=True)
    assert world.stages() == {"a": "waiting", "b": "verified", "later": "waiting"}
    record = world.state.tasks["c.a"]
    assert (record.spent, record.attempts, record.reason) == (0, 0, "`cargo` cannot be run: install it")

    del world.performer.scripts["c.a"]
    assert play(world.live()) == RunEnded(state="complete")


@pytest.mark.parametrize("when", ["done_when", "keep"])
def test_a_check_that_cannot_run_is_the_environments_fault_and_not_the_attempts(when: str) -> None:
    world = World(plan_of(f"{{a: {{{when}: [{{run: has tool}}]}}}}"), {"tool": ""} if when == "keep" else {}, attempts=1)
    world.judge.missing.add("has tool")
    outcome = play(world.live())
    assert outcome == RunPaused(reason="`has tool` cannot be run", missing=True)
    assert world.stages() == {"a": "waiting"}
    world.judge.missing.clear()
    world.performer.scripts["c.a"] = lambda _: Act({"tool": ""})
    assert play(world.live()) == RunEnded(state="complete")


def test_a_gate_or_a_final_tree_that_cannot_be_measured_pauses_the_run() -> None:
    plan = plan_of(
        "{a: , x: {phase: two}}", "[one, {two: {gate: [{phase: one, done: 100%}, {run: has a.txt}]}}]", success=[{"run": "has x.txt"}]
    )
    world = World(plan)
    world.judge.missing.add("has a.txt")
    assert play(world.live()) == RunPaused(reason='the gate of phase "two" cannot be measured: `has a.txt` cannot be run', missing=True)
    world.judge.missing = {"has x.txt"}
    assert play(world.live()) == RunPaused(reason="the final tree cannot be measured: `has x.txt` cannot be run", missing=True)
    world.judge.missing = set()
    outcome = play(world.live())
    assert isinstance(outcome, RunEnded)
    assert outcome.state == "complete"
    assert len(world.performer.assignments) == 2


# Gates


APPROVAL = "[one, {two: {gate: [{phase: one, done: 100%}, {approval: ada}]}}]"


def test_a_run_that_waits_for_an_approval_pauses_and_goes_on_once_it_is_given() -> None:
    world = World(plan_of("{a: , x: {phase: two}}", APPROVAL))
    outcome = play(world.live())
    assert isinstance(outcome, RunPaused)
    assert not outcome.missing
    assert "swarm approve RUN two" in outcome.reason
    world.mailbox.ask(Approve(phase="two", who="ada"))
    assert play(world.live()) == RunEnded(state="complete")
    assert world.state.approved == {"two": "ada"}


def test_an_approval_that_arrives_while_work_goes_on_opens_the_phase_without_a_pause() -> None:
    async def scenario() -> Outcome:
        gate = held(world, "c.a")
        running = flying(world.live())
        await world.until_working("c.a")
        world.mailbox.ask(Approve(phase="two", who="ada"))
        await world.until(lambda: bool(world.runner.state.approved))
        gate.set()
        return await running

    world = World(plan_of("{a: , x: {phase: two}}", APPROVAL))
    assert play(scenario()) == RunEnded(state="complete")
    assert not any(isinstance(event, RunPaused) for event in world.events)


def test_a_measured_gate_is_asked_when_all_else_holds_and_again_only_after_the_head_moved() -> None:
    phases = "[one, {two: {gate: [{phase: one, done: 50%}, {run: has b.txt}]}}]"
    world = World(plan_of("{a: , b: {needs: [a]}, x: {phase: two}}", phases), parallel=1)
    assert play(world.live()) == RunEnded(state="complete")
    measured = [event for event in world.events if isinstance(event, ev.GateMeasured)]
    assert [event.conditions["1"].met for event in measured] == [False, True]
    assert [event.head for event in measured] == [world.landing("c.a").new, world.landing("c.b").new]


def test_a_gate_that_stays_red_stalls_the_run_and_is_measured_once() -> None:
    phases = "[one, {two: {gate: [{phase: one, done: 100%}, {run: has never}, {run: has a.txt}]}}]"
    world = World(plan_of("{a: , x: {phase: two}}", phases))
    outcome = play(world.live())
    assert isinstance(outcome, RunEnded)
    assert outcome.state == "stalled"
    assert "run: has never was not met when it was last measured" in outcome.reasons[0]
    (measured,) = [event for event in world.events if isinstance(event, ev.GateMeasured)]
    assert {key: one.met for key, one in measured.conditions.items()} == {"1": False, "2": True}


def test_a_gap_condition_is_measured_by_its_detector() -> None:
    phases = "[one, {two: {gate: [{gap: hole}]}}]"
    world = World(plan_of("{a: , x: {phase: two}}", phases, gaps={"hole": {"missing": ["a.txt"]}}))
    assert play(world.live()) == RunEnded(state="complete")
    assert world.performer.of("c.x")[0].base == world.landing("c.a").new


def test_a_gap_that_is_left_on_the_final_tree_makes_the_run_incomplete_and_is_listed() -> None:
    world = World(plan_of("{a: }", gaps={"hole": {"missing": ["b.txt"]}}))
    outcome = play(world.live())
    assert isinstance(outcome, RunEnded)
    assert (outcome.state, outcome.reasons) == ("incomplete", ("gaps left: hole: b.txt",))


# What others ask


def test_a_retry_gives_a_failed_task_its_attempts_back_while_the_run_goes_on() -> None:
    async def scenario() -> Outcome:
        gate = held(world, "c.b")
        running = flying(world.live())
        await world.until(lambda: world.runner.state.tasks["c.a"].stage.value == "failed")
        mended.append(True)
        world.mailbox.ask(Retry(task="c.a"), Retry(task="c.b"), Retry(task="c.unknown"))
        await world.until(lambda: world.runner.state.finished("c.a"))
        gate.set()
        return await running

    mended: list[bool] = []
    world = World(plan_of("{a: , b: }"), attempts=2)
    world.performer.scripts["c.a"] = lambda _: Act({"a": ""}) if mended else Act(fails=ProcedureFailed("no"))
    assert play(scenario()) == RunEnded(state="complete")
    assert [event.task for event in world.events if isinstance(event, ev.TaskRetried)] == ["c.a"]
    assert [one.brief.attempt for one in world.performer.of("c.a")] == [1, 2, 3]


def test_an_ended_run_goes_on_when_a_retry_was_left_for_it() -> None:
    world = World(plan_of("{a: , b: {needs: [a]}}"), attempts=1)
    world.performer.scripts["c.a"] = lambda _: Act(fails=ProcedureFailed("no"))
    outcome = play(world.live())
    assert isinstance(outcome, RunEnded)
    assert outcome.state == "incomplete"
    del world.performer.scripts["c.a"]
    world.mailbox.ask(Retry(task="c.a"))
    assert play(world.live()) == RunEnded(state="complete")


def test_an_approval_of_a_phase_that_is_not_there_is_not_recorded() -> None:
    world = World(plan_of("{a: }"))
    world.mailbox.ask(Approve(phase="nowhere", who="ada"))
    assert play(world.live()) == RunEnded(state="complete")
    assert not any(isinstance(event, ev.ApprovalGiven) for event in world.events)


@pytest.mark.parametrize("request_", [Retry(task="c.a"), Approve(phase="two", who="ada")])
def test_a_request_that_arrives_while_the_end_is_measured_is_still_obeyed(request_: Request) -> None:
    async def scenario() -> Outcome:
        running = flying(world.live())
        await world.until(lambda: world.judge.looked_for_gaps == 1)
        del world.performer.scripts["c.a"]
        world.mailbox.ask(request_)
        await world.until(lambda: any(isinstance(event, (ev.TaskRetried, ev.ApprovalGiven)) for event in world.events))
        measuring.set()
        return await running

    measuring = asyncio.Event()
    world = World(
        plan_of("{a: , x: {phase: two}}", "[one, {two: {gate: [{phase: one, done: 100%}]}}]", gaps={"g": {"missing": []}}), attempts=1
    )
    world.judge.held["detect"] = measuring
    world.performer.scripts["c.a"] = lambda _: Act(fails=ProcedureFailed("no"))
    outcome = play(scenario())
    assert isinstance(outcome, RunEnded)
    assert outcome.state == ("complete" if isinstance(request_, Retry) else "stalled")


def test_a_cancel_cuts_attempts_off_and_ends_the_run() -> None:
    async def scenario() -> Outcome:
        held(world, "c.b")
        running = flying(world.live())
        await world.until(lambda: world.performer.active == {"c.b"} and world.runner.state.finished("c.a"))
        world.mailbox.ask(Cancel())
        return await running

    world = World(plan_of("{a: , b: , x: {needs: [b]}}"))
    outcome = play(scenario())
    assert isinstance(outcome, RunEnded)
    assert outcome.state == "cancelled"
    assert world.stages() == {"a": "verified", "b": "waiting", "x": "waiting"}
    assert (world.state.tasks["c.b"].attempts, world.state.tasks["c.b"].reason) == (0, "the run was cancelled")
    assert isinstance(world.events[-1], RunEnded)


@pytest.mark.parametrize("stop", ["cancel", "interrupt"])
def test_a_run_can_be_stopped_while_its_end_is_measured(stop: str) -> None:
    async def scenario() -> Outcome:
        running = flying(world.live())
        await world.until(lambda: world.judge.looked_for_gaps == 1)
        if stop == "cancel":
            world.mailbox.ask(Cancel())
        else:
            world.runner.interrupt()
        return await running

    world = World(plan_of("{a: }", gaps={"g": {"missing": []}}))
    world.life.slow = 9
    world.judge.held["detect"] = asyncio.Event()
    outcome = play(scenario())
    assert outcome == (Interrupted() if stop == "interrupt" else RunEnded(state="cancelled", reasons=("cancelled by swarm cancel",)))


# Interrupts


def test_an_interrupt_cuts_attempts_off_uncounted_and_the_run_can_go_on() -> None:
    async def scenario() -> Outcome:
        held(world, "c.a")
        running = flying(world.live())
        await world.until_working("c.a")
        world.runner.interrupt()
        return await running

    world = World(plan_of("{a: , b: }"), attempts=1)
    assert play(scenario()) == Interrupted()
    assert (world.state.tasks["c.a"].attempts, world.state.tasks["c.a"].reason) == (0, "the run was interrupted")
    assert not any(isinstance(event, (RunEnded, RunPaused)) for event in world.events)
    del world.performer.scripts["c.a"]
    assert play(world.live()) == RunEnded(state="complete")


def test_an_interrupt_between_the_two_records_of_a_landing_lets_it_finish() -> None:
    world = World(plan_of("{a: , b: }"))
    world.life.slow = 9
    held(world, "c.b")
    world.life.passing = lambda point: world.runner.interrupt() if point == "before advance" else None
    assert play(world.live()) == Interrupted()
    assert world.stages() == {"a": "verified", "b": "waiting"}
    assert world.code.head == world.landing("c.a").new


@pytest.mark.parametrize("kind", ["attempt_refused", "task_satisfied", "attempt_cut_off", "gate_measured"])
@pytest.mark.parametrize("stop", ["cancel", "interrupt"])
def test_what_is_being_written_when_a_run_is_stopped_is_believed_as_it_was_written(kind: str, stop: str) -> None:
    """The disk is slow, so that the stop comes while the journal writes for an attempt."""
    done_when = {"task_satisfied": "lacks z", "attempt_cut_off": "has tool"}.get(kind, "has never")
    gate = "{run: lacks z}" if kind == "gate_measured" else "{approval: ada}"
    world = World(plan_of(f"{{a: {{done_when: [{{run: {done_when}}}]}}, x: {{phase: two}}}}", f"[one, {{two: {{gate: [{gate}]}}}}]"))
    world.judge.missing.add("has tool")
    world.life.slow = 30

    def passing(point: str) -> None:
        if point == f"before append {kind}":
            world.mailbox.ask(Cancel()) if stop == "cancel" else world.runner.interrupt()

    world.life.passing = passing
    outcome = play(world.live())
    assert isinstance(outcome, RunEnded if stop == "cancel" else Interrupted)
    assert sum(event.kind == kind for event in world.events) == 1
    assert world.stages()["a"] == {"task_satisfied": "satisfied"}.get(kind, "waiting")


async def interrupted(world: World) -> Outcome:
    running = flying(world.live())
    await world.until_working("c.a")
    world.runner.interrupt()
    return await running


@pytest.mark.parametrize("answer", [ProcedureFailed("killed"), EnvironmentFault("gone")])
def test_an_attempt_that_answers_a_stop_with_an_error_of_ours_is_cut_off_and_not_counted(answer: Exception) -> None:
    world = World(plan_of("{a: }"), attempts=1)
    world.performer.scripts["c.a"] = lambda _: Act(waits=Stubborn(answer))
    assert play(interrupted(world)) == Interrupted()
    assert world.refusals("c.a") == []
    assert (world.stages(), world.state.tasks["c.a"].reason) == ({"a": "waiting"}, "the run was interrupted")


def test_an_attempt_that_answers_a_stop_with_a_bug_ends_the_run_with_it() -> None:
    world = World(plan_of("{a: }"))
    world.performer.scripts["c.a"] = lambda _: Act(waits=Stubborn(ValueError("oops")))
    with pytest.raises(ValueError, match="oops"):
        play(interrupted(world))


class Stubborn(asyncio.Event):
    """Turns being cancelled into something else, as a procedure may whose process was ended."""

    def __init__(self, answer: Exception) -> None:
        super().__init__()
        self.answer = answer

    async def wait(self) -> Literal[True]:
        try:
            return await super().wait()
        except asyncio.CancelledError:
            raise self.answer from None


def test_a_scheduler_that_is_cancelled_itself_leaves_a_run_that_can_go_on() -> None:
    async def scenario() -> None:
        held(world, "c.b")
        running = flying(world.live())
        await world.until(lambda: world.runner.state.finished("c.a"))
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    world = World(plan_of("{a: , b: }"), attempts=1)
    play(scenario())
    world.performer.scripts.clear()
    assert play(world.live()) == RunEnded(state="complete")
    assert len(world.performer.of("c.a")) == 1


# What breaks


@pytest.mark.parametrize("error", [ValueError("oops"), KeyError("k"), asyncio.CancelledError()])
def test_a_bug_in_an_attempt_ends_the_run_with_it_and_leaves_a_journal_to_resume(error: BaseException) -> None:
    world = World(plan_of("{a: , b: }"), attempts=1)
    held(world, "c.b")
    world.performer.scripts["c.a"] = lambda _: Act(fails=error)
    with pytest.raises(Bug if isinstance(error, asyncio.CancelledError) else type(error)):
        play(world.live())
    assert world.state.running == {"c.a", "c.b"}
    world.performer.scripts.clear()
    assert play(world.live()) == RunEnded(state="complete")
    assert [record.attempts for record in world.state.tasks.values()] == [1, 1]


@pytest.mark.parametrize("where", ["detect", "gate", "base"])
def test_a_bug_in_a_judge_ends_the_run_with_it(where: str) -> None:
    def broken(files: object) -> bool:
        raise ZeroDivisionError

    phases = "[one, {two: {gate: [{phase: one, done: 100%}, {run: broken}]}}]" if where == "gate" else "[one, two]"
    tasks = "{a: {done_when: [{run: broken}]}, x: {phase: two}}" if where == "base" else "{a: , x: {phase: two}}"
    world = World(plan_of(tasks, phases, **({"success": [{"run": "broken"}]} if where == "detect" else {})))
    world.judge.commands["broken"] = broken
    with pytest.raises(ZeroDivisionError):
        play(world.live())


def test_a_bug_while_a_request_is_obeyed_is_not_lost() -> None:
    """The last attempt dies while the loop writes an approval down: the run must not take itself for ended."""

    async def scenario() -> Outcome:
        gate = asyncio.Event()
        world.performer.scripts["c.a"] = lambda _: Act(fails=ValueError("oops"), waits=gate)
        world.life.passing = lambda point: gate.set() if point == "before append approval_given" else None
        running = flying(world.live())
        await world.until_working("c.a")
        world.mailbox.ask(*(Approve(phase="one", who="ada") for _ in range(20)))
        return await running

    world = World(plan_of("{a: }"))
    with pytest.raises(ValueError, match="oops"):
        play(scenario())


def test_a_full_disk_stops_the_run_at_once_and_nothing_unwritten_is_believed() -> None:
    """Whichever append it is that no longer fits."""
    rows = 0
    while True:
        world = World(plan_of("{a: {done_when: [{run: has a.txt}]}, b: , x: {needs: [a]}}"))
        world.store.room = 2 + rows
        try:
            outcome = play(world.live())
        except RecordFault:
            assert len(world.store.rows) <= 2 + rows
            world.store.room = None
            assert play(world.live()) == RunEnded(state="complete")
            assert all(len(landings_of(world, task)) == 1 for task in world.state.tasks)
            rows += 1
            continue
        assert outcome == RunEnded(state="complete")
        assert rows >= 11
        return


def landings_of(world: World, task: str) -> list[ev.Landing]:
    return [event for event in world.events if isinstance(event, ev.Landing) and event.task == task]


def test_a_scheduler_that_lost_the_run_to_another_stops_with_run_owned() -> None:
    async def scenario() -> Outcome:
        gate = held(world, "c.a")
        running = flying(world.live())
        await world.until_working("c.a")
        MemoryJournal(world.clock, world.store)
        gate.set()
        return await running

    world = World(plan_of("{a: }"))
    with pytest.raises(RunOwned):
        play(scenario())
    assert world.code.head == world.base


def test_a_head_that_somebody_else_moved_stops_the_run() -> None:
    async def scenario() -> Outcome:
        world.performer.scripts["c.a"] = lambda _: Act({"a": ""})
        world.life.passing = lambda point: setattr(world.code, "head", "elsewhere") if point == "before advance" else None
        return await world.live()

    world = World(plan_of("{a: , b: }"))
    with pytest.raises(HeadMoved):
        play(scenario())
    assert not any(isinstance(event, ev.Landed) for event in world.events)


class BrokenMailbox(FakeMailbox):
    broken = False

    def take(self) -> Sequence[Request]:
        return super().take()

    async def wait(self) -> None:
        await asyncio.sleep(0)
        raise RecordFault("the requests cannot be read")


def test_a_mailbox_that_cannot_be_read_stops_the_run() -> None:
    world = World(plan_of("{a: }"))
    held(world, "c.a")
    world.mailbox = BrokenMailbox()
    with pytest.raises(RecordFault, match="requests"):
        play(world.live())


# What was left behind


def test_a_rollback_that_was_cut_off_is_completed_and_its_tasks_are_done_again() -> None:
    world = World(plan_of("{a: , b: {needs: [a]}, x: }"))
    assert play(world.live()) == RunEnded(state="complete")
    files = {"x.txt": world.code.files()["x.txt"]}
    back = world.code.commit(world.code.tree(files), world.code.head)

    async def cut_off() -> None:
        await MemoryJournal(world.clock, world.store).append(
            ev.RollingBack(what="c.a", tasks=("c.a", "c.b"), old=world.code.head, new=back)
        )

    play(cut_off())
    assert play(world.live()) == RunEnded(state="complete")
    assert (len(world.performer.of("c.a")), len(world.performer.of("c.b")), len(world.performer.of("c.x"))) == (2, 2, 1)
    assert world.performer.of("c.a")[1].base == back
    assert sorted(world.code.files()) == ["a.txt", "b.txt", "x.txt"]


def test_an_empty_plan_of_gaps_ends_complete_without_any_work() -> None:
    world = World(plan_of("{a: {for_each: hole, writes: ['{path}']}}", gaps={"hole": {"missing": ["a.py"]}}), {"a.py": ""})
    assert play(world.live()) == RunEnded(state="complete")
    assert world.performer.assignments == []


def test_the_fake_line_really_compares_before_it_swaps() -> None:
    world = World(plan_of("{a: }"))
    line: FakeLine = world.line

    async def scenario() -> None:
        other = world.code.commit(world.code.tree({"x": ""}), world.base)
        await line.advance(other, world.base)
        await line.advance(other, world.base)
        with pytest.raises(HeadMoved):
            await line.advance(world.base, "elsewhere")

    play(scenario())
