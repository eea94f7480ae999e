"""The sum of what was recorded in a stretch of time: enough for every statistic, and two of them merge into one."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import fsum, inf

from swarm.analytics.sketch import Sketch

__all__ = ["Tally"]


@dataclass(slots=True)
class Tally:
    """Values, summed up.

    Attributes:
        count: how many, with those that sampling left out.
        low, high: the smallest and the largest; infinite where there is none.
        last: the newest.
        order: place of the newest in the order of recording. Not a time, since clocks stand still and step back.
    """

    count: int = 0
    total: float = 0.0
    low: float = inf
    high: float = -inf
    last: float = 0.0
    order: int = -1
    sketch: Sketch = field(default_factory=Sketch)

    def add(self, values: Sequence[float], order: int, weight: int = 1) -> None:
        """Adds at least one value, oldest first, each as if it had been recorded `weight` times."""
        self.count += len(values) * weight
        self.total += fsum(values) * weight
        self.low = min(self.low, min(values))
        self.high = max(self.high, max(values))
        self.sketch.add(values, weight)
        self._newest(values[-1], order)

    def merge(self, other: "Tally") -> None:
        """Adds what the other holds, without changing it."""
        self.count += other.count
        self.total += other.total
        self.low = min(self.low, other.low)
        self.high = max(self.high, other.high)
        self.sketch.merge(other.sketch)
        self._newest(other.last, other.order)

    def copy(self) -> "Tally":
        return Tally(self.count, self.total, self.low, self.high, self.last, self.order, self.sketch.copy())

    def mean(self) -> float:
        """Of at least one value."""
        return self.total / self.count

    def quantile(self, share: float) -> float:
        """Of at least one value, within 1 %; between the smallest and the largest, so exact where all are alike."""
        return min(max(self.sketch.quantile(share), self.low), self.high)

    def _newest(self, last: float, order: int) -> None:
        if order >= self.order:
            self.last, self.order = last, order
