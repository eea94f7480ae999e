"""Where a model is reached, and DSPy's own client to it, one for each event loop."""

import asyncio
import threading
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import dspy
from dspy import lm15
from dspy.clients.engines import LM15Engine

from swarm.agents.lm.providers import own_url
from swarm.agents.lm.requests import Request, Response
from swarm.agents.lm.transport import transport_to
from swarm.errors import UsageError

__all__ = ["Connection", "Endpoint", "capabilities", "resolved"]

_CAPABILITIES: Final = ("supports_function_calling", "supports_reasoning", "supports_response_schema", "supported_params")
_SHORTEST_SECRET: Final = 8
_REPEATED: Final = "the provider's complaint repeats the key, so it is not shown"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A model and how to reach it."""

    model: str
    """As DSPy writes it: `provider/model`."""
    key: str | None = field(default=None, repr=False)
    """None = none but what a cloud's own chain of credentials finds."""
    base_url: str | None = None
    """None = the provider's own."""
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    """All variables that the client may read: the process's own are not for a URL that a plan names."""
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
        self.provider, self.wire_model = resolved(endpoint)
        self._endpoint = endpoint
        self._at_once = connections(self.provider)
        self._routers: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Any] = weakref.WeakKeyDictionary()
        self._clients: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Any] = weakref.WeakKeyDictionary()
        self._lock = threading.Lock()

    async def send(self, request: Request) -> Response:
        """One try.

        Raises:
            dspy.lm15.LM15Error: what went wrong. A provider that repeats the key in its complaint is not quoted.
        """
        client = self._clients.get(asyncio.get_running_loop()) or await self._opened()
        try:
            return await client.complete(replace(request, model=self.wire_model))
        except lm15.LM15Error as error:
            _keep_secret(error, self._endpoint.key)
            raise

    async def aclose(self) -> None:
        """Closes what was opened on the running loop."""
        loop = asyncio.get_running_loop()
        with self._lock:
            router = self._routers.pop(loop, None)
            self._clients.pop(loop, None)
        if router is not None:
            await router.aclose()

    async def _opened(self) -> Any:
        """In a thread, for a cloud's credentials may have to be fetched; and once, for each thread is a wait."""
        loop = asyncio.get_running_loop()
        with self._lock:
            router = self._routers[loop] = self._routers.get(loop) or self._router()
        client = await asyncio.to_thread(router.lm, f"{self.provider}:{self.wire_model}")
        with self._lock:
            return self._clients.setdefault(loop, client)

    def _router(self) -> Any:
        endpoint, provider = self._endpoint, self.provider
        transport = transport_to(endpoint.base_url or own_url(provider), endpoint.timeout_s, self._at_once)
        keys = {provider: endpoint.key} if endpoint.key else None
        urls = {provider: endpoint.base_url} if endpoint.base_url else None
        return lm15.AsyncLMRouter(lm15.RouterConfig(env=endpoint.environment, api_keys=keys, base_urls=urls, transport=transport))


def _keep_secret(error: lm15.LM15Error, key: str | None) -> None:
    """Placeholders for a key are words such as `none`, and no secret."""
    if key and len(key) >= _SHORTEST_SECRET and any(key in str(each) for each in (error, error.__cause__, error.__context__)):
        error.message = _REPEATED
        error.args = (_REPEATED,)
        error.__cause__ = error.__context__ = None


def capabilities(endpoint: Endpoint) -> dict[str, Any]:
    """What DSPy knows of the model's abilities. An engine of one's own has none unless it says so."""
    probe = dspy.LM(endpoint.model, model_type=endpoint.model_type, engine="lm15", cache=False)  # never sends
    return {name: getattr(probe, name) for name in _CAPABILITIES}


def resolved(endpoint: Endpoint) -> tuple[str, str]:
    """The provider's name, and the model's as it is called there.

    Raises:
        UsageError: no provider is known for the model's name.
    """
    try:
        found = LM15Engine(lm15.RouterConfig(env={}), model_type=endpoint.model_type).resolve(endpoint.model)
    except lm15.LM15Error as error:
        reason = str(error).partition("\n")[0]
        raise UsageError(f"the model {endpoint.model!r} has no known provider ({reason}): write provider/model") from error
    return found.provider, found.model
