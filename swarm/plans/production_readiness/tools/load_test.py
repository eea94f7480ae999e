"""The load test of the phases' gates: every agent that can work does its example task again and again.

    load_test.py          the agents that can work now; a specialized one that is still abstract is left out
    load_test.py --all    every agent must be able to, and the infrastructure checks itself as often beside them
    load_test.py --hand   hands the figures over

Errors stay below 1% for each agent (twenty good ones excuse no bad one), 95% of the tasks are done in less than 100 ms, and no memory
is lost. A leak is what every one of several equal rounds leaves behind (see `measuring.kept_memory`), once a small retention policy and a
warm-up have filled whatever is bounded: fewer blocks of memory than one agent does tasks, so that not even one agent can keep a single
object of each; and less than 1 MB in all.
"""

import asyncio
import os
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import village
from measuring import MEBIBYTE, Growth, kept_memory

__all__ = ["Load", "errors", "infrastructure", "memory_lost", "objections", "put_under_load", "working_agents"]

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
    """What was measured: tasks, the share that failed in all and by agent, the 95th percentile of times, and the memory left behind."""

    tasks: int
    error_rates: dict[str, float]
    p95_ms: float
    growth: Growth

    @property
    def error_rate(self) -> float:
        """In all: each agent did as many tasks as every other."""
        return sum(self.error_rates.values()) / len(self.error_rates)

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


def infrastructure() -> list[Any]:
    """One instance of each component of the infrastructure."""
    from core import registry

    return [component() for component in registry.component_classes(registry.INFRASTRUCTURE)]


def put_under_load(agents: list[Any], others: Sequence[Any] = ()) -> Load:
    """Runs the load with the village's own load generator. Log lines are written as ever, to nowhere.

    Args:
        agents: they do their example tasks.
        others: components that check themselves as often, between the agents' rounds, while memory is measured.
    """
    with open(os.devnull, "w") as nowhere, redirect_stderr(nowhere):
        return asyncio.run(_loaded(agents, others))


async def _loaded(agents: list[Any], others: Sequence[Any]) -> Load:
    from tests.integration.load_generator import LoadGenerator

    generator, watched = LoadGenerator(), [_Watched(agent) for agent in agents]
    result = await generator.run(watched, TASKS, CONCURRENCY)
    for component in (generator, *agents, *others):
        if hasattr(component, "analytics_layer"):
            component.analytics_layer.set_retention_policy(timedelta(days=7), KEPT)

    async def work() -> None:
        await generator.run(watched, TASKS, CONCURRENCY)
        for other in others:
            for _ in range(TASKS):
                await other.self_check()

    growth = await kept_memory(work, WARM_UP, ROUNDS)
    return Load(result.tasks * (1 + WARM_UP + ROUNDS), {one.label: one.error_rate for one in watched}, result.p95_ms, growth)


class _Watched:
    """An agent whose failed tasks are counted: analytics keep too few points here, and the generator adds all agents up."""

    def __init__(self, agent: Any) -> None:
        self.agent, self.name, self.EXAMPLE = agent, agent.name, agent.EXAMPLE
        self.label = type(agent).__module__
        self.outcomes: Counter[bool] = Counter()

    async def execute_task(self, task: dict[str, Any]) -> dict[str, Any]:
        try:
            result: dict[str, Any] = await self.agent.execute_task(task)
        except Exception:
            self.outcomes[False] += 1
            raise
        self.outcomes[bool(result.get("success"))] += 1
        return result

    @property
    def error_rate(self) -> float:
        return self.outcomes[False] / self.outcomes.total()


def objections(load: Load) -> list[str]:
    """What speaks against a load's figures; nothing where all is well."""
    late = f"the 95th percentile of task times is {load.p95_ms:.1f} ms; less than {MOST_P95_MS:g} ms is allowed"
    return [*errors(load), *([late] if load.p95_ms >= MOST_P95_MS else []), *memory_lost(load)]


def errors(load: Load) -> list[str]:
    """The agents of which too large a share of tasks failed."""
    return [
        f"{name}: {rate:.2%} of its tasks failed; less than {MOST_ERRORS:.0%} may"
        for name, rate in sorted(load.error_rates.items())
        if rate >= MOST_ERRORS
    ]


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
    everything = "--all" in sys.argv
    agents = working_agents(every=everything)
    load = put_under_load(agents, infrastructure() if everything else ())
    print(f"{len(agents)} agents, {load.tasks} tasks, {load.error_rate:.2%} failed, p95 {load.p95_ms:.2f} ms", file=sys.stderr)
    if found := objections(load):
        sys.exit("\n".join(found))
    if "--hand" in sys.argv:
        figures = {"tasks": load.tasks, "error_rate": load.error_rate, "p95_ms": load.p95_ms}
        village.hand(figures | {"memory_growth_mb": load.growth_mb})


if __name__ == "__main__":
    main()
