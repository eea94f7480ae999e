"""What a metric says: a statistic over a window, and its points over time.

Here is what each statistic means for each kind:

============  ==============================  ==========================  =======================================
              counter                         gauge, distribution         share (see `definitions.SHARE`)
============  ==============================  ==========================  =======================================
last          all that was ever added         the newest in the window    the mean in the window
sum           added in the window             of the values               how many held
rate          added a second                  values a second             values a second
count         how often it was added to       number of values            number of values
mean, p50…    of the single amounts           of the values               of the values
============  ==============================  ==========================  =======================================

What was not measured is None. A counter that nobody added to stands at zero; a gauge that nobody read has no reading, and of one that was
read before the window only sum, rate and count are known: they are zero.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, inf
from typing import Final, Literal, assert_never, get_args

from swarm.analytics.definitions import SHARE, Definition
from swarm.analytics.metrics import Metrics, Recorded
from swarm.analytics.naming import Labels
from swarm.analytics.series import Cell
from swarm.analytics.tally import Tally

__all__ = ["MOST_POINTS", "STATS", "Point", "Stat", "Window", "measure", "over", "over_each", "points"]

Stat = Literal["last", "mean", "p50", "p95", "p99", "rate", "sum", "count"]
"""As the plan language names them."""
STATS: Final[tuple[Stat, ...]] = get_args(Stat)
MOST_POINTS: Final = 120
"""Of a metric over time: enough for a chart and a trend, few enough to compare each with each."""


@dataclass(frozen=True, slots=True)
class Point:
    """A metric at a time: the mean of what was recorded around it; of a counter, what was added a second.

    Attributes:
        at: seconds since the epoch.
    """

    at: float
    value: float


@dataclass(frozen=True, slots=True)
class Window:
    """What was recorded of a metric in a stretch of time, over all its series.

    Attributes:
        seconds: how long the stretch is.
        ever_count, ever_total: of all that was recorded before and in it.
    """

    definition: Definition
    seconds: float
    tally: Tally = field(default_factory=Tally)
    ever_count: int = 0
    ever_total: float = 0.0

    def stat(self, stat: Stat) -> float | None:
        """A statistic; None where nothing was measured. Quantiles are within 1 %."""
        if self.definition.kind != "counter" and not self.ever_count:
            return None
        match stat:
            case "last":
                return self._last()
            case "sum":
                return self.tally.total
            case "count":
                return float(self.tally.count)
            case "rate":
                return (self.tally.total if self.definition.kind == "counter" else self.tally.count) / self.seconds
            case "mean":
                return self.tally.mean() if self.tally.count else None
            case "p50" | "p95" | "p99":
                return self.tally.quantile(int(stat[1:]) / 100) if self.tally.count else None
            case _:
                assert_never(stat)

    def _last(self) -> float | None:
        if self.definition.kind == "counter":
            return self.ever_total
        if not self.tally.count:
            return None
        return self.tally.mean() if self.definition.unit == SHARE else self.tally.last


def measure(
    metrics: Metrics, name: str, stat: Stat, window_s: float | None, now: float, tags: Mapping[str, str] | None = None
) -> float | None:
    """One number for a gate, a check or an alert.

    Args:
        window_s: seconds up to now; None for all that is kept. It reaches back by up to one tally more (`series.TIERS`): a second in
            windows of up to two minutes, ten in those of up to an hour, a minute in those of up to six.
        now: seconds since the epoch.
        tags: only series that have these.

    Returns:
        None where nothing was measured.

    Raises:
        ValueError: a window of no length.
    """
    return over(metrics, name, window_s, now, tags).stat(stat)


def over(metrics: Metrics, name: str, window_s: float | None, now: float, tags: Mapping[str, str] | None = None) -> Window:
    """A metric over a window; arguments as for `measure`, from which one can take several statistics.

    Raises:
        ValueError: a window of no length.
    """
    found = _recorded(metrics, name, window_s, now, tags)
    return _window(metrics.definition(name), found, window_s, now)


def over_each(metrics: Metrics, name: str, window_s: float | None, now: float) -> dict[Labels, Window]:
    """A metric over a window, for each of its series by itself, sorted by tags.

    Raises:
        ValueError: a window of no length.
    """
    found = sorted(_recorded(metrics, name, window_s, now, None), key=lambda one: one.labels)
    return {one.labels: _window(metrics.definition(name), [one], window_s, now) for one in found}


def points(metrics: Metrics, name: str, window_s: float | None, now: float, tags: Mapping[str, str] | None = None) -> list[Point]:
    """A metric over time, oldest first: at most about `MOST_POINTS`, evenly spread where something was recorded.

    A counter has a point at zero where nothing was added, and none for the stretch that is not over yet.

    Raises:
        ValueError: a window of no length.
    """
    cells = [cell for one in _recorded(metrics, name, window_s, now, tags) for cell in one.cells]
    if not cells:
        return []
    width_s = _slot_width(cells)
    slots = _slots(cells, width_s)
    if metrics.definition(name).kind != "counter":
        return [Point(start + width_s / 2, slots[start].mean()) for start in sorted(slots)]
    complete = range(min(slots), int(now // width_s) * width_s, width_s)
    return [Point(start + width_s / 2, slots[start].total / width_s if start in slots else 0.0) for start in complete]


def _recorded(metrics: Metrics, name: str, window_s: float | None, now: float, tags: Mapping[str, str] | None) -> list[Recorded]:
    if window_s is not None and not 0 < window_s < inf:
        raise ValueError(f"a window is longer than 0 seconds, not {window_s}")
    return metrics.recorded(name, since=-inf if window_s is None else now - window_s, until=now, tags=tags)


def _window(definition: Definition, found: Sequence[Recorded], window_s: float | None, now: float) -> Window:
    tally = Tally()
    for one in found:
        for cell in one.cells:
            tally.merge(cell.tally)
    seconds = window_s or max(now - min((cell.start for one in found for cell in one.cells), default=now), 1.0)
    return Window(definition, seconds, tally, sum(one.count for one in found), sum(one.total for one in found))


def _slot_width(cells: Sequence[Cell]) -> int:
    """Seconds between points: a multiple of the widest cell, since a part of one is not known."""
    widest = max(cell.width_s for cell in cells)
    span = max(cell.start + cell.width_s for cell in cells) - min(cell.start for cell in cells)
    return widest * ceil(span / (widest * MOST_POINTS))


def _slots(cells: Iterable[Cell], width_s: int) -> dict[int, Tally]:
    slots: dict[int, Tally] = {}
    for cell in cells:
        slots.setdefault(cell.start // width_s * width_s, Tally()).merge(cell.tally)
    return slots
