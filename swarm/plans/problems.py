"""What is wrong with a plan: where, what, and what to do. All problems are collected; none stops the search for the next."""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

__all__ = ["Code", "Location", "Mark", "Problem", "did_you_mean", "one_of", "render"]

Code = Literal[
    "syntax",
    "unknown-key",
    "missing-key",
    "wrong-type",
    "duplicate-key",
    "unknown-name",
    "unsafe-path",
    "cycle",
    "deadlock",
    "overlap",
    "territory",
    "uncovered",
    "covered-twice",
    "contract",
    "unreachable-gate",
    "no-check",
    "stale-read",
    "cannot-write",
]
Location = tuple[str | int, ...]
"""Keys and positions that lead to a place in a plan."""
Severity = Literal["error", "warning"]
_SHOWN_LINE = 160


class Mark(NamedTuple):
    """A place in a text; line and column count from 1. A tuple, because a large plan has a quarter of a million."""

    line: int
    column: int


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One problem. `line` and `column` count from 1; both are 0 where the problem is the file as a whole."""

    file: str
    line: int
    column: int
    code: Code
    text: str
    severity: Severity = "error"

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.severity}: {self.text} [{self.code}]"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """` (did you mean "x"?)` for the nearest known name, else nothing."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f' (did you mean "{near[0]}"?)' if near else ""


def one_of(names: Iterable[str]) -> str:
    """`a, b or c`."""
    listed = list(names)
    return listed[0] if len(listed) == 1 else f"{', '.join(listed[:-1])} or {listed[-1]}"


def render(problems: Sequence[Problem], sources: dict[str, str]) -> str:
    """Problems as text: each with its source line and a caret below.

    Args:
        sources: file name to its text.
    """
    lines = {name: text.splitlines() for name, text in sources.items()}
    return "\n".join(part for problem in problems for part in _with_source(problem, lines.get(problem.file, [])))


def _with_source(problem: Problem, lines: Sequence[str]) -> list[str]:
    if not 1 <= problem.line <= len(lines):
        return [str(problem)]
    shown = _printable(lines[problem.line - 1])[:_SHOWN_LINE]
    return [str(problem), f"    {shown}", "    " + " " * min(problem.column - 1, _SHOWN_LINE) + "^"]


def _printable(line: str) -> str:
    """One column per character, and nothing that a terminal would obey."""
    return "".join(c if c.isprintable() else " " if c == "\t" else "\ufffd" for c in line)
