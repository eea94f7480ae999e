"""Removing what an agent may have left behind: folders that may not be entered, links that lead elsewhere."""

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from swarm.errors import EnvironmentFault

__all__ = ["remove", "removing"]

_PRIVATE: Final = 0o700


def remove(*paths: Path) -> None:
    """Removes files and folders; what an agent has closed is opened first, and no link is followed. Harmless for files that are gone.

    Raises:
        EnvironmentFault: the disk refuses.
    """
    for path in paths:
        with removing(path):
            _remove(path)


@contextmanager
def removing(path: Path) -> Iterator[None]:
    """Turns the disk's refusal into an EnvironmentFault that says what to remove by hand."""
    try:
        yield
    except OSError as error:
        raise EnvironmentFault(f"cannot remove {error.filename or path}: {error.strerror}; remove it by hand") from error


def _remove(path: Path) -> None:
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
        return
    path.chmod(_PRIVATE)
    for top, names, _ in os.walk(path):
        for name in names:
            if stat.S_ISDIR(os.lstat(os.path.join(top, name)).st_mode):
                os.chmod(os.path.join(top, name), _PRIVATE)
    shutil.rmtree(path)
