"""What a run needs of the outside: each port is at most five methods, with a fake that behaves and one real adapter.

The runner receives these and never imports an agent, git or SQLite.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from swarm.engine.events import Entry, Event
from swarm.plans.checks import Check
from swarm.plans.found import Found
from swarm.plans.graph import Task
from swarm.signatures.brief import Brief, Inbox
from swarm.signatures.evidence import Evidence, Verdict
from swarm.signatures.handoff import Handoff

__all__ = ["Assignment", "Candidate", "Clock", "History", "Journal", "Judge", "Left", "Line", "Observer", "Performance", "Performer"]


class Clock(Protocol):
    """Time, by the door. Durations come from `monotonic` only; `now` is a label."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never goes back."""
        ...

    def now(self) -> datetime:
        """The wall clock, in UTC."""
        ...


class Journal(Protocol):
    """The record of one run: append-only, ordered, durable.

    One writer at a time: whoever opened it for writing took a fencing number, and an append by a writer with an older
    number raises `RunOwned`.
    """

    async def append(self, *events: Event, texts: Mapping[str, bytes] | None = None) -> tuple[Entry, ...]:
        """Writes events in order, all or none, and returns once they are on disk.

        Appends that are awaited together are committed together, in the order in which `append` was called, and their
        awaiters wake in that order.

        Args:
            texts: large contents that the events name by hash, stored once each, in the same transaction.

        Raises:
            RunOwned: a later writer has taken the run.
            RecordFault: the disk failed; nothing of this call may be believed, and no further call succeeds.
        """
        ...

    def entries(self, after: int = 0) -> Sequence[Entry]:
        """Entries with a sequence number above `after`, in order.

        Raises:
            JournalDamaged: the hash chain or an event does not add up; the sequence number is named.
        """
        ...

    def text(self, hash_: str) -> bytes:
        """A stored content.

        Raises:
            JournalDamaged: it is not there or no longer hashes to its name.
        """
        ...

    @property
    def fence(self) -> int:
        """The fencing number of this writer; grows by one with each that opens the run for writing."""
        ...

    def close(self) -> None:
        """Writes what is pending and lets go. Harmless when called twice."""
        ...


Observer = Callable[[Entry], None]
"""Told of each entry once it is durable and folded. Must not raise and must not block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """One attempt to make.

    Attributes:
        brief, inbox: what its agent is told.
        base: the commit to start from.
        recorded_as: the attempt that model calls are recorded under: this one, or the interrupted one that it starts again.
        checks: all by which the task is judged.
        before: what they said of the base.
    """

    task: Task
    brief: Brief
    inbox: Inbox
    base: str
    recorded_as: int
    checks: tuple[Check, ...] = ()
    before: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What an attempt leaves for those who read its record.

    Attributes:
        ending: how an agent that works in turns ended: `finished`, or what stopped it. Empty for others.
        turns: how many it took.
        notes: remarks, oldest first.
        metrics: numbers it measured: name and value, oldest first.
    """

    ending: str = ""
    turns: int = 0
    notes: tuple[str, ...] = ()
    metrics: tuple[tuple[str, float], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.ending or self.notes or self.metrics)


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """What an attempt left.

    Attributes:
        payload: as its agent gave it.
        tree: of its worktree, inside the scope.
    """

    payload: Any
    tree: str
    left: Left = Left()


class Performer(Protocol):
    """Where an attempt runs: in this process, in a worker, elsewhere."""

    async def perform(self, assignment: Assignment) -> Performance:
        """Does the work in a worktree of its own.

        Raises:
            Refusal: scope, time, the procedure or the agent said no. Its `left` may hold a `Left`.
            EnvironmentFault: something needed is missing.
            Parked: something has to be paid for or mended outside.
        """
        ...


class Judge(Protocol):
    """Says what holds in a tree. The same check on the same tree always has the same answer."""

    async def verdicts(self, tree: str, checks: Sequence[Check], *, at_base: bool = False) -> tuple[Verdict, ...]:
        """One verdict per check, in order.

        Args:
            at_base: a command whose first word is a path that is not there yet is red, not an error.

        Raises:
            EnvironmentFault: a command cannot run at all.
        """
        ...

    async def found(self, tree: str) -> tuple[Found, ...]:
        """What the plan's detectors find.

        Raises:
            EnvironmentFault: a detector failed.
        """
        ...


@dataclass(frozen=True, slots=True)
class Candidate:
    """A commit that could become the head, and its tree."""

    commit: str
    tree: str


class Line(Protocol):
    """The run's line of commits."""

    async def tree(self, commit: str) -> str:
        """The tree of a commit."""
        ...

    async def propose(self, task: Task, attempt: int, tree: str, base: str, head: str) -> Candidate:
        """A commit of `tree`, made from `base`, that could follow `head`: itself, or merged where the head has moved.

        Raises:
            Refusal: the two changes conflict.
        """
        ...

    async def advance(self, new: str, old: str) -> None:
        """Moves the head by compare-and-swap. Harmless when it is at `new` already.

        Raises:
            HeadMoved: it is at neither.
        """
        ...


History = Callable[[str], Handoff | None]
"""This home's newest handoff of a task definition."""
