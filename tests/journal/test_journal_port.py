"""The promises of the journal port, over the disk and over memory."""

import asyncio
from datetime import UTC
from typing import Any

import pytest

from swarm.engine.events import Event, Landed, RunPaused, TaskRetried, TaskSatisfied
from swarm.engine.ports import Journal
from swarm.errors import JournalDamaged, RecordFault, RunOwned
from swarm.journal.chain import GENESIS
from swarm.signatures.canonical import sha256
from swarm.signatures.handoff import Handoff

TEXT = b"some large \x00 content"
NAME = sha256(TEXT)


def retried(number: int) -> TaskRetried:
    return TaskRetried(task=f"a.t{number}")


def fill(journal: Journal, *events: Event) -> None:
    asyncio.run(journal.append(*events))


def fill_to_the_brim(journal: Journal) -> int:
    """Appends until the disk is full and returns how many were acknowledged."""
    for number in range(10_000):
        try:
            fill(journal, RunPaused(reason="x" * 2000, missing=False))
        except RecordFault:
            return number
    raise AssertionError("it never filled up")


def test_a_new_journal_is_empty(shelf: Any) -> None:
    assert tuple(shelf.open().entries()) == ()


def test_entries_are_numbered_from_one_and_come_back_as_they_were(shelf: Any, examples: tuple[Event, ...]) -> None:
    journal = shelf.open()
    written = asyncio.run(journal.append(*examples))
    read = journal.entries()
    assert [each.seq for each in read] == list(range(1, len(examples) + 1))
    assert [each.event for each in read] == list(examples)
    assert [(each.seq, each.at, each.event, each.hash) for each in written] == [(each.seq, each.at, each.event, each.hash) for each in read]


def test_entries_survive_closing_and_opening_again(shelf: Any, examples: tuple[Event, ...]) -> None:
    first = shelf.open()
    fill(first, *examples)
    hashes = [each.hash for each in first.entries()]
    first.close()
    second = shelf.open()
    fill(second, retried(1))
    assert [each.hash for each in second.entries()][:-1] == hashes


def test_each_hash_depends_on_all_before(shelf: Any) -> None:
    journal = shelf.open()
    fill(journal, retried(1), retried(1), retried(1))
    hashes = [each.hash for each in journal.entries()]
    assert len({GENESIS, *hashes}) == 4


def test_times_are_utc_and_read_when_append_is_called(shelf: Any) -> None:
    journal = shelf.open()
    fill(journal, retried(1))
    fill(journal, retried(2), retried(3))
    times = [each.at for each in journal.entries()]
    assert all(each.tzinfo is UTC for each in times)
    assert times[0] < times[1] == times[2]


def test_entries_after_a_number_are_the_rest(shelf: Any) -> None:
    journal = shelf.open()
    fill(journal, *(retried(number) for number in range(5)))
    for after in range(-1, 8):
        assert [each.seq for each in journal.entries(after)] == [seq for seq in range(1, 6) if seq > after]


def test_appends_that_wait_together_keep_their_order_on_disk_and_in_waking(shelf: Any) -> None:
    journal = shelf.open()
    woken: list[int] = []

    async def one(number: int) -> None:
        await journal.append(retried(number), Landed(task=f"a.t{number}", commit="c"))
        woken.append(number)

    async def all_at_once() -> None:
        await asyncio.gather(*(one(number) for number in range(200)))

    asyncio.run(all_at_once())
    assert woken == list(range(200))
    tasks = [each.event.task for each in journal.entries() if isinstance(each.event, TaskRetried | Landed)]
    assert tasks == [f"a.t{number}" for number in range(200) for _ in range(2)]


def test_an_append_that_nobody_waits_for_any_more_is_written_and_disturbs_nobody(shelf: Any) -> None:
    journal = shelf.open()

    async def one_gives_up() -> None:
        async with asyncio.TaskGroup() as group:
            given_up, other = group.create_task(journal.append(retried(1))), group.create_task(journal.append(retried(2)))
            await asyncio.sleep(0)
            given_up.cancel()
        assert other.result()[0].seq == 2

    asyncio.run(one_gives_up())
    assert [each.event for each in journal.entries()] == [retried(1), retried(2)]


def test_one_journal_serves_one_event_loop_after_another(shelf: Any) -> None:
    journal = shelf.open()
    for number in range(3):
        fill(journal, retried(number))
    assert len(journal.entries()) == 3


def test_an_event_that_cannot_be_recorded_takes_its_whole_call_with_it_and_nothing_else(shelf: Any) -> None:
    journal = shelf.open()
    handoff = Handoff(
        task="a.b", contract=None, payload={"x": float("nan")}, evidence=(), base_tree="", result_tree="", inputs=(), definition=""
    )
    with pytest.raises(ValueError, match=r"a\.b"):
        asyncio.run(journal.append(retried(1), TaskSatisfied(task="a.b", attempt=1, handoff=handoff, seconds=0.0), texts={NAME: TEXT}))
    with pytest.raises(ValueError, match="SHA-256"):
        asyncio.run(journal.append(retried(1), texts={NAME: b"other"}))
    fill(journal, retried(2))
    assert [each.event for each in journal.entries()] == [retried(2)]
    with pytest.raises(JournalDamaged, match="no text"):
        journal.text(NAME)


def test_texts_come_back_by_their_hash_and_are_stored_once(shelf: Any) -> None:
    journal = shelf.open()
    for _ in range(2):
        asyncio.run(journal.append(retried(1), texts={NAME: TEXT, sha256(b""): b""}))
    assert journal.text(NAME) == TEXT
    assert journal.text(sha256(b"")) == b""


def test_a_text_that_is_not_there_is_damage(shelf: Any) -> None:
    with pytest.raises(JournalDamaged, match=NAME):
        shelf.open().text(NAME)


def test_fencing_numbers_grow_by_one(shelf: Any) -> None:
    assert [shelf.open().fence for _ in range(3)] == [1, 2, 3]


def test_a_writer_that_was_overtaken_writes_nothing_more(shelf: Any) -> None:
    old = shelf.open()
    fill(old, retried(1))
    new = shelf.open()
    for _ in range(2):
        with pytest.raises(RunOwned, match="number 2"):
            fill(old, retried(2))
    fill(new, retried(3))
    old.close()
    fill(new, retried(4))
    assert [each.event for each in new.entries()] == [retried(1), retried(3), retried(4)]


def test_after_a_failure_to_write_nothing_is_written_and_what_was_acknowledged_stays(shelf: Any) -> None:
    journal = shelf.nearly_full()
    acknowledged = fill_to_the_brim(journal)
    assert acknowledged > 0
    for _ in range(2):
        with pytest.raises(RecordFault, match="full"):
            fill(journal, retried(1))
    assert len(journal.entries()) == acknowledged
    journal.close()
    assert len(journal.entries()) == acknowledged


def test_an_append_that_does_not_fit_leaves_nothing_of_itself(shelf: Any) -> None:
    journal = shelf.nearly_full()
    with pytest.raises(RecordFault, match="full"):
        fill(journal, *(RunPaused(reason="x" * 4000, missing=False) for _ in range(50)))
    assert tuple(journal.entries()) == ()


def test_a_closed_journal_can_be_closed_again_and_refuses_appends(shelf: Any) -> None:
    journal = shelf.open()
    fill(journal, retried(1))
    journal.close()
    journal.close()
    with pytest.raises(RecordFault, match="closed"):
        fill(journal, retried(2))
    assert len(journal.entries()) == 1
