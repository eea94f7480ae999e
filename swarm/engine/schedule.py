"""What should happen now. Decides and never does: the runner, a rehearsal and a test are three doers of one decision.

No waves: a task starts the moment its own needs and its phase allow it, whatever its siblings do. Among those that
could start, the smaller category priority comes first, then the longest remaining path.
"""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from swarm.engine.events import Measured
from swarm.engine.gates import GateReading, read_gate, unverified
from swarm.engine.state import FINISHED, Stage, State, TaskRecord
from swarm.plans.checks import GapClosed, PhaseDone, Run
from swarm.plans.fields import percent
from swarm.plans.graph import PhaseNode
from swarm.signatures.evidence import Refused

__all__ = [
    "CompleteLanding",
    "CompleteRollback",
    "Decision",
    "MeasureGate",
    "OpenPhase",
    "Room",
    "StartAttempt",
    "blocked",
    "decide",
    "obstacles",
    "shown_state",
]


@dataclass(frozen=True, slots=True)
class StartAttempt:
    """Start the task's next attempt."""

    task: str
    attempt: int


@dataclass(frozen=True, slots=True)
class OpenPhase:
    """The gate holds: open the phase."""

    phase: str
    gate: tuple[Measured, ...]
    debt: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MeasureGate:
    """Measure the gate's `run` and `gap` conditions on the head."""

    phase: str
    conditions: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CompleteLanding:
    """A scheduler died between the two records of a landing: bring it to its end."""

    task: str


@dataclass(frozen=True, slots=True)
class CompleteRollback:
    """A rollback was cut off between its two records: bring it to its end."""


Decision = StartAttempt | OpenPhase | MeasureGate | CompleteLanding | CompleteRollback


@dataclass(frozen=True, slots=True)
class Room:
    """What the doer has in hand.

    Attributes:
        slots: attempts that may start now.
        in_hand: tasks whose attempt or landing is being carried out.
        measuring: phases whose gate is being measured.
    """

    slots: int
    in_hand: frozenset[str] = field(default_factory=frozenset)
    measuring: frozenset[str] = field(default_factory=frozenset)


def decide(state: State, room: Room) -> tuple[Decision, ...]:
    """Everything that should happen now, in the order in which it should begin."""
    unfinished = tuple(_complete(state, room))
    if unfinished:
        return unfinished
    gates = tuple(_gates(state, room))
    if any(isinstance(decision, OpenPhase) for decision in gates):
        return gates
    return (*gates, *(StartAttempt(task, state.tasks[task].begun + 1) for task in state.next_ready(room.slots)))


def _complete(state: State, room: Room) -> Iterator[Decision]:
    if state.rolling is not None:
        yield CompleteRollback()
    yield from (CompleteLanding(task) for task in sorted(state.landing - room.in_hand))


def _gates(state: State, room: Room) -> Iterator[Decision]:
    for phase in state.graph.phases:
        if phase.id not in state.opened:
            decision = _gate(state, room, phase, read_gate(state, phase))
            if decision is not None:
                yield decision


def _gate(state: State, room: Room, phase: PhaseNode, reading: GateReading) -> Decision | None:
    if reading.holds:
        return OpenPhase(phase.id, reading.measured, tuple(_debt(state, phase)))
    taken = state.measured.get(phase.id)
    stale = taken is None or taken.head != state.head
    if reading.wants_measurement and stale and phase.id not in room.measuring:
        return MeasureGate(phase.id, reading.measurable)
    return None


def _debt(state: State, phase: PhaseNode) -> Iterator[str]:
    """What the phases that the gate asks about still owe at this moment."""
    asked = dict.fromkeys(c.phase for c in phase.gate if isinstance(c, PhaseDone))
    return (name for other in asked for name in unverified(state, other))


def blocked(state: State) -> set[str]:
    """Tasks that wait for a failed one, directly or through others."""
    failed = [name for name, record in state.tasks.items() if record.stage is Stage.FAILED]
    return {name for name in state.graph.dependents(failed) if state.tasks[name].stage is Stage.WAITING}


def shown_state(state: State, task: str, blocked_tasks: set[str]) -> str:
    """A task's state in the words of `swarm status`."""
    record = state.tasks[task]
    if record.stage is Stage.LANDING:
        return "running"
    if state.ended is not None and state.ended.state == "cancelled" and record.stage is Stage.WAITING:
        return "cancelled"
    if record.stage is not Stage.WAITING:
        return record.stage.value
    if task in blocked_tasks:
        return "blocked"
    return "ready" if state.could_start(task) else "waiting"


def obstacles(state: State, task: str) -> Iterator[str]:
    """Why a task is not running, in words; nothing when only room is missing. From the same state that `decide` reads."""
    record, node = state.tasks[task], state.graph.tasks[task]
    if record.stage is not Stage.WAITING:
        yield from _not_waiting(state, task)
        return
    if state.selected is not None and task not in state.selected:
        yield "--only left it out of this run"
    for need in node.needs:
        if not state.finished(need):
            yield f"it needs {need}, which is {state.tasks[need].stage.value}{_why(state, need)}"
    if node.phase not in state.opened:
        yield from _shut(state, node.phase)


def _why(state: State, task: str) -> str:
    record = state.tasks[task]
    if record.stage is Stage.FAILED:
        return f" after {record.spent} attempts: {record.reason.splitlines()[0] if record.reason else ''}"
    return ""


def _not_waiting(state: State, task: str) -> Iterator[str]:
    record = state.tasks[task]
    if record.stage is Stage.FAILED:
        run = state.started.run if state.started else "RUN"
        which = "its only attempt was" if record.spent == 1 else f"all {record.spent} attempts were"
        yield f"{which} refused; `swarm retry {run} {shlex.quote(task)}` gives them back"
        yield from _refusals(record.refusals)
    elif record.stage in FINISHED:
        yield from _finished(record)
    else:
        yield f"attempt {record.begun} is {record.stage.value}"


def _refusals(refusals: Sequence[Refused]) -> Iterator[str]:
    """Attempts that were refused for one and the same reason are told together."""
    for text, same in groupby(refusals, key=lambda refused: refused.text):
        numbers = [str(refused.attempt) for refused in same]
        yield f"attempt{'s' if len(numbers) > 1 else ''} {', '.join(numbers)}: {text}"


def _finished(record: TaskRecord) -> Iterator[str]:
    if record.stage is Stage.SATISFIED:
        yield "its checks were green before anything ran, so nothing did"
    else:
        yield f"attempt {record.begun} landed as {(record.commit or '')[:12]} after {record.seconds:.1f} s"
    if record.handoff is not None and record.handoff.reused_from is not None:
        yield f"it passes the payload of an earlier handoff on: {record.handoff.reused_from}"
    for one in record.handoff.evidence if record.handoff else ():
        yield f"{'green' if one.before else 'red'} before, {'green' if one.after else 'red'} after: {one.check}"


def _shut(state: State, phase_id: str) -> Iterator[str]:
    phase = next(phase for phase in state.graph.phases if phase.id == phase_id)
    reading = read_gate(state, phase)
    if reading.holds:
        yield f'phase "{phase_id}" is about to open'
    for position in reading.waits_for:
        yield f'phase "{phase_id}" is not open: {describe(state, phase, position, reading.measured[position])}'


def describe(state: State, phase: PhaseNode, position: int, measured: Measured) -> str:
    """A condition that is not met, with what it was found to be."""
    condition = phase.gate[position]
    if isinstance(condition, PhaseDone):
        return _describe_share(state, condition, phase.must[position], measured)
    if str(position) in getattr(state.measured.get(phase.id), "conditions", {}):
        return f"{measured.condition} was not met when it was last measured"
    word = "has not been measured" if isinstance(condition, (Run, GapClosed)) else "is not met yet"
    return f"{measured.condition} {word}"


def _describe_share(state: State, condition: PhaseDone, must: tuple[str, ...], measured: Measured) -> str:
    parts = [f'phase "{condition.phase}" is {percent(measured.value or 0)} done of {condition.threshold * 100:g}%']
    if condition.phase not in state.opened:
        parts.append("and not open itself")
    missing = [name for name in must if not state.finished(name)]
    if missing:
        parts.append(f"and must have {', '.join(missing)}")
    return " ".join(parts)
