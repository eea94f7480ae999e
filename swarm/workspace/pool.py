"""Worktrees, used again and again: a checkout costs what has changed, not what the repository holds.

A slot is a folder of few things that git knows only when we tell it: `tree` (the files), `index`, and `lock` (an flock, held while
leased; it dies with its holder, so runs share the pool and a crash frees its slots). There is no `.git` in a worktree, hence nothing
in it that could lead git anywhere. `setup` says for what the setup command was last run.

Whatever an attempt did to its slot, `checkout` ends in exactly the files of a commit and what `keep` names. Where git cannot put a
slot right (a damaged index, a lock left by a crash, folders that may not be entered), the slot is thrown away and made anew.
"""

import fcntl
import hashlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Container, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final

from swarm.errors import Bug, EnvironmentFault
from swarm.home import make_private
from swarm.workspace.git import Git, paths_in
from swarm.workspace.processes import Outcome
from swarm.workspace.removal import remove
from swarm.workspace.repository import GITLINK, tree_of

__all__ = ["Pool", "Setup", "Worktree", "entries", "is_special", "submodules"]

_MANIFESTS: Final = (
    "Cargo.toml",
    "go.mod",
    "package-lock.json",
    "package.json",
    "poetry.lock",
    "pyproject.toml",
    "requirements",
    "setup.cfg",
    "setup.py",
    "uv.lock",
)
_PRIVATE: Final = 0o700
_OUTPUT_END: Final = 2000

_Stamp = tuple[int, int, int, int] | None


@dataclass(frozen=True, slots=True)
class Setup:
    """The plan's setup command, and how to run it in a folder."""

    command: str
    run: Callable[[Path], Awaitable[Outcome]]


class Worktree:
    """A leased slot's files."""

    def __init__(self, slot: "_Slot", repository: Git, excludes: Path, keep: tuple[str, ...], setup: Setup | None) -> None:
        self.git: Final = repository.at(work_tree=slot.tree, index=slot.index, excludes=excludes)
        self._slot = slot
        self._repository = repository
        self._keep = tuple(pattern.strip("/") for pattern in keep)
        self._setup = setup
        self._made: dict[str, _Stamp] = {}

    @property
    def path(self) -> Path:
        """The folder to work in."""
        return self._slot.tree

    async def checkout(self, commitish: str) -> None:
        """Makes the folder exactly the files of a commit, but for what `keep` names; runs the setup command where it is due.

        Raises:
            EnvironmentFault: there is no such commit, the disk refuses it, or the setup command failed.
        """
        try:
            await self._restore(commitish)
        except (EnvironmentFault, OSError):
            await tree_of(self._repository, commitish)  # if it is the commit that is missing, the slot is not to blame
            await self._make_anew(commitish)
        self._made = {}
        if self._setup is not None:
            await self._prepare(self._setup, commitish)

    def is_from_setup(self, path: str) -> bool:
        """Whether the setup command made this untracked file and nobody touched it since."""
        return path in self._made and self._made[path] == _stamp(self.path / path)

    async def _restore(self, commitish: str) -> None:
        self._slot.require_folder()
        kept = {os.fspath(found) for pattern in self._keep for found in self.path.glob(pattern)}
        # What git does not see it would not clean: repositories and special files, and what lies in submodules.
        remove(*(Path(entry) for entry in entries(self.path, kept) if _is_git(entry) or is_special(entry)))
        remove(*[self.path / path for path in await submodules(self.git)])
        await self.git.run("clean", "-ffdxq", *(word for pattern in self._keep for word in ("-e", f"/{pattern}")))
        await self.git.run("-c", "checkout.workers=0", "read-tree", "--reset", "-u", commitish)  # as many as there are processors

    async def _make_anew(self, commitish: str) -> None:
        self._slot.make_anew()
        try:
            await self._restore(commitish)
        except OSError as error:
            raise EnvironmentFault(f"cannot make the worktree {self.path}: {error.strerror}") from error

    async def _prepare(self, setup: Setup, commitish: str) -> None:
        key = await self._setup_key(setup.command, commitish)
        if self._slot.setup == key and self._keep and all(any(self.path.glob(pattern)) for pattern in self._keep):
            return
        self._slot.setup = ""
        await self._run(setup)
        await self.git.run("read-tree", "--reset", "-u", commitish)
        untracked = paths_in(await self.git.run("ls-files", "-z", "--others", "--exclude-standard"))
        self._made = {path: _stamp(self.path / path) for path in untracked}
        self._slot.setup = key

    async def _setup_key(self, command: str, commitish: str) -> str:
        """The command's hash, and the hash of the files it is likely to read."""
        words = {word.strip("'\"").removeprefix("./") for word in command.split()}
        lines = paths_in(await self.git.run("ls-tree", "-r", "-z", commitish))
        read = [line for line in lines if _is_read(line.partition("\t")[2], words)]
        return f"{_hash(command)} {_hash(*read)}"

    async def _run(self, setup: Setup) -> None:
        outcome = await setup.run(self.path)
        if outcome.status != 0:
            end = outcome.output[-_OUTPUT_END:].strip()
            raise EnvironmentFault(f"the plan's setup failed with status {outcome.status}: {setup.command}\n{end}")


class Pool:
    """The worktrees of a home.

    Args:
        folder: where they are; shared by the runs of the home, also those of other processes.
        excludes: a file with the ignore rules that hold in them beside their own.
        keep: patterns, relative to a worktree, of what survives a checkout.
        setup: what makes a worktree ready to work in.
    """

    def __init__(self, folder: Path, repository: Git, *, excludes: Path, keep: tuple[str, ...] = (), setup: Setup | None = None) -> None:
        self._folder = folder
        self._repository = repository
        self._excludes = excludes
        self._keep = keep
        self._setup = setup

    @asynccontextmanager
    async def lease(self) -> AsyncIterator[Worktree]:
        """A worktree of one's own: the free one that promises the least work, else a new one. Call `checkout` first.

        Raises:
            EnvironmentFault: the disk refuses a new one.
        """
        slot = self._slot()
        try:
            yield Worktree(slot, self._repository, self._excludes, self._keep, self._setup)
        finally:
            slot.release()

    def _slot(self) -> "_Slot":
        try:
            return self._free_slot() or self._new_slot()
        except OSError as error:
            raise EnvironmentFault(f"cannot make a worktree in {self._folder}: {error.strerror}") from error

    def _free_slot(self) -> "_Slot | None":
        make_private(self._folder)
        folders = sorted((folder for folder in self._folder.iterdir() if folder.name.isdecimal()), key=self._work_expected)
        return next((slot for slot in map(_take, folders) if slot is not None), None)

    def _work_expected(self, folder: Path) -> tuple[bool, float]:
        command = _hash(self._setup.command) if self._setup else ""
        return not _read(folder / "setup").startswith(command), -_used_at(folder)

    def _new_slot(self) -> "_Slot":
        for number in count():
            folder = self._folder / f"{number:03}"
            if not folder.exists():
                make_private(folder)
                slot = _take(folder)  # None if somebody else has made the same one in this moment
                if slot is not None:
                    return slot
        raise Bug("numbers ended")


class _Slot:
    """One folder of the pool, held by an open lock."""

    def __init__(self, folder: Path, lock: int) -> None:
        self._folder = folder
        self._lock = lock
        self.tree: Final = folder / "tree"
        self.index: Final = folder / "index"

    @property
    def setup(self) -> str:
        """For what the setup command was last run; empty when it was not, or did not end well."""
        return _read(self._folder / "setup")

    @setup.setter
    def setup(self, key: str) -> None:
        (self._folder / "setup").write_text(key)

    def require_folder(self) -> None:
        """Makes the folder of the files if it is missing.

        Raises:
            OSError: something else is in its place.
        """
        if self.tree.is_symlink():
            raise NotADirectoryError(f"{self.tree} is a link")
        self.tree.mkdir(mode=_PRIVATE, exist_ok=True)

    def make_anew(self) -> None:
        """Throws everything but the lock away."""
        remove(*(entry for entry in self._folder.iterdir() if entry.name != "lock"))

    def release(self) -> None:
        os.close(self._lock)


def entries(root: str | Path, pruned: Container[str]) -> Iterator[os.DirEntry[str]]:
    """Everything below a folder but what is pruned (full paths); follows no link and looks into no `.git`."""
    folders = [os.fspath(root)]
    while folders:
        with os.scandir(folders.pop()) as found:
            for entry in found:
                if entry.path not in pruned:
                    yield entry
                    if entry.is_dir(follow_symlinks=False) and not _is_git(entry):
                        folders.append(entry.path)


def is_special(entry: os.DirEntry[str]) -> bool:
    """Whether it is none of file, folder and link."""
    return not (entry.is_symlink() or entry.is_dir() or entry.is_file())


async def submodules(git: Git) -> list[str]:
    """The paths in the index that stand for another repository's commit."""
    output = await git.run("ls-files", "-z", "--stage")
    if GITLINK.encode() not in output:
        return []
    return [path for meta, _, path in (line.partition("\t") for line in paths_in(output)) if meta.startswith(GITLINK)]


def _take(folder: Path) -> _Slot | None:
    lock = os.open(folder / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    os.utime(lock)
    return _Slot(folder, lock)


def _used_at(folder: Path) -> float:
    try:
        return (folder / "lock").stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except (FileNotFoundError, UnicodeDecodeError):
        return ""


def _is_git(entry: os.DirEntry[str]) -> bool:
    return entry.name.casefold() == ".git"


def _is_read(path: str, words: Container[str]) -> bool:
    return path in words or ("/" not in path and path.startswith(_MANIFESTS))


def _hash(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode("utf-8", "surrogateescape")).hexdigest()


def _stamp(path: Path) -> _Stamp:
    """What differs once a file was touched: inode, size, time of content, time of status. None when it is gone."""
    with suppress(OSError):
        seen = path.lstat()
        return seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns
    return None
