"""Faults on purpose: every nth call of something fails, and always the same ones."""

import functools
import inspect
import itertools
import logging
from collections.abc import Callable
from typing import Any

logger = logging.getLogger(__name__)


class InjectedFault(RuntimeError):
    """A failure that a test asked for."""


class FaultInjector:
    """Makes every nth call fail, counted for each wrapped thing from 1."""

    def __init__(self, every: int = 3) -> None:
        self.every = every
        self.injected = 0
        if every < 1:
            raise ValueError("every call is the most that can fail: every is at least 1")

    def wrap(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, plain or async, with faults: the nth call raises InjectedFault instead of doing anything."""
        calls = itertools.count(1)

        @functools.wraps(function)
        def faulty(*args: Any, **kwargs: Any) -> Any:
            self._fail_if_due(next(calls))
            return function(*args, **kwargs)

        @functools.wraps(function)
        async def async_faulty(*args: Any, **kwargs: Any) -> Any:
            self._fail_if_due(next(calls))
            return await function(*args, **kwargs)

        return async_faulty if inspect.iscoroutinefunction(function) else faulty

    def sabotage(self, agent: Any) -> Any:
        """The same agent, whose every nth task fails inside."""
        agent._process_task = self.wrap(agent._process_task)
        return agent

    async def self_check(self) -> bool:
        """Whether the nth call fails, and none before it."""
        counted = self.injected
        faulty = self.wrap(lambda: True)
        outcomes = [_passes(faulty) for _ in range(self.every)]
        self.injected = counted
        return outcomes == [True] * (self.every - 1) + [False]

    def _fail_if_due(self, call: int) -> None:
        if call % self.every == 0:
            self.injected += 1
            logger.info("call %d fails on purpose", call)
            raise InjectedFault(f"call {call} was made to fail")


def _passes(function: Callable[[], Any]) -> bool:
    try:
        function()
    except InjectedFault:
        return False
    return True
