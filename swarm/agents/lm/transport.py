"""DSPy's HTTP transport with two things added: an answer has a largest size, and the environment's proxy is looked up once.

Without the first, a server that never stops talking fills the memory. The second was a sixteenth of all work for a model call.
"""

import importlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from dspy import lm15

__all__ = ["ANSWER_BYTES", "transport_to"]

# Imported by name: see `requests`.
_transports: Final = importlib.import_module("dspy._vendor.lm15.transports")

ANSWER_BYTES: Final = 4 * 2**20
"""Some million tokens: more than any model answers."""


class _Answer:
    """A response whose body ends the call when it is too large."""

    def __init__(self, response: Any) -> None:
        self._response = response

    def __getattr__(self, name: str) -> Any:
        return getattr(self._response, name)

    async def read(self) -> bytes:
        body = bytearray()
        async for chunk in self._response:
            body += chunk
            if len(body) > ANSWER_BYTES:
                raise lm15.CollectionLimitError(f"the answer is larger than {ANSWER_BYTES // 2**20} MB and was not read to its end")
        return bytes(body)


class _Transport(_transports.StdlibAsyncTransport):  # type: ignore[misc,name-defined] # dspy is untyped
    @asynccontextmanager
    async def stream(self, request: Any) -> AsyncIterator[Any]:
        async with super().stream(request) as response:
            yield _Answer(response)


def transport_to(url: str | None, timeout_s: float, connections: int) -> Any:
    """A transport for one event loop.

    Args:
        url: where it leads; None where that is not known yet.
        timeout_s: the longest silence.
        connections: how many at a time.
    """
    waits = {"read_timeout": timeout_s, "write_timeout": timeout_s, "pool_timeout": timeout_s}
    route = {} if url is None else {"trust_env": False, "proxy": _proxy(url)}
    return _Transport(max_connections=connections, **waits, **route)


def _proxy(url: str) -> str | None:
    parts, proxies = urlsplit(url), getproxies()
    found = proxies.get(parts.scheme) or proxies.get("all")
    return None if found is None or proxy_bypass(parts.hostname or "") else found
