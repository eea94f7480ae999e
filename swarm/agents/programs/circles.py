"""Noticing that an agent repeats itself: the same turn with the same results, or two turns by turns."""

from collections.abc import Sequence
from typing import Final

__all__ = ["last_round"]

_LONGEST_ROUND: Final = 2


def last_round(keys: Sequence[str]) -> tuple[int, int]:
    """The round that the turns end with.

    Args:
        keys: of each turn, equal where calls and results are.

    Returns:
        How many turns it has, and how many times it came in a row. `(1, 1)` where nothing is repeated.
    """
    rounds = [(length, _times(keys, length)) for length in range(1, _LONGEST_ROUND + 1)]
    return max(rounds, key=lambda found: (found[1], -found[0]))


def _times(keys: Sequence[str], length: int) -> int:
    last, times, end = keys[-length:], 0, len(keys)
    while end >= length and keys[end - length : end] == last:
        times, end = times + 1, end - length
    return times
