"""Sets of characters as ranges of code points, and folding their case.

Patterns and paths are folded character by character, so every set stays a set of single characters.
"""

import string
import sys
from collections.abc import Iterable
from functools import cache
from typing import Final, TypeAlias

__all__ = [
    "ANY",
    "EVERY",
    "READABLE",
    "SLASH",
    "Ranges",
    "complement",
    "contains",
    "fixed",
    "folded",
    "folded_ranges",
    "intersection",
    "is_single",
    "merged",
    "only",
    "picked",
]

Ranges: TypeAlias = tuple[tuple[int, int], ...]
"""A set of characters: inclusive code point ranges, ascending, apart from one another, never empty inside a pattern."""

_LAST: Final = sys.maxunicode
SLASH: Final[Ranges] = ((ord("/"), ord("/")),)
ANY: Final[Ranges] = ((0, ord("/") - 1), (ord("/") + 1, _LAST))
"""Every character that a segment may hold."""
EVERY: Final[Ranges] = ((0, _LAST),)
READABLE: Final = string.ascii_lowercase + string.digits + "_-" + string.ascii_uppercase
"""What an example is made of where there is a choice."""


def only(character: str) -> Ranges:
    """The set of one character."""
    return ((ord(character), ord(character)),)


def is_single(characters: Ranges) -> bool:
    """Whether the set has exactly one member."""
    return len(characters) == 1 and characters[0][0] == characters[0][1]


def contains(characters: Ranges, character: str) -> bool:
    """Whether a character is a member."""
    return any(first <= ord(character) <= last for first, last in characters)


def picked(characters: Ranges) -> str:
    """The most readable member: a letter, a digit, then whatever is no control character."""
    for each in READABLE:
        if contains(characters, each):
            return each
    visible = intersection(characters, ((ord("!"), _LAST),))
    return chr((visible or characters)[0][0])


def merged(spans: Iterable[tuple[int, int]]) -> Ranges:
    """The set of what any of the spans holds; these may overlap and come in any order."""
    apart: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if apart and first <= apart[-1][1] + 1:
            apart[-1] = apart[-1][0], max(last, apart[-1][1])
        else:
            apart.append((first, last))
    return tuple(apart)


def complement(characters: Ranges) -> Ranges:
    """Every other character, `/` included."""
    starts = [0, *(last + 1 for _, last in characters)]
    ends = [*(first - 1 for first, _ in characters), _LAST]
    return tuple((start, end) for start, end in zip(starts, ends, strict=True) if start <= end)


def intersection(a: Ranges, b: Ranges) -> Ranges:
    """The characters that are in both."""
    common: list[tuple[int, int]] = []
    i = j = 0
    while i < len(a) and j < len(b):
        first, last = max(a[i][0], b[j][0]), min(a[i][1], b[j][1])
        if first <= last:
            common.append((first, last))
        if a[i][1] < b[j][1]:
            i += 1
        else:
            j += 1
    return tuple(common)


def folded(text: str) -> str:
    """The text with upper and lower case made the same; as long as before."""
    return text.lower() if text.isascii() else text.translate(_fold_table())


@cache
def fixed() -> Ranges:
    """The characters that can occur in folded text."""
    return complement(merged((code, code) for code in _fold_table()))


def folded_ranges(characters: Ranges) -> Ranges:
    """The set of the members, folded."""
    moved = [(to, to) for code, to in _fold_table().items() if contains(characters, chr(code))]
    return merged([*intersection(characters, fixed()), *moved])


@cache
def _fold_table() -> dict[int, int]:
    """The characters that folding changes.

    Unicode has no cased script above its second plane, and a full scan would take eight times as long.
    """
    changed = {}
    for code in range(0x20000):
        to = next((each for each in (chr(code).casefold(), chr(code).lower()) if len(each) == 1), chr(code))
        if ord(to) != code:
            changed[code] = ord(to)
    return changed
