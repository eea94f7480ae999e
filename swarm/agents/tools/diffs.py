"""Two versions of a file as a unified diff. Texts in, a text out."""

import difflib
import re
from collections.abc import Iterator, Sequence
from typing import Final

from swarm.agents.tools.answers import cut, one_line
from swarm.agents.tools.texts import line_list

__all__ = ["unified"]

_CONTEXT: Final = 3
_LINE: Final = 400
_HUNK: Final = re.compile(r"@@ -(\d+)(,\d+)? \+(\d+)(,\d+)? @@")


def unified(path: str, before: str | None, after: str) -> str:
    """The diff from one text to another; line ends are not shown.

    Args:
        before: None where there was no file.
    """
    old, new = line_list(before or ""), line_list(after)
    head = f"--- {one_line(path) if before is not None else '/dev/null'}\n+++ {one_line(path)}"
    rows = [cut(row, _LINE, " ") for row in _hunks(old, new)]
    return "\n".join([head, *rows]) if rows else f"{head}\n(only line ends changed)"


def _hunks(old: Sequence[str], new: Sequence[str]) -> Iterator[str]:
    # Comparing takes long and goes astray in long texts of many equal lines, so only what lies between the common ends is compared.
    start = max(0, _common(old, new) - _CONTEXT)
    end = max(0, _common(old[start:][::-1], new[start:][::-1]) - _CONTEXT)
    diff = difflib.unified_diff(old[start : len(old) - end], new[start : len(new) - end], n=_CONTEXT, lineterm="")
    for number, row in enumerate(diff):
        if number > 1:  # behind the two lines that name the files
            yield _HUNK.sub(lambda found: _moved(found, start), row, count=1) if row.startswith("@@ ") else row


def _common(a: Sequence[str], b: Sequence[str]) -> int:
    return next((n for n, (one, other) in enumerate(zip(a, b, strict=False)) if one != other), min(len(a), len(b)))


def _moved(hunk: re.Match[str], lines: int) -> str:
    return f"@@ -{int(hunk[1]) + lines}{hunk[2] or ''} +{int(hunk[3]) + lines}{hunk[4] or ''} @@"
