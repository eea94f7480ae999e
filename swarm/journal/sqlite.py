"""The record of one run in one SQLite file, with one writer.

Durable means: WAL with `synchronous=FULL`. In 1,000 simulated power cuts FULL lost no acknowledged event, NORMAL lost 500.
It costs an fsync per commit, which group commit shares: a thread owns the writing connection, takes everything that is queued and commits
it in one transaction, while the event loop goes on. Events, model calls and tools' answers all go this way.

After any failure to write the journal is poisoned: no retry, since pages are marked clean after a failed fsync and a second
try may "succeed" with the data gone. The next scheduler reads from the disk what is really there.

One thread writes and checkpoints, readers open read-only and never checkpoint: SQLite up to 3.51.2 can corrupt a WAL when two
connections do either at once.
"""

import asyncio
import os
import queue
import sqlite3
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from swarm.engine.calls import CallRow, ToolRow
from swarm.engine.events import Entry, Event
from swarm.engine.ports import Clock
from swarm.errors import JournalDamaged, RecordFault, RunOwned, SwarmError
from swarm.journal.chain import Row, entries_of, seal, stamp
from swarm.journal.codec import Encoded, check_texts, encode
from swarm.journal.connection import Connect, check_schema, connect, mapped, transaction
from swarm.journal.durable import sync_folder
from swarm.journal.migrations import migrate
from swarm.journal.record import Record, last_row, read
from swarm.journal.rows import INSERT, values_of

__all__ = ["Record", "SqliteJournal", "read"]

_INSERT_EVENT: Final = "INSERT INTO events (seq, at, kind, version, task, body, prev, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_INSERT_TEXT: Final = "INSERT INTO texts (hash, content) VALUES (?, ?) ON CONFLICT (hash) DO NOTHING"
_FENCE: Final = "SELECT number FROM fence"
_NEXT_FENCE: Final = "INSERT INTO fence (id, number) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET number = number + 1"
_FULL: Final = 2
"""What `PRAGMA synchronous` answers when it is FULL."""
_REFUSED: Final = (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.InterfaceError, sqlite3.ProgrammingError, ValueError, OverflowError)
"""What a row raises that the table, or SQLite at the door, will not have: it says nothing against the disk."""


@dataclass(frozen=True, slots=True)
class _Write:
    """What one caller asks for, on its way to the disk: events, or a row of another table, with the texts that they name."""

    texts: Mapping[str, bytes]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[tuple[Entry, ...]]
    at: str = ""
    events: tuple[Encoded, ...] = ()
    row: CallRow | ToolRow | None = None


_Answer = tuple[Entry, ...] | SwarmError | ValueError


class SqliteJournal:
    """`swarm.engine.ports.Journal` on disk. Open it with `SqliteJournal.open`, by the owner of the run's lock."""

    def __init__(self, path: Path, clock: Clock, connection: sqlite3.Connection, fence: int, last: Row | None) -> None:
        self.path = path
        self._clock = clock
        self._connection = connection
        self._fence = fence
        self._last = last
        self._fault: SwarmError | None = None
        self._closed = False
        self._gate = threading.Lock()
        self._queue: queue.SimpleQueue[_Write | None] = queue.SimpleQueue()
        # A daemon: a program that forgets to close must still be able to end, and what was acknowledged is on disk.
        self._thread = threading.Thread(target=self._write, name="journal", daemon=True)
        self._thread.start()

    @classmethod
    def open(cls, path: Path, clock: Clock, connect: Connect = connect) -> Self:
        """Creates or opens a journal for writing, proves it, and takes the next fencing number.

        Args:
            path: the file; its folder exists.
            connect: opens the database; another one for tests that make it fail.

        Raises:
            RecordFault: the disk refuses it, or would not keep what is written.
            JournalDamaged: what is there does not add up, or a newer swarm wrote it.
        """
        with mapped(path):
            _prepare(path, connect)
            connection = connect(path, "rw")
            try:
                return cls(path, clock, connection, *_take(path, connection))
            except BaseException:
                connection.close()
                raise

    @property
    def fence(self) -> int:
        """The fencing number of this writer."""
        return self._fence

    async def append(self, *events: Event, texts: Mapping[str, bytes] | None = None) -> tuple[Entry, ...]:
        """Writes events in order, all or none, and returns once they are on disk. See the port.

        Raises:
            ValueError: an event or text cannot be recorded; nothing was written and the journal goes on.
            RunOwned: a later writer has taken the run.
            RecordFault: the disk failed, now or earlier, or the journal is closed.
        """
        at, texts = stamp(self._clock.now()), dict(texts or {})
        return await self._on_disk(texts, at=at, events=tuple(encode(event) for event in events))

    async def put(self, row: CallRow, texts: Mapping[str, str]) -> None:
        """Writes a model call and the texts it names, on the way that events go, and returns once they are on disk.

        Raises:
            ValueError: the row or a text cannot be recorded, or the question has an answer already; the journal goes on.
            RunOwned: a later writer has taken the run.
            RecordFault: the disk failed, now or earlier, or the journal is closed.
        """
        await self._on_disk(_as_bytes(texts), row=row)

    async def put_tool(self, row: ToolRow, texts: Mapping[str, str]) -> None:
        """Writes a tool's answer and its text, as `put` does."""
        await self._on_disk(_as_bytes(texts), row=row)

    def entries(self, after: int = 0) -> Sequence[Entry]:
        """Entries with a sequence number above `after`, in order. See the port."""
        with read(self.path) as record:
            return record.entries(after)

    def text(self, hash_: str) -> bytes:
        """A stored content. See the port."""
        with read(self.path) as record:
            return record.text(hash_)

    def close(self) -> None:
        """Writes what is queued, folds the log into the file and lets go. Harmless when called twice."""
        with self._gate:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._thread.join()

    async def _on_disk(
        self, texts: Mapping[str, bytes], *, at: str = "", events: tuple[Encoded, ...] = (), row: CallRow | ToolRow | None = None
    ) -> tuple[Entry, ...]:
        check_texts(texts)
        loop = asyncio.get_running_loop()
        write = _Write(texts, loop, loop.create_future(), at, events, row)
        self._enqueue(write)
        return await write.future

    def _enqueue(self, write: _Write) -> None:
        with self._gate:  # after the `None` of `close` nobody would ever answer
            if self._closed:
                raise RecordFault(f"the journal {self.path} is closed")
            self._queue.put(write)

    # What follows runs in the writer thread.

    def _write(self) -> None:
        going = True
        while going:
            batch, going = self._next_batch()
            if batch:
                _wake(batch, self._answers(batch))
        # What was acknowledged is safe in the log already, so a failure to tidy up takes nothing back.
        with suppress(sqlite3.Error):
            self._fold()
        self._connection.close()

    def _next_batch(self) -> tuple[list[_Write], bool]:
        batch: list[_Write] = []
        item = self._queue.get()
        while item is not None:
            batch.append(item)
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                return batch, True
        return batch, False

    def _answers(self, batch: list[_Write]) -> list[_Answer]:
        if self._fault is None:
            try:
                return self._commit(batch)
            except RunOwned as owned:
                return [owned] * len(batch)
            except RecordFault as fault:
                self._fault = fault
            except Exception as error:  # noqa: BLE001 - a writer that died would leave its callers waiting for ever
                self._fault = RecordFault(f"the journal {self.path} failed: {error!r}")
        return [self._fault] * len(batch)

    def _commit(self, batch: list[_Write]) -> list[_Answer]:
        last, answers = self._last, list[_Answer]()
        with mapped(self.path), transaction(self._connection, "BEGIN IMMEDIATE"):
            self._check_fence()
            for each in batch:
                rows = seal(last, each.at, each.events)
                self._connection.executemany(_INSERT_TEXT, each.texts.items())
                self._connection.executemany(_INSERT_EVENT, rows)
                refused = None if each.row is None else self._refused(each.row)
                answers.append(refused or entries_of(rows, each.events))
                last = rows[-1] if rows else last
        self._last = last
        return answers

    def _refused(self, row: CallRow | ToolRow) -> ValueError | None:
        """Writes a row. One that is refused leaves the others of its group alone, and of its own only texts that nothing names."""
        try:
            self._connection.execute(INSERT[type(row)], values_of(row))
        except _REFUSED as error:
            return ValueError(f"the journal cannot record this {type(row).__name__} of task {row.task}: {error}")
        return None

    def _check_fence(self) -> None:
        (number,) = self._connection.execute(_FENCE).fetchone()
        if number != self._fence:
            raise RunOwned(f"another scheduler (number {number}) has taken the run from this one (number {self._fence})")

    def _fold(self) -> None:
        (number,) = self._connection.execute(_FENCE).fetchone()
        if self._fault is None and number == self._fence:
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _prepare(path: Path, connect: Connect) -> None:
    """Makes the file in WAL mode and its name durable before anything is written to it.

    Switching a new file to WAL goes through a rollback journal. If its deletion were not durable yet, a power cut would bring
    it back and it would undo everything written since: hence close, fsync the folder, and only then open for business.
    """
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
    connection = connect(path, "rw")
    try:
        check_schema(connection)
        connection.execute("PRAGMA journal_mode = WAL").fetchall()
    finally:
        connection.close()
    for folder in (path.parent, path.parent.parent):
        sync_folder(folder)


def _take(path: Path, connection: sqlite3.Connection) -> tuple[int, Row | None]:
    """The fencing number and the last row of a journal that is proved and will keep what is written."""
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA fullfsync = ON")  # macOS, where a plain fsync stops at the drive's cache
    _check_durable(path, connection)
    check_schema(connection)
    migrate(connection)
    last = _proved(connection)
    with transaction(connection, "BEGIN IMMEDIATE"):
        connection.execute(_NEXT_FENCE)
        (fence,) = connection.execute(_FENCE).fetchone()
    return fence, last


def _check_durable(path: Path, connection: sqlite3.Connection) -> None:
    # A pragma that did not take says nothing: ask.
    (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
    (synchronous,) = connection.execute("PRAGMA synchronous").fetchone()
    if (mode, synchronous) != ("wal", _FULL):
        raise RecordFault(f"the journal {path} would not be durable (journal_mode {mode}, synchronous {synchronous}): use a local disk")


def _proved(connection: sqlite3.Connection) -> Row | None:
    (answer,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if answer != "ok":
        raise JournalDamaged(str(answer))
    return last_row(connection)


def _as_bytes(texts: Mapping[str, str]) -> dict[str, bytes]:
    try:
        return {name: text.encode() for name, text in texts.items()}
    except UnicodeEncodeError as error:
        raise ValueError(f"the journal cannot record a text with half of a surrogate pair: {error.reason} at {error.start}") from error


def _wake(batch: list[_Write], answers: list[_Answer]) -> None:
    """Hands each loop its answers in one call, so that awaiters wake in the order in which they called."""
    pairs = list(zip(batch, answers, strict=True))
    for loop in dict.fromkeys(each.loop for each in batch):
        mine = [(each.future, answer) for each, answer in pairs if each.loop is loop]
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(_resolve, mine)


def _resolve(answers: Iterable[tuple[asyncio.Future[tuple[Entry, ...]], _Answer]]) -> None:
    for future, answer in answers:
        if future.done():  # cancelled while it waited; what it asked for is on disk all the same
            continue
        if isinstance(answer, Exception):
            future.set_exception(type(answer)(*answer.args))  # its own, since each raise adds to the traceback
        else:
            future.set_result(answer)
