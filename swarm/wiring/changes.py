"""`diff`, `promote`, `rollback`, `gc`: the change itself, and what is left of runs."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from swarm.engine.events import Promoted, PromotionUndone, RolledBack, RollingBack, RunEnded
from swarm.engine.state import State
from swarm.engine.views import run_state, unclosed_gaps
from swarm.errors import RunOwned, RunRefused, SwarmError, UsageError
from swarm.journal import lock
from swarm.journal.runs import runs
from swarm.wiring.site import Site, StoredRun, read_run
from swarm.wiring.steering import writing
from swarm.workspace.branch import to_branch
from swarm.workspace.landing import Heads, head_ref
from swarm.workspace.promotion import promote as write_into
from swarm.workspace.promotion import recover, undo
from swarm.workspace.repository import open_repository
from swarm.workspace.retention import RunAge, compact, removable, remove_run
from swarm.workspace.rollback import named_tasks, paths_changed, rolled_back, tasks_to_take_back

__all__ = ["diff", "gc", "promote", "promote_to_branch", "rollback", "undo_promotion"]


async def diff(site: Site, run: str | None) -> bytes:
    """A run's result as a patch against its snapshot."""
    stored = read_run(site, run)
    return await Heads(await open_repository(site.home)).patch(stored.started.base, stored.state.head)


async def promote(site: Site, run: str, incomplete: bool) -> tuple[str, ...]:
    """Writes the result into the user's folder, all or nothing; the paths that were written.

    Raises:
        RunRefused: the run is not complete, or the folder has changed.
        RunOwned: the run is still going on.
    """
    with writing(site, run) as (stored, journal):
        _require_complete(stored, incomplete)
        repository = await open_repository(site.home)
        folder = Path(stored.started.workspace)
        done = await write_into(repository, folder, stored.started.base, stored.state.head, stored.folder.promoted)
        if done.paths or _died_unrecorded(stored):
            await journal.append(Promoted(what=str(folder), head=stored.state.head, paths=len(done.paths)))
        return done.paths


def _died_unrecorded(stored: StoredRun) -> bool:
    """Whether an earlier promotion was done on disk and killed before its record."""
    return stored.state.promoted is None and stored.folder.promoted.exists()


async def promote_to_branch(site: Site, run: str, name: str, incomplete: bool) -> str:
    """Makes a branch with the result in the user's repository; its commit."""
    with writing(site, run) as (stored, journal):
        _require_complete(stored, incomplete)
        repository = await open_repository(site.home)
        started = stored.started
        tip = await to_branch(repository, Path(started.workspace), name, started.base, stored.state.head, started.user_head)
        await journal.append(Promoted(what=f"branch {name}", head=stored.state.head, paths=0))
        return tip


async def undo_promotion(site: Site, run: str) -> tuple[str, ...]:
    """Puts the folder's previous content back; the paths."""
    with writing(site, run) as (stored, journal):
        promoted = stored.state.promoted
        into_folder = promoted is not None and promoted.what == stored.started.workspace
        undone_unrecorded = into_folder and not stored.folder.promoted.exists()
        paths = () if undone_unrecorded else await undo(Path(stored.started.workspace), stored.folder.promoted)
        await journal.append(PromotionUndone(paths=len(paths)))
        return paths


def _require_complete(stored: StoredRun, incomplete: bool) -> None:
    state = run_state(stored.state, live=False)
    if state != "complete" and not incomplete:
        raise RunRefused(f"the run {stored.folder.run} is {state}: finish it, or promote what there is with --incomplete")


async def rollback(site: Site, run: str, what: str) -> tuple[str, ...]:
    """Takes landed work back on the run's head, with everything that depends on it; the tasks that wait again.

    Raises:
        UsageError: nothing is called that.
        RunRefused: nothing of it has landed.
    """
    with writing(site, run) as (stored, journal):
        name, named = named_tasks(what, stored.graph)
        state = stored.state
        if state.landing or state.rolling is not None:
            raise RunRefused(f"the run {run} was cut off while its head moved: `swarm resume {run}` first")
        repository = await open_repository(site.home)
        changed = {landing.task: await paths_changed(repository, landing) for landing in state.landings}
        finished = {task for task in state.tasks if state.finished(task)}
        taken = tasks_to_take_back(named, stored.graph, state.landings, changed, finished)
        if not taken:
            raise RunRefused(f"nothing of {name} is finished in {run}: there is nothing to take back")
        new = await rolled_back(repository, state.head, state.landings, taken, site.clock.now(), run, name)
        for entry in await journal.append(RollingBack(what=name, tasks=taken, old=state.head, new=new)):
            state.apply(entry)
        await Heads(repository).advance(head_ref(run), new, state.head)
        for entry in await journal.append(RolledBack(what=name, tasks=taken, head=new)):
            state.apply(entry)
        await journal.append(_ending(state, name, taken))
        return taken


def _ending(state: State, what: str, taken: Sequence[str]) -> RunEnded:
    """A run is never complete after a rollback, and a cancelled one stays cancelled."""
    cancelled = state.ended is not None and state.ended.state == "cancelled"
    reason = f"rolled back {what}: {len(taken)} task{'' if len(taken) == 1 else 's'} wait again"
    return RunEnded(state="cancelled" if cancelled else "incomplete", reasons=(reason,), gaps=unclosed_gaps(state))


async def gc(site: Site, keep_days: float) -> tuple[list[str], int]:
    """Removes runs that ended more than `keep_days` days ago and what nobody uses; the removed runs and the bytes freed."""
    if keep_days < 0:
        raise UsageError("--days counts back from now: 0 or more")
    repository = await open_repository(site.home)
    stored = [one for run in runs(site.home) if (one := _readable(site, run)) is not None]
    ages = [RunAge(one.folder.run, one.state.ended_at, run_state(one.state, one.live)) for one in stored]
    folders = {one.folder.run: Path(one.started.workspace) for one in stored}
    removed = []
    for run in removable(ages, keep_days, site.clock.now()):
        with suppress(RunOwned), lock.own(site.home.run(run)):
            await _put_back_half(folders[run], site.home.run(run).promoted)
            await remove_run(site.home, run, repository)
            removed.append(run)
    needed = [commit for one in stored if one.folder.run not in removed for commit in _unnamed(one)]
    return removed, await compact(site.home, repository, needed)


async def _put_back_half(folder: Path, keep: Path) -> None:
    """A promotion that died half way keeps the old content in the run's folder: it goes back before that goes."""
    if keep.exists() and folder.is_dir():
        await recover(folder, keep)


def _unnamed(stored: StoredRun) -> Iterator[str]:
    """Commits that a crash may have left without a ref: of landings and of a rollback that were begun."""
    yield from (record.landing.new for record in stored.state.tasks.values() if record.landing is not None)
    if stored.state.rolling is not None:
        yield stored.state.rolling.new


def _readable(site: Site, run: str) -> StoredRun | None:
    """A damaged run is kept: somebody may want to look at it."""
    try:
        return read_run(site, run)
    except SwarmError:
        return None
