"""How measuring itself is measured: what analytics cost in time and memory, and whether memory is lost under load.

Nothing here knows the workspace: agents, analytics and loads come in as they are.

Time is processor time of this process, because others share the machine. Each task without analytics stands beside one with them, their
order alternates, and the median of the ratios is taken, so that neither a slow moment nor a warm cache decides. A round that something
disturbed is repeated; the best of three counts, since disturbances only ever add. Waiting (for a disk, a lock, a timer) takes no processor
time: it shows in how often the process gives the processor up of its own accord.
"""

import gc
import resource
import statistics
import sys
import time
import tracemalloc
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

__all__ = ["Growth", "added_waits", "full_memory_mb", "kept_memory", "overhead_percent"]

PAIRS = 40
ROUNDS = 3
GOOD_ENOUGH = 2.0  # percent: no further round could change the verdict
MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Growth:
    """What equal rounds of work left behind: bytes in all, and blocks of memory in the round that left least."""

    size_bytes: int
    least_blocks: int


async def overhead_percent(agent: Any, task: dict[str, Any]) -> float:
    """How much longer an agent's task takes with analytics than without, in percent; 0 where no difference can be seen."""
    best = float("inf")
    for _ in range(ROUNDS):
        ratios = [await _ratio(agent, task, first=number % 2 == 0) for number in range(PAIRS)]
        best = min(best, (statistics.median(ratios) - 1) * 100)
        if best < GOOD_ENOUGH:
            break
    return max(0.0, best)


async def _ratio(agent: Any, task: dict[str, Any], first: bool) -> float:
    seconds = {enabled: await _seconds(agent, task, enabled) for enabled in (first, not first)}
    return seconds[True] / seconds[False]


async def _seconds(agent: Any, task: dict[str, Any], enabled: bool) -> float:
    agent.enable_analytics(enabled)
    started = time.process_time()
    await agent.execute_task(task)
    return time.process_time() - started


async def added_waits(agent: Any, task: dict[str, Any]) -> float:
    """How many times more often an agent's task waits with analytics than without: the median of pairs, 0 where they never block."""
    return statistics.median([await _waits(agent, task, True) - await _waits(agent, task, False) for _ in range(PAIRS)])


async def _waits(agent: Any, task: dict[str, Any], enabled: bool) -> int:
    agent.enable_analytics(enabled)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw
    await agent.execute_task(task)
    return resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw - before


def full_memory_mb(analytics: Any) -> float:
    """What analytics hold, in MiB, once every metric that they know is full."""
    tracemalloc.start()
    try:
        before = _traced()
        for name in analytics.metric_names():
            for number in range(analytics.max_data_points):
                analytics.record_metric(name, float(number))
        return max(0, _traced() - before) / MEBIBYTE
    finally:
        tracemalloc.stop()


async def kept_memory(load: Callable[[], Awaitable[Any]], warm_up: int, rounds: int) -> Growth:
    """How much memory equal rounds of a load leave behind.

    Args:
        load: one round.
        warm_up: rounds that come first, so that whatever keeps a bounded number of things is full.
        rounds: rounds that are measured. What is lost is lost in every round, while a cache that fills up or a list that reserves space
            grows in some of them: so the round that left least says whether there is a leak. Blocks are counted for that, since an
            object is a block or more, whoever allocated it; bytes are known of what was allocated during the measurement only.
    """
    tracemalloc.start()
    try:
        for _ in range(warm_up):
            await load()
        size, blocks = _traced(), [sys.getallocatedblocks()]
        for _ in range(rounds):
            await load()
            gc.collect()
            blocks.append(sys.getallocatedblocks())
        return Growth(_traced() - size, min(after - before for before, after in pairwise(blocks)))
    finally:
        tracemalloc.stop()


def _traced() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]
