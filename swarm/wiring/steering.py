"""`cancel`, `approve`, `retry`: asked of the scheduler that lives, written by ourselves where none does."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import assert_never

from swarm.engine.events import ApprovalGiven, Event, RunEnded, TaskRetried
from swarm.engine.state import Stage
from swarm.errors import RunOwned, RunRefused, UsageError
from swarm.journal import lock
from swarm.journal.requests import Approve, Cancel, Request, Retry, leave
from swarm.journal.sqlite import SqliteJournal
from swarm.plans.checks import Approval
from swarm.plans.problems import did_you_mean
from swarm.wiring.site import Site, StoredRun, read_run
from swarm.wiring.tasks import task_named

__all__ = ["approve", "cancel", "retry", "writing"]

_POLL_S = 0.05


async def cancel(site: Site, run: str) -> str:
    """Ends a run for good; its landed work stays on its head. Says what was done."""
    stored = read_run(site, run)
    if stored.state.ended is not None and not stored.live:
        raise RunRefused(f"the run {run} is {stored.state.ended.state} already")
    return await _deliver(site, run, Cancel())


async def approve(site: Site, run: str, phase: str, who: str) -> str:
    """Opens the `approval` conditions of a phase."""
    stored = read_run(site, run)
    known = {one.id: one for one in stored.graph.phases}
    if phase not in known:
        raise UsageError(f"there is no phase {phase!r} in {run}{did_you_mean(phase, known)}")
    if not any(isinstance(condition, Approval) for condition in known[phase].gate):
        raise UsageError(f'the gate of phase "{phase}" asks for no approval')
    return await _deliver(site, run, Approve(phase=phase, who=who))


async def retry(site: Site, run: str, task: str) -> str:
    """Gives a failed task its attempts back."""
    stored = read_run(site, run)
    name = task_named(stored.graph, task)
    if stored.state.tasks[name].stage is not Stage.FAILED:
        raise RunRefused(f"{name} has not failed: it is {stored.state.tasks[name].stage.value}")
    return await _deliver(site, run, Retry(task=name))


async def _deliver(site: Site, run: str, request: Request) -> str:
    """Until either a living scheduler has taken the request up, or we could write it down ourselves."""
    left: Path | None = None
    while True:
        try:
            with writing(site, run) as (stored, journal):
                if left is not None:
                    left.unlink(missing_ok=True)
                await journal.append(*_events(stored, request))
                return _done(request, run, f"; `swarm resume {run}` goes on" if not isinstance(request, Cancel) else "")
        except RunOwned:
            left = left or leave(site.home.run(run).requests, request)
            if not left.exists():
                return _done(request, run, "")
            await asyncio.sleep(_POLL_S)


@contextmanager
def writing(site: Site, run: str) -> Iterator[tuple[StoredRun, SqliteJournal]]:
    """The run, owned by us, with its journal open for writing.

    Raises:
        RunOwned: a scheduler lives.
    """
    folder = read_run(site, run).folder
    with lock.own(folder):
        stored = read_run(site, run)
        journal = SqliteJournal.open(folder.journal, site.clock)
        try:
            yield stored, journal
        finally:
            journal.close()


def _events(stored: StoredRun, request: Request) -> Sequence[Event]:
    match request:
        case Cancel():
            return [RunEnded(state="cancelled", reasons=("cancelled by swarm cancel",))]
        case Approve():
            return [ApprovalGiven(phase=request.phase, who=request.who)]
        case Retry():
            return [TaskRetried(task=request.task)] if stored.state.tasks[request.task].stage is Stage.FAILED else []
        case _:
            assert_never(request)


def _done(request: Request, run: str, how_on: str) -> str:
    match request:
        case Cancel():
            return f"{run} is cancelled"
        case Approve():
            return f'phase "{request.phase}" of {run} is approved by {request.who}{how_on}'
        case Retry():
            return f"{request.task} of {run} has its attempts back{how_on}"
        case _:
            assert_never(request)
