"""The journal without a disk: the same promises, for tests and simulations.

It stores the same text in the same rows, so that an event which would not survive the disk does not survive here either.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from swarm.engine.events import Entry, Event
from swarm.engine.ports import Clock
from swarm.errors import JournalDamaged, RecordFault, RunOwned
from swarm.journal.chain import Row, entries_of, entry, seal, stamp, verify
from swarm.journal.codec import check_texts, encode
from swarm.signatures.canonical import sha256

__all__ = ["MemoryJournal", "MemoryStore"]


@dataclass(slots=True)
class MemoryStore:
    """What the journals of one run share, as a file would be shared.

    Attributes:
        room: rows that fit; the append that would exceed it fails as a full disk does. None: without limit.
    """

    rows: list[Row] = field(default_factory=list)
    texts: dict[str, bytes] = field(default_factory=dict)
    fence: int = 0
    room: int | None = None


class MemoryJournal:
    """`swarm.engine.ports.Journal` in memory. A second one over the same store fences the first one out."""

    def __init__(self, clock: Clock, store: MemoryStore | None = None) -> None:
        self.store = store or MemoryStore()
        self.store.fence += 1
        self._clock = clock
        self._fence = self.store.fence
        self._fault: str | None = None

    @property
    def fence(self) -> int:
        """The fencing number of this writer."""
        return self._fence

    async def append(self, *events: Event, texts: Mapping[str, bytes] | None = None) -> tuple[Entry, ...]:
        """Writes events in order, all or none. See the port.

        Raises:
            ValueError: an event or text cannot be recorded; nothing was written and the journal goes on.
            RunOwned: a later writer has taken the run.
            RecordFault: the store is full, or was when it was last written, or the journal is closed.
        """
        at, texts = stamp(self._clock.now()), dict(texts or {})
        check_texts(texts)
        encoded = tuple(encode(event) for event in events)
        rows = seal(self.store.rows[-1] if self.store.rows else None, at, encoded)
        self._check_room(len(rows))
        self.store.rows += rows
        self.store.texts |= texts
        await asyncio.sleep(0)  # as on disk, others may run between the call and its answer
        return entries_of(rows, encoded)

    def entries(self, after: int = 0) -> Sequence[Entry]:
        """Entries with a sequence number above `after`, in order. See the port."""
        after = max(after, 0)
        rows = self.store.rows[max(after - 1, 0) :]
        return tuple(entry(row) for row in verify(rows, after, len(self.store.rows)))

    def text(self, hash_: str) -> bytes:
        """A stored content. See the port."""
        content = self.store.texts.get(hash_)
        if content is None or sha256(content) != hash_:
            raise JournalDamaged(f"the journal in memory is damaged: it holds no text {hash_}")
        return content

    def close(self) -> None:
        """Lets go. Harmless when called twice."""
        self._fault = self._fault or "it is closed"

    def _check_room(self, more: int) -> None:
        if self._fault is None:
            self._check_fence()
            room = self.store.room
            if room is not None and len(self.store.rows) + more > room:
                self._fault = "the disk is full"
        if self._fault is not None:
            raise RecordFault(f"the journal in memory failed: {self._fault}")

    def _check_fence(self) -> None:
        if self._fence != self.store.fence:
            raise RunOwned(f"another scheduler (number {self.store.fence}) has taken the run from this one (number {self._fence})")
