"""The model, as a program in a worker sees it: an engine pair whose every request the scheduler makes. No key is here."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, Final

from swarm.agents.lm.connection import Endpoint, capabilities
from swarm.agents.lm.requests import Request, Response, as_events, as_json, error_again, response_from_json
from swarm.agents.programs.worker.channel import Channel

import dspy  # isort: skip # after swarm.agents.lm, which keeps it from the network

__all__ = ["is_ours", "lm_of"]

_NONE: Final = "openai/none-configured"
"""Stands for the model that is missing, so that asking it comes to the scheduler, who says what to do."""


class _Engine:
    """What both engines of a pair are: capabilities to look at, and one way."""

    def __init__(self, channel: Channel, abilities: Mapping[str, Any]) -> None:
        self.channel = channel
        vars(self).update(abilities)

    def __deepcopy__(self, memo: Any) -> Any:
        """Itself: programs copy their parts together with the models, and there is one scheduler."""
        return self


class SyncEngine(_Engine):
    """For `forward`; waits in the program's own thread."""

    def complete(self, request: Request) -> Response:
        return _response(self.channel.ask("model", request=as_json(request)).result())

    def stream(self, request: Request) -> Iterator[Any]:
        yield from as_events(self.complete(request))


class AsyncEngine(_Engine):
    """For `aforward`."""

    async def complete(self, request: Request) -> Response:
        return _response(await asyncio.wrap_future(self.channel.ask("model", request=as_json(request))))

    async def stream(self, request: Request) -> AsyncIterator[Any]:
        for event in as_events(await self.complete(request)):
            yield event


def lm_of(channel: Channel, model: Mapping[str, Any] | None) -> Any:
    """The `dspy.LM` that the scheduler's stands behind, with its settings, so that both write the same requests."""
    told = model or {"name": _NONE, "type": "chat", "settings": {}}
    able = capabilities(Endpoint(told["name"], responses=told["type"] == "responses"))
    pair = {"engine": SyncEngine(channel, able), "async_engine": AsyncEngine(channel, able)}
    lm = dspy.LM(told["name"], model_type=told["type"], cache=False, num_retries=0, **pair)
    lm.kwargs = dict(told["settings"])
    return lm


def is_ours(lm: Any) -> bool:
    """Whether a model's calls go to the scheduler."""
    return isinstance(getattr(lm, "engine", None), SyncEngine)


def _response(answer: dict[str, Any]) -> Response:
    """What the model answered.

    Raises:
        dspy.lm15.LM15Error: what DSPy shows as the class that the scheduler saw.
    """
    if "error" in answer:
        raise error_again(answer["error"], answer["status"]) or RuntimeError(answer["error"])
    return response_from_json(answer["value"])
