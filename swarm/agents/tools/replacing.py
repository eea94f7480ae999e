"""One exact replacement in a text, and where to look when it does not fit. Texts in, texts out."""

import difflib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from swarm.agents.tools.calling import Declined
from swarm.agents.tools.reading import numbered
from swarm.agents.tools.texts import line_list

__all__ = ["replaced"]

_SHOWN_PLACES: Final = 10
_SHOWN_LINES: Final = 20
_SHOWN_CHARACTERS: Final = 1_500
_COMPARED: Final = 3_000


def replaced(text: str, old: str, new: str) -> str:
    """The text with the one occurrence of `old` replaced; where its lines end with CR LF, those of `old` and `new` do, too.

    Raises:
        Declined: `old` does not occur, or more than once (overlapping occurrences count), or `new` is the same.
    """
    if old == new:
        raise Declined("old and new are the same")
    if "\r\n" in text and "\r" not in old and _windows(old) in text:
        old, new = _windows(old), _windows(new.replace("\r\n", "\n"))
    places = list(_occurrences(text, old))
    if not places:
        raise Declined(_nowhere(text, old))
    if len(places) > 1:
        raise Declined(_several(text, places))
    return text[: places[0]] + new + text[places[0] + len(old) :]


def _windows(text: str) -> str:
    return text.replace("\n", "\r\n")


def _occurrences(text: str, old: str) -> Iterator[int]:
    at = text.find(old)
    while at >= 0:
        yield at
        at = text.find(old, at + 1)


def _several(text: str, places: Sequence[int]) -> str:
    lines = sorted({text.count("\n", 0, place) + 1 for place in places[:_SHOWN_PLACES]})
    more = f" and {len(places) - _SHOWN_PLACES:,} more" if len(places) > _SHOWN_PLACES else ""
    where = f"line{'s' if len(lines) > 1 else ''} {', '.join(map(str, lines))}{more}"
    return f"old occurs {len(places):,} times ({where}): take more of the lines around the one you mean"


def _nowhere(text: str, old: str) -> str:
    lines, wanted = line_list(text), line_list(old)
    first = _nearest(lines, wanted)
    if first is None:
        return "old does not occur, nor anything like it"
    numbers = range(first, min(first + max(len(wanted), 1), len(lines) + 1, first + _SHOWN_LINES))
    same = [lines[n - 1].split() for n in numbers] == [line.split() for line in wanted]
    how = "the same but for white space" if same else "nearest"
    where = f"lines {numbers[0]}-{numbers[-1]} are" if len(numbers) > 1 else f"line {numbers[0]} is"
    return f"old does not occur; {where} {how}:\n{numbered(lines, numbers, _SHOWN_CHARACTERS)}"


def _nearest(lines: Sequence[str], wanted: Sequence[str]) -> int | None:
    """The line, from 1, at which the most of the wanted lines stand in their places; else where one is spelled alike."""
    places = defaultdict(list)
    for number, line in enumerate(lines, 1):
        places[_bare(line)].append(number)
    votes = Counter(n - offset for offset, line in enumerate(wanted) if _bare(line) for n in places[_bare(line)] if n > offset)
    if votes:
        return min(votes, key=lambda number: (-votes[number], number))
    return _spelled_alike(lines, wanted)


def _bare(line: str) -> str:
    return " ".join(line.split())


def _spelled_alike(lines: Sequence[str], wanted: Sequence[str]) -> int | None:
    offset = max(range(len(wanted)), key=lambda n: len(_bare(wanted[n])), default=0)
    asked = _bare(wanted[offset]) if wanted else ""
    holding = next((number for number, line in enumerate(lines, 1) if asked and asked in _bare(line)), None)
    if holding is None:
        bare = [_bare(line) for line in lines[:_COMPARED]]
        alike = difflib.get_close_matches(asked, bare, 1)
        holding = bare.index(alike[0]) + 1 if alike else None
    return None if holding is None else max(1, holding - offset)
