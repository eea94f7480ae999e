"""Where a model is reached, and DSPy's own client to it, one for each event loop."""

import asyncio
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import dspy
from dspy import lm15
from dspy.clients.engines import AsyncLM15Engine, LM15Engine

from swarm.agents.lm.requests import Request, Response
from swarm.errors import UsageError

__all__ = ["Connection", "Endpoint", "capabilities"]

_CAPABILITIES: Final = ("supports_function_calling", "supports_reasoning", "supports_response_schema", "supported_params")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A model and how to reach it."""

    model: str
    """As DSPy writes it: `provider/model`."""
    key: str | None = field(default=None, repr=False)
    """None = the provider's environment variable."""
    base_url: str | None = None
    """None = the provider's own."""
    timeout_s: float = 600.0
    """The longest silence."""
    responses: bool = False
    """OpenAI's Responses API instead of chat completions."""

    @property
    def model_type(self) -> str:
        return "responses" if self.responses else "chat"


class Connection:
    """Sends requests, one try each. Safe to share between loops: a pool of connections belongs to one, so each gets its own.

    Args:
        endpoint: the model.
        connections: how many at a time, by provider. DSPy's default of 100 would let calls fail for want of one.

    Raises:
        UsageError: no provider is known for the model's name.
    """

    def __init__(self, endpoint: Endpoint, connections: Callable[[str], int]) -> None:
        self._type = endpoint.model_type
        self.provider, self.wire_model = _resolved(endpoint)
        self._config = lm15.RouterConfig(
            api_keys={self.provider: endpoint.key} if endpoint.key else None,
            base_urls={self.provider: endpoint.base_url} if endpoint.base_url else None,
            timeouts=lm15.Timeouts(read=endpoint.timeout_s, write=endpoint.timeout_s, pool=endpoint.timeout_s),
            max_connections=connections(self.provider),
        )
        self._clients: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Any] = weakref.WeakKeyDictionary()
        self._lock = threading.Lock()

    async def send(self, request: Request) -> Response:
        """One try.

        Raises:
            dspy.lm15.LM15Error: what went wrong.
        """
        return await self._client().complete(request)

    async def aclose(self) -> None:
        """Closes what was opened on the running loop."""
        with self._lock:
            client = self._clients.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.aclose()

    def _client(self) -> Any:
        loop = asyncio.get_running_loop()
        with self._lock:
            if loop not in self._clients:
                self._clients[loop] = AsyncLM15Engine(self._config, model_type=self._type)
            return self._clients[loop]


def capabilities(endpoint: Endpoint) -> dict[str, Any]:
    """What DSPy knows of the model's abilities. An engine of one's own has none unless it says so."""
    probe = dspy.LM(endpoint.model, model_type=endpoint.model_type, engine="lm15", cache=False)  # never sends
    return {name: getattr(probe, name) for name in _CAPABILITIES}


def _resolved(endpoint: Endpoint) -> tuple[str, str]:
    try:
        found = LM15Engine(lm15.RouterConfig(env={}), model_type=endpoint.model_type).resolve(endpoint.model)
    except lm15.LM15Error as error:
        reason = str(error).partition("\n")[0]
        raise UsageError(f"the model {endpoint.model!r} has no known provider ({reason}): write provider/model") from error
    return found.provider, found.model
