"""The load test of the phases' gates: every agent that can work does its example task again and again.

    load_test.py          the agents that can work now; a specialized one that is still abstract is left out
    load_test.py --all    every agent must be able to
    load_test.py --hand   hands the figures over

Errors stay below 1%, 95% of the tasks are done in less than 100 ms, and no memory is lost. A leak is what every one of several equal
rounds leaves behind (see `measuring.kept_memory`), once a small retention policy and a warm-up have filled whatever is bounded: fewer
blocks of memory than one agent does tasks, so that not even one agent can keep a single object of each; and less than 1 MB in all.
"""

import asyncio
import os
import sys
from contextlib import redirect_stderr
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import village
from measuring import MEBIBYTE, Growth, kept_memory

__all__ = ["Load", "errors", "memory_lost", "objections", "put_under_load", "working_agents"]

MOST_ERRORS = 0.01
MOST_P95_MS = 100.0
MOST_GROWTH_MB = 1.0
TASKS = 40  # of each agent in a round
KEPT = 5  # points that analytics keep: every 16th operation adds one to a metric of resources, and those must be full too
CONCURRENCY = 8
WARM_UP = 5  # rounds: more tasks than the 100 that an agent remembers, and what the interpreter itself reserves
ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Load:
    """What was measured: tasks, the share that failed, the 95th percentile of their times, and the memory that was left behind."""

    tasks: int
    error_rate: float
    p95_ms: float
    growth: Growth

    @property
    def growth_mb(self) -> float:
        return self.growth.size_bytes / MEBIBYTE


def working_agents(every: bool = False) -> list[Any]:
    """Agents that have an example task and whose class is no longer abstract; all of them on demand."""
    from core.registry import get_all_agent_instances

    agents = get_all_agent_instances()
    with open(os.devnull, "w") as nowhere, redirect_stderr(nowhere):
        return agents if every else [agent for agent in agents if hasattr(agent, "EXAMPLE") and not _abstract(agent)]


def _abstract(agent: Any) -> bool:
    result = asyncio.run(agent.execute_task(dict(agent.EXAMPLE)))
    return str(result.get("error", "")).startswith("NotImplementedError")


def put_under_load(agents: list[Any]) -> Load:
    """Runs the load with the village's own load generator. Log lines are written as ever, to nowhere."""
    with open(os.devnull, "w") as nowhere, redirect_stderr(nowhere):
        return asyncio.run(_loaded(agents))


async def _loaded(agents: list[Any]) -> Load:
    from tests.integration.load_generator import LoadGenerator

    generator = LoadGenerator()
    result = await generator.run(agents, TASKS, CONCURRENCY)
    for component in (generator, *agents):
        if hasattr(component, "analytics_layer"):
            component.analytics_layer.set_retention_policy(timedelta(days=7), KEPT)
    growth = await kept_memory(lambda: generator.run(agents, TASKS, CONCURRENCY), WARM_UP, ROUNDS)
    return Load(result.tasks, result.error_rate, result.p95_ms, growth)


def objections(load: Load) -> list[str]:
    """What speaks against a load's figures; nothing where all is well."""
    late = f"the 95th percentile of task times is {load.p95_ms:.1f} ms; less than {MOST_P95_MS:g} ms is allowed"
    return [*errors(load), *([late] if load.p95_ms >= MOST_P95_MS else []), *memory_lost(load)]


def errors(load: Load) -> list[str]:
    """The share of tasks that failed, where it is too large."""
    return [f"{load.error_rate:.2%} of the tasks failed; less than {MOST_ERRORS:.0%} may"] if load.error_rate >= MOST_ERRORS else []


def memory_lost(load: Load) -> list[str]:
    """What was left behind, where it is too much."""
    kept = load.growth.least_blocks
    limits = {
        f"memory grew by {load.growth_mb:.2f} MB in {ROUNDS} rounds; less than {MOST_GROWTH_MB:g} MB may": load.growth_mb >= MOST_GROWTH_MB,
        f"every round leaves {kept} blocks of memory or more behind: something is kept of each of {TASKS} tasks": kept >= TASKS,
    }
    return [text for text, broken in limits.items() if broken]


def main() -> None:
    village.enter()
    agents = working_agents(every="--all" in sys.argv)
    load = put_under_load(agents)
    print(f"{len(agents)} agents, {load.tasks} tasks, {load.error_rate:.2%} failed, p95 {load.p95_ms:.2f} ms", file=sys.stderr)
    if found := objections(load):
        sys.exit("\n".join(found))
    if "--hand" in sys.argv:
        figures = {"tasks": load.tasks, "error_rate": load.error_rate, "p95_ms": load.p95_ms}
        village.hand(figures | {"memory_growth_mb": load.growth_mb})


if __name__ == "__main__":
    main()
