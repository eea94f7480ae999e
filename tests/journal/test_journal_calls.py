"""The record of model calls: one behaviour over memory, over the disk and over a journal at rest; and what only a file can promise."""

import asyncio
import dataclasses
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarm.agents.lm.record import MemoryRecord, chained, unchained
from swarm.engine.calls import CallRecord, CallRow, Spend, Tokens, ToolRow
from swarm.engine.events import TaskRetried
from swarm.errors import JournalDamaged, RecordFault, RunOwned
from swarm.journal import migrations
from swarm.journal.calls import JournalCalls, ReadCalls, spent_by
from swarm.journal.connection import Mode, connect
from swarm.journal.migrations import scripts, version_of
from swarm.journal.sqlite import SqliteJournal, read
from swarm.signatures.canonical import sha256

ASKED = "what is asked, äöü €"
RETRIED = TaskRetried(task="a.b")


def key(of: Any) -> str:
    return sha256(str(of).encode())


def call(answer: str | None = None, **fields: Any) -> CallRow:
    """A row with something else in every field."""
    row = CallRow(
        task="a.b",
        category="a",
        attempt=1,
        number=2,
        key=key("k"),
        occurrence=3,
        tried=4,
        provider="openai",
        model="openai/m",
        request=sha256(ASKED.encode()),
        response=None if answer is None else sha256(answer.encode()),
        tokens=Tokens(5, None, 6),
        spent=Spend(7, 8, 0.25, 9),
        seconds=1.5,
        error="RateLimitError" if answer is None else None,
        status=429 if answer is None else None,
    )
    return dataclasses.replace(row, **fields)


def told(said: str, **fields: Any) -> ToolRow:
    row = ToolRow("a.b", 1, 2, "read", key("k"), sha256(said.encode()), 0.5)
    return dataclasses.replace(row, **fields)


def texts(*contents: str | None) -> dict[str, str]:
    return {sha256(each.encode()): each for each in contents if each is not None}


async def put(record: CallRecord, answer: str | None = None, **fields: Any) -> CallRow:
    row = call(answer, **fields)
    await record.put(row, texts(ASKED, answer))
    return row


async def tell(record: CallRecord, answer: str, **fields: Any) -> None:
    await record.put_tool(told(answer, **fields), texts(answer))


def question(row: CallRow) -> tuple[str, int, str, int]:
    return (row.task, row.attempt, row.key, row.occurrence)


def count(path: Path, table: str) -> int:
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        (rows,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
        return int(rows)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def journal(path: Path, clock: Any) -> Iterator[SqliteJournal]:
    with closing(SqliteJournal.open(path, clock)) as journal:
        yield journal


# One behaviour.


class After(Protocol):
    """Gives a record after something was put into one: the same, or what a later reader finds."""

    def __call__(self, put: Callable[[CallRecord], Coroutine[Any, Any, Any]]) -> CallRecord: ...


@pytest.fixture(params=["in memory", "on disk", "opened again", "at rest", "put into one at rest"])
def after(request: pytest.FixtureRequest, path: Path, clock: Any) -> Iterator[After]:
    opened: list[Any] = []

    def opened_on_disk() -> JournalCalls:
        opened.append(SqliteJournal.open(path, clock))
        return JournalCalls(opened[-1])

    def at_rest() -> ReadCalls:
        opened[-1].close()
        opened.append(read(path))
        return ReadCalls(opened[-1])

    def after(put: Callable[[CallRecord], Coroutine[Any, Any, Any]]) -> CallRecord:
        record: CallRecord = MemoryRecord() if request.param == "in memory" else opened_on_disk()
        if request.param == "put into one at rest":
            record = at_rest()
        asyncio.run(put(record))
        if request.param == "opened again":
            opened[-1].close()
            return opened_on_disk()
        return at_rest() if request.param == "at rest" else record

    yield after
    for each in opened:
        each.close()


async def nothing(record: CallRecord) -> None:
    pass


def test_an_empty_record_answers_nothing(after: After) -> None:
    record = after(nothing)
    assert record.recorded(*question(call())) is None
    assert record.told("a.b", 1, 2, key("k")) is None


def test_a_question_is_answered_by_its_row_as_it_was_put(after: After) -> None:
    record = after(lambda record: put(record, "the answer"))
    assert record.recorded(*question(call())) == call("the answer")
    assert record.text(sha256(b"the answer")) == "the answer"
    assert record.text(sha256(ASKED.encode())) == ASKED


@pytest.mark.parametrize("other", [{"task": "a.c"}, {"attempt": 2}, {"key": key("l")}, {"occurrence": 4}], ids=str)
def test_other_questions_are_not_answered_by_it(after: After, other: dict[str, Any]) -> None:
    record = after(lambda record: put(record, "the answer"))
    assert record.recorded(*question(call(**other))) is None


def test_equal_questions_of_an_attempt_have_their_own_answers(after: After) -> None:
    async def two(record: CallRecord) -> None:
        await put(record, "second", occurrence=2)
        await put(record, "first", occurrence=1)

    record = after(two)
    found = [record.recorded(*question(call(occurrence=number))) for number in (1, 2)]
    assert [each and each.response for each in found] == [sha256(b"first"), sha256(b"second")]


def test_an_answer_outlives_failures_before_and_after_it(after: After) -> None:
    async def three(record: CallRecord) -> None:
        await put(record, tried=1)
        await put(record, "the answer", tried=2)
        await put(record, tried=3)

    assert after(three).recorded(*question(call())) == call("the answer", tried=2)


def test_of_failures_the_last_is_known(after: After) -> None:
    async def two(record: CallRecord) -> None:
        await put(record, tried=1, status=500)
        await put(record, tried=2, status=503)

    assert after(two).recorded(*question(call())) == call(tried=2, status=503)


@pytest.mark.parametrize("content", ["", "\x00", "a\r\nb\n", "äöü € 𝄞", "x" * 1_000_000], ids=["empty", "nul", "lines", "wide", "long"])
def test_texts_come_back_as_they_were(after: After, content: str) -> None:
    async def both(record: CallRecord) -> None:
        await put(record, content)
        await tell(record, content)

    record = after(both)
    assert record.text(sha256(content.encode())) == content
    assert record.told("a.b", 1, 2, key("k")) == content


def test_of_a_tools_answers_at_one_step_the_newest_counts(after: After) -> None:
    async def three(record: CallRecord) -> None:
        await tell(record, "old")
        await tell(record, "elsewhere", number=3)
        await tell(record, "new")

    record = after(three)
    assert record.told("a.b", 1, 2, key("k")) == "new"
    assert record.told("a.b", 1, 3, key("k")) == "elsewhere"
    assert record.told("a.b", 2, 2, key("k")) is None
    assert record.told("a.b", 1, 2, key("l")) is None


def test_threads_with_loops_of_their_own_share_a_record(after: After) -> None:
    found: list[CallRow | None] = []

    async def one(record: CallRecord, task: str) -> None:
        for number in range(1, 11):
            await put(record, f"{task} {number}", task=task, occurrence=number)
            await tell(record, f"{task} {number}", task=task, number=number)
            row = record.recorded(task, 1, key("k"), number)
            found.append(row)
            assert record.told(task, 1, number, key("k")) == record.text(row.response if row and row.response else "")

    async def six(record: CallRecord) -> None:
        ways = [threading.Thread(target=asyncio.run, args=(one(record, f"a.t{number}"),)) for number in range(5)]
        for way in ways:
            way.start()
        await one(record, "a.here")
        for way in ways:
            await asyncio.to_thread(way.join)

    record = after(six)
    assert len(found) == 60
    assert [each and record.recorded(*question(each)) for each in found] == found


QUESTIONS = st.fixed_dictionaries(
    {"task": st.sampled_from(["a.b", "a.c"]), "attempt": st.integers(1, 2), "key": st.sampled_from([key(1), key(2)])}
)
ANSWERS = st.sampled_from(["yes", "no", "€"])
CALLS = st.builds(
    lambda asked, **fields: call(**asked, **fields),
    QUESTIONS,
    answer=ANSWERS | st.none(),
    occurrence=st.integers(1, 2),
    tried=st.integers(1, 9),
)
TOLD = st.builds(lambda asked, **fields: told(**asked, **fields), QUESTIONS, said=ANSWERS, number=st.integers(1, 2))


async def put_alike(memory: MemoryRecord, record: JournalCalls, rows: Sequence[CallRow | ToolRow]) -> list[CallRow | ToolRow]:
    """Puts rows into both, and returns those that the tables let in. Refused is only a second answer to a question."""
    named, kept = texts(ASKED, "yes", "no", "€"), []
    for row in rows:
        if isinstance(row, ToolRow):
            await record.put_tool(row, named)
            await memory.put_tool(row, named)
        elif row.response and (found := memory.recorded(*question(row))) and found.response:
            with pytest.raises(ValueError, match=r"cannot record this CallRow of task a\.[bc]: UNIQUE"):
                await record.put(row, named)
            continue
        else:
            await record.put(row, named)
            await memory.put(row, named)
        kept.append(row)
    return kept


class StandingClock:
    def monotonic(self) -> float:
        raise AssertionError("nobody times this")

    now: Any = monotonic


@settings(deadline=None, max_examples=20)
@given(rows=st.lists(CALLS | TOLD, max_size=12))
def test_after_reopening_the_disk_answers_as_memory_does(rows: list[CallRow | ToolRow]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path, memory = Path(folder) / "journal.db", MemoryRecord()
        with closing(SqliteJournal.open(path, StandingClock())) as journal:
            kept = asyncio.run(put_alike(memory, JournalCalls(journal), rows))
        with read(path) as record:
            assert [*record.calls(), *record.told()] == sorted(kept, key=lambda row: isinstance(row, ToolRow))
            at_rest = ReadCalls(record)
            with closing(SqliteJournal.open(path, StandingClock())) as journal:
                again = JournalCalls(journal)
                for row in rows:
                    if isinstance(row, ToolRow):
                        step = (row.task, row.attempt, row.number, row.key)
                        assert again.told(*step) == at_rest.told(*step) == memory.told(*step)
                    else:
                        asked = question(row)
                        assert again.recorded(*asked) == at_rest.recorded(*asked) == memory.recorded(*asked)


# Writing.


def test_two_hundred_calls_put_together_share_their_commits(held: Any) -> None:
    record = JournalCalls(held.journal)

    async def all_at_once() -> None:
        puts = [put(record, "a", occurrence=number) for number in range(1, 201)]
        tells = [tell(record, "b", number=number) for number in range(1, 201)]
        waiting = asyncio.gather(*puts, *tells)
        await asyncio.sleep(0)  # a shielded task each …
        await asyncio.sleep(0)  # … which has now queued its row
        held.go.set()
        await waiting

    asyncio.run(all_at_once())
    assert len(held.begun) <= 3
    assert (count(held.journal.path, "calls"), count(held.journal.path, "told")) == (200, 200)


def test_events_and_calls_awaited_together_are_committed_together(held: Any) -> None:
    record = JournalCalls(held.journal)

    async def together() -> None:
        before = asyncio.ensure_future(held.journal.append(RETRIED))
        while not held.begun:
            await asyncio.sleep(0)
        waiting = asyncio.gather(held.journal.append(RETRIED), held.journal.put(call("a"), texts(ASKED, "a")), put(record, occurrence=4))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        held.go.set()
        await asyncio.gather(before, waiting)

    asyncio.run(together())
    assert len(held.begun) == 2


def test_a_row_whose_writer_was_cancelled_is_known_once_it_is_on_disk(held: Any) -> None:
    record = JournalCalls(held.journal)

    async def give_up() -> None:
        waiting = asyncio.ensure_future(put(record, "the answer"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        waiting.cancel()
        held.go.set()
        await put(record, occurrence=4)
        assert waiting.cancelled()

    asyncio.run(give_up())
    assert record.recorded(*question(call())) == call("the answer")


def test_nothing_is_known_that_is_not_on_disk(held: Any) -> None:
    record = JournalCalls(held.journal)

    async def look() -> CallRow | None:
        waiting = asyncio.ensure_future(put(record, "the answer"))
        while not held.begun:
            await asyncio.sleep(0)
        found = record.recorded(*question(call()))
        held.go.set()
        await waiting
        return found

    assert asyncio.run(look()) is None


def test_a_second_answer_to_a_question_is_refused_and_spoils_nothing(held: Any) -> None:
    record = JournalCalls(held.journal)

    async def three() -> list[Any]:
        waiting = [put(record, "first"), put(record, "second"), held.journal.append(RETRIED)]
        answers = asyncio.gather(*waiting, return_exceptions=True)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        held.go.set()
        return await answers

    _, refused, (entry,) = asyncio.run(three())
    assert isinstance(refused, ValueError)
    assert str(refused).startswith("the journal cannot record this CallRow of task a.b: UNIQUE")
    assert entry.seq == 1
    with read(held.journal.path) as at_rest:
        assert at_rest.calls() == (call("first"),)


@pytest.mark.parametrize(
    "fields",
    [
        {"task": ""},
        {"attempt": 0},
        {"number": 0},
        {"occurrence": 0},
        {"tried": 0},
        {"key": "k"},
        {"request": key("not there")},
        {"response": key("not there")},
        {"tokens": Tokens(input=10**30)},
        {"tokens": Tokens(output=-1)},
        {"spent": Spend(usd_known=float("inf"))},
        {"spent": Spend(calls=-1)},
        {"seconds": float("nan")},
        {"seconds": "long"},
        {"model": "\udc80"},
        {"provider": ["openai"]},
        {"category": None},
    ],
    ids=str,
)
def test_a_row_that_is_none_is_refused_and_the_journal_goes_on(journal: SqliteJournal, fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="cannot record this CallRow"):
        asyncio.run(journal.put(call(**fields), texts(ASKED)))
    asyncio.run(journal.put(call("a"), texts(ASKED, "a")))
    asyncio.run(journal.append(RETRIED))
    assert count(journal.path, "calls") == 1


def test_a_tools_row_that_is_none_is_refused(journal: SqliteJournal) -> None:
    bad: list[dict[str, Any]] = [{"tool": ""}, {"number": 0}, {"attempt": 0}, {"key": ""}, {"answer": key("not there")}, {"seconds": -1.0}]
    for fields in bad:
        with pytest.raises(ValueError, match="cannot record this ToolRow"):
            asyncio.run(journal.put_tool(told("a", **fields), texts("a")))
    assert count(journal.path, "told") == 0


def test_a_text_under_another_name_or_of_no_unicode_is_refused(journal: SqliteJournal) -> None:
    with pytest.raises(ValueError, match="name texts by their SHA-256"):
        asyncio.run(journal.put(call(), {key("b"): ASKED}))
    with pytest.raises(ValueError, match="half of a surrogate pair"):
        asyncio.run(journal.put(call(), {key("b"): "\ud800"}))
    assert (count(journal.path, "calls"), count(journal.path, "texts")) == (0, 0)


@pytest.mark.parametrize("table", ["calls", "told"])
def test_rows_are_neither_changed_nor_removed(journal: SqliteJournal, table: str) -> None:
    asyncio.run(put(JournalCalls(journal), "a"))
    asyncio.run(tell(JournalCalls(journal), "a"))
    journal.close()
    for statement in (f"UPDATE {table} SET task = 'x'", f"DELETE FROM {table}"):
        with closing(sqlite3.connect(journal.path)) as connection, pytest.raises(sqlite3.IntegrityError, match="never"):
            connection.execute(statement)


def test_a_put_by_an_old_writer_is_refused(path: Path, clock: Any) -> None:
    with closing(SqliteJournal.open(path, clock)) as old:
        record = JournalCalls(old)
        with closing(SqliteJournal.open(path, clock)):
            for late in (put(record, "a"), tell(record, "a")):
                with pytest.raises(RunOwned, match="number 2"):
                    asyncio.run(late)
            assert record.recorded(*question(call())) is None
    assert (count(path, "calls"), count(path, "told")) == (0, 0)


def test_a_full_disk_poisons_puts_and_appends_alike(path: Path, clock: Any) -> None:
    def small(path: Path, mode: Mode) -> sqlite3.Connection:
        connection = connect(path, mode)
        connection.execute("PRAGMA max_page_count = 40").fetchone()
        return connection

    with closing(SqliteJournal.open(path, clock, small)) as journal:
        record = JournalCalls(journal)
        asyncio.run(put(record, "small", occurrence=1))
        with pytest.raises(RecordFault, match="the disk is full"):
            asyncio.run(put(record, "large" * 100_000, occurrence=2))
        for late in (put(record, "small", occurrence=3), tell(record, "small"), journal.append(RETRIED)):
            with pytest.raises(RecordFault, match="the disk is full"):
                asyncio.run(late)
        assert record.recorded("a.b", 1, key("k"), 1) == call("small", occurrence=1)
        assert record.recorded("a.b", 1, key("k"), 2) is None
    assert count(path, "calls") == 1


def test_a_closed_journal_takes_no_calls(journal: SqliteJournal) -> None:
    record = JournalCalls(journal)
    journal.close()
    with pytest.raises(RecordFault, match="closed"):
        asyncio.run(put(record, "a"))


WRITER = """
import asyncio, sys
from pathlib import Path
from swarm.engine.calls import CallRow, Spend, Tokens, ToolRow
from swarm.journal.calls import JournalCalls
from swarm.journal.sqlite import SqliteJournal
from swarm.signatures.canonical import sha256

async def main():
    record = JournalCalls(SqliteJournal.open(Path(sys.argv[1]), None))
    async def one(task):
        number = 0
        while number := number + 1:
            key = sha256(f"{task} {number}".encode())
            texts = {key: f"{task} {number}"}
            await record.put(CallRow(task, "a", 1, number, key, 1, 1, "p", "m", key, key, Tokens(), Spend(1), 0.0), texts)
            print("call", task, number, flush=True)
            await record.put_tool(ToolRow(task, 1, number, "read", key, key, 0.0), texts)
            print("told", task, number, flush=True)
    await asyncio.gather(*(one(f"a.{sys.argv[2]}-{number}") for number in range(int(sys.argv[3]))))

asyncio.run(main())
"""


def killed_writer(path: Path, turn: int, width: int, after: int) -> list[list[str]]:
    """Kills a writer after so many acknowledgements and returns all that it gave."""
    arguments = [sys.executable, "-c", WRITER, str(path), str(turn), str(width)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        lines = [writer.stdout.readline() for _ in range(after)]
        writer.kill()
        lines += writer.stdout.readlines()
    return [line.split() for line in lines if line.endswith("\n")]


def is_there(record: CallRecord, kind: str, task: str, number: str) -> bool:
    said = f"{task} {number}"
    if kind == "told":
        return record.told(task, 1, int(number), key(said)) == said
    row = record.recorded(task, 1, key(said), 1)
    return row is not None and row.response is not None and record.text(row.response) == said


def test_a_killed_writer_loses_no_row_that_it_acknowledged(path: Path) -> None:
    acknowledged: list[list[str]] = []
    for turn, width in enumerate((1, 8)):
        acknowledged += killed_writer(path, turn, width, after=53 + 200 * turn)
        with read(path) as record:
            known = ReadCalls(record)
            assert [line for line in acknowledged if not is_there(known, *line)] == []
    assert len(acknowledged) >= 306


# What it costs.


def conversation(turns: int) -> Iterator[tuple[dict[str, Any], str]]:
    """Requests that repeat all that was said, and their answers; each turn adds about 2,000 characters."""
    chance = random.Random(4)
    messages = [{"role": "system", "content": "You are a careful engineer."}]
    for _ in range(turns):
        messages.append({"role": "user", "content": chance.randbytes(500).hex()})
        answer = chance.randbytes(500).hex()
        yield {"model": "m", "messages": list(messages)}, answer
        messages.append({"role": "assistant", "content": answer})


def recorded(path: Path, clock: Any, turns: int) -> tuple[int, dict[str, Any], dict[str, Any]]:
    """The size of a journal after a conversation; and its last request, as asked and as read."""
    request: dict[str, Any] = {"messages": []}
    with closing(SqliteJournal.open(path, clock)) as journal:
        record, last = JournalCalls(journal), ""
        for number, (request, answer) in enumerate(conversation(turns), 1):
            last, links = chained(request)
            row = call(answer, number=number, key=last, request=last)
            asyncio.run(record.put(row, links | texts(answer)))
        again = unchained(last, record) if last else request
    return path.stat().st_size, request, again


def test_a_conversation_that_repeats_itself_costs_what_it_adds(tmp_path: Path, clock: Any) -> None:
    empty, *_ = recorded(tmp_path / "empty.db", clock, 0)
    half, *_ = recorded(tmp_path / "half.db", clock, 25)
    whole, asked, again = recorded(tmp_path / "whole.db", clock, 50)
    assert again == asked
    # An answer is kept twice: as it came, and as it is repeated in what is asked next.
    assert 50 * 2_000 < whole - empty < 50 * 2.5 * 2_000
    assert (whole - empty) / (half - empty) == pytest.approx(2, abs=0.2)


# Looking.


@pytest.fixture
def closed(path: Path, clock: Any) -> Path:
    with closing(SqliteJournal.open(path, clock)) as journal:
        record = JournalCalls(journal)
        asyncio.run(journal.append(RETRIED))
        asyncio.run(put(record, "what was answered"))
        asyncio.run(tell(record, "what was told"))
    return path


def test_what_is_put_into_a_journal_at_rest_changes_nothing_on_disk(closed: Path) -> None:
    before = {each.name: each.read_bytes() for each in closed.parent.iterdir()}
    with read(closed) as record:
        known = ReadCalls(record)
        asyncio.run(put(known, "new", attempt=2))
        asyncio.run(tell(known, "new", attempt=2))
        assert known.recorded(*question(call(attempt=2))) == call("new", attempt=2)
        assert known.told("a.b", 2, 2, key("k")) == "new"
        assert known.told("a.b", 1, 2, key("k")) == "what was told"
    assert {each.name: each.read_bytes() for each in closed.parent.iterdir()} == before


def test_spending_is_summed_by_what_one_asks_for(path: Path, journal: SqliteJournal) -> None:
    async def some() -> None:
        record = JournalCalls(journal)
        await put(record, "a", task="a.x", category="a", spent=Spend(1, 10, 0.5, 0))
        await put(record, task="a.y", category="a", spent=Spend(1, 20, 0.0, 1))
        await put(record, "a", task="b.z", category="b", spent=Spend(2, 30, 0.25, 0))

    asyncio.run(some())
    with read(path) as record:
        rows = record.calls()
    assert spent_by(rows, lambda row: row.category) == {"a": Spend(2, 30, 0.5, 1), "b": Spend(2, 30, 0.25, 0)}
    assert list(spent_by(rows, lambda row: row.task)) == ["a.x", "a.y", "b.z"]
    assert spent_by((), lambda row: row.task) == {}


def test_a_journal_of_the_first_version_has_no_calls_until_its_next_writer(path: Path, clock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    first = scripts()[:1]
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "scripts", lambda: first)
        with closing(SqliteJournal.open(path, clock)) as journal:
            asyncio.run(journal.append(RETRIED, texts={key("t"): b"t"}))
    before = path.read_bytes()
    with read(path) as record:
        assert record.ask(version_of) == 1
        assert (record.calls(), record.told()) == ((), ())
        assert ReadCalls(record).text(key("t")) == "t"
        assert path.read_bytes() == before
        with closing(SqliteJournal.open(path, clock)) as journal:
            asyncio.run(put(JournalCalls(journal), "a"))
            assert record.calls() == (call("a"),)
            assert [entry.event for entry in record.entries()] == [RETRIED]
        assert record.ask(version_of) == len(scripts())


def test_a_damaged_text_is_noticed(closed: Path, clock: Any) -> None:
    closed.write_bytes(closed.read_bytes().replace(b"what was", b"what war"))
    with read(closed) as record, closing(SqliteJournal.open(closed, clock)) as journal:
        for known in (ReadCalls(record), JournalCalls(journal)):
            with pytest.raises(JournalDamaged, match="is not what was written"):
                known.text(sha256(b"what was answered"))
            with pytest.raises(JournalDamaged, match="is not what was written"):
                known.told("a.b", 1, 2, key("k"))
            with pytest.raises(JournalDamaged, match="holds no text"):
                known.text(key("nowhere"))


def test_a_text_that_is_no_unicode_is_damage(path: Path, journal: SqliteJournal) -> None:
    name = sha256(b"\xff")
    asyncio.run(journal.append(texts={name: b"\xff"}))
    with pytest.raises(JournalDamaged, match="utf-8"):
        JournalCalls(journal).text(name)


def test_flipped_bits_never_give_a_row_of_other_types(closed: Path, tmp_path: Path) -> None:
    content, place = closed.read_bytes(), closed.read_bytes().index(b"openai")
    copy, noticed = tmp_path / "flipped.db", 0
    for bit in range((place - 350) * 8, (place + 100) * 8, 11):
        copy.write_bytes(content[: bit // 8] + bytes([content[bit // 8] ^ 1 << bit % 8]) + content[bit // 8 + 1 :])
        try:
            with read(copy) as record:
                assert all(isinstance(each, Spend) for each in spent_by(record.calls(), lambda row: row.task + row.category).values())
                ReadCalls(record)
        except RecordFault:
            noticed += 1
    assert noticed > 0


def test_a_row_with_a_text_for_a_number_is_named(closed: Path, tmp_path: Path) -> None:
    copy = tmp_path / "typed.db"
    shutil.copy(closed, copy)
    with closing(sqlite3.connect(copy, isolation_level=None)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        (sql,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'calls'").fetchone()
        (trigger,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'calls_are_not_changed'").fetchone()
        connection.execute("DROP TRIGGER calls_are_not_changed")
        connection.execute("UPDATE sqlite_master SET sql = 'CREATE TABLE calls (' || ? || ')' WHERE name = 'calls'", (loose(sql),))
    with closing(sqlite3.connect(copy, isolation_level=None)) as connection:
        connection.execute("UPDATE calls SET tokens = 'many'")
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_master SET sql = ? WHERE name = 'calls'", (sql,))
        connection.execute("PRAGMA writable_schema = RESET")
        connection.execute(trigger)
    with read(copy) as record, pytest.raises(JournalDamaged, match="call 1 is not what was written"):
        record.calls()


def loose(sql: str) -> str:
    """The columns of a table without what they refuse."""
    columns = [line.split()[0] for line in sql.splitlines() if line.startswith("    ")]
    return ", ".join(column + (" INTEGER PRIMARY KEY" if column == "id" else "") for column in columns)
