"""Giving way to the event loop, so that many agents do not all go at once.

Hundreds of agents whose answers come together would each take a step in the same round of the loop, which nothing else gets into, and
all would arrive at their next question together: the provider idles, then gets everything at once. So few begin in one round. Those go
on to their next question while the others still wait, and a round stays short.
"""

import asyncio
import weakref
from collections import deque
from typing import Final

__all__ = ["my_turn"]

_IN_A_ROUND: Final = 4


class _Turnstile:
    """Lets few through in one round of a loop, first come first served."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._call_soon = weakref.WeakMethod(loop.call_soon)  # the loop is the key under which this is kept
        self._left = _IN_A_ROUND
        self._is_due = False
        self._waiting: deque[asyncio.Future[None]] = deque()

    def passes(self) -> bool:
        self._watch()
        self._left -= 1
        return self._left >= 0 and not self._waiting

    def queue(self, waiting: "asyncio.Future[None]") -> None:
        self._waiting.append(waiting)

    def _watch(self) -> None:
        call_soon = self._call_soon()
        if not self._is_due and call_soon is not None:
            self._is_due = True
            call_soon(self._next_round)

    def _next_round(self) -> None:
        self._is_due, self._left = False, _IN_A_ROUND
        while self._waiting and self._left:
            turn = self._waiting.popleft()
            if not turn.done():  # cancelled
                self._left -= 1
                turn.set_result(None)
        if self._waiting:
            self._watch()


_turnstiles: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Turnstile] = weakref.WeakKeyDictionary()


async def my_turn() -> None:
    """Returns at once while few have begun in this round of the loop, else in one of the next."""
    loop = asyncio.get_running_loop()
    turnstile = _turnstiles.get(loop)
    if turnstile is None:
        turnstile = _turnstiles[loop] = _Turnstile(loop)
    if not turnstile.passes():
        turn = loop.create_future()
        turnstile.queue(turn)
        await turn
