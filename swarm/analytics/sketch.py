"""Quantiles of any number of values in bounded memory, each within 1 % of the exact one.

The method is DDSketch (Masson, Rim and Lee, "DDSketch: A Fast and Fully-Mergeable Quantile Sketch with Relative-Error Guarantees",
VLDB 2019): a value is counted in the bin of its logarithm, the bins are so narrow that a bin's middle is never further from its values
than the error allowed, and two sketches merge by adding their counts. t-digest, the usual alternative, promises nothing for a single
quantile and gives another answer for each order of merging.

Values of either sign live in one dictionary whose keys have the order of the values: positive ones above zero, negative ones below. Zero's
bin also takes what is nearer to it than `SMALLEST`. Where values spread over more than `MOST_BINS` bins (16 powers of ten), the lowest
share one bin, so that the high quantiles, by which people decide, stay right.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from math import ceil, floor, log
from typing import Final

__all__ = ["LARGEST", "LARGEST_BIN", "MOST_BINS", "RELATIVE_ERROR", "SMALLEST", "Sketch"]

RELATIVE_ERROR: Final = 0.009
"""Of a quantile. A little below the 1 % that is promised, so that rounding cannot cost the promise."""
MOST_BINS: Final = 2_048
LARGEST: Final = 1e200
"""Greatest magnitude that fits. So far from the end of floats that no sum of such values overflows."""
SMALLEST: Final = 1e-200

_GAMMA: Final = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
_PER_E: Final = 1 / log(_GAMMA)
"""Bins for each factor of e."""
_OFFSET: Final = 30_000
"""Lifts the bins of all positive values above zero: ln(1e-200) * _PER_E is -25,583."""

LARGEST_BIN: Final = _OFFSET + ceil(log(LARGEST) * _PER_E)
"""Greatest magnitude of a key."""


@dataclass(slots=True)
class Sketch:
    """Counts of values by magnitude.

    Attributes:
        bins: number of values by bin; keys have the order of the values.
    """

    bins: Counter[int] = field(default_factory=Counter)

    def add(self, values: Iterable[float], weight: int = 1) -> None:
        """Counts values, each `weight` times. None may be larger than `LARGEST`."""
        # The first branch is `_bin` once more: a call for each value would double the cost of recording.
        keys = [ceil(log(value) * _PER_E) + _OFFSET if value > SMALLEST else _bin(value) for value in values]
        self._count(keys if weight == 1 else {key: count * weight for key, count in Counter(keys).items()})

    def merge(self, other: "Sketch") -> None:
        """Counts what the other has counted."""
        self._count(other.bins)

    def quantile(self, share: float) -> float:
        """The value below which a share of the values lies, interpolated between neighbours as numpy does (Hyndman and Fan's type 7).

        Args:
            share: from 0 to 1.

        Raises:
            ValueError: there are no values.
        """
        if not self.bins:
            raise ValueError("no values, no quantile")
        keys = sorted(self.bins)
        ends = list(accumulate(self.bins[key] for key in keys))
        position = share * (ends[-1] - 1)
        below, above = (_middle(_at(keys, ends, rank)) for rank in (floor(position), ceil(position)))
        return below + (above - below) * (position - floor(position))

    def copy(self) -> "Sketch":
        return Sketch(self.bins.copy())

    def _count(self, keys: Iterable[int] | Counter[int] | dict[int, int]) -> None:
        self.bins.update(keys)
        surplus = len(self.bins) - MOST_BINS
        if surplus > 0:
            lowest = sorted(self.bins)[: surplus + 1]
            self.bins[lowest[-1]] += sum(self.bins.pop(key) for key in lowest[:-1])


def _bin(value: float) -> int:
    if abs(value) <= SMALLEST:
        return 0
    key = ceil(log(abs(value)) * _PER_E) + _OFFSET
    return key if value > 0 else -key


def _middle(key: int) -> float:
    """The value that is equally far, as a share, from both ends of a bin."""
    if key == 0:
        return 0.0
    middle: float = 2 * _GAMMA ** (abs(key) - _OFFSET) / (_GAMMA + 1)
    return middle if key > 0 else -middle


def _at(keys: Sequence[int], ends: Sequence[int], rank: int) -> int:
    """The bin of the value at a rank, counted from 0."""
    return keys[bisect_right(ends, rank)]
