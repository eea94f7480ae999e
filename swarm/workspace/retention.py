"""Giving disk space back: runs that ended long ago, worktrees that nobody works in, objects that nothing names.

A run's folder first gets a name that is no run id, so that a removal that dies half way never leaves something that looks like a run; what
it leaves is finished here the next time. Only what is certainly unused goes: the kernel's locks say what is in use.
"""

import fcntl
import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from swarm.home import Home
from swarm.workspace.git import Git, decode, encode
from swarm.workspace.removal import remove, removing

__all__ = ["RunAge", "compact", "removable", "remove_run"]

_ENDED: Final = frozenset({"complete", "incomplete", "stalled", "cancelled"})
_REMOVED: Final = ".removed-"
_NEEDED: Final = "refs/swarm-needed"


@dataclass(frozen=True, slots=True)
class RunAge:
    """A run, when it ended (if it did), and its state as `swarm status` computes it."""

    run: str
    ended_at: datetime | None
    state: str


def removable(runs: Sequence[RunAge], keep_days: float, now: datetime) -> list[str]:
    """The runs that ended at least `keep_days` ago, in the given order. One that was not ended (paused, interrupted, running) stays."""
    last = now - timedelta(days=keep_days)
    return [run.run for run in runs if run.state in _ENDED and run.ended_at is not None and run.ended_at <= last]


async def remove_run(home: Home, run: str, repository: Git) -> None:
    """Removes a run's folder and refs; harmless when they are gone. The caller holds the run's lock.

    Raises:
        UsageError: the id is not of the form of ids.
        EnvironmentFault: the disk refuses; `compact` finishes what was begun.
    """
    folder = home.run(run).path
    with removing(folder):
        hidden = _hide(folder)
    await _remove_refs(repository, f"refs/swarm/{run}/")
    if hidden is not None:
        remove(hidden)


async def compact(home: Home, repository: Git, needed: Collection[str] = ()) -> int:
    """Removes worktrees that nobody has leased and leftovers of half-removed runs, and packs our repository.

    Objects that nothing names are removed only while no run of this home lives: a living one has work that has no name yet.

    Args:
        needed: commits that no ref names yet and that have to stay: of landings that a crash has left unfinished.

    Returns:
        Bytes freed.

    Raises:
        EnvironmentFault: the disk refuses.
    """
    freed = _remove_leftover_worktrees(home) + await _remove_leftover_runs(home, repository)
    before = _size(home.repository)
    await _pack(repository, needed, prune=not _lives(home))
    return freed + max(0, before - _size(home.repository))


def _hide(folder: Path) -> Path | None:
    """Gives a run's folder a name that is no run id; None if there is no such folder."""
    number = 0
    while (hidden := folder.with_name(f"{_REMOVED}{folder.name}.{number}")).exists():
        number += 1
    try:
        folder.rename(hidden)
    except FileNotFoundError:
        return None
    return hidden


async def _remove_refs(repository: Git, prefix: str) -> None:
    names = decode(await repository.run("for-each-ref", "--format=%(refname)", prefix)).split()
    if names:
        await repository.run("update-ref", "--no-deref", "--stdin", stdin=encode("".join(f"delete {name}\n" for name in names)))


async def _remove_leftover_runs(home: Home, repository: Git) -> int:
    freed = 0
    for folder in sorted(home.runs.glob(f"{_REMOVED}*")):
        run = folder.name.removeprefix(_REMOVED).partition(".")[0]
        if not (home.runs / run).exists():  # else the id was taken again, and the refs are the new run's
            await _remove_refs(repository, f"refs/swarm/{run}/")
        freed += _size(folder)
        remove(folder)
    return freed


def _remove_leftover_worktrees(home: Home) -> int:
    freed = 0
    for slot in sorted(home.pool.glob("[0-9]*")):
        with _held(slot / "lock") as ours:
            # The lock file stays: somebody may have opened it already and hold it next.
            for entry in [entry for entry in slot.iterdir() if entry.name != "lock"] if ours else []:
                freed += _size(entry)
                remove(entry)
    return freed


async def _pack(repository: Git, needed: Collection[str], *, prune: bool) -> None:
    await _remove_refs(repository, f"{_NEEDED}/")
    await _name(repository, needed)
    # Packing refs would take their locks while a living run moves them.
    await repository.run("-c", "gc.packRefs=false", "gc", "--quiet", "--prune=now" if prune else "--no-prune")
    await _remove_refs(repository, f"{_NEEDED}/")


async def _name(repository: Git, commits: Collection[str]) -> None:
    """Gives commits a ref, those that are there."""
    asked = "".join(f"{commit}\n" for commit in sorted(set(commits)))
    answers = decode(await repository.run("cat-file", "--batch-check=%(objectname)", stdin=encode(asked))).splitlines()
    lines = [f"update {_NEEDED}/{answer} {answer}\n" for answer in answers if not answer.endswith(" missing")]
    await repository.run("update-ref", "--no-deref", "--stdin", stdin=encode("".join(lines)))


def _lives(home: Home) -> bool:
    return not all(_is_free(lock) for lock in (*home.runs.glob("*/lock"), *home.pool.glob("*/lock")))


def _is_free(lock: Path) -> bool:
    with _held(lock) as ours:
        return ours


@contextmanager
def _held(lock: Path) -> Iterator[bool]:
    """Holds a lock if nobody else does; says whether."""
    with removing(lock):
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        yield _take(descriptor)
    finally:
        os.close(descriptor)


def _take(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _size(path: Path) -> int:
    """Bytes of the files in a folder, or of a file; no link is followed."""
    if path.is_symlink() or not path.is_dir():
        return path.lstat().st_size if path.is_symlink() or path.exists() else 0
    return sum(_file_size(Path(top, name)) for top, _, names in os.walk(path) for name in names)


def _file_size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except FileNotFoundError:  # a living run's draft
        return 0
