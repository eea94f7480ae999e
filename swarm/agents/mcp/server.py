"""One declared server: started when it is needed, watched, started again after it died, and left alone while it is broken.

Each process has one task, its owner, that opens and closes its session, because a session may only be closed by the task that opened it.
Calls are made by whoever calls, so they overlap, and cancelling one does not touch the others.

A failure is that it does not start, that it dies, or that it does not answer in time; a tool's own errors are answers. A death is counted
by the owner, once, however many calls were waiting. When the breaker opens, the process is ended too: what hangs is mended by a new one.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from swarm.agents.lm.limits import Breaker, Heard, ProviderBroken
from swarm.agents.mcp.failures import Lost, OutOfOrder, Rejected
from swarm.agents.mcp.listing import Listed
from swarm.agents.mcp.replies import brief
from swarm.agents.tools.answers import one_line
from swarm.errors import EnvironmentFault
from swarm.workspace.conversing import Conversation

if TYPE_CHECKING:
    from swarm.agents.mcp.session import Session

__all__ = ["Patience", "Server", "Start"]

Start = Callable[[Sequence[str]], AbstractAsyncContextManager[Conversation]]
"""Starts a command; mostly `conversation` with everything else given."""

_SAID: Final = 300
"""Characters of what a server says of its own failure."""
_MISSING: Final = "the plan declares mcp servers: pip install 'mece-swarm[mcp]'"


@dataclass(frozen=True, slots=True)
class Patience:
    """What is borne of a server."""

    start_s: float = 10.0
    """Until it has listed its tools."""
    call_s: float = 60.0
    failures: int = 3
    """In a row, until it is left alone."""
    rest_s: float = 30.0
    """How long it is left alone; then one call may look again."""


class _Died(OutOfOrder):
    """Its owner has counted it."""


class Server:
    """At most one process at a time, shared by all who call.

    Args:
        name: as the plan declares it.
        command: its program and arguments.
        start: starts that.
        clock: seconds from anywhere.
    """

    def __init__(self, name: str, command: Sequence[str], start: Start, patience: Patience, clock: Callable[[], float]) -> None:
        self.name = name
        self.command = command
        self._start = start
        self._patience = patience
        self._breaker = Breaker(name, patience.failures, patience.rest_s, clock)
        self._why = ""
        self._starting = asyncio.Lock()
        self._session: Session | None = None
        self._tools: tuple[Listed, ...] | None = None
        self._talk: Conversation | None = None
        self._owner: asyncio.Task[None] | None = None
        self._ending = False
        self._closed = False

    async def tools(self) -> tuple[Listed, ...]:
        """The tools it listed when it was first started.

        Raises:
            OutOfOrder: it was never started, and cannot be.
            EnvironmentFault: the package `mcp` is missing.
        """
        if self._tools is None:
            async with self._admitted():
                await self._running()
        return self._tools or ()

    async def call(self, tool: str, arguments: Mapping[str, Any]) -> str:
        """What a tool answers, or what is wrong with the server."""
        try:
            async with self._admitted():
                return await self._answer(await self._running(), tool, arguments)
        except OutOfOrder as failure:
            return str(failure)

    async def close(self) -> None:
        """Ends its process tree; no other is started."""
        self._closed = True
        await self._end()

    async def _answer(self, session: "Session", tool: str, arguments: Mapping[str, Any]) -> str:
        try:
            async with asyncio.timeout(self._patience.call_s):
                return await session.call(tool, arguments)
        except Rejected as error:
            return f"failed: {brief(str(error), _SAID)}"
        except TimeoutError:
            raise self._failure(f"did not answer within {self._patience.call_s:g} s") from None
        except Lost as lost:
            await self._end()  # its last words are there when it has ended
            said = f"{lost} before it had answered{self._last_words()}; the next call starts it again"
            raise _Died(f"the mcp server {self.name} {said}") from None

    @asynccontextmanager
    async def _admitted(self) -> AsyncIterator[None]:
        """Tells the breaker what becomes of what is done with the server.

        Raises:
            OutOfOrder: the breaker is open.
        """
        self._admit()
        heard = Heard.LET_GO
        try:
            yield
            heard = Heard.SUCCEEDED
        except OutOfOrder as failure:
            heard = Heard.LET_GO if isinstance(failure, _Died) else Heard.FAILED
            raise
        finally:
            if self._breaker.heard(heard):
                await self._end()

    def _admit(self) -> None:
        try:
            self._breaker.admit()
        except ProviderBroken:
            raise OutOfOrder(f"the mcp server {self.name} is out of order, go on without its tools: it {self._why}") from None

    async def _running(self) -> "Session":
        async with self._starting:
            if self._closed:
                raise OutOfOrder(f"the mcp server {self.name} was ended with the run")
            if self._session is None or self._session.lost.is_set():
                self._session = await self._started()
            return self._session

    async def _started(self) -> "Session":
        package = await _package()
        await self._end()
        opened: asyncio.Future[Session] = asyncio.get_running_loop().create_future()
        self._session, self._talk, self._ending = None, None, False
        self._owner = asyncio.create_task(self._own(package, opened))
        try:
            async with asyncio.timeout(self._patience.start_s):
                return self._as_at_first(await opened)
        except TimeoutError:
            await self._end()
            raise self._failure(f"did not start within {self._patience.start_s:g} s") from None
        except BaseException:
            await self._end()
            raise

    def _as_at_first(self, session: "Session") -> "Session":
        """Prompts tell of the tools that were listed first, so these must still be there."""
        self._tools = session.tools if self._tools is None else self._tools
        if session.tools != self._tools:
            raise self._failure("lists other tools than when it was first started")
        return session

    async def _own(self, package: Any, opened: "asyncio.Future[Session]") -> None:
        """The life of one process, to its end."""
        why = "was ended"
        try:
            async with self._start(self.command) as self._talk, package.session(self._talk) as session:
                why = await _lived(session, opened)
        except Exception as error:  # noqa: BLE001 - whatever a foreign process does ends it, and nothing else
            why = _reason(error)
        finally:
            lived = opened.done() and not opened.cancelled()
            if not opened.done():
                opened.set_exception(self._failure(f"did not start: {why}"))
        if lived:
            self._failure(why)
            self._breaker.heard(Heard.FAILED)

    async def _end(self) -> None:
        """Waits for the owner's end; it is not disturbed while it clears up."""
        if self._owner is None:
            return
        dying = self._session is not None and self._session.lost.is_set()
        if not (self._ending or dying):
            self._ending = True
            self._owner.cancel()
        await asyncio.wait([self._owner])

    def _failure(self, what: str) -> OutOfOrder:
        """What is wrong; remembered for those who are told while it is left alone."""
        self._why = what + self._last_words()
        return OutOfOrder(f"the mcp server {self.name} {self._why}")

    def _last_words(self) -> str:
        last = self._talk.errors.strip().rpartition("\n")[2] if self._talk is not None else ""
        return f"; the last it said: {brief(one_line(last), _SAID)}" if last else ""


async def _lived(session: "Session", opened: "asyncio.Future[Session]") -> str:
    """What ended the session. Nothing is raised, which the package would wrap in groups."""
    try:
        await session.greet()
    except Exception as error:  # noqa: BLE001 - as in `_own`
        return _reason(error)
    opened.set_result(session)
    await session.lost.wait()
    return session.why


def _reason(error: Exception) -> str:
    return brief(one_line(str(error).partition("\n")[0]), _SAID) or type(error).__name__


async def _package() -> Any:
    """`session`, imported off the event loop: the package takes a second.

    Raises:
        EnvironmentFault: it is not installed, or of another major version.
    """
    try:
        return await asyncio.to_thread(import_module, "swarm.agents.mcp.session")
    except ImportError as error:
        raise EnvironmentFault(_MISSING) from error
