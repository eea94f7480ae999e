"""The resource allocator: divides what there is among those who ask, so that nobody envies a small demand."""

import logging
import math
from collections.abc import Mapping
from typing import Any, ClassVar

from experiments.agents.agents.unified_base_agent import UnifiedBaseAgent, success

logger = logging.getLogger(__name__)


class ResourceAllocator(UnifiedBaseAgent):
    """Divides a capacity by max-min fairness: no share can grow without making a smaller one shrink."""

    EXAMPLE: ClassVar[dict[str, Any]] = {"content": {"mill": 2.0, "forge": 8.0, "school": 5.0}, "capacity": 12.0}

    def __init__(self, name: str = "resource-allocator") -> None:
        super().__init__(name)

    async def _process_task(self, task: dict[str, Any]) -> dict[str, Any]:
        shares = self.allocate(task["capacity"], task["content"])
        return success({"shares": shares, "left": task["capacity"] - math.fsum(shares.values())})

    def allocate(self, capacity: float, demands: Mapping[str, float]) -> dict[str, float]:
        """Each one's share: never more than asked, and what a small demand leaves goes to the larger ones.

        Raises:
            ValueError: the capacity or a demand is negative.
        """
        if min(capacity, *demands.values(), 0.0) < 0:
            raise ValueError("a capacity and its demands cannot be negative")
        shares, left = {}, capacity
        for served, name in enumerate(sorted(demands, key=lambda name: (demands[name], name))):
            shares[name] = min(demands[name], left / (len(demands) - served))
            left -= shares[name]
        if math.fsum(demands.values()) > capacity:
            logger.info("%g was asked for, %g is there", math.fsum(demands.values()), capacity)
        return {name: shares[name] for name in demands}

    def allocate_whole(self, capacity: int, weights: Mapping[str, float]) -> dict[str, int]:
        """Whole pieces in proportion to weights, all given away: the largest remainders get what rounding leaves.

        Raises:
            ValueError: a weight is negative, or none is above zero.
        """
        total = math.fsum(weights.values())
        if total <= 0 or min(weights.values()) < 0:
            raise ValueError("weights cannot be negative, and one must be above zero")
        exact = {name: capacity * weight / total for name, weight in weights.items()}
        pieces = {name: math.floor(share) for name, share in exact.items()}
        by_remainder = sorted(exact, key=lambda name: (pieces[name] - exact[name], name))
        for name in by_remainder[: capacity - sum(pieces.values())]:
            pieces[name] += 1
        return pieces
