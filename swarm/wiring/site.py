"""Where commands work: the home, the clock, the environment; and a run as it lies there on disk."""

import hashlib
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from swarm.engine.calls import CallRow, Spend
from swarm.engine.events import Entry, RunStarted
from swarm.engine.state import State, fold
from swarm.errors import JournalDamaged
from swarm.home import Home, RunFolder
from swarm.journal import lock
from swarm.journal.history import expected_seconds
from swarm.journal.record import Record
from swarm.journal.runs import existing, latest
from swarm.plans.graph import Graph, compile_plan
from swarm.plans.load import Plan, parse_plan
from swarm.plans.order import remaining_seconds

__all__ = ["Site", "StoredRun", "SystemClock", "new_run_id", "read_run", "spent_in", "spent_on", "stored_plan"]


class SystemClock:
    """The machine's clocks."""

    def monotonic(self) -> float:
        return time.monotonic()

    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Site:
    """Where a command works."""

    home: Home
    folder: Path
    environment: Mapping[str, str]
    clock: SystemClock

    def mark(self, run: str) -> str:
        """By what the processes of a run are known, on this machine."""
        return f"{hashlib.sha256(str(self.home.path).encode()).hexdigest()[:12]}:{run}"


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A run as its journal tells it."""

    folder: RunFolder
    started: RunStarted
    plan: Plan
    graph: Graph
    state: State
    entries: tuple[Entry, ...]
    owner: int | None
    """Pid of the scheduler that is living with the run, if any."""
    calls: tuple[CallRow, ...] = ()
    """Every model call of the run, in order."""

    @property
    def live(self) -> bool:
        return self.owner is not None


def new_run_id(plan: str, clock: SystemClock) -> str:
    """`PLAN-MMDD-HHMMSS-xxxx`."""
    return f"{plan[:40].rstrip('-')}-{clock.now():%m%d-%H%M%S}-{secrets.token_hex(2)}"


def read_run(site: Site, run: str | None) -> StoredRun:
    """A run of the home, the latest unless named. Writes nothing.

    Raises:
        UsageError: there is no such run.
        JournalDamaged: its journal does not add up.
    """
    folder = existing(site.home, run or latest(site.home))
    owner = lock.owner(folder)
    with Record(folder.journal) as record:
        entries = tuple(record.entries())
        started = _started(entries, folder)
        plan = stored_plan(started, record)
        calls = record.calls()
    graph = compile_plan(plan, started.gaps)
    state = fold(graph, entries, remaining_seconds(graph, expected_seconds(site.home, started.plan)))
    return StoredRun(folder, started, plan, graph, state, entries, owner, calls)


def spent_in(stored: StoredRun) -> Spend:
    """What a run spent on models."""
    return sum((row.spent for row in stored.calls), Spend())


def spent_on(stored: StoredRun, task: str) -> Spend:
    """What the last attempt of a task spent on models, interruptions included."""
    attempt = stored.state.tasks[task].recorded_as
    return sum((row.spent for row in stored.calls if (row.task, row.attempt) == (task, attempt)), Spend())


def _started(entries: tuple[Entry, ...], folder: RunFolder) -> RunStarted:
    if not entries or not isinstance(entries[0].event, RunStarted):
        raise JournalDamaged(f"{folder.journal} does not begin with the start of a run")
    return entries[0].event


def stored_plan(started: RunStarted, record: Record) -> Plan:
    """The plan as it was when the run began, with the files that it names."""
    files = {path: record.text(hash_) for path, hash_ in started.files.items()}
    plan = parse_plan(started.plan_text, started.plan_file, files)
    return Plan(
        file=plan.file,
        spec=plan.spec,
        source=plan.source,
        contracts=plan.contracts,
        files=files,
        executables=frozenset(started.executables),
    )
