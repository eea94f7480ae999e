"""A run as its events have made it.

House rules of this file: every move of a task lives in `MOVES`, and a move that is not there is illegal. The state is
changed by `apply` and by nothing else. It knows no clock, no disk and no agent.

How it works
    A task is WAITING until an attempt starts. The attempt ends in one of five ways: the checks were green before anything
    ran (SATISFIED); it was refused, and tries remain (WAITING again); it was refused for the last time (FAILED); it was cut
    off by something that is not its fault (WAITING again, not counted); or its change is about to land (LANDING), which
    ends in VERIFIED and nothing else, since a crash in between is completed when the run is resumed.

    A new scheduler cuts off every RUNNING attempt: it died with the scheduler before. LANDING stays: payload and
    evidence are in the journal already.

    A rollback moves finished tasks back to WAITING. A person's retry moves a FAILED task there, with its attempts given
    back.

The awkward part is speed. `ready` is derived, yet kept, as a sorted list with the best task last: asking "what next"
must not walk ten thousand tasks after every event. `unmet` counts the needs of each task that are not finished. Both
are rebuilt from scratch after a rollback, which is rare, and checked against their definitions in the tests.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, assert_never

from swarm.engine import events as ev
from swarm.engine.events import Entry, Event
from swarm.errors import Bug
from swarm.plans.graph import Graph
from swarm.signatures.evidence import Refused
from swarm.signatures.handoff import Handoff

__all__ = ["FINISHED", "MOVES", "Move", "Rank", "Stage", "State", "TaskRecord", "fold"]


class Stage(StrEnum):
    """Where a task is."""

    WAITING = "waiting"
    """Not begun, or to be begun again. Left when an attempt starts."""
    RUNNING = "running"
    """An attempt is in flight. A crash leaves this behind; the next scheduler cuts it off."""
    LANDING = "landing"
    """Judged, and about to move the run's head. A crash leaves this behind; the next scheduler completes it."""
    VERIFIED = "verified"
    """Landed. Left only by a rollback."""
    SATISFIED = "satisfied"
    """Found done without running. Left only by a rollback."""
    FAILED = "failed"
    """Refused as often as it may be. Left only by a person's retry."""


class Move(StrEnum):
    """What can happen to a task."""

    START = "attempt started"
    SATISFY = "checks green on the base"
    REFUSE = "attempt refused"
    EXHAUST = "last attempt refused"
    CUT_OFF = "attempt cut off"
    LAND = "change judged"
    LANDED = "head moved"
    RETRY = "retried by a person"
    ROLL_BACK = "rolled back"


MOVES: Final[Mapping[Stage, Mapping[Move, Stage]]] = {
    Stage.WAITING: {Move.START: Stage.RUNNING},
    Stage.RUNNING: {
        Move.SATISFY: Stage.SATISFIED,
        Move.LAND: Stage.LANDING,
        Move.REFUSE: Stage.WAITING,
        Move.EXHAUST: Stage.FAILED,
        Move.CUT_OFF: Stage.WAITING,
    },
    Stage.LANDING: {Move.LANDED: Stage.VERIFIED},
    Stage.VERIFIED: {Move.ROLL_BACK: Stage.WAITING},
    Stage.SATISFIED: {Move.ROLL_BACK: Stage.WAITING},
    Stage.FAILED: {Move.RETRY: Stage.WAITING},
}

FINISHED: Final = frozenset({Stage.VERIFIED, Stage.SATISFIED})

Rank = tuple[int, float, int]
"""Category priority, longest remaining path in expected seconds, position in the plan."""


@dataclass(slots=True)
class TaskRecord:
    """What the events say of one task.

    Attributes:
        begun: attempts that were started, whatever came of them; numbers them from 1.
        spent: attempts that count: refused since the last retry or rollback.
        refusals: why, oldest first, since the last retry or rollback.
        seconds: of the attempt that finished the task, or of the last one.
        base: commit that the last attempt started from.
        recorded_as: the attempt under which the last one's model calls are recorded.
        cut_off: the last attempt was cut off, so the next starts again where it started.
        report: what the last attempt that said anything left besides its payload.
        since: when the attempt in flight started.
    """

    stage: Stage = Stage.WAITING
    begun: int = 0
    spent: int = 0
    refusals: list[Refused] = field(default_factory=list)
    handoff: Handoff | None = None
    landing: ev.Landing | None = None
    base: str = ""
    recorded_as: int = 0
    cut_off: bool = False
    report: ev.AttemptReported | None = None
    commit: str | None = None
    seconds: float = 0.0
    since: datetime | None = None
    reason: str = ""

    @property
    def attempts(self) -> int:
        """Attempts that count, the one in flight or landed among them."""
        return self.spent + (self.stage in (Stage.RUNNING, Stage.LANDING, Stage.VERIFIED))


class State:
    """The fold of a run's events over its graph."""

    def __init__(self, graph: Graph, remaining: Mapping[str, float] | None = None) -> None:
        """An empty run.

        Args:
            remaining: each task's longest path to the end, in seconds; all equal unless given.
        """
        self.graph = graph
        self.seq = 0
        self.started: ev.RunStarted | None = None
        self.started_at: datetime | None = None
        self.last_at: datetime | None = None
        self.head = ""
        self.sandbox = ""
        self.lm = ""
        self.budget: dict[str, float] = {}
        self.tasks = {name: TaskRecord() for name in graph.tasks}
        self.opened: dict[str, ev.PhaseOpened] = {}
        self.measured: dict[str, ev.GateMeasured] = {}
        self.approved: dict[str, str] = {}
        self.paused: ev.RunPaused | None = None
        self.ended: ev.RunEnded | None = None
        self.ended_at: datetime | None = None
        self.rolling: ev.RollingBack | None = None
        self.landings: list[ev.Landing] = []
        self.promoted: ev.Promoted | None = None
        self.landing: set[str] = set()
        self.running: set[str] = set()
        self.selected: set[str] | None = None
        self.ready: list[tuple[Rank, str]] = []
        self.unmet: dict[str, int] = {}
        self.done_weight: dict[str, float] = {}
        self.whole_weight = {phase: sum(graph.tasks[name].weight for name in names) for phase, names in graph.in_phase.items()}
        self._rank = _ranks(graph, remaining or {})
        self._rebuild()

    # The fold

    def apply(self, entry: Entry) -> None:
        """Takes the next entry in.

        Raises:
            Bug: the entry is not the next, or its event is not legal now. Nothing has changed then.
        """
        if entry.seq != self.seq + 1:
            raise Bug(f"entry {entry.seq} after entry {self.seq}")
        self._take(entry.event, entry.at)
        self.seq = entry.seq
        self.last_at = entry.at

    def require_legal(self, event: Event) -> None:
        """Refuses an event that could not be taken in, before anyone writes it down.

        Raises:
            Bug: its move is not in the table.
        """
        if isinstance(event, (ev.RollingBack, ev.RolledBack)):
            self._check_all(event.tasks, Move.ROLL_BACK)
        move = move_of(event)
        if move is not None:
            task = ev.task_of(event)
            assert task is not None
            self._record(task)
            self._check(task, move)

    def _take(self, event: Event, at: datetime) -> None:
        match event:
            case ev.RunStarted():
                self._start_run(event, at)
            case ev.SchedulerStarted():
                self._start_scheduler(event)
            case ev.PhaseOpened():
                self._open(event)
            case ev.GateMeasured():
                self.measured[event.phase] = event
            case ev.ApprovalGiven():
                self.approved[event.phase] = event.who
            case ev.RunPaused():
                self.paused = event
            case ev.RunEnded():
                self.ended, self.ended_at = event, at
            case ev.RollingBack():
                self.rolling = event
            case ev.RolledBack():
                self._roll_back(event)
            case ev.Promoted():
                self.promoted = event
            case ev.PromotionUndone():
                self.promoted = None
            case _:
                self._take_of_task(event, at)

    def _take_of_task(self, event: ev.TaskEvent, at: datetime) -> None:
        record = self._record(event.task)
        match event:
            case ev.AttemptStarted():
                self._start_attempt(event, record, at)
            case ev.AttemptReported():
                record.report = event
            case ev.TaskSatisfied():
                self._move(event.task, Move.SATISFY)
                record.handoff, record.seconds = event.handoff, event.seconds
            case ev.AttemptRefused():
                self._refuse(event, record)
            case ev.AttemptCutOff():
                self._cut_off(event.task, event.reason)
            case ev.Landing():
                self._move(event.task, Move.LAND)
                record.landing, record.handoff, record.seconds = event, event.handoff, event.seconds
            case ev.Landed():
                self._land(event, record)
            case ev.TaskRetried():
                self._move(event.task, Move.RETRY)
                record.spent, record.refusals, record.reason = 0, [], ""
            case _:
                assert_never(event)

    def _record(self, task: str) -> TaskRecord:
        if task not in self.tasks:
            raise Bug(f"an event speaks of {task!r}, which is no task of this run")
        return self.tasks[task]

    def _start_run(self, event: ev.RunStarted, at: datetime) -> None:
        self.started, self.started_at, self.head = event, at, event.base
        self.selected = self.graph.select(event.only) if event.only else None
        self._rebuild()

    def _start_scheduler(self, event: ev.SchedulerStarted) -> None:
        self.paused, self.ended, self.ended_at, self.sandbox = None, None, None, event.sandbox
        self.lm, self.budget = event.lm, event.budget
        for task in sorted(self.running):
            self._cut_off(task, "cut off with its scheduler")

    def _start_attempt(self, event: ev.AttemptStarted, record: TaskRecord, at: datetime) -> None:
        self._move(event.task, Move.START)
        record.begun, record.base, record.since, record.reason = event.attempt, event.base, at, ""
        record.recorded_as, record.cut_off, record.report = event.recorded_as or event.attempt, False, None

    def _cut_off(self, task: str, reason: str) -> None:
        self._move(task, Move.CUT_OFF)
        self.tasks[task].reason, self.tasks[task].cut_off = reason, True

    def _open(self, event: ev.PhaseOpened) -> None:
        self.opened[event.phase] = event
        self._insert_ready(self.graph.in_phase.get(event.phase, ()))

    def _refuse(self, event: ev.AttemptRefused, record: TaskRecord) -> None:
        self._move(event.task, Move.EXHAUST if event.last else Move.REFUSE)
        record.spent += 1
        record.refusals = [*record.refusals, event.refused]
        record.seconds, record.reason = event.seconds, event.refused.text

    def _land(self, event: ev.Landed, record: TaskRecord) -> None:
        self._move(event.task, Move.LANDED)
        assert record.landing is not None  # the table lets only a landing task land
        record.commit = event.commit
        self.head = event.commit
        self.landings.append(record.landing)

    def _roll_back(self, event: ev.RolledBack) -> None:
        self._check_all(event.tasks, Move.ROLL_BACK)
        for task in event.tasks:
            begun = self.tasks[task].begun
            self.tasks[task] = TaskRecord(begun=begun, reason=f"rolled back with {event.what}")
        gone = set(event.tasks)
        self.landings = [landing for landing in self.landings if landing.task not in gone]
        for record in self.tasks.values():
            record.cut_off = False  # its base holds work that is gone
        self.head, self.rolling = event.head, None
        self.measured = {}  # on work that is partly gone; a gate that stayed shut must not open by it
        self._rebuild()

    # Moves

    def _check(self, task: str, move: Move) -> Stage:
        stage = self.tasks[task].stage
        if move not in MOVES[stage]:
            raise Bug(f"{task} is {stage}: '{move}' is not legal")
        return MOVES[stage][move]

    def _check_all(self, tasks: Iterable[str], move: Move) -> None:
        for task in tasks:
            self._record(task)
            self._check(task, move)

    def _move(self, task: str, move: Move) -> None:
        stage = self._check(task, move)
        record = self.tasks[task]
        if record.stage is Stage.WAITING:
            self._remove_ready(task)
        record.stage = stage
        self._follow(task, stage)

    def _follow(self, task: str, stage: Stage) -> None:
        """Keeps what is derived from the stages in step with them."""
        self.running.discard(task)
        self.landing.discard(task)
        if stage is Stage.RUNNING:
            self.running.add(task)
        elif stage is Stage.LANDING:
            self.landing.add(task)
        elif stage is Stage.WAITING:
            self._insert_ready((task,))
        elif stage in FINISHED:
            self._finish(task)

    def _finish(self, task: str) -> None:
        node = self.graph.tasks[task]
        self.done_weight[node.phase] += node.weight
        freed = []
        for other in self.graph.needed_by[task]:
            self.unmet[other] -= 1
            if self.unmet[other] == 0:
                freed.append(other)
        self._insert_ready(freed)

    # What is derived

    def finished(self, task: str) -> bool:
        """Whether the task is verified or satisfied."""
        return self.tasks[task].stage in FINISHED

    def could_start(self, task: str) -> bool:
        """Whether nothing but room keeps the task from starting. The definition behind `ready`."""
        return (
            self.tasks[task].stage is Stage.WAITING
            and self.unmet[task] == 0
            and self.graph.tasks[task].phase in self.opened
            and (self.selected is None or task in self.selected)
        )

    def beginning(self, task: str) -> tuple[str, int]:
        """Where the next attempt of a task starts: its base, and the attempt whose record of model calls it goes on with.

        One that was cut off starts again from its own base, so that it asks the same and is answered from the record.
        """
        record = self.tasks[task]
        return (record.base, record.recorded_as) if record.cut_off else (self.head, record.begun + 1)

    def next_ready(self, count: int) -> list[str]:
        """The best `count` tasks that could start, best first."""
        return [name for _, name in self.ready[: -count - 1 : -1]] if count > 0 else []

    def _insert_ready(self, tasks: Iterable[str]) -> None:
        startable = [(self._rank[task], task) for task in tasks if self.could_start(task)]
        if len(startable) > len(self.ready) // 8 + 8:
            self.ready = sorted({*self.ready, *startable})
        else:
            for item in startable:
                insort(self.ready, item)

    def _remove_ready(self, task: str) -> None:
        item = (self._rank[task], task)
        position = bisect_left(self.ready, item)
        if position < len(self.ready) and self.ready[position] == item:
            del self.ready[position]

    def _rebuild(self) -> None:
        self.unmet = {name: sum(not self.finished(need) for need in task.needs) for name, task in self.graph.tasks.items()}
        self.done_weight = dict.fromkeys(self.graph.in_phase, 0.0)
        for name, task in self.graph.tasks.items():
            if self.finished(name):
                self.done_weight[task.phase] += task.weight
        self.ready = []
        self._insert_ready(self.graph.tasks)


def move_of(event: Event) -> Move | None:
    """The move that an event makes its task take; None for events about more or less than one task."""
    if isinstance(event, ev.AttemptRefused):
        return Move.EXHAUST if event.last else Move.REFUSE
    return _MOVE_OF.get(type(event))


_MOVE_OF: Final[Mapping[type, Move]] = {
    ev.AttemptStarted: Move.START,
    ev.TaskSatisfied: Move.SATISFY,
    ev.AttemptCutOff: Move.CUT_OFF,
    ev.Landing: Move.LAND,
    ev.Landed: Move.LANDED,
    ev.TaskRetried: Move.RETRY,
}


def _ranks(graph: Graph, remaining: Mapping[str, float]) -> dict[str, Rank]:
    """Sorted ascending, the task to start first comes last."""
    return {name: (-task.priority, remaining.get(name, 0.0), -task.index) for name, task in graph.tasks.items()}


def fold(graph: Graph, entries: Iterable[Entry], remaining: Mapping[str, float] | None = None) -> State:
    """The state that the entries make."""
    state = State(graph, remaining)
    for entry in entries:
        state.apply(entry)
    return state
