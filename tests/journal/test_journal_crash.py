"""What is left after a writer was killed, and after its log was cut anywhere."""

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from swarm.engine.events import Event, TaskRetried
from swarm.journal.sqlite import SqliteJournal, read

WRITER = """
import asyncio, sys
from datetime import UTC, datetime
from pathlib import Path
from swarm.engine.events import TaskRetried
from swarm.journal.sqlite import SqliteJournal

class Clock:
    def monotonic(self):
        return 0.0
    def now(self):
        return datetime.now(UTC)

async def main():
    journal = SqliteJournal.open(Path(sys.argv[1]), Clock())
    async def one(task):
        while True:
            (entry,) = await journal.append(TaskRetried(task=task))
            print(entry.seq, entry.hash, flush=True)
    await asyncio.gather(*(one(f"a.t{number}") for number in range(int(sys.argv[2]))))

asyncio.run(main())
"""


def killed_writer(path: Path, after: int, width: int) -> dict[int, str]:
    """Runs `width` appenders, kills them after so many acknowledgements, and returns all that were given: number to hash."""
    with subprocess.Popen([sys.executable, "-c", WRITER, str(path), str(width)], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        lines = [writer.stdout.readline() for _ in range(after)]
        writer.kill()
        lines += writer.stdout.readlines()
    whole = [line.split() for line in lines if line.endswith("\n")]
    return {int(seq): hash_ for seq, hash_ in whole}


def hashes(path: Path) -> dict[int, str]:
    with read(path) as record:
        return {entry.seq: entry.hash for entry in record.entries()}


def test_a_killed_writer_loses_nothing_that_it_acknowledged(tmp_path: Path) -> None:
    path, acknowledged = tmp_path / "journal.db", dict[int, str]()
    for turn in range(10):
        acknowledged |= killed_writer(path, after=1 + 17 * turn, width=1 + 7 * (turn % 2))
        assert acknowledged.items() <= hashes(path).items()
    assert len(acknowledged) > 700


def test_a_journal_of_a_killed_writer_goes_on_with_the_next_number_and_fence(tmp_path: Path, clock: Any) -> None:
    path = tmp_path / "journal.db"
    killed_writer(path, after=5, width=1)
    known = hashes(path)
    with closing(SqliteJournal.open(path, clock)) as journal:
        (entry,) = asyncio.run(journal.append(TaskRetried(task="a.b")))
        assert (entry.seq, journal.fence) == (len(known) + 1, 2)
    assert hashes(path) == known | {entry.seq: entry.hash}


@pytest.fixture
def with_log(tmp_path: Path, clock: Any, examples: tuple[Event, ...]) -> Path:
    """A journal and its log, as a killed writer leaves them, with one transaction for each event."""
    folder = tmp_path / "killed"
    folder.mkdir()
    with closing(SqliteJournal.open(tmp_path / "journal.db", clock)) as journal:
        for example in examples:
            asyncio.run(journal.append(example))
        for name in ("journal.db", "journal.db-wal"):
            # By another process: one that closes a file drops its own locks on it.
            subprocess.run(["cp", str(tmp_path / name), str(folder / name)], check=True)
    return folder / "journal.db"


def copies(of: Path, to: Path, log: Callable[[bytes], bytes]) -> Path:
    to.mkdir()
    shutil.copy(of, to)
    to.joinpath("journal.db-wal").write_bytes(log(of.with_name("journal.db-wal").read_bytes()))
    return to / "journal.db"


def test_a_log_cut_anywhere_gives_a_clean_prefix(with_log: Path, tmp_path: Path) -> None:
    whole = hashes(with_log)
    size = with_log.with_name("journal.db-wal").stat().st_size
    lengths = set()
    for cut in [*range(0, size, size // 200), size]:
        left = hashes(copies(with_log, tmp_path / f"cut-{cut}", lambda log, cut=cut: log[:cut]))  # type: ignore[misc]  # a default binds
        assert left.items() <= whole.items()
        assert sorted(left) == list(range(1, len(left) + 1))
        lengths.add(len(left))
    assert lengths == set(range(len(whole) + 1))


def test_a_writer_goes_on_after_a_cut_log(with_log: Path, tmp_path: Path, clock: Any) -> None:
    size = with_log.with_name("journal.db-wal").stat().st_size
    for cut in range(0, size, size // 20):
        path = copies(with_log, tmp_path / f"cut-{cut}", lambda log, cut=cut: log[:cut])  # type: ignore[misc]  # a default binds
        left = hashes(path)
        with closing(SqliteJournal.open(path, clock)) as journal:
            (entry,) = asyncio.run(journal.append(TaskRetried(task="a.b")))
        assert hashes(path) == left | {len(left) + 1: entry.hash}
