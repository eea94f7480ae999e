"""How an answer or a fault goes over the wire: bytes, a pace, and what becomes of the connection. No IO.

Streams are server-sent events in HTTP's chunked coding, so that a connection serves further requests after one.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus
from typing import Any, Final, assert_never

from .faults import Cut, Drip, Fault, Garbage, Silence, Status, Truncated
from .protocol import Answer, Chat, chunks, completion, failure

__all__ = ["Reply", "Sending", "Then", "plain", "refuse", "send"]

Reply = Answer | Fault

_KINDS: Final = {401: "authentication_error", 402: "insufficient_quota", 403: "permission_error", 429: "requests"}
_LAST_CHUNK: Final = b"0\r\n\r\n"


class Then(Enum):
    """What becomes of the connection after the bytes."""

    KEEP = "keep"
    CLOSE = "close"
    HOLD = "hold"
    """Say nothing more until the client leaves."""


@dataclass(frozen=True, slots=True)
class Sending:
    """Bytes to write, a pause after each, and then. `status` is None where no status line is sent."""

    parts: tuple[bytes, ...]
    status: int | None
    every_s: float = 0.0
    then: Then = Then.KEEP


def send(chat: Chat, reply: Reply) -> Sending:
    """How a reply to a chat is sent."""
    match reply:
        case Answer():
            return Sending(_whole(chat, reply), 200)
        case Status():
            return refuse(reply)
        case Drip():
            return Sending(_sliced(_whole(chat, reply.answer or Answer("drip")), reply.size_bytes), 200, reply.every_s)
        case Cut():
            return Sending((), None, then=Then.CLOSE) if reply.unheard else Sending(_half(_whole(chat, reply.answer)), 200, then=Then.CLOSE)
        case Silence():
            return Sending((), None, then=Then.HOLD)
        case Garbage():
            return Sending((reply.body,), None, then=Then.CLOSE) if reply.raw else Sending((_sized(200, reply.body),), 200)
        case Truncated():
            return Sending(_truncated(chat, reply.answer), 200)
        case _:
            assert_never(reply)


def plain(body: Mapping[str, Any]) -> Sending:
    """A JSON object with status 200."""
    return Sending((_sized(200, json.dumps(body).encode()),), 200)


def refuse(status: Status, param: str | None = None) -> Sending:
    """An error status with the provider's error object."""
    kind = _KINDS.get(status.status, "server_error" if status.status >= 500 else "invalid_request_error")
    body = json.dumps(failure(status.message, kind, status.code, param)).encode()
    more = {} if status.retry_after is None else {"Retry-After": status.retry_after}
    return Sending((_sized(status.status, body, more),), status.status)


def _whole(chat: Chat, answer: Answer) -> tuple[bytes, ...]:
    if chat.stream:
        return (_stream_head(), *map(_chunked, _events(chat, answer)), _LAST_CHUNK)
    return (_sized(200, json.dumps(completion(chat, answer)).encode()),)


def _truncated(chat: Chat, answer: Answer) -> tuple[bytes, ...]:
    if chat.stream:
        events = list(_events(chat, answer))[:-1]
        return (_stream_head(), *map(_chunked, (*events[:-1], events[-1][: len(events[-1]) // 2] + b"\n\n")), _LAST_CHUNK)
    body = json.dumps(completion(chat, answer)).encode()
    return (_sized(200, body[: len(body) // 2]),)


def _half(parts: tuple[bytes, ...]) -> tuple[bytes, ...]:
    data = b"".join(parts)
    return (data[: (data.index(b"\r\n\r\n") + len(data)) // 2],)


def _sliced(parts: tuple[bytes, ...], size: int) -> tuple[bytes, ...]:
    data = b"".join(parts)
    return tuple(data[start : start + size] for start in range(0, len(data), size))


def _events(chat: Chat, answer: Answer) -> Iterable[bytes]:
    for chunk in chunks(chat, answer):
        yield f"data: {json.dumps(chunk)}\n\n".encode()
    yield b"data: [DONE]\n\n"


def _chunked(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _sized(status: int, body: bytes, more: Mapping[str, str] | None = None) -> bytes:
    return _head(status, {"Content-Type": "application/json", "Content-Length": str(len(body)), **(more or {})}) + body


def _stream_head() -> bytes:
    return _head(200, {"Content-Type": "text/event-stream", "Cache-Control": "no-cache", "Transfer-Encoding": "chunked"})


def _head(status: int, headers: Mapping[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join((*lines, "", "")).encode()
