"""The repository under the home, and the few writes that everything else is made of.

It is bare, private, and ours alone: no template, no hooks, and attributes that outrank any `.gitattributes` in the work, so that what is
recorded is the bytes of the files, no filter ever runs, and two changes of one file never merge by guessing.
"""

import asyncio
import fcntl
import os
import stat
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Literal, cast

from swarm.errors import EnvironmentFault
from swarm.home import Home, make_private
from swarm.workspace.git import IDENTITY, Git, decode, encode

__all__ = [
    "ABSENT",
    "EXECUTABLE",
    "GITLINK",
    "SYMLINK",
    "Change",
    "Entry",
    "Status",
    "Unrecordable",
    "changes_between",
    "contents",
    "differences",
    "is_there",
    "open_repository",
    "stage",
    "tree_of",
    "write_commit",
]

EXECUTABLE: Final = "100755"
SYMLINK: Final = "120000"
GITLINK: Final = "160000"

# `!diff`, not `-diff`: the latter would show every text file as binary in a patch.
_ATTRIBUTES: Final = "* -text -filter -ident -working-tree-encoding -merge !diff -export-subst\n"

_PASSED_OVER: Final = "Ignoring path "

_MANY: Final = 200
_WHERE_TO: Final = {
    # One sync of the disk for all new objects instead of one for each.
    False: ("-c", "core.fsyncMethod=batch"),
    # What git takes for a big file it writes into one pack, not into a file of its own: five times as fast for ten thousand files.
    # Not for a few, or every attempt would leave a pack.
    True: ("-c", "core.bigFileThreshold=1"),
}

Status = Literal["A", "M", "D", "T"]
"""Added, modified (content or mode), deleted, changed in type (file to link, and so on)."""


class Unrecordable(EnvironmentFault):
    """A path has a name that git will not hold: rename it."""


@dataclass(frozen=True, slots=True)
class Change:
    """One path that differs between two trees; a mode of `000000` means that it is not there."""

    path: str
    old_mode: str
    new_mode: str
    status: Status


@dataclass(frozen=True, slots=True)
class Entry:
    """What stands at a path: git's mode, and the id of the content."""

    mode: str
    id: str

    @property
    def is_there(self) -> bool:
        """False where the path is absent."""
        return self.mode != "000000"


ABSENT: Final = Entry("000000", "0" * 40)


async def open_repository(home: Home) -> Git:
    """The home's repository; made if it is missing, completed if a crash left it half made.

    Raises:
        EnvironmentFault: the disk refuses it, or git is missing.
    """
    git = Git(home.repository)
    if not _complete(git):
        home.create()
        make_private(home.repository)
        async with _alone(home.path / "workspace.lock"):
            await _initialise(git)
    return git


async def stage(git: Git, paths: Iterable[str]) -> set[str]:
    """Puts paths into the index as they are in the work tree now; what is gone there leaves the index.

    Paths are named one by one, so that git looks at nothing else: no submodule, no other folder's settings.

    Returns:
        Those that are there.

    Raises:
        Unrecordable: a name means a git directory on some disk.
        GitFailed: a file cannot be read; the text names it.
    """
    wanted = sorted(set(paths))
    there = is_there(git.work_tree or Path(), wanted)
    gone = [path for path in wanted if path not in there]
    if gone:
        await git.run("update-index", "-z", "--force-remove", "--stdin", stdin=_lines(gone))
    if there:
        arguments = (*_WHERE_TO[len(there) > _MANY], "update-index", "-z", "--add", "--replace", "--stdin")
        _, remarks = await git.told(*arguments, stdin=_lines(sorted(there)))
        _require_all(remarks)
    return there


def is_there(root: Path, paths: Sequence[str]) -> set[str]:
    """Those paths that are a file or a link; what lies behind a link to a folder is not there.

    Raises:
        PermissionError: a folder on the way cannot be entered.
    """
    real: dict[str, bool] = {"": True}
    return {path for path in paths if _real_folder(root, os.path.dirname(path), real) and _landable(root / path)}


async def write_commit(git: Git, tree: str, parents: Sequence[str], message: str, at: datetime) -> str:
    """Writes a commit object and returns its id; the same arguments give the same id.

    Args:
        at: author's and committer's date.
    """
    who = f"{IDENTITY[0]} <{IDENTITY[1]}> {int(at.timestamp())} +0000"
    lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents), f"author {who}", f"committer {who}", "", message.strip(), ""]
    return await git.text("hash-object", "-t", "commit", "-w", "--stdin", stdin=encode("\n".join(lines).replace("\0", "")))


async def tree_of(git: Git, commitish: str) -> str:
    """The tree id of a commit or tree."""
    return await git.text("rev-parse", "--verify", "--end-of-options", f"{commitish}^{{tree}}")


async def changes_between(git: Git, old: str, new: str) -> tuple[Change, ...]:
    """The paths that differ between two commits or trees, sorted. A rename is a deletion and an addition."""
    return tuple(_change(path, meta) for path, meta in await _differing(git, old, new))


async def differences(git: Git, old: str, new: str) -> dict[str, tuple[Entry, Entry]]:
    """What stands at each path that differs between two commits or trees, in the one and the other; by path, sorted."""
    return {path: _pair(meta) for path, meta in await _differing(git, old, new)}


async def contents(git: Git, ids: Collection[str]) -> dict[str, bytes]:
    """The content of files and links (of these, the target), by id."""
    batch = await git.run("cat-file", "--batch", stdin=encode("".join(f"{id_}\n" for id_ in sorted(ids))))
    return dict(_blobs(batch))


async def _differing(git: Git, old: str, new: str) -> list[tuple[str, list[str]]]:
    """Each path that differs, with both modes, both ids and the status."""
    output = await git.run("diff-tree", "-r", "-z", "--raw", "--no-renames", "--ignore-submodules=none", old, new, "--")
    fields = output.split(b"\0")[:-1]
    return [(decode(path), meta.decode("ascii").removeprefix(":").split(" ")) for meta, path in zip(fields[::2], fields[1::2], strict=True)]


def _change(path: str, meta: Sequence[str]) -> Change:
    old_mode, new_mode, _, _, status = meta
    return Change(path, old_mode, new_mode, cast("Status", status))


def _pair(meta: Sequence[str]) -> tuple[Entry, Entry]:
    old_mode, new_mode, old_id, new_id, _ = meta
    return Entry(old_mode, old_id), Entry(new_mode, new_id)


def _blobs(batch: bytes) -> Iterator[tuple[str, bytes]]:
    at = 0
    while at < len(batch):
        line = batch.index(b"\n", at)
        id_, _, size = batch[at:line].decode("ascii").split(" ")
        at = line + 1 + int(size) + 1
        yield id_, batch[line + 1 : at - 1]


def _require_all(remarks: str) -> None:
    # git passes over such names and succeeds; to us, what is not recorded is lost.
    passed_over = [line.removeprefix(_PASSED_OVER) for line in remarks.splitlines() if line.startswith(_PASSED_OVER)]
    if passed_over:
        raise Unrecordable(
            f"{', '.join(passed_over)}: on some disks this name means a git directory, so it is not recorded; choose another"
        )


def _lines(paths: Sequence[str]) -> bytes:
    return b"".join(encode(path) + b"\0" for path in paths)


def _landable(path: Path) -> bool:
    try:
        mode = path.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return False
    return stat.S_ISREG(mode) or stat.S_ISLNK(mode)


def _real_folder(root: Path, folder: str, known: dict[str, bool]) -> bool:
    if folder not in known:
        known[folder] = _real_folder(root, os.path.dirname(folder), known) and not (root / folder).is_symlink()
    return known[folder]


def _complete(git: Git) -> bool:
    # The attributes are written last, in one step: where they are right, everything before them is there.
    try:
        return _attributes(git).read_text() == _ATTRIBUTES and (git.git_dir / "HEAD").read_text().startswith("ref:")
    except OSError:
        return False


async def _initialise(git: Git) -> None:
    if _complete(git):
        return
    (git.git_dir / "HEAD").unlink(missing_ok=True)  # a half-written one would make git take the repository for a good one
    await git.run("init", "--bare", "--quiet", "--template=", "--object-format=sha1", "--initial-branch=none")
    _attributes(git).parent.mkdir(exist_ok=True)
    draft = _attributes(git).with_suffix(".new")
    draft.write_text(_ATTRIBUTES)
    draft.replace(_attributes(git))


def _attributes(git: Git) -> Path:
    return git.git_dir / "info" / "attributes"


@asynccontextmanager
async def _alone(lock: Path) -> AsyncIterator[None]:
    # In a thread: whoever holds the lock may be another coroutine of this very loop.
    descriptor = os.open(lock, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        await asyncio.to_thread(fcntl.flock, descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
