"""What only a file can promise: group commit, fault after fault, files of other makers, and looking without a trace."""

import asyncio
import os
import random
import re
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from swarm.engine.events import Event, RunPaused, TaskRetried
from swarm.errors import JournalDamaged, RecordFault, RunOwned
from swarm.journal.connection import Mode, connect
from swarm.journal.migrations import scripts
from swarm.journal.sqlite import SqliteJournal, read
from swarm.signatures.canonical import sha256

TEXT = b"content " * 100
NAME = sha256(TEXT)


def retried(number: int) -> TaskRetried:
    return TaskRetried(task=f"a.t{number}")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    return folder / "journal.db"


@pytest.fixture
def closed(path: Path, clock: Any, examples: tuple[Event, ...]) -> Path:
    """A journal at rest, of several pages."""
    with closing(SqliteJournal.open(path, clock)) as journal:
        asyncio.run(journal.append(*examples, texts={NAME: TEXT}))
        asyncio.run(journal.append(*(retried(number) for number in range(45))))
    return path


def surroundings(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    return {each.name: (each.stat().st_mtime_ns, each.stat().st_mode, each.read_bytes()) for each in folder.iterdir()}


def foreign(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript(statement)


# Writing.


def test_the_file_is_for_its_owner_only_and_so_are_those_beside_it(path: Path, clock: Any) -> None:
    with closing(SqliteJournal.open(path, clock)) as journal:
        asyncio.run(journal.append(retried(1)))
        assert {each.name for each in path.parent.iterdir()} == {"journal.db", "journal.db-wal", "journal.db-shm"}
        assert {stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()} == {0o600}
    assert [each.name for each in path.parent.iterdir()] == ["journal.db"]


def test_commits_are_synced_in_full(path: Path, clock: Any) -> None:
    opened: list[sqlite3.Connection] = []

    def watched(path: Path, mode: Mode) -> sqlite3.Connection:
        opened.append(connect(path, mode))
        return opened[-1]

    with closing(SqliteJournal.open(path, clock, watched)):
        assert opened[-1].execute("PRAGMA synchronous").fetchone() == (2,)
        assert opened[-1].execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_pragma_that_does_not_take_is_noticed(path: Path, clock: Any) -> None:
    class Stubborn(sqlite3.Connection):
        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            return super().execute("PRAGMA synchronous = NORMAL" if sql == "PRAGMA synchronous = FULL" else sql, *values)

    def stubborn(path: Path, mode: Mode) -> sqlite3.Connection:
        return sqlite3.connect(path, isolation_level=None, check_same_thread=False, factory=Stubborn)

    with pytest.raises(RecordFault, match="synchronous 1"):
        SqliteJournal.open(path, clock, stubborn)


def test_what_waits_while_a_commit_runs_shares_the_next_one(held: Any) -> None:
    async def hundred() -> None:
        waiting = [asyncio.ensure_future(held.journal.append(retried(number))) for number in range(100)]
        await asyncio.sleep(0)  # each has queued its event
        held.go.set()
        await asyncio.gather(*waiting)

    asyncio.run(hundred())
    assert len(held.begun) <= 2
    assert [each.event for each in held.journal.entries()] == [retried(number) for number in range(100)]


def test_one_who_gives_up_does_not_keep_the_others_of_the_group_waiting(held: Any) -> None:
    async def ten() -> list[int]:
        waiting = [asyncio.ensure_future(held.journal.append(retried(number))) for number in range(10)]
        await asyncio.sleep(0)
        waiting.pop(5).cancel()
        held.go.set()
        async with asyncio.timeout(30):
            return [entry.seq for (entry,) in await asyncio.gather(*waiting)]

    assert asyncio.run(ten()) == [1, 2, 3, 4, 5, 7, 8, 9, 10]


def test_closing_writes_what_is_queued(path: Path, clock: Any) -> None:
    journal = SqliteJournal.open(path, clock)

    async def close_at_once() -> list[int]:
        waiting = [asyncio.ensure_future(journal.append(retried(number))) for number in range(50)]
        await asyncio.sleep(0)
        journal.close()
        return [entry.seq for (entry,) in await asyncio.gather(*waiting)]

    assert asyncio.run(close_at_once()) == list(range(1, 51))
    assert len(journal.entries()) == 50


def test_a_text_given_twice_takes_one_row(path: Path, clock: Any) -> None:
    with closing(SqliteJournal.open(path, clock)) as journal:
        for number in range(3):
            asyncio.run(journal.append(retried(number), texts={NAME: TEXT}))
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM texts").fetchone() == (1,)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET task = 'x'",
        "DELETE FROM events",
        "UPDATE texts SET content = x'00'",
        "DELETE FROM texts",
        "INSERT INTO events SELECT seq + 100, at, kind, version, task, body, prev, printf('%064d', seq) FROM events WHERE seq = 1",
        "INSERT INTO events SELECT 60, at, kind, version, task, body, prev, printf('%064d', seq) FROM events WHERE seq = 1",
        "INSERT INTO fence VALUES (2, 7)",
    ],
)
def test_the_tables_refuse_what_the_program_must_not_do(closed: Path, statement: str) -> None:
    with closing(sqlite3.connect(closed)) as connection, pytest.raises(sqlite3.IntegrityError):
        connection.execute(statement)


def test_a_locked_journal_is_a_fault_and_poisons(path: Path, clock: Any) -> None:
    def impatient(path: Path, mode: Mode) -> sqlite3.Connection:
        connection = connect(path, mode)
        connection.execute("PRAGMA busy_timeout = 1").fetchone()
        return connection

    with closing(SqliteJournal.open(path, clock, impatient)) as journal, closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(RecordFault, match="locked"):
            asyncio.run(journal.append(retried(1)))
        other.execute("ROLLBACK")
        with pytest.raises(RecordFault, match="locked"):
            asyncio.run(journal.append(retried(1)))


def test_every_caller_of_a_failed_group_is_told(path: Path, clock: Any) -> None:
    old, new = SqliteJournal.open(path, clock), SqliteJournal.open(path, clock)

    async def ten() -> list[Any]:
        return await asyncio.gather(*(old.append(retried(number)) for number in range(10)), return_exceptions=True)

    with closing(new), closing(old):
        answers = asyncio.run(ten())
    assert [type(each) for each in answers] == [RunOwned] * 10
    assert len({id(each) for each in answers}) == 10


def test_a_folder_that_is_not_there_is_a_fault_that_names_it(tmp_path: Path, clock: Any) -> None:
    with pytest.raises(RecordFault, match="nowhere"):
        SqliteJournal.open(tmp_path / "nowhere" / "journal.db", clock)
    with pytest.raises(RecordFault, match="nowhere"):
        read(tmp_path / "nowhere" / "journal.db")


# Other makers.


@pytest.fixture(params=["reader", "writer"])
def opener(request: pytest.FixtureRequest, clock: Any) -> Any:
    return read if request.param == "reader" else lambda path: SqliteJournal.open(path, clock)


def test_a_journal_of_a_newer_swarm_is_refused(closed: Path, opener: Any) -> None:
    foreign(closed, f"PRAGMA user_version = {len(scripts()) + 1}")
    with pytest.raises(JournalDamaged, match="newer swarm"):
        opener(closed)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TRIGGER evil AFTER INSERT ON events BEGIN DELETE FROM fence; END",
        "CREATE VIEW evil AS SELECT * FROM events",
        "CREATE TABLE evil (x)",
        "DROP TRIGGER events_are_not_changed",
        "ALTER TABLE events ADD COLUMN evil TEXT",
        "PRAGMA user_version = 0",
    ],
)
def test_a_journal_that_declares_anything_else_is_refused(closed: Path, opener: Any, statement: str) -> None:
    foreign(closed, statement)
    with pytest.raises(JournalDamaged, match=r"what swarm declares: .*(evil|events)"):
        opener(closed)


def test_a_file_that_is_no_database_is_damage(path: Path, opener: Any) -> None:
    path.write_bytes(b"no database " * 1000)
    with pytest.raises(JournalDamaged, match=r"journal\.db"):
        opener(path)


def test_leftovers_of_an_early_death_are_an_empty_journal_and_can_be_used(path: Path, clock: Any) -> None:
    path.touch()
    with read(path) as record:
        assert record.entries() == ()
        assert record.first() is None
        with pytest.raises(JournalDamaged, match="no text"):
            record.text(NAME)
        with closing(SqliteJournal.open(path, clock)) as journal:
            asyncio.run(journal.append(retried(1)))
            assert [each.event for each in record.entries()] == [retried(1)]


# Damage.


def tampered(closed: Path, statement: str) -> None:
    """Changes rows as somebody with the file and patience could: without our triggers, which are put back."""
    with closing(sqlite3.connect(closed, isolation_level=None)) as connection:
        triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute(statement)
        for _, sql in triggers:
            connection.execute(sql)


@pytest.mark.parametrize(
    ("statement", "seq"),
    [
        ("UPDATE events SET body = replace(body, 'a.t', 'b.t') WHERE seq = 24", 24),
        ("UPDATE events SET task = 'a.t6' WHERE seq = 24", 24),
        ("UPDATE events SET at = '2020-01-01T00:00:00.000000+00:00' WHERE seq = 24", 24),
        ("UPDATE events SET kind = 'landed' WHERE seq = 24", 24),
        ("UPDATE events SET version = 2 WHERE seq = 24", 24),
        ("UPDATE events SET prev = hash WHERE seq = 24", 24),
        ("DELETE FROM events WHERE seq = 24", 24),
        ("DELETE FROM events WHERE seq = 1", 1),
        ("UPDATE events SET seq = seq + 1000 WHERE seq = 24", 24),
    ],
)
def test_a_changed_row_is_named(closed: Path, statement: str, seq: int) -> None:
    tampered(closed, statement)
    with read(closed) as record, pytest.raises(JournalDamaged, match=f"event {seq} "):
        record.entries()


def test_reading_on_verifies_what_it_reads(closed: Path) -> None:
    tampered(closed, "UPDATE events SET at = 'x' WHERE seq = 24")
    with read(closed) as record:
        assert len(record.entries(after=24 + 1)) > 0
        for after in (0, 22, 23, 24):
            with pytest.raises(JournalDamaged, match="event 24 "):
                record.entries(after)


def test_a_writer_does_not_open_a_broken_chain(closed: Path, clock: Any) -> None:
    tampered(closed, "UPDATE events SET at = 'x' WHERE seq = 24")
    with pytest.raises(JournalDamaged, match="event 24 "):
        SqliteJournal.open(closed, clock)


def test_a_changed_text_is_damage(closed: Path) -> None:
    tampered(closed, "UPDATE texts SET content = x'00'")
    with read(closed) as record, pytest.raises(JournalDamaged, match=NAME):
        record.text(NAME)


def told(path: Path) -> tuple[Any, bytes]:
    with read(path) as record:
        return record.entries(), record.text(NAME)


def test_no_flipped_bit_changes_what_is_read(closed: Path, tmp_path: Path, clock: Any) -> None:
    truth, content, chance = told(closed), closed.read_bytes(), random.Random(20260101)
    copy, noticed = tmp_path / "flipped.db", 0
    # Where the tables are declared: SQLite's messages quote it.
    schema = [found.start() + on for found in re.finditer(rb"CREATE (TABLE|TRIGGER|UNIQUE)", content) for on in range(0, 200, 37)]
    for place, bit in [(chance.randrange(len(content)), chance.randrange(8)) for _ in range(1000)] + [(place, 7) for place in schema]:
        copy.write_bytes(content[:place] + bytes([content[place] ^ 1 << bit]) + content[place + 1 :])
        try:
            assert told(copy) == truth, (place, bit)
        except JournalDamaged:
            noticed += 1
    assert noticed > 200


def test_no_flipped_bit_in_the_header_gets_past_a_reader_or_a_writer(closed: Path, tmp_path: Path, clock: Any) -> None:
    truth, content = told(closed), closed.read_bytes()
    for bit in range(0, 100 * 8, 3):
        copy = tmp_path / f"flipped-{bit}.db"
        copy.write_bytes(content[: bit // 8] + bytes([content[bit // 8] ^ 1 << bit % 8]) + content[bit // 8 + 1 :])
        try:
            assert told(copy) == truth, bit
        except JournalDamaged:
            continue
        try:
            with closing(SqliteJournal.open(copy, clock)) as journal:
                assert journal.entries() == truth[0], bit
        except RecordFault:
            continue


def test_a_page_that_lost_its_last_row_is_noticed(path: Path, clock: Any) -> None:
    """What is left still chains. A leaf of a table begins with 13 and has, three bytes on, the number of its rows in two."""
    with closing(SqliteJournal.open(path, clock)) as journal:
        asyncio.run(journal.append(*(retried(number) for number in range(9))))
    content = path.read_bytes()
    (page,) = [page for page in range(4096, len(content), 4096) if content[page : page + 5 : 4] == b"\x0d\x09"]
    path.write_bytes(content[: page + 4] + b"\x08" + content[page + 5 :])
    with read(path) as record, pytest.raises(JournalDamaged, match="9 events by its index and ends with event 8"):
        record.entries()
    with read(path) as record, pytest.raises(JournalDamaged, match="ends with event 8"):
        record.entries(after=8)


# Looking.


def test_looking_at_a_journal_at_rest_writes_nothing(closed: Path) -> None:
    before = surroundings(closed.parent)
    with read(closed) as record:
        assert len(record.entries()) > 40
        assert record.text(NAME) == TEXT
        assert surroundings(closed.parent) == before
    assert surroundings(closed.parent) == before


def test_looking_beside_an_empty_log_writes_nothing(closed: Path) -> None:
    closed.with_name("journal.db-wal").touch()
    before = surroundings(closed.parent)
    with read(closed) as record:
        assert len(record.entries()) > 40
    assert surroundings(closed.parent) == before


def test_a_reader_follows_a_writer_that_comes_and_goes(closed: Path, clock: Any) -> None:
    with read(closed) as record:
        known = record.entries()
        for number in range(5):
            with closing(SqliteJournal.open(closed, clock)) as journal:
                asyncio.run(journal.append(retried(number)))
                (new,) = record.entries(after=known[-1].seq)
                assert new.event == retried(number)
            known = record.entries()
            assert known[-1] == new


def test_a_writer_that_starts_during_a_reading_does_not_spoil_it(closed: Path, clock: Any) -> None:
    """The reader holds the file for immutable, as nobody wrote; then somebody does, in the middle of its question."""
    asked: list[int] = []

    def question(connection: sqlite3.Connection) -> int:
        (before,) = connection.execute("SELECT count(*) FROM events").fetchone()
        if not asked:
            with closing(SqliteJournal.open(closed, clock)) as journal:
                asyncio.run(journal.append(*(RunPaused(reason="x" * 5000, missing=False) for _ in range(20))))
        asked.append(int(before))
        return int(before)

    with read(closed) as record:
        assert record.ask(question) == asked[0] + 20
    assert len(asked) == 2


@pytest.fixture
def unprivileged(closed: Path) -> Iterator[Path]:
    if os.geteuid() == 0:
        pytest.skip("root may write anywhere")
    closed.parent.chmod(0o500)
    yield closed
    closed.parent.chmod(0o700)


def test_a_journal_in_a_folder_that_may_not_be_written_can_be_read(unprivileged: Path) -> None:
    with read(unprivileged) as record:
        assert len(record.entries()) > 40


def test_odd_characters_in_a_folders_name_do_no_harm(closed: Path, tmp_path: Path) -> None:
    odd = tmp_path / "a?b#c%20d ü'\"&mode=rw"
    odd.mkdir()
    shutil.copy(closed, odd / "journal.db")
    with read(odd / "journal.db") as record:
        assert len(record.entries()) > 40
