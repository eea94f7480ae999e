"""The tables of a journal: numbered `.sql` files, each run once, in one transaction that also sets its number (`PRAGMA user_version`)."""

import sqlite3
from functools import cache
from importlib.resources import files

from swarm.errors import Bug, JournalDamaged

__all__ = ["migrate", "schema_of", "scripts", "tables", "version_of"]

Table = tuple[str, str, str, str | None]
"""Type, name, table and SQL of something in the database."""


@cache
def scripts() -> tuple[str, ...]:
    """The migrations' texts; the first is number 1."""
    found = sorted((each.name, each.read_text("ascii")) for each in files(__package__).iterdir() if each.name.endswith(".sql"))
    if [name for name, _ in found] != [f"{number:04}.sql" for number in range(1, len(found) + 1)]:
        raise Bug(f"the journal's migrations are not numbered without holes: {[name for name, _ in found]}")
    return tuple(text for _, text in found)


def version_of(connection: sqlite3.Connection) -> int:
    """The number of the last migration that the database has seen.

    Raises:
        JournalDamaged: it is none that this program knows.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if not 0 <= version <= len(scripts()):
        raise JournalDamaged(f"its tables have version {version} and this swarm knows up to {len(scripts())}: use a newer swarm")
    return int(version)


def migrate(connection: sqlite3.Connection) -> None:
    """Brings the tables to the newest version."""
    for script in scripts()[version_of(connection) :]:
        connection.executescript("\n".join(("BEGIN IMMEDIATE;", script, "COMMIT;")))


def tables(connection: sqlite3.Connection) -> set[Table]:
    """Everything the database declares."""
    return set(connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master"))


@cache
def schema_of(version: int) -> frozenset[Table]:
    """What a database of that version declares, and nothing else."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        for script in scripts()[:version]:
            connection.executescript(script)
        return frozenset(tables(connection))
    finally:
        connection.close()
