"""One metric under one set of tags: tallies over time, fine for what is new and coarse for what is old.

A gate asks about the last minutes and a trend about days. Tallies of a second for all of a week would cost a hundred times the memory, so
they are merged as they age: `TIERS` says how wide a tally is and until what age. A week is some 1,500 tallies at most, and no window
needs more than that many merges.

Time is wall-clock time in seconds since the epoch, because tallies outlive the process. A value whose time lies before that of others is
welcome in any order; one from beyond a tier's age moves on at the next ageing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import fsum, inf
from typing import Final

from swarm.analytics.tally import Tally

__all__ = ["TIERS", "Cell", "Series"]

TIERS: Final = ((1, 120.0), (10, 3_600.0), (60, 21_600.0), (900, inf))
"""Width of a tally and the age up to which tallies are that fine, both in seconds."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A tally and the stretch of time that it covers: `width_s` seconds from `start` on."""

    start: int
    width_s: int
    tally: Tally


@dataclass(slots=True)
class _Tier:
    width_s: int
    until_s: float
    tallies: dict[int, Tally] = field(default_factory=dict)

    def at(self, time: float) -> Tally:
        start = int(time // self.width_s) * self.width_s
        tally = self.tallies.get(start)
        if tally is None:
            tally = self.tallies[start] = Tally()
        return tally

    def older(self, than: float) -> list[int]:
        """Starts of the tallies that end at a time or before."""
        return [start for start in self.tallies if start + self.width_s <= than]


class Series:
    """Tallies over time.

    Attributes:
        count, total: of all values ever recorded, whatever is still kept.
        aged_at: when it was aged last.
    """

    __slots__ = ("_tiers", "aged_at", "count", "total")

    def __init__(self) -> None:
        self._tiers = tuple(_Tier(width_s, until_s) for width_s, until_s in TIERS)
        self.aged_at = -inf
        self.count = 0
        self.total = 0.0

    def __len__(self) -> int:
        return sum(len(tier.tallies) for tier in self._tiers)

    def add(self, time: float, values: Sequence[float], order: int, weight: int = 1) -> None:
        """Adds values of one second; see `Tally.add`."""
        self._tiers[0].at(time).add(values, order, weight)
        self.count += len(values) * weight
        self.total += fsum(values) * weight

    def put(self, cell: Cell) -> None:
        """Adds a tally that was made before, in the finest tier that is not finer than it."""
        next(tier for tier in self._tiers if tier.width_s >= cell.width_s).at(cell.start).merge(cell.tally)
        self.count += cell.tally.count
        self.total += cell.tally.total

    def cells(self, since: float = -inf, until: float = inf) -> Iterator[Cell]:
        """Every tally that covers a part of the time after `since` and up to `until`, in no particular order."""
        for tier in self._tiers:
            for start, tally in tier.tallies.items():
                if start + tier.width_s > since and start <= until:
                    yield Cell(start, tier.width_s, tally)

    def age(self, now: float, keep_s: float, most: int) -> None:
        """Merges what is no longer new, and forgets what is too old or too much."""
        self.aged_at = now
        for finer, coarser in pairwise(self._tiers):
            for start in finer.older(now - finer.until_s):
                coarser.at(start).merge(finer.tallies.pop(start))
        self._forget(now - keep_s, most)

    def _forget(self, oldest: float, most: int) -> None:
        for tier in reversed(self._tiers):
            surplus = max(len(self) - most, len(tier.older(oldest)))
            for start in sorted(tier.tallies)[:surplus]:
                del tier.tallies[start]
