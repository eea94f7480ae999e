"""Searching the workspace.

A model's regular expression may take Python's engine hours, and holds the interpreter all the while. So lines are matched by the engine
that pydantic brings: its time is linear in the line, whatever the expression.
"""

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import Field, StringConstraints, TypeAdapter
from pydantic_core import SchemaError

from swarm.agents.tools.answers import LIMIT, both_ends, cut, one_line
from swarm.agents.tools.calling import Declined, answering
from swarm.agents.tools.texts import TEXT_BYTES, PathText, chosen, is_binary, line_list
from swarm.errors import AttemptTimedOut, ScopeBreach
from swarm.plans.fields import is_regex
from swarm.workspace.desk import Desk

__all__ = ["MOST_HITS", "Searching"]

MOST_HITS: Final = 1_000
"""Lines after which a search stops."""

_ROOM: Final = LIMIT - 300
_SHOWN: Final = 240
_REASON: Final = re.compile(r"^error: (.+)$|(Compiled regex exceeds .+)$", re.MULTILINE)

LineTest = Callable[[str], bool]


@dataclass(slots=True)
class _Found:
    """What a search has found so far."""

    rows: list[str]
    files: int = 0
    passed_over: int = 0

    @property
    def full(self) -> bool:
        return len(self.rows) >= MOST_HITS


@dataclass(frozen=True, slots=True)
class Searching:
    """The tool that searches."""

    desk: Desk

    @answering
    async def search(self, pattern: Annotated[str, Field(min_length=1, max_length=1_000)], files: PathText = "**") -> str:
        """Finds lines in the files of the workspace; answers with path:line: text for each.

        At most 1,000 lines are found and 8,000 characters shown; of a longer list both ends are. Binary files and files of more than
        1,000,000 bytes are passed over.

        Args:
            pattern: a text, matched exactly as it is, or a regular expression between slashes, such as "/def (get|set)_\\w+/"; it is
                matched within one line, without look-around and backreferences; "/(?i)word/" ignores case.
            files: a glob such as "src/**/*.py", or a folder.
        """
        test = _line_test(pattern)
        paths = await chosen(self.desk, files)
        found = await asyncio.to_thread(_search, self.desk, paths, test)
        return _told(found, pattern, len(paths))


def _line_test(pattern: str) -> LineTest:
    if is_regex(pattern):
        return _regex_test(pattern)
    if "\n" in pattern:
        raise Declined("search looks at one line at a time: give a part of one line")
    return lambda line: pattern in line


def _regex_test(pattern: str) -> LineTest:
    try:
        return TypeAdapter(Annotated[str, StringConstraints(pattern=pattern[1:-1])]).validator.isinstance_python
    except SchemaError as error:
        reason = _REASON.search(str(error))
        why = (reason[1] or reason[2]) if reason else "it cannot be read"
        raise Declined(f"{pattern} is no regular expression that can be used here: {why}") from error


def _search(desk: Desk, paths: Sequence[str], test: LineTest) -> _Found:
    found = _Found([])
    for path in paths:
        if desk.ended:
            raise AttemptTimedOut("the attempt is over; the search was left")
        if found.full:
            break
        _look_into(desk, path, test, found)
    return found


def _look_into(desk: Desk, path: str, test: LineTest, found: _Found) -> None:
    text = _text(desk, path)
    if text is None:
        found.passed_over += 1
        return
    hits = [(number, line) for number, line in enumerate(line_list(text), 1) if test(line)][: MOST_HITS - len(found.rows)]
    name = one_line(path)
    found.rows += [f"{name}:{number}: {cut(one_line(line), _SHOWN, ' ')}" for number, line in hits]
    found.files += bool(hits)


def _text(desk: Desk, path: str) -> str | None:
    """A file's text; None for what is gone, no regular file, too large, or binary."""
    try:
        content = desk.read(path)
    except (FileNotFoundError, ScopeBreach):
        return None
    return None if len(content) > TEXT_BYTES or is_binary(content) else content.decode("utf-8", "backslashreplace")


def _told(found: _Found, pattern: str, searched: int) -> str:
    over = f"; {found.passed_over:,} binary, large or missing passed over" if found.passed_over else ""
    if not found.rows:
        return f"no line matches {pattern} ({searched:,} files{over})"
    stopped = "; stopped there, narrow pattern or files" if found.full else ""
    count = f"{len(found.rows):,} line{'s' if len(found.rows) != 1 else ''} in {found.files:,} of {searched:,} files{over}{stopped}:"
    return f"{count}\n{both_ends(found.rows, _ROOM, lambda first, end: f'{end - first:,} lines; narrow pattern or files')}"
