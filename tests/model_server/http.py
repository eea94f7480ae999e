"""As much of HTTP/1.1 as the clients of a model speak: requests with a length, on connections that stay open."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["HttpRequest", "read_request"]


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request read to its end. Names of headers are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


async def read_request(reader: asyncio.StreamReader) -> HttpRequest | None:
    """The connection's next request; None when there is none, or it is no HTTP."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.rstrip("\r\n").split("\r\n")
        method, target, _ = first.split(" ")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError, ValueError):
        return None
    return HttpRequest(method, target.partition("?")[0], headers, body)
