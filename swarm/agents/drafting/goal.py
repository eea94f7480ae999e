"""What a plan is for: a sentence, or a document. A long document is told by its outline, and read piece by piece."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import Field

from swarm.agents.tools.answers import both_ends, cut, harmless, one_line
from swarm.agents.tools.calling import Declined, answering, described
from swarm.agents.tools.offer import Offer
from swarm.agents.tools.reading import numbered

__all__ = ["WHOLE", "Goal"]

WHOLE: Final = 40_000
"""Characters up to which a document stands in the first prompt as it is."""

_OUTLINE: Final = 8_000
_BEGINNING: Final = 60
_HEADING_CHARS: Final = 160
_HEADING: Final = re.compile(r"#{1,6}\s+\S")
_FENCE: Final = re.compile(r"\s*(```|~~~)")


@dataclass(frozen=True, slots=True)
class Goal:
    """What somebody wants.

    Attributes:
        text: the sentence, or the document's text.
        document: the document's name; empty where there is none.
    """

    text: str
    document: str = ""

    @property
    def sentence(self) -> str:
        """The goal in one sentence."""
        if not self.document:
            return harmless(self.text)
        return f"Write a plan for what the document {one_line(self.document)} asks for. It stands below, under Situation."

    @property
    def section(self) -> str:
        """What the first prompt shows of the document."""
        if not self.document:
            return ""
        if len(self.text) <= WHOLE:
            return f"## The document {one_line(self.document)}, whole\n\n{harmless(self.text)}"
        lines = self.text.splitlines()
        beginning = numbered(lines, range(1, min(_BEGINNING, len(lines)) + 1))
        first = f"## The document {one_line(self.document)}: {len(lines):,} lines, of which read_goal shows any"
        return f"{first}\n\nIts headings, behind the numbers of their lines:\n{_outline(lines)}\n\nIts beginning:\n{beginning}"

    @property
    def offers(self) -> list[Offer]:
        """The tool that reads the document, where it is not shown whole."""
        if not self.document or len(self.text) <= WHOLE:
            return []
        reader = _Reader(self.text.splitlines())
        return [Offer(described(_Reader.read_goal), lambda given: reader.read_goal(**given))]


@dataclass(frozen=True, slots=True)
class _Reader:
    lines: list[str]

    @answering
    async def read_goal(self, start: Annotated[int, Field(ge=1)], lines: Annotated[int, Field(ge=1, le=400)] = 150) -> str:
        """Shows lines of the document that says what is wanted, behind their numbers. At most 8,000 characters are shown.

        Args:
            start: the first line, counted from 1.
            lines: how many.
        """
        if start > len(self.lines):
            raise Declined(f"the document has {len(self.lines):,} lines; {start} is behind its end")
        return numbered(self.lines, range(start, min(start + lines, len(self.lines) + 1)))


def _outline(lines: list[str]) -> str:
    rows = list(_headings(lines))
    return both_ends(rows, _OUTLINE, lambda first, end: f"{end - first:,} headings") if rows else "(none)"


def _headings(lines: list[str]) -> Iterator[str]:
    """Headings with their lines; a `#` in an example is none."""
    fenced = False
    for number, line in enumerate(lines, 1):
        if _FENCE.match(line):
            fenced = not fenced
        elif not fenced and _HEADING.match(line):
            yield f"{number}\t{one_line(cut(line.strip(), _HEADING_CHARS, ' '))}"
