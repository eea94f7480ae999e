"""Writing a run's result into the user's folder, or putting back what was there.

A folder cannot be changed in one step, so "all or nothing" is made of steps that can. First everything that is needed to go either way
(the old content, the new, and a manifest of what goes from where to where) is put on disk under the home (`kept`). Then each path moves by
one rename or unlink (`placing`), so that at any moment it is wholly old or wholly new. Last a marker says that all have moved. A manifest
without the marker is a promotion that died, and `recover` moves its paths back. It never guesses: a path that is neither old nor new was
touched by somebody else, and is left alone. An undo is the same journey the other way; one that died is moved back as well, and so never
began.

Between manifest and marker nothing waits for the event loop, so that an interrupt from the keyboard finds the folder before or after.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from swarm.errors import EnvironmentFault, RunRefused, SwarmError
from swarm.workspace import kept
from swarm.workspace.git import Git
from swarm.workspace.placing import Step, UserFolder, folders_of, obstacles, opened
from swarm.workspace.repository import contents, differences

__all__ = ["Promotion", "promote", "recover", "undo"]

_MOST_NAMED: Final = 20


@dataclass(frozen=True, slots=True)
class Promotion:
    """The paths that were written or removed, sorted; none if the folder held the result already."""

    paths: tuple[str, ...]


async def promote(repository: Git, folder: Path, base: str, head: str, keep: Path) -> Promotion:
    """Writes what differs between two commits into a folder: all of it or nothing, even if the process is killed.

    Args:
        base: the snapshot of the folder.
        head: the result.
        keep: the run's folder for what is replaced; see `kept`.

    Raises:
        RunRefused: a path that would be written is not as it is in `base`, or an earlier promotion is still in place. Nothing was written.
        EnvironmentFault: the disk refuses; the folder is as before.
    """
    await recover(folder, keep)
    changes = await differences(repository, base, head)
    with opened(folder) as theirs:
        if all(theirs.holds(path, new) for path, (_, new) in changes.items()):
            return Promotion(())
        _refuse_a_second(keep)
        _refuse(obstacles(theirs, [Step(path, *pair) for path, pair in changes.items()]), theirs, "the run began")
        new = await contents(repository, {new.id for _, new in changes.values() if new.is_there})
        manifest = kept.stage(theirs, keep, changes, new)
        _complete(theirs, keep, manifest)
    return Promotion(tuple(changes))


async def undo(folder: Path, keep: Path) -> tuple[str, ...]:
    """Puts back what a promotion replaced: all of it or nothing. A path where that stands already is no obstacle.

    Returns:
        The promoted paths.

    Raises:
        RunRefused: nothing is promoted, or a path has changed since. Nothing was written.
        EnvironmentFault: the disk refuses; the folder is as before.
    """
    await recover(folder, keep)
    manifest = kept.manifest(keep)
    if manifest is None:
        raise RunRefused("nothing of this run is in the folder: there is no promotion to undo")
    with opened(folder) as theirs:
        due = [step for step in manifest.back() if not theirs.holds(step.path, step.end)]
        _refuse(obstacles(theirs, due), theirs, "the promotion")
        _go_back(theirs, keep, manifest, due)
    return tuple(step.path for step in manifest.steps)


async def recover(folder: Path, keep: Path) -> bool:
    """Puts a folder in which a promotion or an undo died back to where that began. Harmless when none did.

    Returns:
        Whether one did.

    Raises:
        EnvironmentFault: the disk refuses; call it again once that is mended.
    """
    manifest = kept.manifest(keep)
    undoing = kept.undoing(keep)
    if manifest is None or (kept.is_done(keep) and undoing is None):
        return False
    with opened(folder) as theirs:
        if undoing is None:
            _abandon_promotion(theirs, keep, manifest)
        else:
            _abandon_undo(theirs, keep, [step for step in manifest.steps if step.path in undoing])
    return True


def _complete(theirs: UserFolder, keep: Path, manifest: kept.Manifest) -> None:
    try:
        _travel(theirs, keep, manifest.steps)
        kept.mark_done(keep)
    except SwarmError:
        _abandon_promotion(theirs, keep, manifest)
        raise
    with suppress(EnvironmentFault):  # it is done, and a disk that fails only now is no reason to say otherwise
        kept.sync(keep)


def _go_back(theirs: UserFolder, keep: Path, manifest: kept.Manifest, due: Sequence[Step]) -> None:
    paths = {step.path for step in due}
    kept.mark_undoing(keep, sorted(paths))
    try:
        _travel(theirs, keep, due, manifest.folders)
        kept.forget(keep)
    except SwarmError:
        _abandon_undo(theirs, keep, [step for step in manifest.steps if step.path in paths])
        raise


def _abandon_promotion(theirs: UserFolder, keep: Path, manifest: kept.Manifest) -> None:
    with _half_way(theirs):
        _travel(theirs, keep, manifest.back(), manifest.folders, after_a_death=True)
        kept.forget(keep)


def _abandon_undo(theirs: UserFolder, keep: Path, steps: Sequence[Step]) -> None:
    with _half_way(theirs):
        _travel(theirs, keep, steps, after_a_death=True)
        kept.unmark_undoing(keep)


@contextmanager
def _half_way(theirs: UserFolder) -> Iterator[None]:
    try:
        yield
    except EnvironmentFault as error:
        raise EnvironmentFault(f"{error}. {theirs.path} is partly written until then: `swarm promote` puts it back first") from error


def _travel(
    theirs: UserFolder, keep: Path, steps: Sequence[Step], standing: Mapping[str, int] | None = None, *, after_a_death: bool = False
) -> None:
    """Makes every step that is not made yet.

    Args:
        standing: folders that belong to the end, with their permissions, even if they come to be empty.
        after_a_death: clear away drafts, and leave alone what somebody else has touched instead of refusing.
    """
    standing = standing or {}
    leaving = [step for step in steps if not step.end.is_there]
    arriving = [step for step in steps if step.end.is_there]
    needed = {*standing, *folders_of(arriving)}
    for step in steps if after_a_death else ():
        theirs.remove(step.path, step.draft)
    # In this order, so that a folder can make room for a file of its name, and a file for a folder.
    for step in leaving:
        if _is_due(theirs, step, after_a_death):
            theirs.remove(step.path)
    for folder in sorted(folders_of(leaving) - needed, reverse=True):
        theirs.prune(folder)
    for step in arriving:
        if _is_due(theirs, step, after_a_death):
            theirs.put(step, kept.content(keep, step), standing)
    for folder, permissions in standing.items() if after_a_death else ():
        theirs.permit(folder, permissions)  # whoever died may have made it and come no further
    for folder in sorted(folders_of(steps) | {""}):
        theirs.sync(folder)


def _is_due(theirs: UserFolder, step: Step, lenient: bool) -> bool:
    seen = theirs.look(step.path).entry
    if seen not in (step.start, step.end) and not lenient:
        raise RunRefused(f"{theirs.path / step.path} was changed by somebody else in this moment; the folder is as it was: try again")
    return seen == step.start


def _refuse_a_second(keep: Path) -> None:
    if kept.manifest(keep) is not None:
        raise RunRefused(
            "an earlier result of this run is in the folder: put back what it replaced with `swarm promote --undo` first, "
            "or take this one as a branch with `swarm promote --branch NAME`"
        )


def _refuse(faults: Sequence[str], theirs: UserFolder, since: str) -> None:
    if not faults:
        return
    more = [f"  and {len(faults) - _MOST_NAMED} more"] if len(faults) > _MOST_NAMED else []
    named = "\n".join([*(f"  {fault}" for fault in faults[:_MOST_NAMED]), *more])
    branch = ", or take the result as a branch with `swarm promote --branch NAME`" if (theirs.path / ".git").exists() else ""
    raise RunRefused(
        f"nothing was written: these paths in {theirs.path} are not as they were after {since}:\n{named}\n"
        f"save your changes to them elsewhere and restore them{branch}"
    )
