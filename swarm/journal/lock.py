"""Who may schedule a run: whoever holds the flock on its `lock` file. The kernel lets go of it when the process dies, however it dies.

The pid inside is for people. It is never used to guess whether somebody lives; only the lock says that. The file is never
removed: two processes could then hold locks on two files of one name.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from swarm.errors import RecordFault, RunOwned
from swarm.home import RunFolder

__all__ = ["own", "owner"]

_TRIES: Final = 10
_PAUSE_S: Final = 0.02
"""Between tries. Together they outlast anyone's `owner`, which holds the lock for microseconds."""


@contextmanager
def own(folder: RunFolder) -> Iterator[None]:
    """Holds the run for the length of the block.

    Raises:
        RunOwned: another scheduler has it; its pid is named.
        RecordFault: the lock file cannot be made.
    """
    with _descriptor(folder, os.O_RDWR | os.O_CREAT) as descriptor:
        _lock(folder, descriptor)
        _note(descriptor, str(os.getpid()))
        try:
            yield
        finally:
            _note(descriptor, "")


def owner(folder: RunFolder) -> int | None:
    """The pid of the run's living scheduler, without disturbing it; None when there is none. Never writes.

    0 stands for a scheduler that has not written its pid yet.

    Raises:
        RecordFault: the lock file is there and cannot be read.
    """
    if not folder.lock.exists():
        return None
    with _descriptor(folder, os.O_RDONLY) as descriptor:
        try:
            # Shared: any number may ask at once without seeing each other. Closing lets go.
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _pid(descriptor)
    return None


@contextmanager
def _descriptor(folder: RunFolder, flags: int) -> Iterator[int]:
    try:
        descriptor = os.open(folder.lock, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise RecordFault(f"cannot open the lock {folder.lock}: {error.strerror}") from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _lock(folder: RunFolder, descriptor: int) -> None:
    for _ in range(_TRIES):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_PAUSE_S)
        else:
            return
    pid = _pid(descriptor) or "unknown"
    raise RunOwned(f"run {folder.run} is owned by another scheduler (pid {pid}): wait for it, or `swarm cancel {folder.run}`")


def _note(descriptor: int, text: str) -> None:
    # For people only, so a full disk is no reason to refuse the lock: the journal will say so itself.
    with suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, text.encode("ascii"), 0)


def _pid(descriptor: int) -> int:
    text = os.pread(descriptor, 32, 0)
    return int(text) if text.isdigit() else 0
