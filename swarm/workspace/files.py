"""Reading and writing below a folder, whatever links an agent has planted there.

A check before opening is a race: between the two a folder becomes a link. So each part of a path is opened relative to the
folder before it, without following links, and the file itself the same way. Writing makes a new file beside the old one
and renames it, in the same opened folder.
"""

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from swarm.errors import ScopeBreach
from swarm.workspace.no_links import FOLDER, MAKE, READ, entered

__all__ = ["MAX_FILE_BYTES", "read_beneath", "write_beneath"]

MAX_FILE_BYTES: Final = 16 * 1024 * 1024


def read_beneath(root: Path, path: str) -> bytes:
    """The content of a regular file below `root`.

    Raises:
        FileNotFoundError: there is none.
        ScopeBreach: the path leads through a link, is no regular file, or is larger than `MAX_FILE_BYTES`.
    """
    with _folder(root, path, make=False) as (folder, name):
        try:
            descriptor = os.open(name, READ, dir_fd=folder)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise ScopeBreach(f"{path} cannot be read: {error.strerror}") from error
        with os.fdopen(descriptor, "rb") as file:
            _require_plain(os.fstat(file.fileno()), path)
            return file.read()


def write_beneath(root: Path, path: str, content: bytes) -> bool:
    """Makes a file's content; missing folders are made, the permission bits of an old file are kept.

    Returns:
        Whether anything changed.

    Raises:
        ScopeBreach: the path leads through a link, or something else than a file stands there.
    """
    with _folder(root, path, make=True) as (folder, name):
        mode = _mode_there(folder, name, path)
        if mode is not None and _same(root, path, content):
            return False
        draft = f".{secrets.token_hex(8)}.swarm"
        try:
            with os.fdopen(os.open(draft, MAKE, mode or 0o644, dir_fd=folder), "wb") as file:
                file.write(content)
                os.fchmod(file.fileno(), mode or 0o644)
            os.rename(draft, name, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(draft, dir_fd=folder)
            raise
    return True


def _same(root: Path, path: str, content: bytes) -> bool:
    return read_beneath(root, path) == content


def _mode_there(folder: int, name: str, path: str) -> int | None:
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None
    _require_plain(found, path)
    return stat.S_IMODE(found.st_mode)


def _require_plain(found: os.stat_result, path: str) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise ScopeBreach(f"{path} is a link, a folder or a special file: only regular files are read and written")
    if found.st_size > MAX_FILE_BYTES:
        raise ScopeBreach(f"{path} has {found.st_size} bytes; at most {MAX_FILE_BYTES} are read")


@contextmanager
def _folder(root: Path, path: str, *, make: bool) -> Iterator[tuple[int, str]]:
    """The opened folder of a path and the path's last name."""
    *folders, name = _parts(path)
    here = os.open(root, FOLDER)
    try:
        for part in folders:
            here = _enter(here, part, path, make)
        yield here, name
    finally:
        os.close(here)


def _parts(path: str) -> list[str]:
    parts = path.split("/")
    if not path or path.startswith("/") or "\0" in path or any(part in ("", ".", "..") for part in parts):
        raise ScopeBreach(f"{path!r} is no path inside the workspace: write it relative, without '..'")
    return parts


def _enter(here: int, part: str, path: str, make: bool) -> int:
    if make:
        with suppress(FileExistsError):
            os.mkdir(part, 0o755, dir_fd=here)
    try:
        inside = entered(here, part)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ScopeBreach(f"{path} leads through {part}, which is a link or no folder") from error
    os.close(here)
    return inside
