"""A pattern, and which paths it matches."""

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from swarm.plans.globs.characters import ANY, Ranges, folded
from swarm.plans.globs.reading import Alternative, Segment, alternatives_of, spelled

__all__ = ["DISK_FOLDS", "Glob", "parse", "refuse_mixed"]

DISK_FOLDS: Final = sys.platform == "darwin"
"""Whether disks usually take `A.py` and `a.py` for one file here. On one that does not, plans are held a little stricter than need be."""


@dataclass(frozen=True, slots=True)
class Glob:
    """A pattern, made by `parse`. Equal when text and case folding are.

    Attributes:
        text: the pattern as written.
        fold: upper and lower case count as the same.
        literal: the one path that it spells, or None where it holds a wildcard or several alternatives. Case is as written.
        alternatives: the pattern with its braces expanded; in folded case where `fold`.
    """

    text: str
    fold: bool
    literal: str | None = field(repr=False, compare=False)
    alternatives: tuple[Alternative, ...] = field(repr=False, compare=False)
    _regex: re.Pattern[str] | None = field(default=None, init=False, repr=False, compare=False)

    def matches(self, path: str) -> bool:
        """Whether a path (relative, `/`-separated) is one of the pattern's."""
        if self.literal is not None:
            return path == self.literal or (self.fold and folded(path) == folded(self.literal))
        return self._compiled().fullmatch(folded(path) if self.fold else path) is not None

    def _compiled(self) -> re.Pattern[str]:
        # Compiling costs a hundred times what parsing does, and most patterns of a large plan are only ever compared.
        if self._regex is None:
            object.__setattr__(self, "_regex", re.compile("|".join(map(_path_regex, self.alternatives))))
        assert self._regex is not None
        return self._regex


@lru_cache(maxsize=1 << 16)
def parse(text: str, *, fold: bool = DISK_FOLDS) -> Glob:
    """Reads a pattern.

    Args:
        text: the pattern.
        fold: upper and lower case count as the same, character by character (so `ß` is not `ss`); as this system's disks do unless said.

    Raises:
        GlobError: it is malformed, unsafe, or its braces stand for more than 1024 alternatives.
    """
    alternatives = alternatives_of(text, fold=fold)
    return Glob(text, fold, parse(text, fold=False).literal if fold else spelled(alternatives), alternatives)


def refuse_mixed(*globs: Glob) -> None:
    """Raises ValueError where some patterns fold case and others do not."""
    if any(glob.fold is not globs[0].fold for glob in globs):
        raise ValueError("patterns that fold case were mixed with patterns that do not")


def _path_regex(alternative: Alternative) -> str:
    # The last part is a segment (see Alternative), so the text ends with one '/' too many.
    return _joined([None if segment is None else _segment_regex(segment) + "/" for segment in alternative], "(?:[^/]+/)*")[:-1]


def _segment_regex(segment: Segment) -> str:
    if isinstance(segment, str):
        return re.escape(segment)
    return _joined([None if characters is None else _character_regex(characters) for characters in segment], "[^/]*")


def _character_regex(characters: Ranges) -> str:
    if characters == ANY:
        return "[^/]"
    return "[" + "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in characters) + "]"


def _joined(parts: Sequence[str | None], loop: str) -> str:
    """One regex for the parts, with `loop` (a repetition) for each None.

    What stands between two loops is of fixed length, so the first place where it fits is as good as any later one, and an atomic
    group may commit to it. Without that a pattern of many `*` takes time exponential in their number.
    """
    runs = [""]
    for part in parts:
        if part is None:
            runs.append("")
        else:
            runs[-1] += part
    if len(runs) == 1:
        return runs[0]
    return runs[0] + "".join(f"(?>{loop}?{run})" for run in runs[1:-1]) + loop + runs[-1]
