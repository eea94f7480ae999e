"""What was recorded, as values of JSON types: kept with a run, so that reports and gates survive a restart.

A roll-up sums up `WIDTH_S` seconds of one series, or more where it is old. A new answer of `rolled_up` may hold a roll-up again that was
stored while its seconds were not over: the one stored later counts. So whoever stores them keeps them in order, asks again with `since` at
the start of the newest one, and loses and doubles nothing. (That holds while less than an hour passes between two answers; what is older
has been merged into wider roll-ups, which an answer leaves out where they begin before `since`.)
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from swarm.analytics.metrics import Metrics
from swarm.analytics.naming import Labels, is_name, labels_of
from swarm.analytics.series import TIERS, Cell
from swarm.analytics.sketch import LARGEST, LARGEST_BIN, MOST_BINS, Sketch
from swarm.analytics.tally import Tally

__all__ = ["WIDTH_S", "RollUp", "restore", "restored", "rolled_up"]

WIDTH_S: Final = TIERS[1][0]
"""Seconds of the narrowest roll-up. Wider than what is counted, to keep a run's record small."""
_WIDEST_S: Final = TIERS[-1][0]
_MOST_COUNT: Final = 10**15
_LATEST: Final = 10**12
"""Seconds since the epoch: some 30,000 years on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RollUp:
    """One series over a stretch of time. One that could not have been recorded cannot be made.

    Attributes:
        start: seconds since the epoch.
        width_s: how many seconds it covers.
        sum, min, max, last: of at least one value.
        sketch: bins of `sketch.Sketch` and the number of values in each, lowest bin first.

    Raises:
        ValueError: the parts do not fit each other; the text names name and part.
    """

    name: str
    tags: dict[str, str]
    start: int
    width_s: int
    count: int
    sum: float
    min: float
    max: float
    last: float
    sketch: tuple[tuple[int, int], ...]

    def __post_init__(self) -> None:
        wrong = next(_wrong(self), None)
        if wrong is not None:
            raise ValueError(f"a roll-up of {self.name[:100]!r} cannot have {wrong}")


def rolled_up(metrics: Metrics, since: float = 0.0) -> list[RollUp]:
    """All that is kept, from the roll-up that `since` lies in; oldest first, and in order of recording where the time is the same."""
    first = since // WIDTH_S * WIDTH_S
    made = [one for name in metrics.names() for one in _of_name(metrics, name, first)]
    return [roll_up for _, roll_up in sorted(made, key=lambda one: (one[1].start, one[0]))]


def restored(roll_ups: Iterable[RollUp]) -> Metrics:
    """Metrics that hold what roll-ups say. `restore` does the same into metrics with a clock and definitions of their own."""
    metrics = Metrics()
    restore(metrics, roll_ups)
    return metrics


def restore(metrics: Metrics, roll_ups: Iterable[RollUp]) -> None:
    """Adds what roll-ups say to metrics. Of two for the same series, start and width the later one counts."""
    kept: dict[tuple[str, Labels, int, int], RollUp] = {}
    for one in roll_ups:
        key = (one.name, tuple(sorted(one.tags.items())), one.start, one.width_s)
        kept.pop(key, None)  # so that it takes its place in the order anew
        kept[key] = one
    for (name, labels, start, width_s), one in kept.items():
        metrics.put(name, labels, Cell(start, width_s, _tally(one)))


def _of_name(metrics: Metrics, name: str, first: float) -> Iterator[tuple[int, RollUp]]:
    for series in metrics.recorded(name, since=first):
        for cell in _widened(cell for cell in series.cells if cell.start >= first):
            yield cell.tally.order, _roll_up(name, series.labels, cell)


def _widened(cells: Iterable[Cell]) -> Iterable[Cell]:
    """Cells of at least the width of a roll-up."""
    wide: dict[tuple[int, int], Cell] = {}
    for cell in cells:
        width_s = max(cell.width_s, WIDTH_S)
        start = cell.start // width_s * width_s
        wide.setdefault((start, width_s), Cell(start, width_s, Tally())).tally.merge(cell.tally)
    return wide.values()


def _roll_up(name: str, labels: Labels, cell: Cell) -> RollUp:
    tally = cell.tally
    return RollUp(
        name=name,
        tags=dict(labels),
        start=cell.start,
        width_s=cell.width_s,
        count=tally.count,
        sum=tally.total,
        min=tally.low,
        max=tally.high,
        last=tally.last,
        sketch=tuple(sorted(tally.sketch.bins.items())),
    )


def _tally(one: RollUp) -> Tally:
    return Tally(one.count, one.sum, one.min, one.max, one.last, -1, Sketch(Counter(dict(one.sketch))))


def _wrong(one: RollUp) -> Iterator[str]:
    """Each part that does not fit. Roll-ups come from files, and one false number would spoil every figure it is merged into."""
    if not is_name(one.name):
        yield "this name"
    if labels_of(one.tags) is None:
        yield "these tags"
    if not (1 <= one.width_s <= _WIDEST_S and 0 <= one.start <= _LATEST):
        yield f"start {one.start} and width {one.width_s}"
    if not 1 <= one.count <= _MOST_COUNT:
        yield f"count {one.count}"
    if not -LARGEST <= one.min <= one.last <= one.max <= LARGEST:
        yield f"min {one.min}, last {one.last} and max {one.max}"
    if not -LARGEST * one.count <= one.sum <= LARGEST * one.count:
        yield f"sum {one.sum}"
    if not _is_sketch(one.sketch, one.count):
        yield "this sketch"


def _is_sketch(bins: tuple[tuple[int, int], ...], count: int) -> bool:
    keys = [key for key, _ in bins]
    return (
        len(keys) <= MOST_BINS
        and keys == sorted(set(keys))
        and all(abs(key) <= LARGEST_BIN and each >= 1 for key, each in bins)
        and sum(each for _, each in bins) == count
    )
