"""One line to each provider: so many calls at a time, so many a minute, and none while it is broken.

The gate and the breaker are shared by all threads and event loops of a run (a synchronous program calls from a thread), so neither
is built on asyncio's own primitives, which belong to one loop.

The breaker, as a table; what is absent changes nothing::

    closed      failed often      open         the provider is down
    closed      key refused       open         waiting does not mend a key
    open        rested            half open    one call may look
    half open   succeeded         closed
    half open   failed (or key)   open
    half open   let go            open         the probe was cancelled: the next call looks at once
"""

import asyncio
import random
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import Future
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import Enum
from typing import Final

from swarm.errors import Parked

__all__ = ["Breaker", "Gate", "Heard", "Limits", "Line", "Lines", "Pace", "ProviderBroken", "State", "World"]


class ProviderBroken(Parked):
    """A model's provider is down or refuses the key: the run parks. Mend what the text names, then `swarm resume`."""


@dataclass(frozen=True, slots=True)
class World:
    """Time and chance, by the door."""

    clock: Callable[[], float] = time.monotonic
    """Seconds from anywhere."""
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    chance: Callable[[], float] = random.random
    """From 0 up to 1."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a provider is asked to bear."""

    at_once: int = 256
    per_minute: float | None = None
    """Calls; None = no limit."""
    burst: int = 1
    """Calls that may start together after a rest; counts only with `per_minute`."""
    failures: int = 5
    """In a row, until the breaker opens."""
    rest_s: float = 30.0
    """From opening until one call may look again."""


class Gate:
    """So many at a time, first come first served, across threads and loops."""

    def __init__(self, at_once: int) -> None:
        self._free = at_once
        self._waiting: deque[Future[None]] = deque()
        self._lock = threading.Lock()

    @property
    def free(self) -> int:
        return self._free

    @asynccontextmanager
    async def entered(self) -> AsyncIterator[None]:
        """Waits for a place and gives it back."""
        turn = self._turn()
        try:
            if not turn.done():
                await asyncio.wrap_future(turn)
        except BaseException:
            if not turn.cancel():  # the place came with the cancellation: pass it on
                self._leave()
            raise
        try:
            yield
        finally:
            self._leave()

    def _turn(self) -> Future[None]:
        turn: Future[None] = Future()
        with self._lock:
            if self._free:
                self._free -= 1
                turn.set_result(None)
            else:
                self._waiting.append(turn)
        return turn

    def _leave(self) -> None:
        """The longest waiting that still waits gets the place."""
        with self._lock:
            while self._waiting:
                turn = self._waiting.popleft()
                if turn.set_running_or_notify_cancel():
                    turn.set_result(None)
                    return
            self._free += 1


class Pace:
    """A token bucket: tokens come evenly, at most `burst` lie ready."""

    def __init__(self, per_minute: float | None, burst: int, clock: Callable[[], float]) -> None:
        self._gap_s = 60.0 / per_minute if per_minute else 0.0
        self._ahead_s = self._gap_s * (burst - 1)
        self._clock = clock
        self._due_s = float("-inf")
        self._lock = threading.Lock()

    def wait_s(self) -> float:
        """Takes the next token; seconds until it is there."""
        with self._lock:
            now = self._clock()
            due = max(self._due_s, now - self._ahead_s)
            self._due_s = due + self._gap_s
            return max(0.0, due - now)


class State(Enum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half open"


class Heard(Enum):
    """What became of a call, as far as the provider's health is concerned."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    FAILED_OFTEN = "failed often"
    KEY_REFUSED = "refuses the key"
    LET_GO = "let go"
    RESTED = "rested"


_MOVES: Final[Mapping[tuple[State, Heard], State]] = {
    (State.CLOSED, Heard.FAILED_OFTEN): State.OPEN,
    (State.CLOSED, Heard.KEY_REFUSED): State.OPEN,
    (State.OPEN, Heard.RESTED): State.HALF_OPEN,
    (State.HALF_OPEN, Heard.SUCCEEDED): State.CLOSED,
    (State.HALF_OPEN, Heard.FAILED): State.OPEN,
    (State.HALF_OPEN, Heard.FAILED_OFTEN): State.OPEN,
    (State.HALF_OPEN, Heard.KEY_REFUSED): State.OPEN,
    (State.HALF_OPEN, Heard.LET_GO): State.OPEN,
}


class Breaker:
    """Stops calls to a provider that fails."""

    def __init__(self, provider: str, failures: int, rest_s: float, clock: Callable[[], float]) -> None:
        self.state = State.CLOSED
        self._provider = provider
        self._most = failures
        self._rest_s = rest_s
        self._clock = clock
        self._failed = 0
        self._failed_at_s = float("-inf")
        self._rested_at_s = 0.0
        self._why = Heard.FAILED_OFTEN
        self._lock = threading.Lock()

    def admit(self) -> None:
        """Lets a call through; when the rest is over, one, until it is heard of.

        Raises:
            ProviderBroken: none may go now.
        """
        with self._lock:
            if self.state is State.OPEN and self._clock() >= self._rested_at_s:
                self._move(Heard.RESTED)
            elif self.state is not State.CLOSED:
                raise self.broken()

    def heard(self, what: Heard, began_s: float | None = None) -> bool:
        """Takes in what became of an admitted call; True when the provider is now held for broken.

        Args:
            began_s: when the call was sent, on this breaker's clock. Calls that were under way together when one failed count once: a
                provider that stumbles for a moment fails all of them.
        """
        with self._lock:
            if what is Heard.FAILED and began_s is not None and began_s < self._failed_at_s and self.state is State.CLOSED:
                return False
            if what is Heard.FAILED:
                self._failed += 1
                self._failed_at_s = self._clock()
                what = Heard.FAILED_OFTEN if self._failed >= self._most else what
            elif what is Heard.SUCCEEDED:
                self._failed = 0
            self._move(what)
            return self.state is State.OPEN

    def broken(self) -> ProviderBroken:
        mend = "check its key (`swarm doctor --lm MODEL` tries it)" if self._why is Heard.KEY_REFUSED else "look whether it is up"
        said = self._why.value if self._why is Heard.KEY_REFUSED else "does not answer"
        return ProviderBroken(f"the model provider {self._provider} {said}: {mend}, then `swarm resume`")

    def _move(self, what: Heard) -> None:
        after = _MOVES.get((self.state, what), self.state)
        if after is State.OPEN and self.state is not State.OPEN and what is not Heard.LET_GO:
            self._why = what
            self._rested_at_s = self._clock() + self._rest_s
        self.state = after


class Line:
    """The way to one provider."""

    def __init__(self, provider: str, limits: Limits, world: World) -> None:
        self.provider = provider
        self.gate = Gate(limits.at_once)
        self.pace = Pace(limits.per_minute, limits.burst, world.clock)
        self.breaker = Breaker(provider, limits.failures, limits.rest_s, world.clock)
        self._sleep = world.sleep

    @asynccontextmanager
    async def entered(self) -> AsyncIterator[None]:
        """Waits its turn. Who is let in says to the breaker what became of the call.

        Raises:
            ProviderBroken: the provider is held for broken.
        """
        async with self.gate.entered():
            if (wait_s := self.pace.wait_s()) > 0:
                await self._sleep(wait_s)
            self.breaker.admit()  # last: it may have opened while we waited
            yield


class Lines:
    """The lines of a run, one for each provider; all models of a provider share it.

    Args:
        limits: by provider, as DSPy names them (`openai-chat`, `anthropic`, `ollama`).
        otherwise: for the others.
        world: time and chance.
    """

    def __init__(self, limits: Mapping[str, Limits] | None = None, otherwise: Limits | None = None, world: World | None = None) -> None:
        self.world = world or World()
        self._limits = dict(limits or {})
        self._otherwise = otherwise or Limits()
        self._lines: dict[str, Line] = {}
        self._lock = threading.Lock()

    def limits(self, provider: str) -> Limits:
        return self._limits.get(provider, self._otherwise)

    def line(self, provider: str) -> Line:
        with self._lock:
            if provider not in self._lines:
                self._lines[provider] = Line(provider, self.limits(provider), self.world)
            return self._lines[provider]
