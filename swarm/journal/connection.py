"""The one place where a database is opened, and where SQLite's errors become ours.

One function opens, so that another SQLite library can be put in its place. A database may come by mail: one that declares
anything but our own tables is refused before anything else is asked of it, since a foreign trigger would run on our writes.

Never open a journal with `open()` while this process has it open through SQLite: closing any descriptor of a file drops all of the
process's POSIX locks on it.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

from swarm.errors import EnvironmentFault, JournalDamaged, RecordFault, SwarmError
from swarm.journal.codec import MAX_BYTES
from swarm.journal.migrations import schema_of, tables, version_of

__all__ = ["Connect", "Mode", "check_schema", "connect", "library_version", "mapped", "transaction"]

Mode = Literal["rw", "ro", "immutable"]
"""`immutable`: read-only, and the caller has made sure that nobody writes. SQLite then makes no files beside the database."""

Connect = Callable[[Path, Mode], sqlite3.Connection]

_QUERY: Final[dict[Mode, str]] = {"rw": "mode=rw", "ro": "mode=ro", "immutable": "mode=ro&immutable=1"}
_BUSY_TIMEOUT_S: Final = 5.0
_OLDEST: Final = (3, 37, 0)  # STRICT tables

_NOT_THE_CONTENT: Final = {
    sqlite3.SQLITE_BUSY: "another process keeps it locked",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened",
    sqlite3.SQLITE_CONSTRAINT: "the tables refuse the entry",
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_INTERRUPT: "the operation was interrupted",
    sqlite3.SQLITE_IOERR: "the disk failed",
    sqlite3.SQLITE_LOCKED: "it is locked",
    sqlite3.SQLITE_NOMEM: "memory ran out",
    sqlite3.SQLITE_PERM: "access is denied",
    sqlite3.SQLITE_PROTOCOL: "the lock could not be taken",
    sqlite3.SQLITE_READONLY: "it may not be written",
}
"""Primary result codes that say nothing against what is stored. Every other one, and an error without a code, does."""


def connect(path: Path, mode: Mode) -> sqlite3.Connection:
    """Opens an existing database, in autocommit.

    Raises:
        EnvironmentFault: the SQLite library is too old.
        sqlite3.Error: to be mapped by the caller, who knows what was being done.
    """
    if sqlite3.sqlite_version_info < _OLDEST:
        raise EnvironmentFault(f"SQLite {sqlite3.sqlite_version} is too old: 3.37 or newer is needed, so use a newer Python")
    uri = f"{path.absolute().as_uri()}?{_QUERY[mode]}"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=_BUSY_TIMEOUT_S, check_same_thread=False)
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_BYTES + 65536)
    try:
        connection.execute("PRAGMA cell_size_check = ON")
        # A writer compares the schema with ours before it does anything, and SQLite 3.40 would hold our own `json_valid` unsafe.
        if mode != "rw":
            connection.execute("PRAGMA trusted_schema = OFF")
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def mapped(path: Path) -> Iterator[None]:
    """Turns what SQLite and the disk raise into `RecordFault` or `JournalDamaged`, and names the journal in all of them."""
    try:
        yield
    except JournalDamaged as error:
        raise JournalDamaged(f"the journal {path} is damaged or not for us: {error}") from error
    except sqlite3.Error as error:
        raise _ours(path, error) from error
    except UnicodeDecodeError as error:  # SQLite's own message quoted what is damaged
        raise JournalDamaged(f"the journal {path} is damaged: {error}") from error
    except OSError as error:
        raise RecordFault(f"the journal {path} failed: {error.strerror or error}") from error


def _ours(path: Path, error: sqlite3.Error) -> SwarmError:
    code = getattr(error, "sqlite_errorcode", None)
    meaning = None if code is None else _NOT_THE_CONTENT.get(code & 0xFF)
    if meaning is None:
        return JournalDamaged(f"the journal {path} is damaged: {error}")
    return RecordFault(f"the journal {path} failed: {meaning} ({error})")


@contextmanager
def transaction(connection: sqlite3.Connection, begin: Literal["BEGIN", "BEGIN IMMEDIATE"]) -> Iterator[None]:
    """All or none of what the block does; a reader's block sees one state throughout."""
    connection.execute(begin)
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # some errors have rolled back already
            connection.execute("ROLLBACK")
        raise


def check_schema(connection: sqlite3.Connection) -> int:
    """The version of the tables, once they are known to be ours and only ours.

    Raises:
        JournalDamaged: a newer version, or anything declared that no migration declares.
    """
    version = version_of(connection)
    differing = tables(connection) ^ schema_of(version)
    if differing:
        names = ", ".join(sorted({f"{kind} {name}" for kind, name, _, _ in differing}))
        raise JournalDamaged(f"what it declares is not what swarm declares: {names}")
    return version


def library_version() -> tuple[int, int, int]:
    """The version of the SQLite library that is linked."""
    return sqlite3.sqlite_version_info
