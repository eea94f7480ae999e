"""What other commands ask of a living scheduler: one small file each, which it takes up in the order in which they were left.

A file appears whole or not at all (written beside, synced, renamed). Names begin with the time in nanoseconds, so that their
order is the order of asking. Anything else that turns up in the folder is moved aside, never obeyed and never in the way.
"""

import asyncio
import json
import os
import secrets
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from swarm.errors import RecordFault
from swarm.journal.durable import sync_folder
from swarm.signatures.canonical import canonical

__all__ = ["Approve", "Cancel", "Letterbox", "Request", "Retry", "leave", "pending"]

_MAX_BYTES: Final = 64 * 1024
_SUFFIX: Final = ".json"
_POLL_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class Cancel:
    """End the run."""


@dataclass(frozen=True, slots=True)
class Approve:
    """Open the `approval` conditions of a phase, in somebody's name."""

    phase: str
    who: str


@dataclass(frozen=True, slots=True)
class Retry:
    """Give a failed task its attempts back."""

    task: str


Request = Cancel | Approve | Retry

_KINDS: Final[dict[str, type[Cancel] | type[Approve] | type[Retry]]] = {"approve": Approve, "cancel": Cancel, "retry": Retry}


def leave(folder: Path, request: Request) -> Path:
    """Leaves a request and returns its file once it is on disk.

    Raises:
        RecordFault: the folder is not there or cannot be written.
    """
    name = f"{time.time_ns():020}-{secrets.token_hex(8)}"
    beside, file = folder / f".{name}.tmp", folder / f"{name}{_SUFFIX}"
    try:
        _write(beside, _text(request).encode("ascii"))
        beside.rename(file)
        sync_folder(folder)
    except OSError as error:
        raise RecordFault(f"cannot leave a request in {folder}: {error.strerror}") from error
    return file


def pending(folder: Path) -> list[tuple[Path, Request]]:
    """The requests that are waiting, oldest first, with their files. What is no request is left out and left alone.

    Raises:
        RecordFault: the folder cannot be read.
    """
    read = ((file, _read(file)) for file in _files(folder))
    return [(file, request) for file, request in read if request is not None]


@dataclass(slots=True)
class Letterbox:
    """A run's requests, for its scheduler. A request stays in the folder until it is settled, so that a crash loses none."""

    folder: Path
    _taken: list[Path] = field(default_factory=list)

    def take(self) -> Sequence[Request]:
        """The requests since the last call, oldest first. What is no request is renamed to `*.refused`.

        Raises:
            RecordFault: the folder cannot be read or written.
        """
        new = [file for file in _files(self.folder) if file not in self._taken]
        with _mapped(self.folder):
            read = [(file, request) for file in new if (request := _read_or_refuse(file)) is not None]
        self._taken += [file for file, _ in read]
        return [request for _, request in read]

    def settle(self) -> None:
        """What was taken is on disk elsewhere or of no use any more: it is removed.

        Raises:
            RecordFault: the folder cannot be written.
        """
        with _mapped(self.folder):
            for file in self._taken:
                file.unlink(missing_ok=True)
        self._taken.clear()

    async def wait(self) -> None:
        """Returns when there may be a new request. Other processes leave files, not events: we look again and again."""
        while not any(file not in self._taken for file in _files(self.folder)):
            await asyncio.sleep(_POLL_S)


@contextmanager
def _mapped(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RecordFault(f"cannot take a request from {folder}: {error.strerror}") from error


def _read_or_refuse(file: Path) -> Request | None:
    request = _read(file)
    if request is None:
        file.rename(file.with_suffix(".refused"))
    return request


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(file for file in folder.iterdir() if file.suffix == _SUFFIX)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise RecordFault(f"cannot read the requests in {folder}: {error.strerror}") from error


def _read(file: Path) -> Request | None:
    """The request in a file; None if it holds anything else, or is no ordinary file."""
    with suppress(OSError, ValueError, RecursionError):
        return _parsed(json.loads(_content(file)))
    return None


def _content(file: Path) -> bytes:
    # Not blocking: somebody may have put a named pipe there.
    descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as opened:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError("no ordinary file")
        content = opened.read(_MAX_BYTES + 1)
    if len(content) > _MAX_BYTES:
        raise ValueError("too large")
    return content


def _parsed(value: Any) -> Request | None:
    if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
        return None
    kind = _KINDS.get(value.pop("request", ""))
    if kind is None or set(value) != set(kind.__dataclass_fields__):
        return None
    return kind(**value)


def _text(request: Request) -> str:
    (name,) = [name for name, kind in _KINDS.items() if isinstance(request, kind)]
    return canonical({"request": name, **asdict(request)})


def _write(file: Path, content: bytes) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(descriptor)
