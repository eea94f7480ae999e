"""The one loop that makes decisions happen.

Take up what others ask; decide; do it; when nothing can be done, wait for something to end. When nothing is in flight
either, the run has come to an end, and the end is measured.

There is one order of things: an event is legal, then on disk, then folded, then shown. Attempts run as asyncio tasks of
this loop and record through it; appends that wait together are committed together. An attempt may be cancelled at any
moment, and so while the journal writes for it: what the journal was asked to write is folded all the same, or the live
state would part from the record. So each write is a task of its own, which nobody cancels.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, Protocol, assert_never

from swarm.engine.ending import conclude, pause_for_approval
from swarm.engine.events import (
    ApprovalGiven,
    AttemptCutOff,
    AttemptRefused,
    AttemptStarted,
    Event,
    GateMeasured,
    Landed,
    Measured,
    PhaseOpened,
    RolledBack,
    RunEnded,
    RunPaused,
    TaskRetried,
)
from swarm.engine.ports import Clock, History, Journal, Judge, Line, Observer, Performer
from swarm.engine.schedule import (
    CompleteLanding,
    CompleteRollback,
    Decision,
    MeasureGate,
    OpenPhase,
    Room,
    StartAttempt,
    decide,
)
from swarm.engine.state import Stage, State
from swarm.errors import (
    AgentStopped,
    AttemptTimedOut,
    Bug,
    CallerError,
    ContractBreach,
    EnvironmentFault,
    OutOfBudget,
    Parked,
    Refusal,
    ScopeBreach,
    SwarmError,
)
from swarm.journal.requests import Approve, Cancel, Request, Retry
from swarm.plans.checks import Check, Condition, GapClosed, Run
from swarm.runner.attempt import Attempt, AttemptPorts, ChecksRed, NotMerged
from swarm.signatures.evidence import Refused, Verdict

__all__ = ["Interrupted", "Mailbox", "Outcome", "Runner", "RunnerPorts"]

RefusalKind = Literal["scope", "contract", "checks", "procedure", "timeout", "merge", "agent", "budget"]


class Mailbox(Protocol):
    """What other commands ask of this run."""

    def take(self) -> Sequence[Request]:
        """The requests since the last call, in order. They stay where they are until they are settled."""
        ...

    def settle(self) -> None:
        """What was taken is carried out, and on disk: it may be forgotten."""
        ...

    async def wait(self) -> None:
        """Returns when there may be a request."""
        ...


@dataclass(frozen=True, slots=True)
class Interrupted:
    """A person stopped the scheduler; the run can be resumed."""


Outcome = RunEnded | RunPaused | Interrupted


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerPorts:
    """All that a run needs of the outside."""

    journal: Journal
    performer: Performer
    judge: Judge
    line: Line
    history: History
    mailbox: Mailbox
    clock: Clock


@dataclass(slots=True)
class Runner:
    """Carries a run through, from whatever state its journal holds.

    Attributes:
        parallel: attempts in flight.
        attempts: how often a task may be refused.
        observers: told of each entry once it is durable.
    """

    state: State
    ports: RunnerPorts
    parallel: int
    attempts: int
    observers: Sequence[Observer] = ()
    _flying: dict[str, "asyncio.Task[None]"] = field(default_factory=dict)
    _attempts: dict[str, Attempt] = field(default_factory=dict)
    _measuring: dict[str, "asyncio.Task[None]"] = field(default_factory=dict)
    _landing: asyncio.Lock = field(default_factory=asyncio.Lock)
    _pausing: RunPaused | None = None
    _cancelled: bool = False
    _interrupted: asyncio.Event = field(default_factory=asyncio.Event)
    _failure: BaseException | None = None
    _writing: "set[asyncio.Task[None]]" = field(default_factory=set)
    _stopping: bool = False

    async def run(self) -> Outcome:
        """Runs until the run ends, pauses or is interrupted; the end is on disk then.

        Raises:
            RecordFault: the journal or the run's head cannot be trusted any more; nothing further was claimed.
            RunOwned: another scheduler took the run.
        """
        try:
            while True:
                outcome = await self._turn()
                if outcome is not None:
                    return outcome
        finally:
            await self._stop_all()

    def interrupt(self) -> None:
        """Stops starting things; landings finish, attempts are cut off."""
        self._interrupted.set()

    async def _turn(self) -> Outcome | None:
        await self._obey()
        self._raise_failure()
        if self._cancelled or self._interrupted.is_set():
            return await self._stop()
        decisions = () if self._pausing else decide(self.state, self._room())
        for batch in _batched(decisions):
            await self._do(batch)
        if not decisions:
            if not self._busy():
                return await self._end()
            await self._wait()
        return None

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    # What others ask

    async def _obey(self) -> None:
        for request in self.ports.mailbox.take():
            match request:
                case Cancel():
                    self._cancelled = True
                case Approve():
                    await self._approve(request)
                case Retry():
                    if request.task in self.state.tasks and self.state.tasks[request.task].stage is Stage.FAILED:
                        await self.record(TaskRetried(task=request.task))
                case _:
                    assert_never(request)
        if not self._cancelled:
            self.ports.mailbox.settle()

    async def _approve(self, request: Approve) -> None:
        if any(phase.id == request.phase for phase in self.state.graph.phases):
            await self.record(ApprovalGiven(phase=request.phase, who=request.who))

    # Doing

    def _room(self) -> Room:
        return Room(self.parallel - len(self._flying), frozenset(self._flying), frozenset(self._measuring))

    async def _do(self, batch: Sequence[Decision]) -> None:
        first = batch[0]
        match first:
            case StartAttempt():
                await self._start([decision for decision in batch if isinstance(decision, StartAttempt)])
            case OpenPhase():
                await self.record(PhaseOpened(phase=first.phase, gate=first.gate, debt=first.debt))
            case MeasureGate():
                self._measuring[first.phase] = self._spawn(lambda: self._measure(first), lambda: self._measuring.pop(first.phase, None))
            case CompleteLanding():
                await self._complete_landing(first.task)
            case CompleteRollback():
                await self._complete_rollback()
            case _:
                assert_never(first)

    async def _start(self, decisions: Sequence[StartAttempt]) -> None:
        started = [self._started(decision) for decision in decisions]
        await self.record(*started)
        for decision, event in zip(decisions, started, strict=True):
            task = self.state.graph.tasks[decision.task]
            attempt = Attempt(task, decision.attempt, event.base, self.state, self._attempt_ports(), self._landing)
            self._attempts[decision.task] = attempt
            self._flying[decision.task] = self._spawn(partial(self._carry_out, attempt), self._forget(decision.task))

    def _started(self, decision: StartAttempt) -> AttemptStarted:
        task, (base, recorded_as) = self.state.graph.tasks[decision.task], self.state.beginning(decision.task)
        return AttemptStarted(
            task=task.name, attempt=decision.attempt, agent=task.agent, base=base, sandbox=self.state.sandbox, recorded_as=recorded_as
        )

    def _forget(self, task: str) -> Callable[[], None]:
        def forget() -> None:
            self._flying.pop(task, None)
            self._attempts.pop(task, None)

        return forget

    def _spawn(self, work: Callable[[], Coroutine[Any, Any, None]], done: Callable[[], Any]) -> "asyncio.Task[None]":
        """Not given a coroutine: one that is cancelled before its first step would never be awaited."""

        async def carried() -> None:
            try:
                await work()
            except asyncio.CancelledError:
                self._failure = self._failure or (None if self._stopping else Bug("an attempt was cancelled, and not by its scheduler"))
            except BaseException as error:  # noqa: BLE001 - the loop raises it at its next turn; nothing is swallowed
                self._failure = self._failure or error
            finally:
                done()

        return asyncio.get_running_loop().create_task(carried())

    def _attempt_ports(self) -> AttemptPorts:
        ports = self.ports
        return AttemptPorts(ports.performer, ports.judge, ports.line, ports.history, self.record, ports.clock.monotonic)

    async def _carry_out(self, attempt: Attempt) -> None:
        """What an attempt says once it is being stopped does not count: it may be an echo of the stop."""
        try:
            await attempt.run()
        except Refusal as refusal:
            if not self._stopping:
                await self._refuse(attempt, refusal)
        except (EnvironmentFault, Parked, CallerError) as fault:  # the last: what only an attempt shows of a plan, such as a tool's name
            if not self._stopping:
                await self.record(AttemptCutOff(task=attempt.task.name, attempt=attempt.number, reason=str(fault)))
                self._pause(str(fault), fault)

    async def _refuse(self, attempt: Attempt, refusal: Refusal) -> None:
        name = attempt.task.name
        refused = Refused(attempt=attempt.number, kind=_kind(refusal), text=str(refusal), evidence=getattr(refusal, "evidence", ()))
        last = self.state.tasks[name].spent + 1 >= self.attempts or getattr(refusal, "final", False)
        seconds = round(self.ports.clock.monotonic() - attempt.began, 6)
        event = AttemptRefused(task=name, attempt=attempt.number, last=last, refused=refused, seconds=seconds)
        await self.record(*attempt.reported(getattr(refusal, "left", None)), event)

    def _pause(self, reason: str, fault: SwarmError) -> None:
        """Nothing new starts; what is in flight goes on to its end."""
        self._pausing = self._pausing or RunPaused(reason=reason, missing=not isinstance(fault, Parked))

    async def _complete_landing(self, task: str) -> None:
        landing = self.state.tasks[task].landing
        assert landing is not None
        await self.ports.line.advance(landing.new, landing.old)
        await self.record(Landed(task=task, commit=landing.new))

    async def _complete_rollback(self) -> None:
        rolling = self.state.rolling
        assert rolling is not None
        await self.ports.line.advance(rolling.new, rolling.old)
        await self.record(RolledBack(what=rolling.what, tasks=rolling.tasks, head=rolling.new))

    # Measuring

    async def _measure(self, decision: MeasureGate) -> None:
        phase = next(phase for phase in self.state.graph.phases if phase.id == decision.phase)
        head = self.state.head
        checks = [_as_check(phase.gate[position]) for position in decision.conditions]
        try:
            verdicts = await self.ports.judge.verdicts(await self.ports.line.tree(head), checks)
        except (EnvironmentFault, Parked) as fault:
            self._pause(f'the gate of phase "{phase.id}" cannot be measured: {fault}', fault)
            return
        conditions = {
            str(position): _measured(check, verdict) for position, check, verdict in zip(decision.conditions, checks, verdicts, strict=True)
        }
        await self.record(GateMeasured(phase=phase.id, head=head, conditions=conditions, verdicts=verdicts))

    async def _end(self) -> Outcome | None:
        """Nothing is in flight and nothing can start."""
        ending = self._pausing or pause_for_approval(self.state) or await self._unless_stopped(self._measure_end())
        await self._obey()
        stays = ending is self._pausing or (isinstance(ending, RunPaused) and ending.missing)
        if ending is None or self._cancelled or (not stays and decide(self.state, self._room())):
            return None
        await self.record(ending)
        return ending

    async def _unless_stopped(self, work: Coroutine[Any, Any, RunEnded | RunPaused]) -> RunEnded | RunPaused | None:
        """The result of some work, or None when a person stopped the run meanwhile."""
        task = asyncio.get_running_loop().create_task(work)
        try:
            while not task.done() and not self._interrupted.is_set() and not self._cancelled:
                await self._wait(task)
                await self._obey()
            return await task if task.done() else None
        finally:
            await _end_all(task)

    async def _measure_end(self) -> RunEnded | RunPaused:
        spec = self.state.graph.plan.spec
        success = [*spec.success, *(check for body in spec.categories.values() for check in body.success)]
        try:
            tree = await self.ports.line.tree(self.state.head)
            gaps = await self.ports.judge.found(tree)
            return conclude(self.state, gaps, await self.ports.judge.verdicts(tree, success))
        except (EnvironmentFault, Parked) as fault:
            return RunPaused(reason=f"the final tree cannot be measured: {fault}", missing=isinstance(fault, EnvironmentFault))

    # Waiting and stopping

    def _busy(self) -> bool:
        return bool(self._flying or self._measuring)

    async def _wait(self, *also: "asyncio.Task[Any]") -> None:
        work = [*self._flying.values(), *self._measuring.values(), *also]
        others = [asyncio.ensure_future(self.ports.mailbox.wait()), asyncio.ensure_future(self._interrupted.wait())]
        try:
            await asyncio.wait([*work, *others], return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _end_all(*others)

    async def _stop(self) -> Outcome:
        """Lets landings finish, cuts the rest off, and says how it ended."""
        await self._stop_all()
        self._raise_failure()
        cut_off = "the run was cancelled" if self._cancelled else "the run was interrupted"
        events: list[Event] = [
            AttemptCutOff(task=task, attempt=self.state.tasks[task].begun, reason=cut_off) for task in sorted(self.state.running)
        ]
        if not self._cancelled:
            await self.record(*events)
            return Interrupted()
        ending = RunEnded(state="cancelled", reasons=("cancelled by swarm cancel",))
        await self.record(*events, ending)
        self.ports.mailbox.settle()
        return ending

    async def _stop_all(self) -> None:
        self._stopping = True
        landings = [attempt.unstoppable for attempt in self._attempts.values() if attempt.unstoppable is not None]
        flying = [*self._flying.values(), *self._measuring.values()]
        for work in flying:
            work.cancel()
        await _all_ended(*flying, *landings, *self._writing)

    # Recording

    async def record(self, *events: Event) -> None:
        """Legal, then on disk, then believed, then shown."""
        for event in events:
            self.state.require_legal(event)
        if events:
            writing = asyncio.get_running_loop().create_task(self._write(events))
            self._writing.add(writing)
            writing.add_done_callback(self._writing.discard)
            await asyncio.shield(writing)

    async def _write(self, events: Sequence[Event]) -> None:
        for entry in await self.ports.journal.append(*events):
            self.state.apply(entry)
            for observer in self.observers:
                observer(entry)


async def _end_all(*tasks: "asyncio.Task[Any]") -> None:
    for task in tasks:
        task.cancel()
    await _all_ended(*tasks)


async def _all_ended(*tasks: "asyncio.Task[Any]") -> None:
    """Waits for all of them; raises what the first of those that failed raised."""
    for ended in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(ended, Exception):
            raise ended


def _batched(decisions: Sequence[Decision]) -> list[list[Decision]]:
    """Attempts that start together are recorded together; everything else by itself."""
    starts: list[Decision] = [decision for decision in decisions if isinstance(decision, StartAttempt)]
    batches: list[list[Decision]] = [[decision] for decision in decisions if not isinstance(decision, StartAttempt)]
    return [*batches, starts] if starts else batches


def _as_check(condition: Condition) -> Check:
    assert isinstance(condition, (Run, GapClosed)), condition
    return condition


def _measured(check: Check, verdict: Verdict) -> Measured:
    expect = check.expect if isinstance(check, Run) else None
    return Measured(condition=str(check), value=verdict.value, threshold=expect.bound[1] if expect else None, met=verdict.green)


def _kind(refusal: Refusal) -> RefusalKind:
    match refusal:
        case ChecksRed():
            return "merge" if refusal.merged else "checks"
        case ScopeBreach():
            return "scope"
        case ContractBreach():
            return "contract"
        case AttemptTimedOut():
            return "timeout"
        case NotMerged():
            return "merge"
        case AgentStopped():
            return "agent"
        case OutOfBudget():
            return "budget"
        case _:
            return "procedure"
