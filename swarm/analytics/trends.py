"""Where a metric is going, and when it crossed a threshold.

The slope is Theil and Sen's: the median of the slopes between all pairs of points (P. K. Sen, "Estimates of the Regression Coefficient
Based on Kendall's Tau", JASA 63, 1968). Whether there is a trend at all is Mann and Kendall's test on the same pairs, corrected for ties
and for continuity: how likely is such a surplus of rises over falls, or of falls over rises, if the order of the points were chance?
(M. G. Kendall, "Rank Correlation Methods", 4th ed. 1975.) Neither assumes a distribution, and a few outliers move neither, so that one
slow task is no trend. Least squares would be shorter and follow every outlier.

The test takes points to be independent. Values that lean on their predecessors (a memory reading) look like a trend more often than the
confidence says.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from math import erfc, sqrt
from statistics import median
from typing import Final, Literal

from swarm.analytics.readings import Point

__all__ = ["CHANGED_ABOVE", "Crossing", "Trend", "crossings", "trend"]

CHANGED_ABOVE: Final = 0.95
"""Confidence above which a metric is called changed. Four points never reach it: in one of twelve cases, chance orders them perfectly."""
_HOUR_S: Final = 3_600


@dataclass(frozen=True, slots=True)
class Trend:
    """Where a metric is going.

    Attributes:
        slope_per_hour: in the metric's unit; 0 where there are too few points to say.
        confidence: from 0 to 1: one minus the p-value of the Mann–Kendall test.
        direction: `changed` where the confidence is above `CHANGED_ABOVE` and there is a slope.
        points: how many it was read from.
    """

    slope_per_hour: float
    confidence: float
    direction: Literal["changed", "steady"]
    points: int


@dataclass(frozen=True, slots=True)
class Crossing:
    """The first point beyond a threshold, coming from the other side.

    Attributes:
        at: seconds since the epoch.
    """

    at: float
    value: float
    to: Literal["above", "below"]


def trend(points: Sequence[Point]) -> Trend:
    """The trend of points in order of time. The work grows with the square of their number: see `readings.MOST_POINTS`."""
    pairs = combinations(points, 2)
    slopes = [(later.value - earlier.value) / (later.at - earlier.at) for earlier, later in pairs if later.at > earlier.at]
    slope = median(slopes) * _HOUR_S if slopes else 0.0
    confidence = 1 - _mann_kendall([point.value for point in points])
    return Trend(slope, confidence, "changed" if confidence > CHANGED_ABOVE and slope else "steady", len(points))


def crossings(points: Iterable[Point], threshold: float) -> list[Crossing]:
    """Every time that points in order of time went from at most the threshold to above it, or back."""
    return [
        Crossing(later.at, later.value, "above" if later.value > threshold else "below")
        for earlier, later in pairwise(points)
        if (earlier.value > threshold) != (later.value > threshold)
    ]


def _mann_kendall(values: Sequence[float]) -> float:
    """The two-sided p-value, by the normal approximation; 1 where there are too few values to say anything."""
    surplus = sum((later > earlier) - (later < earlier) for earlier, later in combinations(values, 2))
    spread = _spread(len(values)) - sum(_spread(ties) for ties in Counter(values).values())
    if not spread or not surplus:
        return 1.0
    return erfc((abs(surplus) - 1) / sqrt(2 * spread))


def _spread(count: int) -> float:
    """Variance of the surplus for so many values without ties; and what so many equal ones take from it."""
    return count * (count - 1) * (2 * count + 5) / 18
