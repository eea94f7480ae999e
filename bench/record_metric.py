"""What recording a number costs beside an empty call, in one run; how far off the quantiles are; and how much memory a busy week takes.

    python bench/record_metric.py [--points N] [--repeat N] [--no-week]

The nanoseconds a call are of the whole: recording, and the counting that batches of recorded points cause, the last batch included. Of
several repetitions the fastest counts, since other work on the machine only ever adds.
"""

import argparse
import random
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parents[1]))

from swarm.analytics.base_analytics import BaseAnalytics
from swarm.analytics.metrics import Metrics
from swarm.analytics.readings import measure

TARGET_NS: Final = 1_000
NAME: Final = "task_processing_time"
TAGS: Final = {"agent": "qa-validator", "category": "assurance"}
WEEK_S: Final = 7 * 24 * 3_600

Record = Callable[..., None]


def empty(name: str, value: float, tags: object = None) -> None:
    """What is compared with: a call that does nothing."""


def nanoseconds(record: Record, values: Sequence[float], rest: Callable[[], object], *more: object) -> float:
    """A call, over all values and what they leave to do."""
    began = time.perf_counter_ns()
    for value in values:
        record(NAME, value, *more)
    rest()
    return (time.perf_counter_ns() - began) / len(values)


def empty_ns(values: Sequence[float]) -> float:
    return nanoseconds(empty, values, int)


def metrics_ns(values: Sequence[float]) -> float:
    metrics = Metrics()
    return nanoseconds(metrics.record_metric, values, metrics.names)


def tagged_ns(values: Sequence[float]) -> float:
    metrics = Metrics()
    return nanoseconds(metrics.record_metric, values, metrics.names, TAGS)


def analytics_ns(values: Sequence[float]) -> float:
    analytics = BaseAnalytics()
    return nanoseconds(analytics.record_metric, values, analytics.metrics.names)


def off_ns(values: Sequence[float]) -> float:
    analytics = BaseAnalytics()
    analytics.enable_analytics(False)
    return nanoseconds(analytics.record_metric, values, analytics.metrics.names)


def threads_ns(values: Sequence[float]) -> float:
    """Four threads into one store, a call of all."""
    metrics = Metrics()
    share = [values[part::4] for part in range(4)]
    threads = [threading.Thread(target=nanoseconds, args=(metrics.record_metric, part, int)) for part in share]
    began = time.perf_counter_ns()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    metrics.names()
    return (time.perf_counter_ns() - began) / len(values)


WAYS: Final[dict[str, Callable[[Sequence[float]], float]]] = {
    "an empty call": empty_ns,
    "Metrics.record_metric": metrics_ns,
    "  with two tags": tagged_ns,
    "  from four threads": threads_ns,
    "BaseAnalytics.record_metric": analytics_ns,
    "  switched off": off_ns,
}


def print_quantiles(values: Sequence[float]) -> None:
    metrics = Metrics()
    for value in values:
        metrics.record_metric(NAME, value)
    ordered = sorted(values)
    for stat, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
        exact = ordered[int(share * (len(ordered) - 1))]
        read = measure(metrics, NAME, stat, None, metrics.now())  # type: ignore[arg-type]  # a text out of a loop
        print(f"{stat}: {abs((read or 0.0) / exact - 1):8.3%} off")


def print_week() -> None:
    """Ten metrics of one agent, six values a minute each, for a week."""
    now = [0.0]
    chance = random.Random(2)
    tracemalloc.start()
    metrics = Metrics(clock=lambda: now[0])
    for tick in range(0, WEEK_S, 10):
        now[0] = float(tick)
        for number in range(10):
            metrics.record_metric(f"metric_{number}", chance.lognormvariate(0, 1))
    metrics.names()
    print(f"a week of ten metrics, {WEEK_S // 10 * 10:,} values: {tracemalloc.get_traced_memory()[0] / 2**20:.1f} MiB")
    tracemalloc.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=200_000)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--no-week", action="store_true", help="leave out the memory of a week, which takes a while")
    asked = parser.parse_args()
    chance = random.Random(1)
    values = [chance.lognormvariate(0, 1) for _ in range(asked.points)]
    for way, measured in WAYS.items():
        print(f"{way:28} {min(measured(values) for _ in range(asked.repeat)):7.0f} ns")
    print(f"{'target without tags':28} {TARGET_NS:7} ns")
    print_quantiles(values)
    if not asked.no_week:
        print_week()


if __name__ == "__main__":
    main()
