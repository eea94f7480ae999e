"""The only shim onto DSPy's canonical requests and responses, and onto what of them is private to DSPy.

`dspy.lm15` is public, its serialisation and the price estimate are not: when a DSPy release moves them, this file is what changes
(and `providers` and `transport`, for the table of providers and the HTTP transport).
Nothing here holds a key: a request is what is said to the model, and keys belong to the connection.
"""

import hashlib
import importlib
import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from dspy import lm15
from dspy.clients.costs import estimate_cost
from dspy.clients.errors import ERROR_MAPPING, wrap_error

__all__ = [
    "Request",
    "Response",
    "as_events",
    "as_json",
    "canonical",
    "digest_of",
    "error_again",
    "key_of",
    "price",
    "price_ahead",
    "public_error",
    "request_from_json",
    "response_as_json",
    "response_from_json",
]

# Imported by name: that folder alone says that it is typed, and mypy then takes the rest of dspy for empty.
_serde: Final = importlib.import_module("dspy._vendor.lm15.serde")

Request = Any
"""A `dspy.lm15.Request`; dspy is untyped."""
Response = Any
"""A `dspy.lm15.Response`."""

_ERRORS: Final = {public.__name__: engine for engine, public in ERROR_MAPPING}
_WORD: Final = lm15.Message.assistant("-")


def as_json(request: Request) -> dict[str, Any]:
    """What is said to the model, as values of JSON."""
    said: dict[str, Any] = _serde.request_to_dict(request)
    return said


def canonical(value: Any) -> str:
    """The one JSON text of a value. In ASCII: a model may answer with half a character, which no encoding could write."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def digest_of(text: str) -> str:
    """SHA-256, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def key_of(request: Request) -> str:
    """SHA-256 of the request: equal for equal questions, whoever asks and wherever the model is."""
    return digest_of(canonical(as_json(request)))


def request_from_json(data: Mapping[str, Any]) -> Request:
    """The request that `as_json` was given."""
    return _serde.request_from_dict(dict(data))


def response_as_json(response: Response) -> dict[str, Any]:
    """An answer as values of JSON, without the provider's raw bytes."""
    said: dict[str, Any] = _serde.response_to_dict(response)
    return said


def response_from_json(data: Mapping[str, Any]) -> Response:
    """The answer that `response_as_json` was given."""
    return _serde.response_from_dict(dict(data))


def as_events(response: Response) -> Iterator[Any]:
    """An answer as the events of a stream: all of it in one piece, from its start to its end."""
    events: Iterator[Any] = iter(lm15.response_to_events(response))
    return events


def public_error(error: Exception, model: str) -> Exception:
    """The error of DSPy's public tree that stands for one of an engine; others become `LMUnexpectedError`."""
    public: Exception = wrap_error(error, model=model)
    return public


def error_again(kind: str, status: int | None) -> Exception | None:
    """An engine's error that DSPy shows as the class of this name; None where no such class is known."""
    engine = _ERRORS.get(kind)
    return engine(f"recorded: {kind}", status=status) if engine else None


def price(request: Request, response: Response, provider: str, wire_model: str) -> float | None:
    """US dollars for an answer by DSPy's table of prices; None where it has no price. Never zero for want of one."""
    if not _has_price(provider, wire_model, response.model):
        return None
    usd = estimate_cost(response, provider=provider, requested_model=wire_model, request=request)[0]
    return None if usd is None else float(usd)


def price_ahead(provider: str, wire_model: str, tokens_in: int, tokens_out: int) -> float | None:
    """US dollars that an answer of such size would cost, both sizes rounded up to thousands."""
    return _price_of_thousands(provider, wire_model, -(-tokens_in // 1000), -(-tokens_out // 1000))


@lru_cache(maxsize=4096)
def _price_of_thousands(provider: str, wire_model: str, thousands_in: int, thousands_out: int) -> float | None:
    """Kept, for the table is read again for each price, and a price is wanted before each call."""
    answer = _answer(wire_model, thousands_in * 1000, thousands_out * 1000)
    usd = estimate_cost(answer, provider=provider, requested_model=wire_model)[0]
    return None if usd is None else float(usd)


@lru_cache(maxsize=1024)
def _has_price(provider: str, wire_model: str, served_model: str) -> bool:
    """Asked once per model: looking for a name that the table lacks reads all of it, 2 ms a call."""
    return estimate_cost(_answer(served_model, 1, 1), provider=provider, requested_model=wire_model)[0] is not None


def _answer(model: str, tokens_in: int, tokens_out: int) -> Response:
    usage = lm15.Usage(input_tokens=tokens_in, output_tokens=tokens_out)
    return lm15.Response(id=None, model=model, message=_WORD, finish_reason="stop", usage=usage)
