"""An MCP session over a conversation with a process: the only file that touches the public package `mcp`.

Of what a server sends, only its answers reach the package. Notifications are dropped: progress and logs interest nobody, and a list of
tools is taken once. What it asks of us (a model's answer, a person's, folders) is declined, as a client that offers none of this may.

Calls go through `send_request` and not `call_tool`, which would check answers against the server's own schema: a pattern in it could keep
the event loop busy for hours.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

import mcp_types as types
from anyio import BrokenResourceError, ClosedResourceError, create_memory_object_stream
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp import ClientSession, MCPError
from mcp.shared.message import SessionMessage
from pydantic import ValidationError

from swarm.agents.mcp.failures import Lost, Rejected
from swarm.agents.mcp.listing import MOST_TOOLS, Listed, listed
from swarm.agents.mcp.replies import text_of
from swarm.workspace.conversing import Conversation, LineTooLong

__all__ = ["Session", "session"]

_LONG: Final = 64 * 1024
"""Bytes of a line from which reading it is left to a thread."""
_WAITING: Final = 64
"""Messages that may wait for a server that does not listen just now."""
_INFO: Final = types.Implementation(name="swarm", version="1")
_OTHER_GREETING: Final = frozenset({types.UNSUPPORTED_PROTOCOL_VERSION, types.METHOD_NOT_FOUND})

_Inward = MemoryObjectSendStream[SessionMessage | Exception]
_Outward = MemoryObjectSendStream[SessionMessage]


class Session:
    """A server that can be called by any task, once it was greeted.

    Attributes:
        tools: sorted by name.
        lost: set when nothing more will be heard of it.
        why: what became of it, then.
    """

    def __init__(self, client: ClientSession) -> None:
        self.tools: tuple[Listed, ...] = ()
        self.lost = asyncio.Event()
        self.why = "was ended"
        self._client = client

    async def greet(self) -> None:
        """Agrees on a version and takes the list of tools.

        Raises:
            Rejected: it speaks another language.
            Lost: it ended.
        """
        with self._speaking():
            await self._agree()
            self.tools = await self._listed()

    async def call(self, tool: str, arguments: Mapping[str, Any]) -> str:
        """What a tool answers.

        Raises:
            Rejected: the server would not, or its answer has no form.
            Lost: it ended.
        """
        parameters = types.CallToolRequestParams.model_construct(name=tool, arguments=dict(arguments))
        request = types.CallToolRequest.model_construct(params=parameters)
        with self._speaking():
            result = await self._client.send_request(request, types.CallToolResult)
        return await asyncio.to_thread(text_of, result)

    async def _agree(self) -> None:
        try:
            await self._client.initialize()
        except MCPError as error:
            if error.code not in _OTHER_GREETING:
                raise
            await self._client.discover()  # it knows only those later versions that are without a greeting

    async def _listed(self) -> tuple[Listed, ...]:
        found: dict[str, Listed] = {}
        cursor: str | None = None
        for _ in range(MOST_TOOLS):  # and no more pages than that, whatever is on them
            request = types.ListToolsRequest(params=types.PaginatedRequestParams(cursor=cursor))
            page = await self._client.send_request(request, types.ListToolsResult)
            for tool in page.tools[: MOST_TOOLS - len(found)]:
                found.setdefault(tool.name, listed(tool.name, tool.description or "", tool.input_schema))
            cursor = page.next_cursor
            if cursor is None or len(found) >= MOST_TOOLS:
                break
        return tuple(found[name] for name in sorted(found))

    @contextmanager
    def _speaking(self) -> Iterator[None]:
        """Foreign errors as ours."""
        try:
            yield
        except MCPError as error:
            raise Lost(self.why) if self.lost.is_set() else Rejected(error.message) from error
        except ValidationError as error:
            raise Rejected("what the server answered does not have the form that MCP asks for") from error
        except ValueError as error:
            raise Rejected("the arguments cannot be written as JSON") from error
        except RuntimeError as error:  # no version in common
            raise Rejected(str(error)) from error


@asynccontextmanager
async def session(talk: Conversation) -> AsyncIterator[Session]:
    """A session with a process. To be left by the task that entered it: it holds a cancel scope of anyio."""
    inward, received = create_memory_object_stream[SessionMessage | Exception](0)
    outward, sent = create_memory_object_stream[SessionMessage](_WAITING)
    client = ClientSession(received, outward, client_info=_INFO)
    live = Session(client)
    pumps = [asyncio.create_task(_hearing(talk, live, inward, outward.clone())), asyncio.create_task(_saying(talk, sent))]
    try:
        async with client:
            try:
                yield live
            finally:
                live.lost.set()
    finally:
        for pump in pumps:
            pump.cancel()
        await asyncio.wait(pumps)
        for stream in (inward, received, outward, sent):
            stream.close()


async def _hearing(talk: Conversation, live: Session, inward: _Inward, replies: _Outward) -> None:
    """Hands answers in. Closing the stream wakes all who wait for one."""
    with inward, replies:
        try:
            while (line := await talk.hear()) is not None:
                await _take(await _message(line), inward, replies)
            live.why = f"ended with status {talk.status}"
        except LineTooLong as error:
            live.why = f"broke off: {error}"
        except (BrokenResourceError, ClosedResourceError):
            pass  # the session went first
        finally:
            live.lost.set()


_parsed: Final[Callable[[bytes], types.JSONRPCMessage]] = types.jsonrpc_message_adapter.validate_json


async def _message(line: bytes) -> types.JSONRPCMessage | None:
    """None for a line that is no message: some servers greet their users."""
    try:
        return await asyncio.to_thread(_parsed, line) if len(line) >= _LONG else _parsed(line)
    except ValueError:
        return None


async def _take(message: types.JSONRPCMessage | None, inward: _Inward, replies: _Outward) -> None:
    if isinstance(message, types.JSONRPCResponse | types.JSONRPCError):
        await inward.send(SessionMessage(message))
    elif isinstance(message, types.JSONRPCRequest):
        await replies.send(SessionMessage(_reply(message)))


def _reply(request: types.JSONRPCRequest) -> types.JSONRPCMessage:
    if request.method == "ping":
        return types.JSONRPCResponse(jsonrpc="2.0", id=request.id, result={})
    error = types.ErrorData(code=types.METHOD_NOT_FOUND, message="this client offers nothing to servers")
    return types.JSONRPCError(jsonrpc="2.0", id=request.id, error=error)


async def _saying(talk: Conversation, sent: MemoryObjectReceiveStream[SessionMessage]) -> None:
    with sent:
        async for each in sent:
            # In ASCII: half of a surrogate pair, which a model may write, has no form in UTF-8.
            message = json.dumps(each.message.model_dump(by_alias=True, mode="json", exclude_unset=True))
            await talk.say(message.encode("ascii"))
