"""The task planner: puts work in an order in which everything comes after what it needs."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any, ClassVar

from experiments.agents.agents.unified_base_agent import UnifiedBaseAgent, success

logger = logging.getLogger(__name__)

Needs = Mapping[str, Iterable[str]]  # what each piece of work waits for


class TaskPlanner(UnifiedBaseAgent):
    """Plans work in waves: what stands in one wave can be done at the same time."""

    EXAMPLE: ClassVar[dict[str, Any]] = {"content": {"roof": ["walls"], "walls": ["ground"], "well": ["ground"]}}

    def __init__(self, name: str = "task-planner") -> None:
        super().__init__(name)

    async def _process_task(self, task: dict[str, Any]) -> dict[str, Any]:
        needs = task["content"]
        return success({"waves": self.waves(needs), "longest": self.longest_chain(needs, task.get("days", {}))})

    def waves(self, needs: Needs) -> list[list[str]]:
        """The work by wave, sorted within each; what is only waited for counts as work too.

        Raises:
            ValueError: some work waits for itself.
        """
        planned = list(_ready(needs))
        logger.debug("%d pieces of work in %d waves", sum(map(len, planned)), len(planned))
        return planned

    def longest_chain(self, needs: Needs, days: Mapping[str, float]) -> list[str]:
        """The chain of work that decides how long everything takes. Work without an estimate takes one day.

        Raises:
            ValueError: some work waits for itself.
        """
        chains: dict[str, tuple[float, list[str]]] = {}
        for work in (one for wave in _ready(needs) for one in wave):
            before = max((chains[need] for need in needs.get(work, ())), default=(0.0, []))
            chains[work] = (before[0] + days.get(work, 1.0), [*before[1], work])
        return max(chains.values(), default=(0.0, []))[1]


def _ready(needs: Needs) -> Iterator[list[str]]:
    order = TopologicalSorter(needs)
    try:
        order.prepare()
    except CycleError as error:
        raise ValueError(f"work that waits for itself: {' <- '.join(error.args[1])}") from error
    while order.is_active():
        wave = sorted(order.get_ready())
        yield wave
        order.done(*wave)
