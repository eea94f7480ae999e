"""Room in a prompt, and how several things share it: what is small leaves more to what comes after."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeVar

from swarm.agents.tools.answers import both_ends, cut, one_line
from swarm.agents.tools.reading import LINE_LIMIT, numbered

__all__ = ["dealt", "excerpt", "fits", "joined", "named"]

_NUMBER: Final = 8
_MARK: Final = 120
_NAMES: Final = 1_200
_PATH: Final = 400

Item = TypeVar("Item")


def dealt(items: Sequence[Item], room: int, *, least: int, each: int, show: Callable[[Item, int], str]) -> tuple[list[str], Sequence[Item]]:
    """What is shown of each item, and the items for which no room was left.

    Args:
        room: characters of all together.
        least: characters without which showing an item makes no sense.
        each: characters that one item may have at most.
        show: makes an item's text, of about as many characters as it is given.
    """
    texts: list[str] = []
    for position, item in enumerate(items):
        if room < least:
            return texts, items[position:]
        texts.append(show(item, min(each, max(least, room // (len(items) - position)))))
        room -= len(texts[-1]) + 2
    return texts, ()


def excerpt(lines: Sequence[str], tiers: Iterable[Iterable[int]], room: int) -> str:
    """Numbered lines of a file: those of the first tier, and those of each further tier that still fits as a whole.

    Args:
        tiers: line numbers; those outside the file do not count.
    """
    shown: set[int] = set()
    for position, tier in enumerate(tiers):
        more = shown.union(number for number in tier if 1 <= number <= len(lines))
        if position == 0 or fits(lines, more, room):
            shown = more
    return numbered(lines, sorted(shown), max(room - _MARK, _MARK))


def fits(lines: Sequence[str], numbers: Iterable[int], room: int) -> bool:
    """Whether lines fit, once numbered."""
    for number in numbers:
        room -= min(len(lines[number - 1]), LINE_LIMIT) + _NUMBER
        if room < _MARK:
            return False
    return True


def joined(words: Iterable[str], most: int) -> str:
    """The first of some words, and how many more there are."""
    told = [one_line(word)[:_PATH] for word in words]
    more = f" and {len(told) - most:,} more" if len(told) > most else ""
    return ", ".join(told[:most]) + more


def named(title: str, rows: Iterable[str]) -> str:
    """A title and one row for each; nothing where there are none."""
    told = [cut(one_line(row), _PATH, " ") for row in rows]
    return "\n".join([title, both_ends(told, _NAMES, lambda first, end: f"{end - first:,} of these")]) if told else ""
