"""Running commands under limits: of time, of output, and of what they leave behind.

The process group is not enough to end a command: a grandchild that calls `setsid` leaves it. So every command also gets an
environment variable with a value of its own, which its descendants inherit, and the end of a command, however it came, sweeps
`/proc` for it until nothing is found. A descendant that both leaves the group and clears its environment escapes this; only a
sandbox with a process namespace would hold it. Where there is no `/proc`, the group is all there is.

The output is drained by callbacks, not by a reader, because the end of a command is not the end of its output: a background
process may hold the pipe open for ever. We wait for the command, end what it left, and only then for the pipe.
"""

import asyncio
import errno
import itertools
import os
import signal
from asyncio import CancelledError, Future, SubprocessProtocol, SubprocessTransport, WriteTransport
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from swarm.errors import EnvironmentFault

__all__ = [
    "CANNOT_RUN",
    "DRAIN_S",
    "MARK",
    "NOT_FOUND",
    "OUTPUT_LIMIT",
    "Kept",
    "Outcome",
    "Running",
    "end_tree",
    "own_mark",
    "run",
    "shell",
    "start",
    "sweep",
    "why_not_started",
]

MARK: Final = "SWARM_MARK"
"""The variable by which a command's descendants are known."""

OUTPUT_LIMIT: Final = 64 * 1024
CANNOT_RUN: Final = 126
NOT_FOUND: Final = 127
DRAIN_S: Final = 2.0
"""How long what has ended may take to be gone, and its last output to come."""

_BY_SIGNAL: Final = 128
_ROUNDS: Final = 200
_BETWEEN_ROUNDS_S: Final = 0.005
_PROC: Final = Path("/proc")
_NUMBERS: Final = itertools.count(1)

_P = TypeVar("_P", bound="Running")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a command ended.

    Attributes:
        status: its exit status; 128+N when signal N ended it, 127 when the program was not found, 126 when it cannot be run.
        output: standard output and error as they came, the middle left out when it was long.
        seconds: how long it took.
        timed_out: it was ended because its time was up.
    """

    status: int
    output: str
    seconds: float
    timed_out: bool = False


def shell(text: str) -> list[str]:
    """The arguments that run a shell text."""
    return ["/bin/sh", "-c", text]


async def run(
    argv: Sequence[str],
    *,
    cwd: Path,
    environment: Mapping[str, str],
    timeout: float,  # noqa: ASYNC109 - the limit is the command's; running into it is an outcome and no exception
    mark: str,
    output_limit: int = OUTPUT_LIMIT,
    stdin: bytes | None = None,
) -> Outcome:
    """Runs a command to its end and ends everything it started.

    Cancelling ends the command's whole tree before the cancellation goes on.

    Args:
        cwd: the folder to run in.
        environment: all the command sees, and `SWARM_MARK`.
        timeout: seconds until its tree is ended.
        mark: what `sweep` will know it by; the value of `SWARM_MARK` begins with it.
        output_limit: bytes of output to keep, half from its beginning and half from its end.
        stdin: what the command reads; nothing if not given.

    Raises:
        EnvironmentFault: the folder is not there.
    """
    _require(cwd, argv)
    known_by = own_mark(mark)
    loop = asyncio.get_running_loop()
    started = loop.time()
    output = Kept(output_limit)
    try:
        running = await _start(argv, output, cwd, environment, known_by, stdin)
    except (OSError, ValueError) as error:
        return _not_started(argv, error, loop.time() - started)
    timed_out = await _finish(running, known_by, timeout)
    return Outcome(status=running.status, output=output.text(), seconds=loop.time() - started, timed_out=timed_out)


def own_mark(prefix: str) -> str:
    """A mark that no other process of this one has; begins with the prefix."""
    return f"{prefix}.{os.getpid()}-{next(_NUMBERS)}"


def sweep(mark_prefix: str) -> int:
    """Ends every process whose mark begins with this, such as what a dead scheduler left behind; never this one.

    Returns:
        How many were ended.
    """
    return _kill_marked(f"{MARK}={mark_prefix}".encode(), exactly=False)


class Kept:
    """Head and tail of an output of any length."""

    def __init__(self, limit: int) -> None:
        self._half = max(limit // 2, 1)
        self._head = bytearray()
        self._tail = bytearray()
        self._missing = 0

    def add(self, data: bytes) -> None:
        room = self._half - len(self._head)
        self._head += data[:room]
        self._tail += data[room:]
        surplus = max(len(self._tail) - self._half, 0)
        del self._tail[:surplus]
        self._missing += surplus

    def text(self) -> str:
        if not self._missing:
            return _readable(self._head + self._tail)
        return f"{_readable(self._head)}\n[... {self._missing} bytes left out ...]\n{_readable(self._tail)}"


class Running(SubprocessProtocol):
    """One started command: its ends as futures. `process_exited` comes when it ends, whoever still holds its pipes."""

    def __init__(self, output: Kept) -> None:
        loop = asyncio.get_running_loop()
        self._output = output
        self.exited: Future[None] = loop.create_future()
        self.drained: Future[None] = loop.create_future()
        self.transport: SubprocessTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, SubprocessTransport)
        self.transport = transport

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self._output.add(data)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        if fd == 1 and not self.drained.done():
            self.drained.set_result(None)

    def process_exited(self) -> None:
        if not self.exited.done():
            self.exited.set_result(None)

    @property
    def status(self) -> int:
        code = self.transport.get_returncode()
        if code is None:  # it withstood SIGKILL: stuck in the kernel
            return _BY_SIGNAL + signal.SIGKILL
        return code if code >= 0 else _BY_SIGNAL - code

    def feed(self, stdin: bytes) -> None:
        pipe = self.transport.get_pipe_transport(0)
        assert isinstance(pipe, WriteTransport)
        pipe.write(stdin)
        pipe.write_eof()


async def start(
    protocol: Callable[[], _P], argv: Sequence[str], *, cwd: Path, environment: Mapping[str, str], mark: str, stdin: int, stderr: int
) -> _P:
    """Starts a process as the first of a session and group of its own. Cancelled before it is there, it is ended.

    Args:
        mark: its own.
        stdin, stderr: as for `subprocess`; its standard output is a pipe.

    Raises:
        OSError, ValueError: it cannot be started.
    """
    try:
        _, running = await asyncio.get_running_loop().subprocess_exec(
            protocol,
            *argv,
            cwd=cwd,
            env={**environment, MARK: mark},
            stdin=stdin,
            stdout=asyncio.subprocess.PIPE,
            stderr=stderr,
            start_new_session=True,
        )
    except CancelledError:
        _kill_marked(f"{MARK}={mark}".encode(), exactly=True)
        raise
    return running


async def _start(argv: Sequence[str], output: Kept, cwd: Path, environment: Mapping[str, str], mark: str, stdin: bytes | None) -> Running:
    running = await start(
        lambda: Running(output),
        argv,
        cwd=cwd,
        environment=environment,
        mark=mark,
        stdin=asyncio.subprocess.DEVNULL if stdin is None else asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    if stdin is not None:
        running.feed(stdin)
    return running


async def _finish(running: Running, mark: str, seconds: float) -> bool:
    """Waits for the end, forces it when the time is up; says whether it had to."""
    try:
        done, _ = await asyncio.wait([running.exited], timeout=seconds)
        await end_tree(running.transport.get_pid(), mark)
        await asyncio.wait([running.exited, running.drained], timeout=DRAIN_S)
    except CancelledError:
        await end_tree(running.transport.get_pid(), mark)
        await asyncio.wait([running.exited], timeout=DRAIN_S)
        raise
    finally:
        running.transport.close()
    return not done


async def end_tree(group: int, mark: str) -> None:
    """Ends a process group and everything that carries the mark, until nothing of it is found."""
    # A process that is forking may have put a child out of one round's sight, so rounds go on until one finds nothing.
    # The first is over before anything is awaited: a second cancellation cannot come before it. The killed have no environment any
    # more, and run nothing any more, though the kernel may still be closing their files.
    for _ in range(_ROUNDS):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)
        if not _kill_marked(f"{MARK}={mark}".encode(), exactly=True):
            return
        await asyncio.sleep(_BETWEEN_ROUNDS_S)


def _kill_marked(entry: bytes, *, exactly: bool) -> int:
    found = 0
    for pid, environ in _environments():
        if any(variable == entry if exactly else variable.startswith(entry) for variable in environ):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
                found += 1
    return found


def _environments() -> Iterator[tuple[int, list[bytes]]]:
    """Processes and their variables; those of other users, of the kernel and of the dead are passed over."""
    if not _PROC.joinpath("self", "environ").exists():
        return
    for name in os.listdir(_PROC):
        if name.isdecimal() and int(name) != os.getpid():
            with suppress(OSError):
                yield int(name), _PROC.joinpath(name, "environ").read_bytes().split(b"\0")


def _require(cwd: Path, argv: Sequence[str]) -> None:
    if not cwd.is_dir():
        raise EnvironmentFault(f"cannot run {argv[0]} in {cwd}: there is no such folder")


def _readable(raw: bytes | bytearray) -> str:
    return raw.decode("utf-8", "backslashreplace")


def why_not_started(error: OSError | ValueError) -> str:
    """The reason, in a few words."""
    if isinstance(error, OSError):
        return "not found" if error.errno == errno.ENOENT else error.strerror or str(error)
    return str(error)


def _not_started(argv: Sequence[str], error: OSError | ValueError, seconds: float) -> Outcome:
    missing = isinstance(error, OSError) and error.errno == errno.ENOENT
    status = NOT_FOUND if missing else CANNOT_RUN
    return Outcome(status=status, output=f"{argv[0]}: {why_not_started(error)}", seconds=seconds)
