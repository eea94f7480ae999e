"""Looking at the workspace: which files there are, and what one holds."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import Field

from swarm.agents.tools.answers import LIMIT, both_ends, cut, harmless, one_line
from swarm.agents.tools.calling import Declined, answering
from swarm.agents.tools.texts import PathText, chosen, content_of, inside, line_list
from swarm.workspace.desk import Desk

__all__ = ["LINE_LIMIT", "Reading", "numbered"]

LINE_LIMIT: Final = 1_000
"""Characters of one shown line."""

_ROOM: Final = LIMIT - 300
_RANGE: Final = re.compile(r"\s*(\d{1,9})?\s*(-)?\s*(\d{1,9})?\s*")


@dataclass(frozen=True, slots=True)
class Reading:
    """The tools that only look."""

    desk: Desk

    @answering
    async def list_files(self, pattern: PathText = "**") -> str:
        """Lists the files of the workspace, sorted, one path a line; ignored files are left out.

        At most 8,000 characters are shown; of a longer list both ends are.

        Args:
            pattern: a glob such as "src/**/*.py", or a folder. `*` stays inside one folder, `**` crosses folders, `{a,b}` means either.
        """
        files = await chosen(self.desk, pattern)
        return await asyncio.to_thread(_listed, files)

    @answering
    async def read_file(self, path: PathText, lines: Annotated[str, Field(max_length=200)] = "") -> str:
        """Shows a text file with line numbers; number and tab are not part of the file.

        At most 8,000 characters are shown: of a longer file its beginning and its end, with the numbers of the lines between.
        A line is cut after 1,000 characters. Files of more than 1,000,000 bytes are not read.

        Args:
            path: relative to the workspace.
            lines: which lines, counted from 1: "10-40", "10-", "-40", "7", or several such as "1-20,80-95". Empty: all.
        """
        path = inside(path)
        content = await content_of(self.desk, path)
        return await asyncio.to_thread(_shown, path, content, lines)


def _listed(files: Sequence[str]) -> str:
    rows = [one_line(file) for file in files]
    count = f"{len(rows):,} file{'s' if len(rows) != 1 else ''}:"
    return f"{count}\n{both_ends(rows, _ROOM, lambda first, end: f'{end - first:,} files; narrow the pattern')}"


def _shown(path: str, content: bytes, wanted: str) -> str:
    text = content.decode("utf-8", "backslashreplace")
    lines = line_list(text)
    numbers = _numbers(wanted, path, len(lines))
    what = ", ".join([f"{one_line(path)}: {len(lines):,} line{'s' if len(lines) != 1 else ''}", *_oddities(text, content)])
    return f"{what}\n{numbered(lines, numbers)}" if numbers else what


def _oddities(text: str, content: bytes) -> list[str]:
    """What the shown lines do not show."""
    odd = []
    if "\r\n" in text:
        odd.append("ended by CR LF")
    if text and not text.endswith("\n"):
        odd.append("no line end after the last")
    if not _is_utf8(content):
        odd.append("not UTF-8: odd bytes are shown as \\xNN")
    return odd


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def numbered(lines: Sequence[str], numbers: Sequence[int], limit: int = _ROOM) -> str:
    """Lines of a file behind their numbers, both ends of them where they are too long together.

    Args:
        lines: all lines of the file.
        numbers: which to show, counted from 1, ascending.
        limit: characters.
    """
    rows = [f"{number}\t{cut(harmless(lines[number - 1]), LINE_LIMIT, ' ')}" for number in numbers]
    return both_ends(rows, limit, lambda first, end: f"lines {numbers[first]}-{numbers[end - 1]}")


def _numbers(wanted: str, path: str, count: int) -> list[int]:
    """The line numbers of "10-40,50"; those behind the end of the file are left out."""
    if not wanted.strip():
        return list(range(1, count + 1))
    numbers = sorted({number for part in wanted.split(",") for number in _range(part, wanted, count)})
    if not numbers:
        raise Declined(f"{path} has {count:,} lines; {wanted} is behind its end")
    return numbers


def _range(part: str, wanted: str, count: int) -> range:
    found = _RANGE.fullmatch(part)
    first, dash, last = found.groups() if found else (None, None, None)
    begin = int(first or 1)
    end = int(last) if last else count if dash else begin
    if (first is None and last is None) or begin < 1 or end < begin <= count:
        raise Declined(f'lines {wanted!r} cannot be read: write "10-40", "10-", "-40", "7", or several with commas, counted from 1')
    return range(begin, min(end, count) + 1)
