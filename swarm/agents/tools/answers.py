"""The form of what a tool says: safe to read, and short.

A model reads what it is given as text, and so do the people who look at the record. Files and commands may hold anything: what could
steer a terminal, run backwards or not be seen at all is written as `\\xNN`. A long answer costs its length again in every later call,
so it keeps its two ends, where the news is, and says how much is missing.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

__all__ = ["LIMIT", "both_ends", "cut", "harmless", "one_line", "placeless"]

LIMIT: Final = 8_000
"""Characters of one answer."""

_SUSPECT: Final = re.compile(r"[^\n\t -~]")
_UNSEEN_KINDS: Final = frozenset({"Cc", "Cf", "Cs", "Cn", "Zl", "Zp"})
_UNSEEN: Final = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0d\uffa0\U000e0100-\U000e01ef]")
"""Letters and marks that show nothing, though Unicode does not call them controls."""
_COLOURS: Final = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b\n]*(?:\x07|\x1b\\)")
_JOINING: Final = "\u200c\u200d"
"""Invisible, but part of how some scripts and most emoji are spelled."""
_ALREADY_MISSING: Final = re.compile(r"\[\.\.\. (\d+) bytes left out \.\.\.\]")
_MARK_ROOM: Final = 60


def colourless(text: str) -> str:
    """The text without the sequences by which terminals colour, title and link."""
    return _COLOURS.sub("", text)


def harmless(text: str) -> str:
    """The text with everything that steers, reorders or hides written out; line ends and tabs stay."""
    return _SUSPECT.sub(lambda found: _escaped(found[0]) if _hidden(found[0]) else found[0], text)


def _hidden(character: str) -> bool:
    unseen = unicodedata.category(character) in _UNSEEN_KINDS or _UNSEEN.match(character) is not None
    return unseen and character not in _JOINING


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def one_line(text: str) -> str:
    """The text made harmless, on one line: a path may hold a line end."""
    return harmless(text).replace("\n", "\\n").replace("\t", "\\t")


def cut(text: str, limit: int = LIMIT, joint: str = "\n") -> str:
    """Head and tail of a text that is longer than `limit`, and how much is missing between them.

    Args:
        joint: what stands on both sides of the remark.
    """
    if len(text) <= limit:
        return text
    half = (limit - _MARK_ROOM) // 2
    gap = text[half:-half]
    # A command's output may have lost its middle before it came here.
    missing = len(gap) + sum(map(int, _ALREADY_MISSING.findall(gap)))
    return f"{text[:half]}{joint}… {missing:,} characters left out …{joint}{text[-half:]}"


def both_ends(rows: Sequence[str], limit: int, which: Callable[[int, int], str]) -> str:
    """Rows, one a line; where they are too many, the first and the last of them.

    Args:
        limit: characters of all rows together.
        which: names the missing rows, given the index of the first and the one after the last.
    """
    head = _fitting(rows, limit // 2)
    tail = _fitting(reversed(rows[head:]), limit // 2)
    end = len(rows) - tail
    if head == end:
        return "\n".join(rows)
    missing = sum(len(row) + 1 for row in rows[head:end])
    return "\n".join([*rows[:head], f"… {missing:,} characters left out: {which(head, end)} …", *rows[end:]])


def _fitting(rows: Iterable[str], room: int) -> int:
    """How many rows from the beginning go into so many characters."""
    fitting = 0
    for row in rows:
        room -= len(row) + 1
        if room < 0:
            break
        fitting += 1
    return fitting


def placeless(text: str, places: Mapping[str, str]) -> str:
    """The text with this machine's folders named as everywhere: an answer is compared with the recorded one on replay.

    Args:
        places: a folder's absolute path to what stands for it; for `.`, paths inside become relative.
    """
    for place in sorted(places, key=len, reverse=True):
        stand_in = places[place]
        text = re.sub(re.escape(place) + "/", "" if stand_in == "." else _verbatim(stand_in + "/"), text)
        text = re.sub(re.escape(place) + r"(?![\w.-])", _verbatim(stand_in), text)
    return text


def _verbatim(text: str) -> str:
    return text.replace("\\", r"\\")
