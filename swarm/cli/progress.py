"""A run as it happens, one plain line per event: for pipes, files, dumb terminals and build logs. No escape is ever written.

The sentences are those of `swarm log` too: an event reads the same while it happens and a year later.
"""

from types import TracebackType
from typing import Final, Protocol, Self, TextIO, assert_never

from swarm.cli.terminal import block, clip, plain, write
from swarm.engine import events as ev
from swarm.engine.events import Entry, Event
from swarm.engine.ports import Clock, Observer
from swarm.engine.state import State

__all__ = ["PlainProgress", "Progress", "duration", "first_line", "sentence"]

_LINE: Final = 300
"""Columns of a progress line at most: a build log takes long lines, but not a minified file."""
_EVIDENCE: Final = 10
_NAMED: Final = 5
_COMMIT: Final = 7


class Progress(Protocol):
    """Shows a run to whoever started it. A context manager: leaving it leaves the terminal as it was."""

    def following(self, state: State) -> Observer:
        """The observer of every entry folded into this state from now on. It neither raises nor waits."""
        ...

    def say(self, text: str) -> None:
        """Shows a remark or warning."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...


class PlainProgress:
    """One line per event, with the time in UTC, as in the run's record."""

    def __init__(self, stream: TextIO, clock: Clock) -> None:
        self._stream, self._clock = stream, clock
        self._state: State | None = None

    def following(self, state: State) -> Observer:
        self._state = state
        return self._tell

    def say(self, text: str) -> None:
        first, *rest = block(text)
        self._write(f"{self._clock.now():%H:%M:%S} {first}", *("    " + line for line in rest))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        return None

    def _tell(self, entry: Entry) -> None:
        said = self._ending(entry, entry.event) if isinstance(entry.event, ev.RunEnded) else sentence(entry.event)
        self._write(clip(f"{entry.at:%H:%M:%S} {said}", _LINE), *(clip(line, _LINE) for line in _more(entry.event)))

    def _ending(self, entry: Entry, event: ev.RunEnded) -> str:
        begun = self._state.started_at if self._state else None
        return f"run {event.state}" + (f" in {duration((entry.at - begun).total_seconds())}" if begun else "")

    def _write(self, *lines: str) -> None:
        try:
            write(self._stream, lines)
        except (OSError, ValueError):
            """Nobody listens any more. The run goes on: its record is in the journal, not here."""


def _more(event: Event) -> list[str]:
    """What does not fit a sentence: the output behind a refusal, the reasons of an end."""
    match event:
        case ev.AttemptRefused():
            return block(rest, 4, last=_EVIDENCE) if (rest := event.refused.text.partition("\n")[2]) else []
        case ev.RunEnded():
            return [f"    {plain(reason)}" for reason in event.reasons]
        case _:
            return []


def sentence(event: Event) -> str:
    """An event in one safe line."""
    return plain(_of_run(event))


def _of_run(event: Event) -> str:
    match event:
        case ev.RunStarted():
            return f"run begun: plan {event.plan}, {_count(len(event.gaps), 'gap')} found, {_count(event.parallel, 'attempt')} at once"
        case ev.SchedulerStarted():
            return f"scheduler {event.pid} took the run (fence {event.fence}, sandbox {event.sandbox})"
        case ev.GateMeasured():
            return f"gate of phase {event.phase} measured at {event.head[:_COMMIT]}{_measured(list(event.conditions.values()))}"
        case ev.ApprovalGiven():
            return f"phase {event.phase} approved by {event.who}"
        case ev.PhaseOpened():
            return f"phase {event.phase} opened{_measured(event.gate)}{_debt(event.debt)}"
        case ev.RunPaused():
            return f"run paused: {first_line(event.reason)}"
        case ev.RunEnded():
            return f"run {event.state}" + (f": {'; '.join(event.reasons)}" if event.reasons else "")
        case _:
            return _of_change(event)


def _of_change(event: ev.TaskEvent | ev.RollingBack | ev.RolledBack | ev.Promoted | ev.PromotionUndone) -> str:
    match event:
        case ev.RollingBack():
            return f"rolling back {event.what}: {_some(event.tasks)}"
        case ev.RolledBack():
            return f"rolled back {event.what}: {_some(event.tasks)}; the head is {event.head[:_COMMIT]}"
        case ev.Promoted():
            return f"promoted {event.head[:_COMMIT]} to {event.what}: {_count(event.paths, 'path')}"
        case ev.PromotionUndone():
            return f"promotion undone: {_count(event.paths, 'path')} put back"
        case _:
            return f"{event.task}  {_of_task(event)}"


def _of_task(event: ev.TaskEvent) -> str:
    match event:
        case ev.AttemptStarted():
            return f"attempt {event.attempt} started"
        case ev.AttemptReported():
            return f"attempt {event.attempt} {_reported(event)}"
        case ev.TaskSatisfied():
            return "satisfied: it was done before it began"
        case ev.AttemptRefused():
            return f"attempt {event.attempt} refused{', the last' if event.last else ''}: {first_line(event.refused.text)}"
        case ev.AttemptCutOff():
            return f"attempt {event.attempt} cut off: {first_line(event.reason)}"
        case ev.Landing():
            return f"attempt {event.attempt} judged, landing"
        case ev.Landed():
            return f"landed {event.commit[:_COMMIT]}"
        case ev.TaskRetried():
            return "given its attempts back"
        case _:
            assert_never(event)


def _reported(event: ev.AttemptReported) -> str:
    ended = f"ended after {_count(event.turns, 'turn')}: {event.ending}" if event.ending else "ended"
    return ended + (f"; {_count(len(event.notes), 'note')}: {first_line(event.notes[0])}" if event.notes else "")


def _measured(gate: list[ev.Measured] | tuple[ev.Measured, ...]) -> str:
    return f" ({'; '.join(f'{one.condition}: {_found(one)}' for one in gate)})" if gate else ""


def _found(one: ev.Measured) -> str:
    if one.value is not None and one.condition.startswith("phase:"):
        return f"{int(one.value * 100 + 1e-9)}%"
    return ("met" if one.met else "not met") if one.value is None else f"{one.value:g}"


def _debt(tasks: tuple[str, ...]) -> str:
    return f", owing {_some(tasks)}" if tasks else ""


def _some(tasks: tuple[str, ...]) -> str:
    return ", ".join(tasks[:_NAMED]) + (f" and {len(tasks) - _NAMED} more" if len(tasks) > _NAMED else "")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' if number != 1 else ''}"


def first_line(text: str) -> str:
    """The first line that says something."""
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


def duration(seconds: float) -> str:
    """`5.6 s`, `2m05s` or `1h02m`."""
    whole = int(max(0.0, seconds))
    if whole < 60:
        return f"{max(0.0, seconds):.1f} s"
    return f"{whole // 60}m{whole % 60:02}s" if whole < 3600 else f"{whole // 3600}h{whole // 60 % 60:02}m"
