"""The journal's record of model calls and tools' answers: `swarm.engine.calls.CallRecord` on disk, and over a journal at rest.

The rows stand outside the events' hash chain, in tables that only grow. That is enough, since a row is never believed for more than
it is: a thing once said to an agent. What a run claims is events, and an agent's work becomes one only through scope, contract and
checks, whoever its answers came from. Each text is verified against its hash whenever it is read, so no answer is given that was not
once recorded. A row that is lost costs its question being asked, and paid, again; one that was altered leads to another recorded text,
to none, or to a wrong sum of money. In the chain, every call would have to wait for its place among the events, to protect no claim.
"""

import asyncio
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from swarm.engine.calls import CallRow, Spend, ToolRow
from swarm.journal.connection import mapped
from swarm.journal.record import Record, read
from swarm.journal.sqlite import SqliteJournal

__all__ = ["JournalCalls", "ReadCalls", "spent_by"]


def spent_by(rows: Iterable[CallRow], key: Callable[[CallRow], str]) -> dict[str, Spend]:
    """What was spent, by what `key` makes of a row: its task, say, or its category."""
    spent: defaultdict[str, Spend] = defaultdict(Spend)
    for row in rows:
        spent[key(row)] += row.spent
    return dict(spent)


class JournalCalls:
    """The record of a run that goes on. To be used from any thread and any loop.

    The rows are read once, when this is made, and kept up from then on; texts stay on disk until they are asked for.

    Raises:
        RecordFault: the journal cannot be read.
        JournalDamaged: a row is none.
    """

    def __init__(self, journal: SqliteJournal) -> None:
        self._journal = journal
        with read(journal.path) as record:
            self._known = _Known(record)

    def recorded(self, task: str, attempt: int, key: str, occurrence: int) -> CallRow | None:
        """The row that answers this question, else the last that failed to, else None."""
        return self._known.call(task, attempt, key, occurrence)

    def text(self, digest: str) -> str:
        """A text by its hash.

        Raises:
            JournalDamaged: it is not there, or no longer hashes to its name.
        """
        return _decoded(self._journal.path, self._journal.text(digest))

    def told(self, task: str, attempt: int, number: int, key: str) -> str | None:
        """The newest recorded answer of a tool at this step of an attempt.

        Raises:
            JournalDamaged: its text is not there, or no longer hashes to its name.
        """
        digest = self._known.answer(task, attempt, number, key)
        return None if digest is None else self.text(digest)

    async def put(self, row: CallRow, texts: Mapping[str, str]) -> None:
        """Writes a call with its texts; returns once they are on disk.

        Raises:
            ValueError: the row or a text cannot be recorded, or the question has an answer already; the journal goes on.
            RunOwned: a later writer has taken the run.
            RecordFault: the disk failed, now or earlier, or the journal is closed.
        """
        # Shielded: what is on disk must be known here, even where whoever wrote it was cancelled meanwhile.
        await asyncio.shield(self._put(row, texts))

    async def put_tool(self, row: ToolRow, texts: Mapping[str, str]) -> None:
        """Writes a tool's answer with its text, as `put` does."""
        await asyncio.shield(self._put_tool(row, texts))

    async def _put(self, row: CallRow, texts: Mapping[str, str]) -> None:
        await self._journal.put(row, texts)
        self._known.add_call(row)

    async def _put_tool(self, row: ToolRow, texts: Mapping[str, str]) -> None:
        await self._journal.put_tool(row, texts)
        self._known.add_tool(row)


class ReadCalls:
    """The record of a run that is only looked at, by a replay say: what is put is kept in memory and never changes the run.

    Args:
        record: of the run; it stays the caller's to close. Not to be used elsewhere at the same time.

    Raises:
        RecordFault: the journal cannot be read.
        JournalDamaged: a row is none.
    """

    def __init__(self, record: Record) -> None:
        self._record = record
        self._known = _Known(record)
        self._texts: dict[str, str] = {}
        self._lock = threading.Lock()

    def recorded(self, task: str, attempt: int, key: str, occurrence: int) -> CallRow | None:
        """The row that answers this question, else the last that failed to, else None."""
        return self._known.call(task, attempt, key, occurrence)

    def text(self, digest: str) -> str:
        """A text by its hash.

        Raises:
            JournalDamaged: it is not there, or no longer hashes to its name.
        """
        with self._lock:  # one connection, and a question to it is a transaction
            given = self._texts.get(digest)
            return _decoded(self._record.path, self._record.text(digest)) if given is None else given

    def told(self, task: str, attempt: int, number: int, key: str) -> str | None:
        """The newest recorded answer of a tool at this step of an attempt.

        Raises:
            JournalDamaged: its text is not there, or no longer hashes to its name.
        """
        digest = self._known.answer(task, attempt, number, key)
        return None if digest is None else self.text(digest)

    async def put(self, row: CallRow, texts: Mapping[str, str]) -> None:
        """Keeps a call with its texts in memory."""
        self._keep(texts)
        self._known.add_call(row)

    async def put_tool(self, row: ToolRow, texts: Mapping[str, str]) -> None:
        """Keeps a tool's answer with its text in memory."""
        self._keep(texts)
        self._known.add_tool(row)

    def _keep(self, texts: Mapping[str, str]) -> None:
        with self._lock:
            self._texts.update(texts)


class _Known:
    """What the rows say: each question's call that counts, and each tool's newest answer by its hash."""

    def __init__(self, record: Record) -> None:
        self._calls: dict[tuple[str, int, str, int], CallRow] = {}
        self._answers: dict[tuple[str, int, int, str], str] = {}
        self._lock = threading.Lock()
        for call in record.calls():
            self.add_call(call)
        for tool in record.told():
            self.add_tool(tool)

    def call(self, task: str, attempt: int, key: str, occurrence: int) -> CallRow | None:
        with self._lock:
            return self._calls.get((task, attempt, key, occurrence))

    def answer(self, task: str, attempt: int, number: int, key: str) -> str | None:
        with self._lock:
            return self._answers.get((task, attempt, number, key))

    def add_call(self, row: CallRow) -> None:
        question = (row.task, row.attempt, row.key, row.occurrence)
        with self._lock:
            known = self._calls.get(question)
            if known is None or known.response is None:
                self._calls[question] = row

    def add_tool(self, row: ToolRow) -> None:
        with self._lock:
            self._answers[row.task, row.attempt, row.number, row.key] = row.answer


def _decoded(path: Path, content: bytes) -> str:
    with mapped(path):
        return content.decode()
