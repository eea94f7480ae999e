"""Talking with a process that runs for long, in lines both ways, under the same rules as commands: nothing of it is left behind.

Its standard output is what it says and its standard input what it is told; its standard error is kept like a command's output. What
it says comes from a stranger: a line is bounded, and a process that says more than is listened to waits in its pipe and not in our
memory. As with commands the end of the process is not the end of its output: what it has started may hold the pipe open for ever,
so that is ended first.
"""

import asyncio
from asyncio import Event, Future, ReadTransport, WriteTransport
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, Self, TypeVar

from swarm.errors import EnvironmentFault, ProcedureFailed
from swarm.workspace.processes import DRAIN_S, OUTPUT_LIMIT, Kept, Running, end_tree, own_mark, start, why_not_started

__all__ = ["LINE_LIMIT", "Conversation", "LineTooLong", "conversation"]

LINE_LIMIT: Final = 16 * 1024 * 1024
"""Bytes of the longest line that is heard."""

_OUT: Final = 1
_ERR: Final = 2

_Pipe = TypeVar("_Pipe", ReadTransport, WriteTransport)


class LineTooLong(ProcedureFailed):
    """The process said a line that is longer than any that it should: it does not keep to what was agreed."""


@asynccontextmanager
async def conversation(
    argv: Sequence[str],
    *,
    cwd: Path,
    environment: Mapping[str, str],
    mark: str,
    line_limit: int = LINE_LIMIT,
    errors_limit: int = OUTPUT_LIMIT,
) -> AsyncIterator["Conversation"]:
    """Starts a process to talk with. Leaving the context, in whatever way, ends its whole tree.

    Args:
        cwd: the folder to run in.
        environment: all it sees, and `SWARM_MARK`.
        mark: what `sweep` will know it by; the value of `SWARM_MARK` begins with it.
        line_limit: bytes of the longest line that is heard.
        errors_limit: bytes of standard error to keep, half from its beginning and half from its end.

    Raises:
        EnvironmentFault: it cannot be started.
    """
    known_by = own_mark(mark)
    pipe = asyncio.subprocess.PIPE
    try:
        talk = await start(
            lambda: Conversation(known_by, line_limit, errors_limit),
            argv,
            cwd=cwd,
            environment=environment,
            mark=known_by,
            stdin=pipe,
            stderr=pipe,
        )
    except (OSError, ValueError) as error:
        raise EnvironmentFault(f"{argv[0]} cannot be started in {cwd}: {why_not_started(error)}") from error
    try:
        yield talk
    finally:
        try:
            await talk.end()
        finally:
            talk.transport.close()


class _Lines:
    """Cuts what comes into lines."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._waiting = bytearray()
        self._looked = 0

    @property
    def full(self) -> bool:
        """There is a line to take, or one that is too long."""
        return len(self._waiting) > self._limit

    def add(self, data: bytes) -> None:
        self._waiting += data

    def take(self) -> bytes | None:
        """The next whole line, without its end.

        Raises:
            LineTooLong: it is.
        """
        end = self._waiting.find(b"\n", self._looked)
        self._looked = len(self._waiting)
        if (self._looked if end < 0 else end) > self._limit:
            raise LineTooLong(f"the process said a line of more than {self._limit} bytes")
        return None if end < 0 else self._cut(end)

    def rest(self) -> bytes | None:
        """What came after the last whole line, once."""
        return self._cut(len(self._waiting)) if self._waiting else None

    def _cut(self, end: int) -> bytes:
        line = bytes(self._waiting[:end])
        del self._waiting[: end + 1]
        self._looked = 0
        return line


class Conversation(Running):
    """A process that is talked with. `conversation` makes it."""

    def __init__(self, mark: str, line_limit: int, errors_limit: int) -> None:
        super().__init__(Kept(errors_limit))
        self._mark = mark
        self._lines = _Lines(line_limit)
        self._errors_ended: Future[None] = asyncio.get_running_loop().create_future()
        self._news = Event()
        self._writable = Event()
        self._writable.set()
        self._over = False

    @property
    def errors(self) -> str:
        """What it wrote to standard error; complete after the end, the middle left out when it was long."""
        return self._output.text()

    async def say(self, line: bytes) -> None:
        """Tells it a line, and waits while it does not listen. What is said to the dead is lost: `hear` tells of the end."""
        pipe = self._pipe(0, WriteTransport)
        if not pipe.is_closing():
            pipe.write(line + b"\n")
        await self._writable.wait()

    async def hear(self) -> bytes | None:
        """The next line that it says, without its end; None once it has ended, and with it all it started: then there is `status`.

        Raises:
            LineTooLong: the line is.
        """
        while (line := self._lines.take()) is None:
            if self._over:
                return self._lines.rest()
            await self._more()
        return line

    async def end(self) -> None:
        """Ends it and everything it started. Harmless when called twice."""
        if self._over:
            return
        self._pipe(_OUT, ReadTransport).resume_reading()
        await end_tree(self.transport.get_pid(), self._mark)
        self._over = True
        await asyncio.wait([self.exited, self.drained, self._errors_ended], timeout=DRAIN_S)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        line = await self.hear()
        if line is None:
            raise StopAsyncIteration
        return line

    async def _more(self) -> None:
        if self.drained.done():  # it will say no more; mostly because it is about to end by itself, with a status of its own
            await asyncio.wait([self.exited], timeout=DRAIN_S)
        if self.drained.done() or self.exited.done():
            await self.end()
            return
        self._news.clear()
        self._pipe(_OUT, ReadTransport).resume_reading()
        await self._news.wait()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if fd == _ERR:
            super().pipe_data_received(fd, data)
            return
        self._lines.add(data)
        if self._lines.full and not self.exited.done():  # after that it is only what was left in the pipe
            self._pipe(_OUT, ReadTransport).pause_reading()
        self._news.set()

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        super().pipe_connection_lost(fd, exc)
        if fd == _ERR:
            self._errors_ended.set_result(None)
        self._writable.set()
        self._news.set()

    def process_exited(self) -> None:
        super().process_exited()
        self._writable.set()
        self._news.set()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def _pipe(self, fd: int, kind: type[_Pipe]) -> _Pipe:
        pipe = self.transport.get_pipe_transport(fd)
        assert isinstance(pipe, kind)
        return pipe
