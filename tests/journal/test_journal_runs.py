"""Which runs there are, and what earlier ones know."""

import asyncio
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest

from swarm.engine.events import Event, Landed, RunEnded, TaskSatisfied
from swarm.errors import JournalDamaged, UsageError
from swarm.home import Home
from swarm.journal import chain, codec, history
from swarm.journal.history import expected_seconds, newest_handoff
from swarm.journal.runs import existing, exists, latest, runs
from swarm.journal.sqlite import SqliteJournal, read

Make = Callable[..., Any]


@pytest.fixture
def record(home: Home, clock: Any, start: Make) -> Make:
    """Makes a run of some plan with these events after its first; each begins a day after the one before."""

    def make(run: str, *events: Event, plan: str = "readiness") -> None:
        clock.start = clock.start.replace(day=clock.start.day + 1)
        home.run(run).create()
        with closing(SqliteJournal.open(home.run(run).journal, clock)) as journal:
            asyncio.run(journal.append(start(run, plan), *events))

    return make


def break_(home: Home, run: str) -> None:
    journal = home.run(run).journal
    journal.write_bytes(journal.read_bytes().replace(b"readiness", b"rEadiness"))


def test_a_home_that_is_not_there_has_no_runs(home: Home) -> None:
    home.runs.rmdir()
    assert runs(home) == []


def test_runs_are_listed_newest_first(home: Home, record: Make) -> None:
    for run in ("zeta", "alpha", "mid"):
        record(run)
    assert runs(home) == ["mid", "alpha", "zeta"]
    assert latest(home) == "mid"


def test_the_first_event_decides_not_the_last(home: Home, record: Make, clock: Any) -> None:
    record("one")
    record("two")
    clock.start = datetime(2030, 1, 1, tzinfo=UTC)
    with closing(SqliteJournal.open(home.run("one").journal, clock)) as journal:
        asyncio.run(journal.append(RunEnded(state="complete")))
    assert runs(home) == ["two", "one"]


def test_leftovers_are_no_runs(home: Home, record: Make, clock: Any) -> None:
    record("real")
    home.run("folder-only").create()
    home.run("empty-file").create()
    home.run("empty-file").journal.touch()
    home.run("no-event").create()
    SqliteJournal.open(home.run("no-event").journal, clock).close()
    (home.runs / "Not An Id").mkdir()
    assert runs(home) == ["real"]
    assert [exists(home, run) for run in ("real", "folder-only", "empty-file", "no-event", "nothing")] == [True, False, False, False, False]


def test_a_damaged_run_exists_and_is_never_the_latest(home: Home, record: Make) -> None:
    record("good")
    record("bad")
    break_(home, "bad")
    assert runs(home) == ["good", "bad"]
    assert exists(home, "bad")


def test_an_unknown_run_is_refused_with_the_nearest_id(home: Home, record: Make) -> None:
    record("readiness-7")
    assert existing(home, "readiness-7").run == "readiness-7"
    with pytest.raises(UsageError, match=r"no run readines-7 .*did you mean readiness-7\?"):
        existing(home, "readines-7")
    with pytest.raises(UsageError, match="`swarm runs`"):
        existing(home, "xyz")
    with pytest.raises(UsageError, match="no run id"):
        existing(home, "../escape")


def test_without_runs_there_is_no_latest(home: Home) -> None:
    with pytest.raises(UsageError, match="there is no run"):
        latest(home)


def test_listing_runs_and_asking_history_write_nothing(home: Home, record: Make, landing: Make) -> None:
    record("one", landing(), Landed(task="analytics.base", commit="c1"))
    before = {each: each.stat().st_mtime_ns for each in home.path.rglob("*")}
    runs(home)
    newest_handoff(home, "d1")
    expected_seconds(home, "readiness")
    assert {each: each.stat().st_mtime_ns for each in home.path.rglob("*")} == before


def satisfied(handoff: Make, definition: str) -> TaskSatisfied:
    return TaskSatisfied(task="analytics.base", attempt=1, handoff=handoff(definition=definition), seconds=0.25)


def test_the_newest_landed_handoff_of_a_definition_is_found(home: Home, record: Make, landing: Make) -> None:
    landed = Landed(task="analytics.base", commit="c1")
    record("one", landing(definition="d1"), landed)
    record("two", landing(definition="d1", seconds=9.0), landed, landing(definition="d2"), landed)
    assert newest_handoff(home, "d1") == ("two", landing(definition="d1").handoff)
    assert newest_handoff(home, "d2") == ("two", landing(definition="d2").handoff)
    assert newest_handoff(home, "d3") is None


def test_a_landing_that_never_landed_is_passed_over(home: Home, record: Make, landing: Make) -> None:
    record("one", landing(), Landed(task="analytics.base", commit="c1"))
    record("two", Landed(task="analytics.base", commit="c0"), landing(), Landed(task="analytics.other", commit="c1"))
    found = newest_handoff(home, "d1")
    assert found is not None
    assert found[0] == "one"


def test_a_satisfied_tasks_handoff_counts_at_once(home: Home, record: Make, landing: Make, handoff: Make) -> None:
    record("one", landing(), Landed(task="analytics.base", commit="c1"))
    record("two", satisfied(handoff, "d1"))
    assert newest_handoff(home, "d1") == ("two", handoff(definition="d1"))


def test_a_damaged_run_is_another_runs_trouble(home: Home, record: Make, landing: Make) -> None:
    landed = Landed(task="analytics.base", commit="c1")
    record("one", landing(seconds=1.0), landed)
    record("two", landing(seconds=2.0), landed)
    with read(home.run("two").journal) as journal:
        assert len(journal.entries()) == 3
    content = home.run("two").journal.read_bytes()
    assert b'"overhead":1.5' in content
    home.run("two").journal.write_bytes(content.replace(b'"overhead":1.5', b'"overhead":1.6'))
    assert runs(home) == ["two", "one"]
    with read(home.run("two").journal) as journal, pytest.raises(JournalDamaged):
        journal.entries()
    found = newest_handoff(home, "d1")
    assert found is not None
    assert found[0] == "one"


def test_expected_seconds_are_those_of_the_newest_landing_of_the_plan(home: Home, record: Make, landing: Make, handoff: Make) -> None:
    record("one", landing("a.x", seconds=1.0), landing("a.y", seconds=2.0))
    record("two", landing("a.x", seconds=3.0), landing("a.x", seconds=4.0), satisfied(handoff, "d1"))
    record("three", landing("a.x", seconds=99.0), plan="other")
    assert expected_seconds(home, "readiness") == {"a.x": 4.0, "a.y": 2.0}
    assert expected_seconds(home, "other") == {"a.x": 99.0}
    assert expected_seconds(home, "unheard") == {}


def test_damaged_runs_tell_no_seconds(home: Home, record: Make, landing: Make) -> None:
    record("one", landing("a.x", seconds=1.0))
    record("two", landing("a.x", seconds=2.0))
    home.run("two").journal.write_bytes(b"no database")
    assert expected_seconds(home, "readiness") == {"a.x": 1.0}


def test_history_decodes_no_more_than_its_answer(home: Home, record: Make, landing: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    landed = Landed(task="analytics.base", commit="c1")
    for run in ("one", "two"):
        record(run, *(each for number in range(20) for each in (landing(definition=f"d{number}"), landed)))
    decoded: list[int] = []

    def counted(seq: int, kind: str, version: int, body: str) -> Event:
        decoded.append(seq)
        return codec.decode(seq, kind, version, body)

    monkeypatch.setattr(chain, "decode", counted)
    assert history.newest_handoff(home, "d7") is not None
    assert history.expected_seconds(home, "readiness") == {"analytics.base": 2.5}
    assert len(decoded) == 1
