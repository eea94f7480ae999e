"""What the journal's tests share: a clock that ticks by itself, an example of every event, and both journals behind one door."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

import pytest

from swarm.engine.events import (
    ApprovalGiven,
    AttemptCutOff,
    AttemptRefused,
    AttemptReported,
    AttemptStarted,
    Event,
    GateMeasured,
    Landed,
    Landing,
    Measured,
    PhaseOpened,
    Promoted,
    PromotionUndone,
    RolledBack,
    RollingBack,
    RunEnded,
    RunPaused,
    RunStarted,
    SchedulerStarted,
    TaskRetried,
    TaskSatisfied,
)
from swarm.engine.ports import Journal
from swarm.home import Home
from swarm.journal.connection import Mode, connect
from swarm.journal.memory import MemoryJournal, MemoryStore
from swarm.journal.sqlite import SqliteJournal
from swarm.plans.found import Found
from swarm.signatures.evidence import Evidence, Refused, Verdict
from swarm.signatures.handoff import Handoff

START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class TickingClock:
    """A second passes whenever somebody looks."""

    looks: int = 0
    start: datetime = START

    def monotonic(self) -> float:
        self.looks += 1
        return float(self.looks)

    def now(self) -> datetime:
        self.looks += 1
        return self.start + timedelta(seconds=self.looks)


class Shelf(Protocol):
    """A place for the journal of one run."""

    def open(self) -> Journal: ...
    def nearly_full(self) -> Journal: ...


@dataclass
class SqliteShelf:
    path: Path
    clock: TickingClock = field(default_factory=TickingClock)
    opened: list[SqliteJournal] = field(default_factory=list)

    def open(self) -> Journal:
        return self._keep(SqliteJournal.open(self.path, self.clock))

    def nearly_full(self) -> Journal:
        """A real SQLite that may not grow: what a full disk looks like to us."""

        def small(path: Path, mode: Mode) -> sqlite3.Connection:
            connection = connect(path, mode)
            connection.execute("PRAGMA max_page_count = 16").fetchone()
            return connection

        return self._keep(SqliteJournal.open(self.path, self.clock, small))

    def _keep(self, journal: SqliteJournal) -> SqliteJournal:
        self.opened.append(journal)
        return journal

    def close(self) -> None:
        for journal in self.opened:
            journal.close()


@dataclass
class MemoryShelf:
    store: MemoryStore = field(default_factory=MemoryStore)
    clock: TickingClock = field(default_factory=TickingClock)

    def open(self) -> Journal:
        return MemoryJournal(self.clock, self.store)

    def nearly_full(self) -> Journal:
        self.store.room = 8
        return self.open()


@pytest.fixture
def clock() -> TickingClock:
    return TickingClock()


@pytest.fixture(params=["sqlite", "memory"])
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shelf]:
    if request.param == "memory":
        yield MemoryShelf()
        return
    disk = SqliteShelf(tmp_path / "journal.db")
    yield disk
    disk.close()


@dataclass
class Held:
    """A journal whose commits begin only once `go` is set, and how many have begun."""

    journal: SqliteJournal
    go: threading.Event
    begun: list[str]


@pytest.fixture
def held(tmp_path: Path, clock: TickingClock) -> Iterator[Held]:
    go, begun, opened = threading.Event(), list[str](), list[sqlite3.Connection]()

    def watched(path: Path, mode: Mode) -> sqlite3.Connection:
        opened.append(connect(path, mode))
        return opened[-1]

    def hold(statement: str) -> None:
        if statement == "BEGIN IMMEDIATE":
            begun.append(statement)
            assert go.wait(30)

    with closing(SqliteJournal.open(tmp_path / "journal.db", clock, watched)) as journal:
        opened[-1].set_trace_callback(hold)
        yield Held(journal, go, begun)
        go.set()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / ".swarm")
    home.create()
    return home


def make_handoff(task: str = "analytics.base", definition: str = "d1", payload: dict[str, object] | None = None) -> Handoff:
    return Handoff(
        task=task,
        contract="Integrated",
        payload={"files": ["a.py"], "overhead": 1.5} if payload is None else payload,
        evidence=(Evidence(key="k", check="run: pytest", kind="done_when", before=False, after=True, value=3.0, output="ok"),),
        base_tree="base",
        result_tree="result",
        inputs=("i1", "i2"),
        definition=definition,
    )


def make_landing(task: str = "analytics.base", definition: str = "d1", seconds: float = 2.5) -> Landing:
    verdict = Verdict(key="k", check="run: pytest", tree="t", green=True)
    return Landing(
        task=task,
        attempt=1,
        handoff=make_handoff(task, definition),
        old="c0",
        new="c1",
        new_tree="t1",
        landed=(verdict,),
        seconds=seconds,
    )


def make_start(run: str = "run-1", plan: str = "readiness") -> RunStarted:
    return RunStarted(
        run=run,
        plan=plan,
        plan_file="plan.yaml",
        plan_text="plan: readiness\n",
        files={"templates/a.j2": "0" * 64},
        workspace="workspace",
        base="c0",
        base_tree="t0",
        parallel=8,
        sandbox="bwrap",
        gaps=(Found(gap="no-analytics", path="a.py"),),
        only=("analytics.base",),
        swarm_version="0.1.0",
    )


def one_of_each() -> tuple[Event, ...]:
    """An example of each event, with something in every field that may be empty."""
    verdict = Verdict(key="k", check="present: x", tree="t", green=False, value=0.25, output="line\n")
    measured = Measured(condition="phase: foundation", value=0.8, threshold=None, met=True)
    gap = Found(gap="no-analytics", path=None, lines="12,40-43", text="tests/a.py::b")
    refused = Refused(attempt=1, kind="checks", text="red", evidence=make_handoff().evidence)
    return (
        make_start(),
        SchedulerStarted(fence=1, pid=42, sandbox="bwrap"),
        GateMeasured(phase="integration", head="c1", conditions={"0": measured}, verdicts=(verdict,)),
        ApprovalGiven(phase="integration", who="ada"),
        PhaseOpened(phase="integration", gate=(measured,), debt=("analytics.mirror",)),
        AttemptStarted(task="analytics.base", attempt=1, agent="qa", base="c0", sandbox="bwrap"),
        TaskSatisfied(task="analytics.base", attempt=1, handoff=make_handoff(), seconds=0.5),
        AttemptRefused(task="analytics.base", attempt=1, last=False, refused=refused, seconds=3.0),
        AttemptCutOff(task="analytics.base", attempt=2, reason="interrupted"),
        AttemptReported(task="analytics.base", attempt=2, ending="finished", turns=3, notes=("a doubt",), metrics=(("seconds", 0.5),)),
        make_landing(),
        Landed(task="analytics.base", commit="c1"),
        TaskRetried(task="analytics.base"),
        RollingBack(what="analytics", tasks=("analytics.base",), old="c1", new="c2"),
        RolledBack(what="analytics", tasks=("analytics.base",), head="c2"),
        Promoted(what="/home/ada/code", head="c2", paths=3),
        PromotionUndone(paths=3),
        RunPaused(reason="no model", missing=True),
        RunEnded(state="incomplete", reasons=("debt",), gaps=(gap,), success=(verdict,)),
    )


@pytest.fixture
def examples() -> tuple[Event, ...]:
    return one_of_each()


@pytest.fixture
def handoff() -> Callable[..., Handoff]:
    return make_handoff


@pytest.fixture
def landing() -> Callable[..., Landing]:
    return make_landing


@pytest.fixture
def start() -> Callable[..., RunStarted]:
    return make_start
