"""Load: many agents doing their examples at the same time, and how long each task took."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from king.analytics.base_analytics import quantile

from experiments.agents.agents.unified_base_agent import UnifiedBaseAgent

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What a load came to; the error rate is a share from 0 to 1, the latencies count from a task's start."""

    tasks: int
    failed: int
    error_rate: float
    p50_ms: float
    p95_ms: float
    seconds: float


class LoadGenerator:
    """Puts agents under load.

    Args:
        clock: seconds that only ever grow; given from outside so that tests decide the time.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock

    async def run(self, agents: Sequence[Any], tasks_per_agent: int, concurrency: int) -> LoadResult:
        """Lets each agent do its example so many times, with at most `concurrency` tasks at the same time.

        Raises:
            ValueError: nothing to run, or a concurrency below 1.
        """
        if not agents or tasks_per_agent < 1 or concurrency < 1:
            raise ValueError("a load needs agents, at least one task for each, and a concurrency of at least 1")
        waiting = iter([agent for _ in range(tasks_per_agent) for agent in agents])
        timed: list[tuple[float, bool]] = []
        started = self._clock()
        async with asyncio.TaskGroup() as workers:
            for _ in range(concurrency):
                workers.create_task(self._work(waiting, timed))
        result = _result(timed, self._clock() - started)
        logger.info("%d tasks, %d failed, p95 %.3f ms", result.tasks, result.failed, result.p95_ms)
        return result

    async def self_check(self) -> bool:
        """Whether one agent stands the lightest load."""
        result = await self.run([UnifiedBaseAgent()], tasks_per_agent=1, concurrency=1)
        return result.failed == 0

    async def _work(self, waiting: Iterator[Any], timed: list[tuple[float, bool]]) -> None:
        for agent in waiting:
            started = self._clock()
            succeeded = await _succeeds(agent)
            timed.append((self._clock() - started, succeeded))


async def _succeeds(agent: Any) -> bool:
    """An agent that breaks its word and raises has failed, and the load goes on."""
    try:
        result = await agent.execute_task(dict(agent.EXAMPLE))
    except Exception as error:
        logger.warning("%s raised: %s", agent.name, error)
        return False
    return bool(result.get("success"))


def _result(timed: list[tuple[float, bool]], seconds: float) -> LoadResult:
    ordered = sorted(took for took, _ in timed)
    failed = sum(not succeeded for _, succeeded in timed)
    return LoadResult(
        tasks=len(timed),
        failed=failed,
        error_rate=failed / len(timed),
        p50_ms=quantile(ordered, 0.50) * 1000,
        p95_ms=quantile(ordered, 0.95) * 1000,
        seconds=seconds,
    )
