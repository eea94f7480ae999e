"""From a pattern's text to its alternatives.

Two forms are rewritten so that "at least one" needs no case of its own: a final `**` becomes `**/*`, and a lone `*` becomes `*?`.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from swarm.plans.globs.characters import (
    ANY,
    Ranges,
    complement,
    fixed,
    folded,
    folded_ranges,
    intersection,
    is_single,
    merged,
    only,
)

__all__ = ["ANY_SEGMENT", "Alternative", "GlobError", "Segment", "alternatives_of", "literal", "spelled"]

Segment: TypeAlias = str | tuple[Ranges | None, ...]
"""One segment: its text where it is literal, else a character set for each character and None for `*`."""
Alternative: TypeAlias = tuple[Segment | None, ...]
"""A pattern without braces: its segments, and None for `**`, which never stands last or beside another."""

ANY_SEGMENT: Final[Segment] = (None, ANY)
"""A lone `*`."""

_MOST_ALTERNATIVES: Final = 1024

# A `]` that comes first in a class is a member of it, hence the possessive `?+`.
_CLASS: Final = r"\[!?+\]?+[^\]]*+\]"
_BRACE_TOKEN: Final = re.compile(rf"{_CLASS}|[^\[{{}},]+|.", re.DOTALL)
_ATOM: Final = re.compile(rf"{_CLASS}|\*+|.", re.DOTALL)
_WILD: Final = re.compile(r"[*?\[]")
_SPECIAL: Final = re.compile(r"[*?\[\]{},]")


class GlobError(ValueError):
    """A pattern that cannot be used; the text quotes it and says why.

    Attributes:
        unsafe: the pattern is well formed but leads out of the workspace (a leading `/`, a segment `.` or `..`).
    """

    def __init__(self, text: str, *, unsafe: bool = False) -> None:
        super().__init__(text)
        self.unsafe = unsafe


def alternatives_of(text: str, *, fold: bool) -> tuple[Alternative, ...]:
    """The pattern with its braces expanded, repetitions left out; in folded case where `fold`.

    Raises:
        GlobError: it is malformed, unsafe, or its braces stand for more than 1024 alternatives.
    """
    return tuple(dict.fromkeys(_alternative(each, text, fold) for each in _expanded(text)))


def literal(path: str) -> str:
    """The pattern that matches exactly this path: special characters become classes of one. Also safe inside braces."""
    return _SPECIAL.sub(r"[\g<0>]", path)


def spelled(alternatives: Sequence[Alternative]) -> str | None:
    """The path that a single alternative without wildcards spells."""
    if len(alternatives) != 1 or not all(isinstance(segment, str) for segment in alternatives[0]):
        return None
    return "/".join(segment for segment in alternatives[0] if isinstance(segment, str))


@dataclass(slots=True)
class _Brace:
    """An open `{` (or the whole pattern): the alternatives that are complete, and the beginnings of the one being read."""

    at: int
    complete: list[str] = field(default_factory=list)
    begun: list[str] = field(default_factory=lambda: [""])


def _expanded(text: str) -> list[str]:
    """The pattern without its braces: every alternative as text, repetitions included."""
    if "{" not in text and "[" not in text:
        return [text]
    braces = [_Brace(0)]
    for token in _BRACE_TOKEN.finditer(text):
        _take(token[0], token.start() + 1, braces, text)
    if len(braces) > 1:
        raise GlobError(f"{text!r}: the '{{' at character {braces[-1].at} is never closed; write [{{] for the character itself")
    return braces[0].begun


def _take(token: str, at: int, braces: list[_Brace], text: str) -> None:
    inner = braces[-1]
    if token == "{":
        braces.append(_Brace(at))
    elif token == "[":
        raise GlobError(f"{text!r}: the '[' at character {at} is never closed; write [[] for the character itself")
    elif token == "," and len(braces) > 1:
        inner.complete += inner.begun
        inner.begun = [""]
    elif token == "}" and len(braces) > 1:
        _append(braces[-2], braces.pop().complete + inner.begun, text)
    else:
        inner.begun = [begun + token for begun in inner.begun]


def _append(brace: _Brace, endings: list[str], text: str) -> None:
    if len(brace.begun) * len(endings) > _MOST_ALTERNATIVES:
        raise GlobError(f"{text!r}: the braces stand for more than {_MOST_ALTERNATIVES} alternatives; use wildcards or several patterns")
    brace.begun = [begun + ending for begun in brace.begun for ending in endings]


def _alternative(text: str, whole: str, fold: bool) -> Alternative:
    if not text:
        raise GlobError(f"{whole!r}: the pattern, or one of its alternatives, is empty")
    if text[0] == "/":
        raise GlobError(f"{whole!r} begins with '/': patterns are relative to the workspace", unsafe=True)
    segments = [_segment(each, whole, fold) for each in _segments(text)]
    _refuse_segments(segments, whole)
    return _normal(segments)


def _segments(text: str) -> list[str]:
    """The texts between the slashes; a slash inside a class is none."""
    if "[" not in text:
        return text.split("/")
    segments = [""]
    for atom in _ATOM.findall(text):
        if atom == "/":
            segments.append("")
        else:
            segments[-1] += atom
    return segments


def _refuse_segments(segments: Sequence[Segment | None], whole: str) -> None:
    if "" in segments:
        raise GlobError(f"{whole!r} has an empty segment: take out the extra '/'; a folder's content is 'folder/**'")
    for dots in (".", ".."):
        if dots in segments:
            raise GlobError(f"{whole!r} has a segment {dots!r}: write the path itself, from the workspace's top", unsafe=True)


def _segment(text: str, whole: str, fold: bool) -> Segment | None:
    if text == "**":
        return None
    if not _WILD.search(text):
        return folded(text) if fold else text
    tokens = tuple(_token(atom, whole, fold) for atom in _ATOM.findall(text))
    if all(token is not None and is_single(token) for token in tokens):
        return "".join(chr(token[0][0]) for token in tokens if token is not None)
    return ANY_SEGMENT if tokens == (None,) else tokens


def _token(atom: str, whole: str, fold: bool) -> Ranges | None:
    if atom[0] == "*":
        return None
    if atom == "?":
        return ANY
    if len(atom) > 1:
        return _class(atom, whole, fold)
    return only(folded(atom) if fold else atom)


def _class(atom: str, whole: str, fold: bool) -> Ranges:
    negated = atom[1] == "!"
    members = _members(atom[2:-1] if negated else atom[1:-1], whole)
    if fold:
        members = folded_ranges(members)
    if negated:
        members = intersection(complement(members), fixed()) if fold else complement(members)
    if not (members := intersection(members, ANY)):
        raise GlobError(f"{whole!r}: the class {atom} matches no character ('/' is never in a class)")
    return members


def _members(body: str, whole: str) -> Ranges:
    spans = []
    for each in re.finditer(r"(.)-(.)|(.)", body, re.DOTALL):
        first, last = (each[1], each[2]) if each[1] else (each[3], each[3])
        if first > last:
            raise GlobError(f"{whole!r}: the range {each[0]} runs backwards")
        spans.append((ord(first), ord(last)))
    return merged(spans)


def _normal(segments: Iterable[Segment | None]) -> Alternative:
    normal: list[Segment | None] = []
    for segment in segments:
        if segment is not None or normal[-1:] != [None]:
            normal.append(segment)
    return (*normal, ANY_SEGMENT) if normal[-1] is None else tuple(normal)
