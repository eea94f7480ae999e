"""Trying a model: one tiny call, outside every run, and one line about what was seen."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Final

import dspy
from dspy import lm15

from swarm.agents.lm.access import endpoint_for, key_advice
from swarm.agents.lm.connection import Connection, Endpoint
from swarm.agents.lm.names import ModelName, parse_model
from swarm.agents.lm.providers import provider_of
from swarm.agents.lm.requests import Response, public_error
from swarm.agents.tools.answers import cut, one_line
from swarm.errors import SwarmError

__all__ = ["Trial", "try_model"]

_ANSWER_TOKENS: Final = 16
"""Fewer are refused by some providers."""
_NOTE: Final = 200


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of a try. As text, the line to show."""

    worked: bool
    line: str

    def __str__(self) -> str:
        return self.line


async def try_model(name: str, environment: Mapping[str, str], *, trusted: bool = True, within_s: float = 20.0) -> Trial:
    """Asks a model for a word. Never raises but `CancelledError`.

    Args:
        environment: variables with keys and URLs.
        trusted: the operator chose it; False for one that stands in a plan.
        within_s: how long it may take.
    """
    try:
        model = parse_model(name)
        endpoint = endpoint_for(model, environment, trusted=trusted)
    except SwarmError as error:
        return Trial(False, str(error))
    connection: Connection | None = None
    began = perf_counter()
    try:
        connection = Connection(endpoint, lambda provider: 1)
        async with asyncio.timeout(within_s):
            response = await connection.send(_question(connection))
        return Trial(True, _seen(model, connection, response, perf_counter() - began))
    except TimeoutError:
        return Trial(False, f"{model}: no answer within {within_s:g} s from {_place(model, endpoint)}")
    except Exception as error:  # noqa: BLE001 # a doctor reports whatever it meets
        return Trial(False, f"{model}: {_said(model, endpoint, error, trusted)}")
    finally:
        if connection is not None:
            await connection.aclose()


def _question(connection: Connection) -> Any:
    word = lm15.Message.user("Answer with the word: yes")
    return lm15.Request(model=connection.wire_model, messages=(word,), config=lm15.Config(max_tokens=_ANSWER_TOKENS))


def _seen(model: ModelName, connection: Connection, response: Response, seconds: float) -> str:
    usage = response.usage
    tokens = f"{_count(usage.input_tokens)} tokens in, {_count(usage.output_tokens)} out"
    return f"{model}: {one_line(response.model or 'the model')} of {connection.provider} answered in {seconds * 1000:.0f} ms, {tokens}"


def _count(tokens: int | None) -> str:
    return "unknown" if tokens is None else str(tokens)


def _said(model: ModelName, endpoint: Endpoint, error: Exception, trusted: bool) -> str:
    """In our words; the provider's follow where only they can say more."""
    public, place = public_error(error, str(model)), _place(model, endpoint)
    status = getattr(public, "status", None)
    if isinstance(public, dspy.LMAuthError):
        return f"{place} refuses the key ({status}): {key_advice(model, trusted=trusted)}"
    if isinstance(public, dspy.LMConfigurationError):
        return f"it is not set up: {_note(error)}"
    if any(isinstance(each, ConnectionRefusedError) for each in _causes(error)):
        return f"nobody listens at {place}: start the server there, or correct {_where(model)}"
    if isinstance(public, dspy.LMTransportError):
        return f"{place} cannot be reached: {_note(error)}; look at {_where(model)} and at the network"
    if status == 404:
        return f"{place} does not know the model {model.model.partition('/')[2]}, or serves no models there: {_note(error)}"
    if status is not None and status >= 400:
        return f"{place} refuses ({status}): {_note(error)}"
    return f"what {place} answers is no model's answer: look at {_where(model)}"


def _place(model: ModelName, endpoint: Endpoint) -> str:
    return endpoint.base_url or provider_of(model.provider).url or model.provider


def _where(model: ModelName) -> str:
    """What says where the model is."""
    return "the URL after @" if model.url else " or ".join(provider_of(model.provider).url_variables) or "its account's settings"


def _note(error: Exception) -> str:
    return cut(one_line(str(error).partition("\n")[0]), _NOTE, " ") or type(error).__name__


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        yield error
        seen.add(id(error))
        error = error.__cause__ or error.__context__
