"""What can go wrong between a provider and its client, as a closed union; how each is sent stands in `sending`.

Answers that are wrong in themselves (empty, cut at the length limit, malformed arguments, an unknown tool, 10 MB) are no faults:
they are an `Answer` that says so.
"""

from dataclasses import dataclass
from typing import Final

from .protocol import Answer

__all__ = ["BY_SUFFIX", "Cut", "Drip", "Fault", "Garbage", "Silence", "Status", "Truncated"]

_HALF_SAID: Final = Answer("This answer is never heard to its end.")


@dataclass(frozen=True, slots=True)
class Status:
    """An answer with an error status and the provider's error object."""

    status: int
    retry_after: str | None = None
    """The header as it is sent: seconds, or an HTTP date."""
    code: str | None = None
    """The error object's code, such as `context_length_exceeded`."""
    message: str = "The scripted provider refuses this."


@dataclass(frozen=True, slots=True)
class Drip:
    """A good answer, a few bytes at a time. Without an answer of its own it drips the script's."""

    every_s: float = 0.05
    size_bytes: int = 64
    answer: Answer | None = None


@dataclass(frozen=True, slots=True)
class Cut:
    """The connection ends in the middle of an answer; with `unheard`, before its first byte."""

    answer: Answer = _HALF_SAID
    unheard: bool = False


@dataclass(frozen=True, slots=True)
class Silence:
    """No answer at all, for as long as the client holds the connection."""


@dataclass(frozen=True, slots=True)
class Garbage:
    """Bytes that are no JSON in an answer with status 200; with `raw`, bytes that are no HTTP."""

    body: bytes = bytes(range(128, 256)) * 4
    raw: bool = False


@dataclass(frozen=True, slots=True)
class Truncated:
    """A complete HTTP answer whose JSON stops half way."""

    answer: Answer = _HALF_SAID


Fault = Status | Drip | Cut | Silence | Garbage | Truncated

BY_SUFFIX: Final[dict[str, Fault]] = {
    "-400": Status(400),
    "-401": Status(401, code="invalid_api_key"),
    "-402": Status(402, code="insufficient_quota"),
    "-429": Status(429, code="rate_limit_exceeded"),
    "-429-later": Status(429, retry_after="7", code="rate_limit_exceeded"),
    "-500": Status(500),
    "-503": Status(503),
    "-context": Status(400, code="context_length_exceeded"),
    "-cut": Cut(),
    "-drip": Drip(),
    "-garbage": Garbage(),
    "-raw": Garbage(raw=True),
    "-silent": Silence(),
    "-truncated": Truncated(),
    "-unheard": Cut(unheard=True),
}
"""A fault for each of these endings of a model's name, for `script.faulty`."""
