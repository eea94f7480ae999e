"""A run as it happens, on a terminal: redrawn in place by rich, the last picture left standing.

Two threads meet here. The event loop's tells `_Tally` of each entry; rich's draws it a few times a second. The state itself
is never read while drawing, since the loop changes it meanwhile: what is drawn was copied under the lock. A tally is kept
by counting, because asking a state of ten thousand tasks what is blocked after each event would be most of the work.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from textwrap import wrap
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TextIO

from swarm.cli.progress import PlainProgress, Progress, duration, sentence
from swarm.cli.show import PhaseColumns, marks_of, phase_columns, phase_line
from swarm.cli.terminal import COLUMNS, block, cell, clip, colourful, encodes, in_ascii, interactive, plain, shorten, width
from swarm.engine import events as ev
from swarm.engine.events import Entry, Event, task_of
from swarm.engine.ports import Clock, Observer
from swarm.engine.schedule import blocked
from swarm.engine.state import FINISHED, Stage, State
from swarm.engine.views import open_gaps, phase_views
from swarm.plans.found import Found
from swarm.plans.proofs.coverage import owners

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions
    from rich.live import Live
    from rich.text import Text

__all__ = ["LiveProgress", "progress_for"]

_PER_SECOND: Final = 4
_RUNNING_SHOWN: Final = 8
_REMARKED: Final = 4
_REASONS_SHOWN: Final = 10
_REASON_LINES: Final = 3
_PHASE_STYLES: Final = {"done": "green", "open": "", "waiting": "dim"}
_RUN_STYLES: Final = {"running": "bold", "complete": "bold green", "paused": "bold yellow", "interrupted": "bold yellow"}

Line = tuple[str, str]
"""Text, and the style that rich gives it."""


def progress_for(stream: TextIO, clock: Clock) -> Progress:
    """A live display where somebody looks on through a terminal, else one plain line per event."""
    return LiveProgress(stream, clock) if interactive(stream) else PlainProgress(stream, clock)


class LiveProgress:
    """Bars, running tasks and what went wrong, redrawn in place. It begins with `following`."""

    def __init__(self, stream: TextIO, clock: Clock) -> None:
        self._stream, self._clock = stream, clock
        self._ascii = not encodes(stream)
        self._lock = Lock()
        self._tally: _Tally | None = None
        self._live: Live | None = None

    def following(self, state: State) -> Observer:
        self._tally = _Tally(state, self._clock)
        self._start()
        return self._tell

    def say(self, text: str) -> None:
        if self._live is None:
            PlainProgress(self._stream, self._clock).say(text)
            return
        with suppress(OSError, ValueError):  # the terminal is gone; the run goes on
            self._live.console.print(_styled([(line, "yellow") for line in block(text)], self._ascii), crop=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stops the drawing thread and shows the cursor again, however the run was left."""
        live, self._live = self._live, None
        if live is None or self._tally is None:
            return
        with self._lock:
            self._tally.leave()
        with suppress(OSError, ValueError):  # the terminal itself is gone
            live.stop()

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "Iterator[Text]":
        with self._lock:
            lines = self._tally.picture(self._clock, options.max_width) if self._tally else []
        yield _styled(lines, self._ascii)

    def _start(self) -> None:
        from rich.console import Console
        from rich.live import Live

        # Standard output is left alone: it belongs to the run's id, and may be a file.
        console = Console(file=self._stream, no_color=not colourful(self._stream), highlight=False)
        self._live = Live(self, console=console, refresh_per_second=_PER_SECOND, redirect_stdout=False)
        self._live.start()

    def _tell(self, entry: Entry) -> None:
        with self._lock, suppress(Exception):  # a wrong picture must not end a run that is right
            assert self._tally is not None
            self._tally.take(entry)


def _styled(lines: Sequence[Line], ascii: bool) -> "Text":
    from rich.text import Text

    drawn = [Text(in_ascii(text) if ascii else text, style) for text, style in lines]
    return Text("\n", no_wrap=True, overflow="crop").join(drawn)


@dataclass(slots=True)
class _Flight:
    """An attempt in flight. `since` is monotonic."""

    attempt: int
    since: float
    landing: bool = False


@dataclass(slots=True)
class _Tally:
    """What is drawn of a run, kept up by counting.

    Attributes:
        phases: the documents of `swarm phases`, with what changes kept up to date.
        closes: task to the gaps that it closes.
    """

    state: State
    clock: Clock
    word: str = "running"
    until: datetime | None = None
    reasons: tuple[str, ...] = ()
    remarked: deque[Line] = field(default_factory=lambda: deque(maxlen=_REMARKED))
    flights: dict[str, _Flight] = field(default_factory=dict)
    finished: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)
    blocked: set[str] = field(default_factory=set)
    gaps: set[Found] = field(default_factory=set)
    phases: dict[str, dict[str, Any]] = field(default_factory=dict)
    marks: dict[str, tuple[float, ...]] = field(default_factory=dict)
    weights: dict[str, float] = field(default_factory=dict)
    closes: dict[str, list[Found]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        tasks = self.state.graph.tasks
        self.weights = {phase: sum(tasks[name].weight for name in names) for phase, names in self.state.graph.in_phase.items()}
        for gap, closers in owners(self.state.graph).items():
            for task in closers:
                self.closes.setdefault(task.name, []).append(gap)
        self._recount()
        self.marks = marks_of(list(self.phases.values()))

    def _recount(self) -> None:
        """From scratch: at the start, and after what is rare and moves many tasks."""
        stages = {name: record.stage for name, record in self.state.tasks.items()}
        self.finished = {name for name, stage in stages.items() if stage in FINISHED}
        self.failed = {name for name, stage in stages.items() if stage is Stage.FAILED}
        self.blocked = blocked(self.state)
        self.gaps = set(open_gaps(self.state))
        self.phases = {phase["id"]: phase for phase in phase_views(self.state)}
        self.flights = {name: self._flight(name) for name in sorted(self.state.running | self.state.landing)}

    def _flight(self, task: str) -> _Flight:
        record = self.state.tasks[task]
        known = self.flights.get(task)
        return _Flight(record.begun, known.since if known else self.clock.monotonic(), record.stage is Stage.LANDING)

    # Told

    def take(self, entry: Entry) -> None:
        """Counts an entry that has been folded."""
        event, task = entry.event, task_of(entry.event)
        if isinstance(event, (ev.RolledBack, ev.TaskRetried, ev.SchedulerStarted)):
            self._recount()
        elif task is not None:
            self._move(task)
        self._phase(event)
        self._ending(entry)
        if isinstance(event, (ev.AttemptRefused, ev.AttemptCutOff, ev.RolledBack)):
            self.remarked.append((f"{entry.at:%H:%M:%S} {sentence(event)}", "red" if getattr(event, "last", False) else "yellow"))

    def _move(self, task: str) -> None:
        match self.state.tasks[task].stage:
            case Stage.RUNNING | Stage.LANDING:
                self.flights[task] = self._flight(task)
                return
            case Stage.FAILED:
                self.failed.add(task)
                self._block(task)
            case Stage.VERIFIED | Stage.SATISFIED:
                self.finished.add(task)
                self.gaps.difference_update(self.closes.get(task, ()))
                self.phases[self.state.graph.tasks[task].phase]["verified"] += 1
            case Stage.WAITING:
                pass
        self.flights.pop(task, None)

    def _block(self, task: str) -> None:
        """What waits for a failed task waits in vain. Each task is visited once in a run, however many fail."""
        reached = [task]
        while reached:
            for other in self.state.graph.needed_by[reached.pop()]:
                if other not in self.blocked and self.state.tasks[other].stage is Stage.WAITING:
                    self.blocked.add(other)
                    reached.append(other)

    def _phase(self, event: Event) -> None:
        task = task_of(event)
        name = self.state.graph.tasks[task].phase if task else event.phase if isinstance(event, ev.PhaseOpened) else None
        if name is not None:
            phase, whole = self.phases[name], self.weights[name]
            phase["done"] = min(1.0, self.state.done_weight[name] / whole) if whole else 1.0
            opened = name in self.state.opened
            phase["state"] = "waiting" if not opened else "done" if phase["verified"] == phase["tasks"] else "open"

    def _ending(self, entry: Entry) -> None:
        match entry.event:
            case ev.RunEnded() as ended:
                self.word, self.until, self.reasons = ended.state, entry.at, ended.reasons
                self.gaps = set(open_gaps(self.state))
            case ev.RunPaused() as paused:
                self.word, self.until, self.reasons = "paused", entry.at, (paused.reason,)
            case _:
                pass

    def leave(self) -> None:
        """Nobody schedules any more: what was in flight was cut off, and a run without an end is interrupted."""
        self.flights.clear()
        if self.until is None:
            self.word, self.until = "interrupted", self.clock.now()

    # Drawn

    def picture(self, clock: Clock, columns: int) -> list[Line]:
        """The lines to show now, none wider than the terminal."""
        room = min(columns, COLUMNS)
        lines = [self._header(clock, room), *self._bars(room), *self._counts(room), *self._flying(clock, room), *self._remarks(room)]
        return [(clip(text, room), style) for text, style in lines]

    def _header(self, clock: Clock, columns: int) -> Line:
        started, begun = self.state.started, self.state.started_at
        seconds = ((self.until or clock.now()) - begun).total_seconds() if begun else 0.0
        after = f"  {self.word}  {duration(seconds)}"
        name = plain(f"{started.run}  {started.plan}") if started else ""
        return shorten(name, max(0, columns - width(after))) + after, _RUN_STYLES.get(self.word, "bold red")

    def _bars(self, columns: int) -> Iterator[Line]:
        shown = list(self.phases.values())
        widths: PhaseColumns = phase_columns(shown, columns)
        for phase in shown:
            yield phase_line(phase, self.marks[phase["id"]], widths), _PHASE_STYLES[phase["state"]]

    def _counts(self, columns: int) -> Iterator[Line]:
        waiting = len(self.state.tasks) - sum(map(len, (self.finished, self.failed, self.blocked, self.flights)))
        counted = {"verified": len(self.finished), "failed": len(self.failed), "blocked": len(self.blocked), "waiting": waiting}
        gaps = f"gaps left {len(self.gaps)} of {len(self.state.graph.gaps)}"
        yield _joined([f"{word} {count}" for word, count in counted.items()] + [gaps], columns), "red" if self.failed else ""

    def _flying(self, clock: Clock, columns: int) -> Iterator[Line]:
        now = clock.monotonic()
        ordered = sorted(self.flights.items(), key=lambda item: item[1].since)
        names = min(columns - 24, max((width(plain(task)) for task, _ in ordered[:_RUNNING_SHOWN]), default=0))
        for task, flight in ordered[:_RUNNING_SHOWN]:
            doing = "landing" if flight.landing else f"attempt {flight.attempt}"
            yield f"  {cell(plain(task), max(8, names))}  {doing:<9}  {duration(now - flight.since):>6}", "cyan"
        if len(ordered) > _RUNNING_SHOWN:
            yield f"  … {len(ordered) - _RUNNING_SHOWN} more running", "cyan"

    def _remarks(self, columns: int) -> Iterator[Line]:
        yield from self.remarked
        for reason in self.reasons[:_REASONS_SHOWN]:
            lines = wrap(
                plain(reason), max(20, columns), initial_indent="  ", subsequent_indent="    ", max_lines=_REASON_LINES, placeholder=" …"
            )
            yield from ((line, "yellow") for line in lines)


def _joined(parts: Sequence[str], columns: int) -> str:
    """The parts side by side, closer together where they would not fit."""
    wide = "   ".join(parts)
    return wide if width(wide) <= columns else " ".join(parts)
