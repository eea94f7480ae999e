"""Writing a run's result into the user's folder, putting back what was there, or making a branch of it instead.

A folder cannot be changed in one step, so "all or nothing" is made of steps that can. First everything that is needed to go either way
(the old content, the new, and a manifest of what goes from where to where) is put on disk under the home. Then each path moves by one
rename or unlink, so that at any moment it is wholly old or wholly new. Last a marker says that all have moved. A manifest without the
marker is a promotion that died, and `recover` moves its paths back. It never guesses: a path that is neither old nor new was touched by
somebody else, and is left alone. An undo is the same journey the other way; one that died is moved back as well, and so never began.

No link in the folder is followed: each part of a path is opened in the folder before it. Between manifest and marker nothing waits for
the event loop, so that an interrupt from the keyboard finds the folder before or after.

In the folder `keep`::

    old/N, new/N     content of the N-th path; of a link, its target
    manifest.json    renamed into place when everything else is on disk; without it nothing is promoted
    done             all paths are new
    undoing          the paths that an undo is moving back
"""

import errno
import hashlib
import json
import os
import secrets
import shutil
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from swarm.errors import EnvironmentFault, RecordFault, RunRefused, SwarmError, UsageError
from swarm.home import make_private
from swarm.workspace.git import Git, GitFailed, decode, encode
from swarm.workspace.repository import GITLINK, SYMLINK, tree_of

__all__ = ["Entry", "Promotion", "differences", "promote", "recover", "to_branch", "undo"]

_MOST_NAMED: Final = 20
_EXECUTABLE: Final = "100755"
_FOLDER_MODE: Final = "040000"
_OPEN_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OPEN: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_MAKE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_PRIVATE: Final = 0o600


@dataclass(frozen=True, slots=True)
class Entry:
    """What stands at a path: git's mode, and the id of the content."""

    mode: str
    id: str

    @property
    def is_there(self) -> bool:
        """False where the path is absent."""
        return self.mode != "000000"


@dataclass(frozen=True, slots=True)
class Promotion:
    """The paths that were written or removed, sorted; none if the folder held the result already."""

    paths: tuple[str, ...]


_ABSENT: Final = Entry("000000", "0" * 40)


async def differences(git: Git, old: str, new: str) -> dict[str, tuple[Entry, Entry]]:
    """What stands at each path that differs between two commits or trees, in the one and the other; by path, sorted."""
    output = await git.run("diff-tree", "-r", "-z", "--raw", "--no-renames", "--ignore-submodules=none", old, new, "--")
    fields = output.split(b"\0")[:-1]
    return {decode(path): _pair(meta) for meta, path in zip(fields[::2], fields[1::2], strict=True)}


def _pair(meta: bytes) -> tuple[Entry, Entry]:
    old_mode, new_mode, old_id, new_id, _ = meta.decode("ascii").removeprefix(":").split(" ")
    return Entry(old_mode, old_id), Entry(new_mode, new_id)


async def promote(repository: Git, folder: Path, base: str, head: str, keep: Path) -> Promotion:
    """Writes what differs between two commits into a folder: all of it or nothing, even if the process is killed.

    Args:
        base: the snapshot of the folder.
        head: the result.
        keep: the run's folder for what is replaced; see this module.

    Raises:
        RunRefused: a path that would be written is not as it is in `base`, or an earlier promotion is still in place. Nothing was written.
        EnvironmentFault: the disk refuses; the folder is as before.
    """
    await recover(folder, keep)
    changes = await differences(repository, base, head)
    with _ground(folder) as ground:
        if all(ground.holds(path, new) for path, (_, new) in changes.items()):
            return Promotion(())
        _refuse_a_second(keep)
        _refuse(_obstacles(ground, [_Step(path, *pair) for path, pair in changes.items()]), ground, "the run began")
        contents = await _contents(repository, {new.id for _, new in changes.values() if new.is_there})
        manifest = _staged(ground, keep, changes, contents)
        _complete(ground, keep, manifest)
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
    manifest = _manifest(keep)
    if manifest is None:
        raise RunRefused("nothing of this run is in the folder: there is no promotion to undo")
    with _ground(folder) as ground:
        due = [step for step in manifest.back() if not ground.holds(step.path, step.end)]
        _refuse(_obstacles(ground, due), ground, "the promotion")
        _go_back(ground, keep, manifest, due)
    return tuple(step.path for step in manifest.steps)


async def recover(folder: Path, keep: Path) -> bool:
    """Puts a folder in which a promotion or an undo died back to where that began. Harmless when none did.

    Returns:
        Whether one did.

    Raises:
        EnvironmentFault: the disk refuses; call it again once that is mended.
    """
    manifest = _manifest(keep)
    undoing = _undoing(keep)
    if manifest is None or (_done(keep) and undoing is None):
        return False
    with _ground(folder) as ground:
        if undoing is None:
            _abandon_promotion(ground, keep, manifest)
        else:
            _abandon_undo(ground, keep, [step for step in manifest.steps if step.path in undoing])
    return True


# The journey


@dataclass(frozen=True, slots=True)
class _Step:
    """One path from one state to another.

    Attributes:
        permissions: of a file at the end; None leaves them to the umask.
        content: the file in `keep` that holds the content at the end.
        draft: name for the file while it is being written.
    """

    path: str
    start: Entry
    end: Entry
    permissions: int | None = None
    content: str = ""
    draft: str = ""


@dataclass(frozen=True, slots=True)
class _Manifest:
    """A promotion: its steps, how to make them the other way, and the permissions of the folders there were before."""

    steps: tuple[_Step, ...]
    old_permissions: tuple[int | None, ...]
    folders: Mapping[str, int]

    def back(self) -> list[_Step]:
        return [
            _Step(step.path, step.end, step.start, self.old_permissions[number], f"old/{number}", step.draft)
            for number, step in enumerate(self.steps)
        ]


def _complete(ground: "_Ground", keep: Path, manifest: _Manifest) -> None:
    try:
        _travel(ground, keep, manifest.steps)
        _mark(keep, "done")
    except SwarmError:
        _abandon_promotion(ground, keep, manifest)
        raise
    with suppress(EnvironmentFault):  # it is done, and a disk that fails only now is no reason to say otherwise
        _sync(keep)


def _go_back(ground: "_Ground", keep: Path, manifest: _Manifest, due: Sequence[_Step]) -> None:
    paths = {step.path for step in due}
    _mark(keep, "undoing", sorted(paths))
    _sync(keep)
    try:
        _travel(ground, keep, due, manifest.folders)
        _forget(keep)
    except SwarmError:
        _abandon_undo(ground, keep, [step for step in manifest.steps if step.path in paths])
        raise


def _abandon_promotion(ground: "_Ground", keep: Path, manifest: _Manifest) -> None:
    with _half_way(ground):
        _travel(ground, keep, manifest.back(), manifest.folders, after_a_death=True)
        _forget(keep)


def _abandon_undo(ground: "_Ground", keep: Path, steps: Sequence[_Step]) -> None:
    with _half_way(ground):
        _travel(ground, keep, steps, after_a_death=True)
        with _about(keep):
            os.unlink(keep / "undoing")


def _travel(
    ground: "_Ground", keep: Path, steps: Sequence[_Step], standing: Mapping[str, int] | None = None, *, after_a_death: bool = False
) -> None:
    """Makes every step that is not made yet.

    Args:
        standing: folders that belong to the end, with their permissions, even if they come to be empty.
        after_a_death: clear away drafts, and leave alone what somebody else has touched instead of refusing.
    """
    standing = standing or {}
    leaving = [step for step in steps if not step.end.is_there]
    arriving = [step for step in steps if step.end.is_there]
    needed = {*standing, *_folders_of(arriving)}
    for step in steps if after_a_death else ():
        ground.remove(step.path, step.draft)
    # In this order, so that a folder can make room for a file of its name, and a file for a folder.
    for step in leaving:
        if _is_due(ground, step, after_a_death):
            ground.remove(step.path)
    for folder in sorted(_folders_of(leaving) - needed, reverse=True):
        ground.prune(folder)
    for step in arriving:
        if _is_due(ground, step, after_a_death):
            ground.put(step, _kept(keep, step), standing)
    for folder, permissions in standing.items() if after_a_death else ():
        ground.permit(folder, permissions)  # whoever died may have made it and come no further
    for folder in sorted(_folders_of(steps) | {""}):
        ground.sync(folder)


def _is_due(ground: "_Ground", step: _Step, lenient: bool) -> bool:
    seen = ground.look(step.path).entry
    if seen not in (step.start, step.end) and not lenient:
        raise RunRefused(f"{ground.path / step.path} was changed by somebody else in this moment; the folder is as it was: try again")
    return seen == step.start


def _folders_of(steps: Iterable[_Step]) -> set[str]:
    return {folder for step in steps for folder in _folders(step.path)}


def _folders(path: str) -> Iterator[str]:
    """The folders of a path, innermost first."""
    while path := path.rpartition("/")[0]:
        yield path


# What forbids it


def _refuse_a_second(keep: Path) -> None:
    if _manifest(keep) is not None:
        raise RunRefused(
            "an earlier result of this run is in the folder: put back what it replaced with `swarm promote --undo` first, "
            "or take this one as a branch with `swarm promote --branch NAME`"
        )


def _refuse(faults: Sequence[str], ground: "_Ground", since: str) -> None:
    if not faults:
        return
    more = [f"  and {len(faults) - _MOST_NAMED} more"] if len(faults) > _MOST_NAMED else []
    named = "\n".join([*(f"  {fault}" for fault in faults[:_MOST_NAMED]), *more])
    raise RunRefused(
        f"nothing was written: these paths in {ground.path} are not as they were after {since}:\n{named}\n"
        "save your changes to them elsewhere and restore them, or take the result as a branch with `swarm promote --branch NAME`"
    )


def _obstacles(ground: "_Ground", steps: Sequence[_Step]) -> list[str]:
    leaving = [step for step in steps if not step.end.is_there]
    going = {step.path for step in leaving}
    emptied = _folders_of(leaving)
    return [f"{step.path}: {fault}" for step in steps if (fault := _obstacle(ground, step, going, emptied))]


def _obstacle(ground: "_Ground", step: _Step, going: Collection[str], emptied: Collection[str]) -> str:
    seen = ground.look(step.path).entry
    blocked = next((folder for folder in _folders(step.path) if not ground.is_free(folder) and folder not in going), None)
    if blocked is not None:
        return f"{blocked} is no folder"
    if step.end.mode == GITLINK:
        return "is another repository's commit"
    if seen == step.start or (seen.mode == _FOLDER_MODE and not step.start.is_there and ground.will_be_empty(step.path, going, emptied)):
        return ""
    return "is in the way" if not step.start.is_there else "has changed" if seen.is_there else "is gone"


# The user's folder


@dataclass(frozen=True, slots=True)
class _Seen:
    """What is at a path now."""

    entry: Entry
    content: bytes = b""
    permissions: int | None = None


@dataclass(frozen=True, slots=True)
class _Ground:
    """The user's folder, opened. Nothing in it is reached through a link; errors name the path."""

    path: Path
    root: int

    def look(self, path: str) -> _Seen:
        """What is at a path; behind a link or a file, nothing is."""
        with _about(self.path / path), suppress(FileNotFoundError, NotADirectoryError), self._inside(os.path.dirname(path)) as folder:
            return _seen(folder, os.path.basename(path))
        return _Seen(_ABSENT)

    def holds(self, path: str, entry: Entry) -> bool:
        """Whether a path is as an entry says. As for git, a folder is nothing but the files in it."""
        seen = self.look(path).entry
        return seen == entry or (seen.mode == _FOLDER_MODE and not entry.is_there)

    def permissions(self, folder: str) -> int | None:
        """Of a folder; None if there is none."""
        with _about(self.path / folder), suppress(FileNotFoundError, NotADirectoryError), self._inside(folder) as descriptor:
            return stat.S_IMODE(os.fstat(descriptor).st_mode)
        return None

    def is_free(self, folder: str) -> bool:
        """Whether a folder is there, or nothing."""
        return not self.look(folder).entry.is_there or self.permissions(folder) is not None

    def will_be_empty(self, folder: str, going: Collection[str], emptied: Collection[str]) -> bool:
        """Whether a folder holds nothing but paths that go and the folders of these."""
        with _about(self.path / folder), self._inside(os.path.dirname(folder)) as parent:
            below = os.fwalk(os.path.basename(folder), dir_fd=parent, onerror=_fail)
            prefix = os.path.dirname(folder)
            found = (os.path.join(prefix, top, name) for top, names, files, _ in below for name in (*names, *files))
            return folder in emptied and all(path in going or path in emptied for path in found)

    def remove(self, path: str, name: str | None = None) -> None:
        """Removes a file or link, or the one called `name` beside it, if it is there."""
        with _about(self.path / path), suppress(FileNotFoundError, NotADirectoryError), self._inside(os.path.dirname(path)) as folder:
            os.unlink(name or os.path.basename(path), dir_fd=folder)

    def prune(self, folder: str) -> None:
        """Removes a folder if it is empty."""
        with _about(self.path / folder), suppress(FileNotFoundError, NotADirectoryError), self._inside(os.path.dirname(folder)) as parent:
            try:
                os.rmdir(os.path.basename(folder), dir_fd=parent)
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise

    def permit(self, folder: str, permissions: int) -> None:
        """Gives a folder, if it is there, these permissions."""
        with _about(self.path / folder), suppress(FileNotFoundError, NotADirectoryError), self._inside(folder) as descriptor:
            if stat.S_IMODE(os.fstat(descriptor).st_mode) != permissions:
                os.fchmod(descriptor, permissions)

    def put(self, step: _Step, content: bytes, standing: Mapping[str, int]) -> None:
        """Makes the end of a step, in one move."""
        for folder in reversed([*_folders(step.path)]):
            self._make(folder, standing.get(folder))
        with _about(self.path / step.path), self._inside(os.path.dirname(step.path)) as folder_:
            _make_draft(step, content, folder_)
            os.rename(step.draft, os.path.basename(step.path), src_dir_fd=folder_, dst_dir_fd=folder_)

    def sync(self, folder: str) -> None:
        """Returns once the names in the folder are on disk."""
        with _about(self.path / folder), suppress(FileNotFoundError, NotADirectoryError), self._inside(folder) as descriptor:
            os.fsync(descriptor)

    def _make(self, folder: str, permissions: int | None) -> None:
        with _about(self.path / folder), suppress(FileExistsError), self._inside(os.path.dirname(folder)) as parent:
            name = os.path.basename(folder)
            os.mkdir(name, 0o777 if permissions is None else permissions, dir_fd=parent)
            if permissions is not None:
                os.chmod(name, permissions, dir_fd=parent)

    @contextmanager
    def _inside(self, folder: str) -> Iterator[int]:
        here = os.dup(self.root)
        try:
            for name in filter(None, folder.split("/")):
                outer, here = here, _entered(here, name)
                os.close(outer)
            yield here
        finally:
            os.close(here)


@contextmanager
def _ground(folder: Path) -> Iterator[_Ground]:
    with _about(folder):
        root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield _Ground(folder, root)
    finally:
        os.close(root)


@contextmanager
def _about(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise EnvironmentFault(f"cannot read or write {path}: {error.strerror or error}; mend that and try again") from error


@contextmanager
def _half_way(ground: _Ground) -> Iterator[None]:
    try:
        yield
    except EnvironmentFault as error:
        raise EnvironmentFault(f"{error}. {ground.path} is partly written until then: `swarm promote` puts it back first") from error


def _entered(outer: int, name: str) -> int:
    try:
        return os.open(name, _OPEN_FOLDER, dir_fd=outer)
    except OSError as error:
        if error.errno == errno.ELOOP:  # what some systems say of a link where others say that it is no folder
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), name) from error
        raise


def _seen(folder: int, name: str) -> _Seen:
    mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
    if stat.S_ISLNK(mode):
        target = os.fsencode(os.readlink(name, dir_fd=folder))
        return _Seen(Entry(SYMLINK, _blob_id(target)), target)
    if stat.S_ISREG(mode):
        return _seen_file(folder, name)
    return _Seen(Entry(_FOLDER_MODE if stat.S_ISDIR(mode) else "special", ""))


def _seen_file(folder: int, name: str) -> _Seen:
    with os.fdopen(os.open(name, _OPEN, dir_fd=folder), "rb") as file:
        permissions = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        content = file.read()
    return _Seen(Entry(_EXECUTABLE if permissions & stat.S_IXUSR else "100644", _blob_id(content)), content, permissions)


def _blob_id(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _make_draft(step: _Step, content: bytes, folder: int) -> None:
    if step.end.mode == SYMLINK:
        os.symlink(os.fsdecode(content), step.draft, dir_fd=folder)
        return
    with os.fdopen(os.open(step.draft, _MAKE, 0o777 if step.end.mode == _EXECUTABLE else 0o666, dir_fd=folder), "wb") as file:
        file.write(content)
        if step.permissions is not None:
            os.fchmod(file.fileno(), step.permissions)
        file.flush()
        os.fsync(file.fileno())


def _fail(error: OSError) -> None:
    raise error


# What is kept


def _staged(ground: _Ground, keep: Path, changes: Mapping[str, tuple[Entry, Entry]], contents: Mapping[str, bytes]) -> _Manifest:
    """Puts on disk whatever it takes to go both ways."""
    token = secrets.token_hex(8)
    with _about(keep):
        _clear(keep)
        make_private(keep / "old")
        make_private(keep / "new")
    steps, old_permissions = [], []
    for number, (path, (old, new)) in enumerate(changes.items()):
        seen = ground.look(path)
        if old.is_there and seen.entry != old:
            raise RunRefused(f"nothing was written: {ground.path / path} was changed in this moment; try again")
        _store(keep / f"old/{number}", seen.content if old.is_there else None)
        _store(keep / f"new/{number}", contents[new.id] if new.is_there else None)
        steps.append(_Step(path, old, new, _new_permissions(seen.permissions, new), f"new/{number}", f".swarm-{token}-{number}"))
        old_permissions.append(seen.permissions)
    folders = {folder: found for folder in _folders_of(steps) if (found := ground.permissions(folder)) is not None}
    manifest = _Manifest(tuple(steps), tuple(old_permissions), folders)
    for folder in (keep / "old", keep / "new"):
        _sync(folder)
    _mark(keep, "manifest.json", asdict(manifest))
    _sync(keep)
    return manifest


def _new_permissions(old: int | None, new: Entry) -> int | None:
    """The old ones; where the file becomes executable or ceases to be, only those bits change."""
    if old is None or new.mode == SYMLINK or bool(old & stat.S_IXUSR) == (new.mode == _EXECUTABLE):
        return old
    return old | (old & 0o444) >> 2 if new.mode == _EXECUTABLE else old & ~0o111


def _manifest(keep: Path) -> _Manifest | None:
    found = _marked(keep, "manifest.json")
    if found is None:
        return None
    steps = (_Step(**{**step, "start": Entry(**step["start"]), "end": Entry(**step["end"])}) for step in found["steps"])
    return _Manifest(tuple(steps), tuple(found["old_permissions"]), found["folders"])


def _done(keep: Path) -> bool:
    return (keep / "done").exists()


def _undoing(keep: Path) -> list[str] | None:
    found: list[str] | None = _marked(keep, "undoing")
    return found


def _kept(keep: Path, step: _Step) -> bytes:
    with _about(keep / step.content):
        content = (keep / step.content).read_bytes()
    if _blob_id(content) != step.end.id:
        raise RecordFault(f"{keep / step.content}, which is to become {step.path}, is damaged: restore it from a backup")
    return content


def _store(file: Path, content: bytes | None) -> None:
    if content is None:
        return
    with _about(file), os.fdopen(os.open(file, _MAKE, _PRIVATE), "wb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())


def _mark(keep: Path, name: str, value: Any = None) -> None:
    """Writes a small file, whole or not at all."""
    with _about(keep / name):
        draft = keep / f"{name}.new"
        draft.unlink(missing_ok=True)
        _store(draft, json.dumps(value).encode("ascii"))
        os.rename(draft, keep / name)


def _marked(keep: Path, name: str) -> Any:
    try:
        return json.loads((keep / name).read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise RecordFault(f"cannot read {keep / name}: {error}; restore it from a backup") from error


def _sync(folder: Path) -> None:
    with _about(folder):
        descriptor = os.open(folder, _OPEN_FOLDER)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _forget(keep: Path) -> None:
    with _about(keep):
        os.unlink(keep / "manifest.json")
    # From here on nothing is promoted, whatever becomes of the rest.
    with suppress(EnvironmentFault, OSError):
        _sync(keep)
        _clear(keep)


def _clear(keep: Path) -> None:
    with suppress(FileNotFoundError):
        shutil.rmtree(keep)


async def _contents(repository: Git, ids: Collection[str]) -> dict[str, bytes]:
    batch = await repository.run("cat-file", "--batch", stdin=encode("".join(f"{id_}\n" for id_ in sorted(ids))))
    return dict(_blobs(batch))


def _blobs(batch: bytes) -> Iterator[tuple[str, bytes]]:
    at = 0
    while at < len(batch):
        line = batch.index(b"\n", at)
        id_, _, size = batch[at:line].decode("ascii").split(" ")
        at = line + 1 + int(size) + 1
        yield id_, batch[line + 1 : at - 1]


# A branch instead


async def to_branch(repository: Git, user_folder: Path, name: str, base: str, head: str, user_head: str | None) -> str:
    """Makes a branch with the result in the user's git repository. Nothing there changes but that ref and the objects it needs.

    The run's commits are made again on top of `user_head`; below them stands one with the uncommitted work of the snapshot, if it had any.

    Args:
        user_folder: the top of the user's repository.
        name: the new branch.
        base: the snapshot of the folder.
        head: the result.
        user_head: the commit that the user's repository was at when the snapshot was taken, if any.

    Returns:
        The branch's commit, in the user's repository.

    Raises:
        UsageError: a branch cannot be called that.
        RunRefused: the folder is not a repository's top, the branch exists, or the repository cannot take the commits.
        EnvironmentFault: the disk refuses; there is no branch then.
    """
    theirs = Git(_git_dir(user_folder))
    await _refuse_name(theirs, name)
    await _refuse_repository(theirs, user_head)
    commits = decode(await repository.run("rev-list", "--first-parent", "--reverse", f"{base}..{head}")).split()
    await _carry_over(repository, theirs, [base, *commits])
    tip = await _start(repository, theirs, base, user_head)
    for commit in commits:
        tip = await _made_again(repository, theirs, commit, tip)
    await _create(theirs, name, tip)
    return tip


def _git_dir(folder: Path) -> Path:
    entry = folder / ".git"
    with suppress(IsADirectoryError, FileNotFoundError):
        entry = folder / decode(entry.read_bytes()).removeprefix("gitdir:").strip()
    if not (entry / "HEAD").exists():
        raise RunRefused(f"{folder} is not the top of a git repository, so it has no branches: use `swarm promote` without --branch")
    return entry


async def _refuse_name(theirs: Git, name: str) -> None:
    status, output = await theirs.status("check-ref-format", "--branch", name)
    if status != 0 or decode(output).strip() != name:  # git resolves "@{-1}", which is not a name to give
        raise UsageError(f"{name!r} cannot be the name of a branch: choose another (`git help check-ref-format` has the rules)")
    status, _ = await theirs.status("rev-parse", "--verify", "--quiet", f"refs/heads/{name}")
    if status == 0:
        raise RunRefused(f"there is a branch {name} already: choose another name, or remove it with `git branch -D {name}`")


async def _refuse_repository(theirs: Git, user_head: str | None) -> None:
    if await theirs.text("rev-parse", "--show-object-format") != "sha1":
        raise RunRefused(f"{theirs.git_dir} names its objects by SHA-256, and the run's are SHA-1: use `swarm promote` without --branch")
    if user_head is not None and (await theirs.status("cat-file", "-e", f"{user_head}^{{commit}}"))[0] != 0:
        raise RunRefused(
            f"{theirs.git_dir} no longer has commit {user_head}, which the run began from: use `swarm promote` without --branch"
        )


async def _carry_over(ours: Git, theirs: Git, commits: Sequence[str]) -> None:
    """Gives a repository the files and folders of some commits that it lacks, in one pack. The commits themselves are made there."""
    trees = await ours.run(
        "rev-list", "--objects", "--no-object-names", "--stdin", stdin=encode("".join(f"{id_}^{{tree}}\n" for id_ in commits))
    )
    asked = decode(await theirs.run("cat-file", "--batch-check=%(objectname)", stdin=trees)).splitlines()
    missing = [line.split(" ")[0] for line in asked if line.endswith(" missing")]
    if missing:
        pack = await ours.run("pack-objects", "--stdout", "--quiet", stdin=encode("".join(f"{id_}\n" for id_ in missing)))
        await theirs.run("index-pack", "--stdin", stdin=pack)


async def _start(ours: Git, theirs: Git, base: str, user_head: str | None) -> str:
    """The commit in the user's repository that holds the snapshot."""
    if user_head is None:
        return await _made_again(ours, theirs, base, None)
    if await tree_of(theirs, user_head) == await tree_of(ours, base):
        return user_head
    return await _made_again(ours, theirs, base, user_head, b"snapshot of uncommitted work\n")


async def _made_again(ours: Git, theirs: Git, commit: str, parent: str | None, message: bytes | None = None) -> str:
    """The same commit on another parent; same author, dates and, unless another is given, message."""
    header, _, old_message = (await ours.run("cat-file", "commit", commit)).partition(b"\n\n")
    tree, *rest = (line for line in header.split(b"\n") if not line.startswith(b"parent "))
    parents = [encode(f"parent {parent}")] if parent else []
    content = b"\n".join([tree, *parents, *rest]) + b"\n\n" + (old_message if message is None else message)
    return decode(await theirs.run("hash-object", "-t", "commit", "-w", "--stdin", stdin=content)).strip()


async def _create(theirs: Git, name: str, tip: str) -> None:
    try:
        # A log of the ref would be one file more in the user's git directory.
        await theirs.run("-c", "core.logAllRefUpdates=false", "update-ref", "--no-deref", f"refs/heads/{name}", tip, _ABSENT.id)
    except GitFailed as error:
        raise RunRefused(f"git does not make the branch {name}: {error.stderr.strip()}; choose another name") from error
