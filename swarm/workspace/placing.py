"""The user's folder, opened: what is seen in it, what stands in the way, and how a path is placed there in one move.

No link in the folder is followed: each part of a path is opened in the folder before it.
"""

import errno
import hashlib
import os
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from swarm.errors import EnvironmentFault
from swarm.workspace.no_links import MAKE, READ, entered
from swarm.workspace.repository import ABSENT, EXECUTABLE, GITLINK, SYMLINK, Entry

__all__ = ["Seen", "Step", "UserFolder", "about", "blob_id", "folders", "folders_of", "obstacles", "opened"]

_FOLDER_MODE: Final = "040000"


@dataclass(frozen=True, slots=True)
class Step:
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
class Seen:
    """What is at a path now."""

    entry: Entry
    content: bytes = b""
    permissions: int | None = None


@dataclass(frozen=True, slots=True)
class UserFolder:
    """The user's folder, opened. Nothing in it is reached through a link; errors name the path."""

    path: Path
    root: int

    def look(self, path: str) -> Seen:
        """What is at a path; behind a link or a file, nothing is."""
        with about(self.path / path), suppress(FileNotFoundError, NotADirectoryError), self._inside(os.path.dirname(path)) as folder:
            return _seen(folder, os.path.basename(path))
        return Seen(ABSENT)

    def holds(self, path: str, entry: Entry) -> bool:
        """Whether a path is as an entry says. As for git, a folder is nothing but the files in it."""
        seen = self.look(path).entry
        return seen == entry or (seen.mode == _FOLDER_MODE and not entry.is_there)

    def permissions(self, folder: str) -> int | None:
        """Of a folder; None if there is none."""
        with about(self.path / folder), suppress(FileNotFoundError, NotADirectoryError), self._inside(folder) as descriptor:
            return stat.S_IMODE(os.fstat(descriptor).st_mode)
        return None

    def is_free(self, folder: str) -> bool:
        """Whether a folder is there, or nothing."""
        return not self.look(folder).entry.is_there or self.permissions(folder) is not None

    def will_be_empty(self, folder: str, going: Collection[str], emptied: Collection[str]) -> bool:
        """Whether a folder holds nothing but paths that go and the folders of these."""
        with about(self.path / folder), self._inside(os.path.dirname(folder)) as parent:
            below = os.fwalk(os.path.basename(folder), dir_fd=parent, onerror=_fail)
            prefix = os.path.dirname(folder)
            found = (os.path.join(prefix, top, name) for top, names, files, _ in below for name in (*names, *files))
            return folder in emptied and all(path in going or path in emptied for path in found)

    def remove(self, path: str, name: str | None = None) -> None:
        """Removes a file or link, or the one called `name` beside it, if it is there."""
        with about(self.path / path), suppress(FileNotFoundError, NotADirectoryError), self._inside(os.path.dirname(path)) as folder:
            os.unlink(name or os.path.basename(path), dir_fd=folder)

    def prune(self, folder: str) -> None:
        """Removes a folder if it is empty."""
        with about(self.path / folder), suppress(FileNotFoundError, NotADirectoryError), self._inside(os.path.dirname(folder)) as parent:
            try:
                os.rmdir(os.path.basename(folder), dir_fd=parent)
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise

    def permit(self, folder: str, permissions: int) -> None:
        """Gives a folder, if it is there, these permissions."""
        with about(self.path / folder), suppress(FileNotFoundError, NotADirectoryError), self._inside(folder) as descriptor:
            if stat.S_IMODE(os.fstat(descriptor).st_mode) != permissions:
                os.fchmod(descriptor, permissions)

    def put(self, step: Step, content: bytes, standing: Mapping[str, int]) -> None:
        """Makes the end of a step, in one move."""
        for folder in reversed([*folders(step.path)]):
            self._make(folder, standing.get(folder))
        with about(self.path / step.path), self._inside(os.path.dirname(step.path)) as folder_:
            _make_draft(step, content, folder_)
            os.rename(step.draft, os.path.basename(step.path), src_dir_fd=folder_, dst_dir_fd=folder_)

    def sync(self, folder: str) -> None:
        """Returns once the names in the folder are on disk."""
        with about(self.path / folder), suppress(FileNotFoundError, NotADirectoryError), self._inside(folder) as descriptor:
            os.fsync(descriptor)

    def _make(self, folder: str, permissions: int | None) -> None:
        with about(self.path / folder), suppress(FileExistsError), self._inside(os.path.dirname(folder)) as parent:
            name = os.path.basename(folder)
            os.mkdir(name, 0o777 if permissions is None else permissions, dir_fd=parent)
            if permissions is not None:
                os.chmod(name, permissions, dir_fd=parent)

    @contextmanager
    def _inside(self, folder: str) -> Iterator[int]:
        here = os.dup(self.root)
        try:
            for name in filter(None, folder.split("/")):
                outer, here = here, entered(here, name)
                os.close(outer)
            yield here
        finally:
            os.close(here)


@contextmanager
def opened(folder: Path) -> Iterator[UserFolder]:
    """The user's folder, which itself may be a link.

    Raises:
        EnvironmentFault: it cannot be opened.
    """
    with about(folder):
        root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield UserFolder(folder, root)
    finally:
        os.close(root)


@contextmanager
def about(path: Path) -> Iterator[None]:
    """Turns the disk's refusal into an EnvironmentFault that names the path."""
    try:
        yield
    except OSError as error:
        raise EnvironmentFault(f"cannot read or write {path}: {error.strerror or error}; mend that and try again") from error


def folders_of(steps: Iterable[Step]) -> set[str]:
    """The folders that the paths of some steps are in."""
    return {folder for step in steps for folder in folders(step.path)}


def folders(path: str) -> Iterator[str]:
    """The folders of a path, innermost first."""
    while path := path.rpartition("/")[0]:
        yield path


def obstacles(theirs: UserFolder, steps: Sequence[Step]) -> list[str]:
    """What forbids some steps: path and reason, none where each path is as its step expects it."""
    leaving = [step for step in steps if not step.end.is_there]
    going = {step.path for step in leaving}
    emptied = folders_of(leaving)
    return [f"{step.path}: {fault}" for step in steps if (fault := _obstacle(theirs, step, going, emptied))]


def _obstacle(theirs: UserFolder, step: Step, going: Collection[str], emptied: Collection[str]) -> str:
    seen = theirs.look(step.path).entry
    blocked = next((folder for folder in folders(step.path) if not theirs.is_free(folder) and folder not in going), None)
    if blocked is not None:
        return f"{blocked} is no folder"
    if step.end.mode == GITLINK:
        return "is another repository's commit"
    if seen == step.start or (seen.mode == _FOLDER_MODE and not step.start.is_there and theirs.will_be_empty(step.path, going, emptied)):
        return ""
    return "is in the way" if not step.start.is_there else "has changed" if seen.is_there else "is gone"


def blob_id(content: bytes) -> str:
    """The id that git gives a content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _seen(folder: int, name: str) -> Seen:
    mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
    if stat.S_ISLNK(mode):
        target = os.fsencode(os.readlink(name, dir_fd=folder))
        return Seen(Entry(SYMLINK, blob_id(target)), target)
    if stat.S_ISREG(mode):
        return _seen_file(folder, name)
    return Seen(Entry(_FOLDER_MODE if stat.S_ISDIR(mode) else "special", ""))


def _seen_file(folder: int, name: str) -> Seen:
    with os.fdopen(os.open(name, READ, dir_fd=folder), "rb") as file:
        permissions = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        content = file.read()
    return Seen(Entry(EXECUTABLE if permissions & stat.S_IXUSR else "100644", blob_id(content)), content, permissions)


def _make_draft(step: Step, content: bytes, folder: int) -> None:
    if step.end.mode == SYMLINK:
        os.symlink(os.fsdecode(content), step.draft, dir_fd=folder)
        return
    with os.fdopen(os.open(step.draft, MAKE, 0o777 if step.end.mode == EXECUTABLE else 0o666, dir_fd=folder), "wb") as file:
        file.write(content)
        if step.permissions is not None:
            os.fchmod(file.fileno(), step.permissions)
        file.flush()
        os.fsync(file.fileno())


def _fail(error: OSError) -> None:
    raise error
