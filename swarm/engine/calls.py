"""What agents asked of models and were told by tools, as rows; and the port to where they are written down.

A row of a call stands under task, attempt, request key and occurrence: the how-manieth time that this attempt asked exactly this.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

__all__ = ["CallRecord", "CallRow", "Spend", "Tokens", "ToolRow"]


@dataclass(frozen=True, slots=True)
class Spend:
    """What was spent, or is expected to be."""

    calls: int = 0
    tokens: int = 0
    usd_known: float = 0.0
    """The part of the cost that is known."""
    unpriced: int = 0
    """How many of the calls have no known price."""

    @property
    def usd(self) -> float | None:
        """The cost in US dollars; None where any part of it is unknown."""
        return None if self.unpriced else self.usd_known

    def __add__(self, other: "Spend") -> "Spend":
        return Spend(
            self.calls + other.calls,
            self.tokens + other.tokens,
            self.usd_known + other.usd_known,
            self.unpriced + other.unpriced,
        )


@dataclass(frozen=True, slots=True)
class Tokens:
    """As the provider counted; None where it did not say."""

    input: int | None = None
    output: int | None = None
    cached: int | None = None


@dataclass(frozen=True, slots=True)
class CallRow:
    """One request that left the house, and what became of it. Holds no text and no key."""

    task: str
    category: str
    attempt: int
    number: int
    """Of the question among those of its attempt; counts from 1."""
    key: str
    occurrence: int
    """Counts from 1."""
    tried: int
    """Which try at this question; counts from 1."""
    provider: str
    model: str
    request: str
    """Hash of the request's last link; see `unchained`."""
    response: str | None
    """Hash of the answer's text; None where there was none."""
    tokens: Tokens
    spent: Spend
    seconds: float
    error: str | None = None
    """The class of DSPy's error tree, or `CancelledError`. Not its text, which a provider fills as it likes."""
    status: int | None = None


@dataclass(frozen=True, slots=True)
class ToolRow:
    """What an agent was told by something else than a model: a tool's answer, or what it was shown at first."""

    task: str
    attempt: int
    number: int
    """Of the step in its attempt; counts from 1."""
    tool: str
    key: str
    """Hash of the tool and its arguments."""
    answer: str
    """Hash of the text."""
    seconds: float


class CallRecord(Protocol):
    """Where model calls and tools' answers are written down."""

    def recorded(self, task: str, attempt: int, key: str, occurrence: int) -> CallRow | None:
        """The row that answers this question, else the last that failed to, else None."""
        ...

    def text(self, digest: str) -> str:
        """A text by its hash."""
        ...

    async def put(self, row: CallRow, texts: Mapping[str, str]) -> None:
        """Writes a row with the texts it names; returns once both are safe. A text that is there is not written again."""
        ...

    def told(self, task: str, attempt: int, number: int, key: str) -> str | None:
        """The recorded answer of a tool at this step of an attempt; the newest, where the attempt was started more than once."""
        ...

    async def put_tool(self, row: ToolRow, texts: Mapping[str, str]) -> None:
        """Writes a tool's answer; returns once it is safe. One at the same step with the same key is replaced."""
        ...
