"""A model's provider on loopback: OpenAI's chat completions over real HTTP, played by a script, with a log of all it was asked.

It runs on the caller's event loop, or in a thread of its own for tests that run `swarm` as a subprocess. Everything happens on
one loop, so a script needs no locks; `log`, `in_flight` and `peak` may be read from other threads.
"""

import asyncio
import concurrent.futures
import hmac
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

from .faults import Status
from .http import HttpRequest, read_request
from .protocol import CREATED, BadRequest, Chat, parse_chat
from .script import Script
from .sending import Reply, Sending, Then, plain, refuse, send

__all__ = ["Exchange", "ModelServer"]

_CHAT: Final = "/v1/chat/completions"
_MODELS: Final = "/v1/models"
_BACKLOG: Final = 2048  # a client that opens hundreds of connections at once must not wait for a second SYN
_LINE_BYTES: Final = 2**20

Latency = float | Callable[[Chat], float]


@dataclass(slots=True)
class Exchange:
    """One request and what became of it. Times are of `time.monotonic`, which all processes of a machine share."""

    method: str
    path: str
    headers: Mapping[str, str]
    """As received, names in lower case, without the key."""
    key_right: bool
    arrived_s: float
    number: int | None = None
    """Among the chat requests; counts from 1."""
    chat: Chat | None = None
    """None for other requests and for bodies that were refused."""
    reply: Reply | None = None
    """What the script said; None where it was not asked, or has not answered yet."""
    status: int | None = None
    left_s: float | None = None
    """None while the answer is not sent to its end."""
    delivered: bool = False
    """All of it was written before the client left."""

    @property
    def model(self) -> str | None:
        return self.chat.model if self.chat else None

    @property
    def messages(self) -> Sequence[Mapping[str, Any]]:
        return self.chat.messages if self.chat else ()

    @property
    def tools(self) -> Sequence[Mapping[str, Any]]:
        return self.chat.tools if self.chat else ()

    @property
    def answered(self) -> bool:
        """The client got a good answer: this is what must never be asked again."""
        return self.delivered and self.status == 200


class ModelServer:
    """`async with ModelServer(script) as server:`, or `with ModelServer(script).in_thread() as server:`. For one use.

    Args:
        script: decides each answer. What it raises is answered with 400 and raised again where the server is closed.
        key: the one right key. Any other is answered with 401, and the script not asked.
        models: what `GET /v1/models` lists. A chat may name any model.
        latency_s: seconds from a chat's last byte to its answer's first; or a function of the chat.
    """

    def __init__(
        self, script: Script, *, key: str = "sk-scripted", models: Sequence[str] = ("scripted",), latency_s: Latency = 0.0
    ) -> None:
        self.script = script
        self.key = key
        self.log: list[Exchange] = []
        self.in_flight = 0
        self.peak = 0
        self._models = tuple(models)
        self._latency_s = latency_s
        self._complaints: list[Exception] = []
        self._connections: set[asyncio.Task[None]] = set()
        self._lock = threading.Lock()
        self._waiting: list[tuple[int, Future[Exchange]]] = []

    @property
    def base_url(self) -> str:
        """What clients want as `api_base`; ends in `/v1`."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def chats(self) -> list[Exchange]:
        """The log's chat requests, by number."""
        return [exchange for exchange in self.log if exchange.number is not None]

    def arrived(self, number: int) -> Future[Exchange]:
        """The chat request with this number, once it is there: `.result(timeout)` in a thread, `asyncio.wrap_future` on a loop."""
        future: Future[Exchange] = Future()
        with self._lock:
            if number <= len(self.chats):
                future.set_result(self.chats[number - 1])
            else:
                self._waiting.append((number, future))
        return future

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, backlog=_BACKLOG, limit=_LINE_BYTES)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.close()
        for connection in tuple(self._connections):
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._server.wait_closed()
        if error is None and self._complaints:
            raise self._complaints[0]

    @contextmanager
    def in_thread(self) -> Iterator[Self]:
        """The server on a loop and thread of its own; `with` gives it once it listens."""
        started: Future[Callable[[], object]] = Future()
        with ThreadPoolExecutor(1, "model-server") as pool:
            served = pool.submit(lambda: asyncio.run(self._serve(started)))
            both: tuple[Future[Any], ...] = (started, served)
            concurrent.futures.wait(both, return_when=FIRST_COMPLETED)
            if served.done():
                served.result()
            try:
                yield self
            finally:
                started.result()()
        served.result()

    async def _serve(self, started: "Future[Callable[[], object]]") -> None:
        async with self:
            loop, told = asyncio.get_running_loop(), asyncio.Event()
            started.set_result(lambda: loop.call_soon_threadsafe(told.set))
            await told.wait()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A task of our own: one that asyncio makes for a coroutine complains when it is cancelled."""
        task = asyncio.get_running_loop().create_task(self._converse(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (request := await read_request(reader)) is not None:
                if await self._handle(request, reader, writer) is not Then.KEEP:
                    break
        except asyncio.CancelledError:
            writer.transport.abort()  # a client that does not read would keep us from closing
            raise
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _handle(self, request: HttpRequest, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Then:
        exchange = self._enter(request)
        is_chat = exchange.number is not None
        self.in_flight += is_chat
        self.peak = max(self.peak, self.in_flight)
        try:
            sending = await self._decide(request, exchange)
            exchange.status = sending.status
            exchange.delivered = await _write(sending, reader, writer)
            return sending.then if exchange.delivered else Then.CLOSE
        finally:
            self.in_flight -= is_chat
            exchange.left_s = time.monotonic()

    def _enter(self, request: HttpRequest) -> Exchange:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        shown = {name: value for name, value in request.headers.items() if name != "authorization"}
        right = hmac.compare_digest(given.encode(), self.key.encode())
        exchange = Exchange(request.method, request.path, shown, right, time.monotonic())
        with self._lock:
            if (request.method, request.path) == ("POST", _CHAT):
                exchange.number = len(self.chats) + 1
            self.log.append(exchange)
            self._announce(exchange)
        return exchange

    def _announce(self, exchange: Exchange) -> None:
        for entry in [each for each in self._waiting if each[0] == exchange.number]:
            self._waiting.remove(entry)
            entry[1].set_result(exchange)

    async def _decide(self, request: HttpRequest, exchange: Exchange) -> Sending:
        if request.path not in (_CHAT, _MODELS):
            return refuse(Status(404, message=f"there is no {request.path} here"))
        if not exchange.key_right:
            return refuse(Status(401, code="invalid_api_key", message="Incorrect API key provided."))
        if exchange.number is not None:
            return await self._chat(request, exchange, exchange.number)
        if request.method == "GET" and request.path == _MODELS:
            return plain({"object": "list", "data": [_model(name) for name in self._models]})
        return refuse(Status(405, message=f"{request.method} is not for {request.path}"))

    async def _chat(self, request: HttpRequest, exchange: Exchange, number: int) -> Sending:
        try:
            exchange.chat = chat = parse_chat(request.body, number)
        except BadRequest as error:
            return refuse(Status(400, message=str(error)), error.param)
        await asyncio.sleep(self._latency_s(chat) if callable(self._latency_s) else self._latency_s)
        try:
            exchange.reply = self.script(chat)
            return send(chat, exchange.reply)
        except Exception as error:
            self._complaints.append(error)
            return refuse(Status(400, message=f"the script of this server failed: {error!r}"))


async def _write(sending: Sending, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """True when all was written and the client still there. It has nothing to say meanwhile: an end of its stream is its leaving."""
    try:
        for index, part in enumerate(sending.parts):
            await asyncio.sleep(sending.every_s if index else 0)
            if reader.at_eof():
                return False
            writer.write(part)
            await writer.drain()
        if sending.then is Then.HOLD:
            await reader.read()
    except ConnectionError:
        return False
    return not reader.at_eof()


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": CREATED, "owned_by": "tests"}
