"""Reading a journal without leaving a trace.

Opening a WAL database makes `-wal` and `-shm` files beside it, even read-only. So while there is no log (`-wal` missing or
empty) the file is opened as immutable, which touches nothing. The price: SQLite then takes no locks, and a scheduler that
starts meanwhile is not noticed. Therefore the file's stamp (log, inode, size, time) is compared after every reading, and a
reading under which it changed is thrown away and done again. With a log
there is a live scheduler, or one that was killed: then the ordinary read-only mode sees what is committed there.
"""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

from swarm.engine.calls import CallRow, ToolRow
from swarm.engine.events import Entry
from swarm.errors import JournalDamaged, RecordFault
from swarm.journal.chain import Row, entry, verify, verify_one
from swarm.journal.connection import check_schema, connect, mapped, transaction
from swarm.journal.migrations import version_of
from swarm.journal.rows import SELECT_CALLS, SELECT_TOLD, call_of, told_of
from swarm.signatures.canonical import sha256

__all__ = ["Record", "last_row", "read"]

T = TypeVar("T")
_Stamp = tuple[int, int, int]
_TRIES: Final = 10

_FROM: Final = "SELECT seq, at, kind, version, task, body, prev, hash FROM events WHERE seq >= ? ORDER BY seq"
# A second way to count: a page that lost its last rows to a flipped bit still chains, but its index knows better.
_COUNT: Final = "SELECT count(kind) FROM events INDEXED BY events_by_kind"
_FIRST: Final = "SELECT seq, at, kind, version, task, body, prev, hash FROM events WHERE seq = 1"
_TEXT: Final = "SELECT content FROM texts WHERE hash = ?"
_CALLS_SINCE: Final = 2
"""The version of the tables that first held calls."""


class Record:
    """A journal, open for looking. A context manager; usable for as long as one likes while a scheduler writes.

    Raises:
        RecordFault: there is no such file, or it cannot be read.
        JournalDamaged: it is no journal, a newer swarm's, or declares what no journal declares.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stamp: _Stamp | None = None
        self._connection: sqlite3.Connection | None = None
        self.ask(lambda _: None)

    def entries(self, after: int = 0) -> tuple[Entry, ...]:
        """Entries with a sequence number above `after`, in order, with their chain verified.

        Raises:
            JournalDamaged: the chain or an event does not add up; the sequence number is named.
        """
        rows = self.ask(lambda connection: _rows(connection, max(after, 0)))
        with mapped(self.path):
            return tuple(entry(row) for row in rows or ())

    def text(self, hash_: str) -> bytes:
        """A stored content.

        Raises:
            JournalDamaged: it is not there or no longer hashes to its name.
        """
        content = self.ask(lambda connection: _content(connection, hash_))
        if content is None:
            with mapped(self.path):
                raise JournalDamaged(f"it holds no text {hash_}")
        return content

    def calls(self) -> tuple[CallRow, ...]:
        """The model calls, in the order in which they were written. None in a journal from before there were any.

        Raises:
            JournalDamaged: a row is none.
        """
        return self.ask(lambda connection: _all(connection, SELECT_CALLS, call_of)) or ()

    def told(self) -> tuple[ToolRow, ...]:
        """What tools answered, in the order in which it was written; a later row at the same step with the same key replaces an earlier.

        Raises:
            JournalDamaged: a row is none.
        """
        return self.ask(lambda connection: _all(connection, SELECT_TOLD, told_of)) or ()

    def first(self) -> Row | None:
        """The first row, verified by itself; None while there is none, that is, while the run does not exist."""
        return self.one(_FIRST)

    def one(self, query: str, *values: str) -> Row | None:
        """The single row a query finds, verified by itself."""
        return self.ask(lambda connection: _one(connection, query, values))

    def ask(self, question: Callable[[sqlite3.Connection], T]) -> T | None:
        """The answer to a question about one state of the journal; None from a journal without tables yet."""
        for _ in range(_TRIES):
            try:
                answer = self._answer(question)
            except RecordFault:
                if self._unchanged():
                    self.close()
                    raise
            else:
                if self._unchanged():
                    return answer
            self.close()
        raise RecordFault(f"the journal {self.path} keeps changing while it is read: try again")

    def close(self) -> None:
        """Lets go of the file. Harmless when called twice; the next question would open it again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _answer(self, question: Callable[[sqlite3.Connection], T]) -> T | None:
        connection = self._opened()
        with mapped(self.path), transaction(connection, "BEGIN"):
            return question(connection) if check_schema(connection) else None

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            self._stamp = _stamp(self.path)
            with mapped(self.path):
                self._connection = connect(self.path, "ro" if self._stamp is None else "immutable")
        return self._connection

    def _unchanged(self) -> bool:
        return self._stamp is None or self._stamp == _stamp(self.path)


def read(path: Path) -> Record:
    """Opens a journal for looking. Looking never writes.

    Raises:
        RecordFault: there is no such file, or it cannot be read.
        JournalDamaged: it is no journal, a newer swarm's, or declares what no journal declares.
    """
    return Record(path)


def last_row(connection: sqlite3.Connection) -> Row | None:
    """The last row of a journal whose whole chain holds.

    Raises:
        JournalDamaged: it does not; the sequence number is named.
    """
    rows = _rows(connection, 0)
    return rows[-1] if rows else None


def _stamp(path: Path) -> _Stamp | None:
    """What tells one state of a journal at rest from the next; None: it is not at rest, there is a log."""
    try:
        if _size(path.with_name(path.name + "-wal")):
            return None
        found = path.stat()
    except OSError as error:
        raise RecordFault(f"the journal {path} cannot be read: {error.strerror}") from error
    return (found.st_ino, found.st_size, found.st_mtime_ns)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _rows(connection: sqlite3.Connection, after: int) -> tuple[Row, ...]:
    rows = [Row(*row) for row in connection.execute(_FROM, (max(after, 1),))]
    (count,) = connection.execute(_COUNT).fetchone()
    return tuple(verify(rows, after, count))


def _one(connection: sqlite3.Connection, query: str, values: tuple[str, ...]) -> Row | None:
    row = connection.execute(query, values).fetchone()
    return None if row is None else verify_one(Row(*row))


def _all(connection: sqlite3.Connection, query: str, made: Callable[..., T]) -> tuple[T, ...]:
    if version_of(connection) < _CALLS_SINCE:
        return ()
    return tuple(made(*values) for values in connection.execute(query))


def _content(connection: sqlite3.Connection, hash_: str) -> bytes | None:
    row = connection.execute(_TEXT, (hash_,)).fetchone()
    if row is not None and (not isinstance(row[0], bytes) or sha256(row[0]) != hash_):
        raise JournalDamaged(f"the text {hash_} is not what was written")
    return None if row is None else bytes(row[0])
