"""Recording numbers from any thread or task, and asking what they say.

Recording must cost nearly nothing, so `record_metric` does not count: it appends to a queue and returns. Counting happens in batches of
`BATCH`, on the thread that fills one up, and whenever somebody asks. Appending to a `deque` and taking from it are atomic in CPython (with
and without its global lock), so recording takes no lock and no point is lost or counted twice. One queue for all threads rather than one
for each: nothing is left behind when a thread ends, and the order between threads, by which "last" is decided, is kept.

Recording never raises, and waits only where points come faster than they can be counted, and then for `LONGEST_WAIT_S` at most: measuring
must not stop the work it measures. What cannot be kept is dropped, and `dropped()` says so.

Everything is bounded: the names, the series of a name (its different tags), the tallies of a series, the bins of a tally, the queue.
"""

import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import chain
from math import inf, isfinite
from typing import Final

from swarm.analytics.definitions import BUILT_IN, Definition, Definitions, definition_of
from swarm.analytics.naming import Labels, is_name, labels_of
from swarm.analytics.series import Cell, Series
from swarm.analytics.sketch import LARGEST

__all__ = [
    "AGED_EVERY_S",
    "BATCH",
    "LONGEST_WAIT_S",
    "MANY_QUEUED",
    "MAX_DATA_POINTS",
    "MOST_NAMES",
    "MOST_QUEUED",
    "MOST_SERIES",
    "RETENTION",
    "Dropped",
    "Metrics",
    "Recorded",
]

BATCH: Final = 1_024
"""Points that wait to be counted. Counting one batch takes less than a millisecond."""
MANY_QUEUED: Final = 16 * BATCH
"""Points above which recording waits until they are counted: threads that record in a tight loop outrun the one that counts."""
MOST_QUEUED: Final = 64 * BATCH
"""Points that may wait at all. Beyond it the oldest are dropped."""
LONGEST_WAIT_S: Final = 0.05
MOST_NAMES: Final = 1_000
MOST_SERIES: Final = 100
"""Of one metric, unless said otherwise."""
RETENTION: Final = timedelta(days=7)
MAX_DATA_POINTS: Final = 10_000
AGED_EVERY_S: Final = 10.0
"""A series is looked through for what grew old, which costs more than counting a point."""

_NO_NAME: Final = "a name that is no identifier of at most 100 characters"
_NO_TAGS: Final = "tags that are no mapping of at most 8 names to texts of at most 200 characters"
_NO_NUMBER: Final = "a value that is no finite number, or too large"
_TOO_MANY_NAMES: Final = f"more than {MOST_NAMES:,} names"
_TOO_MANY_SERIES: Final = "more series than its cap"
_TOO_FAST: Final = "recorded faster than could be counted"

_Point = tuple[str, float, float, Labels | None]
"""Name, value, time, labels; None where the tags were refused."""
_Key = tuple[str, Labels | None, float]
"""Name, labels and the second."""


@dataclass(slots=True)
class _Group:
    """Points with one key.

    Attributes:
        values: oldest first.
        newest: place of the last of them in the order of recording.
    """

    values: list[float]
    newest: int


@dataclass(frozen=True, slots=True)
class Dropped:
    """Points that are not in any figure.

    Attributes:
        name: of the metric; empty where there is none.
    """

    name: str
    reason: str
    points: int


@dataclass(frozen=True, slots=True)
class Recorded:
    """What is kept of one metric under one set of tags: copies, nobody else changes them.

    Attributes:
        cells: in no particular order.
        count, total: of all that was ever recorded, whatever is still kept.
    """

    labels: Labels
    cells: tuple[Cell, ...]
    count: int
    total: float


class Metrics:
    """Numbers under names, kept for a while in bounded memory.

    Args:
        definitions: what the names mean; see `definitions.declared`.
        clock: seconds since the epoch.
        chance: numbers from 0 up to 1, by which sampling decides.
        most_series: cap on the series of one metric. Points of further tags are dropped and counted.

    Raises:
        ValueError: a cap below 1.
    """

    def __init__(
        self,
        definitions: Definitions = BUILT_IN,
        *,
        clock: Callable[[], float] = time.time,
        chance: Callable[[], float] = random.random,
        most_series: int = MOST_SERIES,
    ) -> None:
        if most_series < 1:
            raise ValueError("a metric needs room for at least one series")
        self.definitions = definitions
        self.retention_period = RETENTION
        self.max_data_points = MAX_DATA_POINTS
        self._clock = clock
        self._chance = chance
        self._most_series = most_series
        self._lock = threading.Lock()
        self._queue: deque[_Point] = deque(maxlen=MOST_QUEUED)
        self._one_in: dict[str, int] = {}
        self._series: dict[str, dict[Labels, Series]] = {}
        self._dropped: dict[tuple[str, str], int] = {}
        self._too_fast = 0
        self._counted = 0

    # Recording

    def record_metric(self, name: str, value: float, tags: Mapping[str, str] | None = None) -> None:
        """Records a value, now. From any thread or task; never raises.

        Args:
            name: an identifier.
            value: a finite number: of a counter, what is added.
            tags: what distinguishes series of one metric, such as `{"agent": "qa-validator"}`. Few different ones: see `most_series`.
        """
        if self._one_in and not self._taken(name):
            return
        queue = self._queue
        queue.append((name, value, self._clock(), labels_of(tags) if tags else ()))
        if len(queue) >= BATCH:
            self._count_if_free()

    def set_sampling(self, name: str, one_in: int) -> None:
        """Keeps one in so many points of a metric from now on, at random. Each counts for all of them: sums and counts become estimates.

        Raises:
            ValueError: fewer than one.
        """
        if one_in < 1:
            raise ValueError(f"{name} can be sampled as one in 1 or more, not one in {one_in}")
        with self._counted_up():
            self._one_in = {key: each for key, each in self._one_in.items() if key != name} | ({name: one_in} if one_in > 1 else {})

    def set_retention_policy(self, retention_period: timedelta, max_data_points: int) -> None:
        """Says how long and how much is kept, from now on and of what is there.

        Args:
            max_data_points: tallies of one series; each sums up a second or more (`series.TIERS`).

        Raises:
            ValueError: a period or a number that keeps nothing.
        """
        if retention_period <= timedelta(0) or max_data_points < 1:
            raise ValueError("a retention policy needs a positive period and at least one data point")
        with self._counted_up():
            self.retention_period, self.max_data_points = retention_period, max_data_points

    # Asking

    def now(self) -> float:
        """Seconds since the epoch, by the clock that stamps what is recorded."""
        return self._clock()

    def names(self) -> list[str]:
        """Every metric that was ever recorded, sorted."""
        with self._counted_up():
            return sorted(self._series)

    def definition(self, name: str) -> Definition:
        """What a name means."""
        return definition_of(self.definitions, name)

    def sampled(self, name: str) -> int:
        """One in how many points of a metric is kept."""
        return self._one_in.get(name, 1)

    def dropped(self) -> list[Dropped]:
        """What is in no figure and why, sorted; empty where all is well."""
        with self._counted_up():
            counts = self._dropped | ({("", _TOO_FAST): self._too_fast} if self._too_fast else {})
            return [Dropped(name, reason, points) for (name, reason), points in sorted(counts.items())]

    def recorded(self, name: str, *, since: float = -inf, until: float = inf, tags: Mapping[str, str] | None = None) -> list[Recorded]:
        """What is kept of a metric for a stretch of time: one entry a series that has `tags` among its own."""
        wanted = set((tags or {}).items())
        with self._counted_up() as now:
            since = max(since, now - self.retention_period.total_seconds())
            found = self._series.get(name, {}).items()
            return [_copied(labels, series, since, until) for labels, series in found if wanted <= set(labels)]

    # Restoring

    def clear(self) -> None:
        """Forgets all that was recorded, and what was dropped. Retention and sampling stay."""
        with self._lock:
            self._queue.clear()
            self._series.clear()
            self._dropped.clear()
            self._too_fast = 0

    def put(self, name: str, labels: Labels, cell: Cell) -> None:
        """Adds what was recorded before, as the newest so far. Copies it; past a cap it is dropped and counted."""
        with self._lock:
            self._count()
            series = self._series_of(name, labels, cell.tally.count)
            if series is not None:
                series.put(Cell(cell.start, cell.width_s, replace(cell.tally.copy(), order=self._counted)))
                self._counted += 1

    # Counting

    def _taken(self, name: str) -> bool:
        one_in = self._one_in.get(name, 1) if isinstance(name, str) else 1
        return one_in == 1 or self._chance() * one_in < 1

    def _count_if_free(self) -> None:
        """Counts what waits unless somebody is at it. A full queue has let go of its oldest point."""
        if self._lock.acquire(timeout=LONGEST_WAIT_S if len(self._queue) > MANY_QUEUED else 0):
            try:
                self._count()
            finally:
                self._lock.release()
        elif len(self._queue) == MOST_QUEUED:
            self._too_fast += 1

    @contextmanager
    def _counted_up(self) -> Iterator[float]:
        """The store, locked, with everything counted that was recorded so far and nothing in it that is too old."""
        with self._lock:
            self._count()
            now = self._clock()
            for series in self._all_series():
                self._age(series, now)
            yield now

    def _count(self) -> None:
        """Counts what waits now. What is recorded meanwhile waits for the next, so that this ends."""
        take = self._queue.popleft
        points = [take() for _ in range(len(self._queue))]
        try:
            groups = _grouped(points, self._counted)
        except TypeError:  # a name that cannot even be looked up
            named = [point for point in points if isinstance(point[0], str)]
            self._drop("", _NO_NAME, len(points) - len(named))
            groups = _grouped(named, self._counted)
        self._counted += len(points)
        for key, group in groups.items():
            self._add(*key, group)

    def _add(self, name: str, labels: Labels | None, second: float, group: _Group) -> None:
        numbers = _numbers(group.values)
        if len(numbers) < len(group.values):
            self._drop(name if is_name(name) else "", _NO_NUMBER, len(group.values) - len(numbers))
        series = self._series_of(name, labels, len(numbers)) if numbers else None
        if series is not None:
            series.add(second, numbers, group.newest, self._one_in.get(name, 1))
            self._age(series, second)

    def _series_of(self, name: str, labels: Labels | None, points: int) -> Series | None:
        """The series to count points in; None where they had to be dropped."""
        by_labels = self._series.get(name, {})
        series = by_labels.get(labels) if labels is not None else None
        if series is not None:
            return series
        reason = self._reason_against(name, labels)
        if reason or labels is None:
            self._drop("" if reason in (_NO_NAME, _TOO_MANY_NAMES) else name, reason, points)
            return None
        return self._series.setdefault(name, by_labels).setdefault(labels, Series())

    def _reason_against(self, name: str, labels: Labels | None) -> str:
        if not is_name(name):
            return _NO_NAME
        if labels is None:
            return _NO_TAGS
        if name not in self._series and len(self._series) >= MOST_NAMES:
            return _TOO_MANY_NAMES
        return _TOO_MANY_SERIES if len(self._series.get(name, ())) >= self._most_series else ""

    def _drop(self, name: str, reason: str, points: int) -> None:
        if name not in self._series and len(self._dropped) >= MOST_NAMES:  # refusals are bounded like all else
            name = ""
        self._dropped[name, reason] = self._dropped.get((name, reason), 0) + points

    def _age(self, series: Series, now: float) -> None:
        if not 0 <= now - series.aged_at < AGED_EVERY_S or len(series) > self.max_data_points:
            series.age(now, self.retention_period.total_seconds(), self.max_data_points)

    def _all_series(self) -> Iterator[Series]:
        return chain.from_iterable(by_labels.values() for by_labels in self._series.values())


def _grouped(points: Iterable[_Point], first: int) -> dict[_Key, _Group]:
    """Points by name, tags and second: what comes in bursts is then summed up by the interpreter's own loops."""
    groups: dict[_Key, _Group] = {}
    for order, (name, value, at, labels) in enumerate(points, first):
        key = (name, labels, at // 1)
        group = groups.get(key)
        if group is None:
            groups[key] = _Group([value], order)
        else:
            group.values.append(value)
            group.newest = order
    return groups


def _numbers(values: Sequence[float]) -> list[float]:
    """Those of the values that can be kept."""
    try:
        if all(map(isfinite, values)) and -LARGEST <= min(values) <= max(values) <= LARGEST:
            return list(map(float, values))
    except (TypeError, ValueError, ArithmeticError):
        pass  # one of them is no number: find out which
    return [float(value) for value in values if _is_number(value)]


def _is_number(value: float) -> bool:
    try:
        return isfinite(value) and abs(value) <= LARGEST
    except (TypeError, ValueError, ArithmeticError):
        return False


def _copied(labels: Labels, series: Series, since: float, until: float) -> Recorded:
    cells = tuple(Cell(cell.start, cell.width_s, cell.tally.copy()) for cell in series.cells(since, until))
    return Recorded(labels, cells, series.count, series.total)
