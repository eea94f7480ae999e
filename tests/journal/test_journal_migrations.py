"""The tables' versions."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from swarm.errors import JournalDamaged
from swarm.journal import migrations
from swarm.journal.migrations import schema_of, scripts, version_of
from swarm.journal.sqlite import SqliteJournal, read


def test_each_script_sets_its_own_number() -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        for number, script in enumerate(scripts(), 1):
            connection.executescript(script)
            assert version_of(connection) == number


def test_a_new_journal_has_every_table_of_the_newest_version(tmp_path: Path, clock: Any) -> None:
    SqliteJournal.open(tmp_path / "journal.db", clock).close()
    with closing(sqlite3.connect(tmp_path / "journal.db")) as connection:
        assert version_of(connection) == len(scripts())
        assert migrations.tables(connection) == schema_of(len(scripts()))
        strict = connection.execute("SELECT name FROM pragma_table_list WHERE strict AND type = 'table'").fetchall()
    assert {name for (name,) in strict} == {"events", "texts", "fence", "calls", "told"}


def test_a_migration_happens_whole_or_not_at_all(tmp_path: Path, clock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    path, good = tmp_path / "journal.db", scripts()
    half = f"CREATE TABLE more (x TEXT) STRICT;\nCREATE TABLE events (x TEXT) STRICT;\nPRAGMA user_version = {len(good) + 1};"
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "scripts", lambda: (*good, half))
        with pytest.raises(JournalDamaged, match="already exists"):
            SqliteJournal.open(path, clock)
    SqliteJournal.open(path, clock).close()
    with read(path) as record:
        assert record.entries() == ()


def test_an_older_journal_is_read_as_it_is_and_brought_up_by_its_next_writer(
    tmp_path: Path, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, old = tmp_path / "journal.db", scripts()
    SqliteJournal.open(path, clock).close()
    number = len(old) + 1
    monkeypatch.setattr(migrations, "scripts", lambda: (*old, f"CREATE TABLE more (x TEXT) STRICT;\nPRAGMA user_version = {number};"))
    with read(path) as record:
        assert record.entries() == ()
        SqliteJournal.open(path, clock).close()
        assert record.ask(version_of) == number
    schema_of.cache_clear()
