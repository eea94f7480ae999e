"""Opening without following links: the flags, and one part of a path, in the opened folder before it."""

import errno
import os
from typing import Final

__all__ = ["FOLDER", "MAKE", "READ", "entered"]

FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""A pipe is opened without waiting for its other end."""
MAKE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def entered(outer: int, name: str) -> int:
    """A folder in an opened folder, opened.

    Raises:
        NotADirectoryError: it is something else, or a link.
        OSError: it cannot be opened.
    """
    try:
        return os.open(name, FOLDER, dir_fd=outer)
    except OSError as error:
        if error.errno == errno.ELOOP:  # what some systems say of a link where others say that it is no folder
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), name) from error
        raise
