"""Where names are used elsewhere in the workspace: a plain search of its Python files, each read at most once."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import PurePosixPath
from typing import Final

from swarm.agents.programs.situation.sources import Text
from swarm.agents.tools.answers import cut, one_line

__all__ = ["Names", "Uses", "uses_of"]

_FILES: Final = 5_000
_CHARACTERS: Final = 30_000_000
_HITS: Final = 1_000
_HITS_OF_ONE: Final = 100
_SHOWN: Final = 8
_SHOWN_OF_ONE: Final = 2
_LINE: Final = 200
_AS_IN_CODE: Final = r"(?!\w)(?=[ \t]*(?:[^\s\w]|$|as\b))"
"""What follows a name in code, and seldom a word in prose."""


@dataclass(frozen=True)
class Names:
    """What is looked for on behalf of one file.

    Attributes:
        plain: names of functions and classes.
        members: names of methods, which are used behind a dot.
        bases: names of base classes; where they are defined is of interest, and who mentions them is a likelier user.
    """

    plain: frozenset[str] = frozenset()
    members: frozenset[str] = frozenset()
    bases: frozenset[str] = frozenset()

    @cached_property
    def used(self) -> re.Pattern[str] | None:
        """Matches a use; None where nothing is looked for."""
        kinds = ((r"(?<!\w)", self.plain), (r"\.", self.members))
        parts = [f"{before}(?:{'|'.join(map(re.escape, sorted(names)))})" for before, names in kinds if names]
        return re.compile(f"(?:{'|'.join(parts)}){_AS_IN_CODE}") if parts else None

    @cached_property
    def mentioned(self) -> re.Pattern[str]:
        """Matches what every use begins with, and more."""
        return re.compile("|".join(map(re.escape, self.beginnings)))

    @cached_property
    def beginnings(self) -> list[str]:
        """One of these stands in every text that uses a name."""
        return sorted(self.plain | {f".{name}" for name in self.members})

    @cached_property
    def defined(self) -> re.Pattern[str] | None:
        """Matches the definition of a base."""
        return re.compile(rf"^[ \t]*class (?:{'|'.join(map(re.escape, sorted(self.bases)))})\b", re.MULTILINE) if self.bases else None


@dataclass(slots=True)
class Uses:
    """What was found for one file.

    Attributes:
        hits: whether the file seems unrelated, its path, whether the line is an import, its number, its text.
        bases: files that define a base, and which.
    """

    hits: list[tuple[bool, str, bool, int, str]] = field(default_factory=list)
    bases: dict[str, str] = field(default_factory=dict)

    def told(self) -> str:
        """A few lines, likely users first, and how many more there are."""
        rows: list[str] = []
        of_one: dict[str, int] = {}
        for _, path, _, number, line in sorted(self.hits):
            of_one[path] = of_one.get(path, 0) + 1
            if of_one[path] <= _SHOWN_OF_ONE and len(rows) < _SHOWN:
                rows.append(f"{one_line(path)}:{number}: {cut(one_line(line.strip()), _LINE, ' ')}")
        more = len(self.hits) - len(rows)
        rest = [f"… {more:,} of {len(self.hits):,} lines in {len(of_one):,} files left out: search finds them …"] if more else []
        return "\n".join(["Used elsewhere:", *rows, *rest]) if rows else ""


def uses_of(wanted: Mapping[str, Names], files: Iterable[str], text_of: Callable[[str], Text | None]) -> dict[str, Uses]:
    """The uses of each file's names in all the others.

    Args:
        wanted: names by the path of the file that defines them.
        files: all paths of the workspace.
        text_of: a file's text; None where there is none to search.
    """
    found = {path: Uses() for path in wanted}
    searched = {path: names for path, names in wanted.items() if names.used or names.defined}
    if not searched:
        return found
    left = _CHARACTERS
    for file in [file for file in files if file.endswith(".py")][:_FILES]:
        text = text_of(file) if left > 0 else None
        left -= len(text or "")
        for path, names in searched.items() if text else ():
            if path != file:
                _look(found[path], names, PurePosixPath(path).stem, file, text or "")
    return found


def _look(found: Uses, names: Names, module: str, file: str, text: Text) -> None:
    if names.used and len(found.hits) < _HITS and _mentions(text, names.beginnings):
        related = _mentions(text, names.plain | names.bases | {module})
        found.hits += [(not related, file, *hit) for hit in islice(_hits(text, names.mentioned, names.used), _HITS_OF_ONE)]
    if names.defined and _mentions(text, names.bases) and (defined := names.defined.search(text)):
        found.bases[file] = defined[0].split()[-1]


def _mentions(text: Text, names: Iterable[str]) -> bool:
    return any(name in text for name in names)


def _hits(text: Text, mentioned: re.Pattern[str], used: re.Pattern[str]) -> Iterator[tuple[bool, int, str]]:
    """The lines with a use. Finding names is fast, so only lines that have one are looked at closely, and once."""
    end = -1
    for found in mentioned.finditer(text):
        if found.start() < end:
            continue
        begin, end = text.rfind("\n", 0, found.start()) + 1, text.find("\n", found.start())
        end = end if end >= 0 else len(text)
        line = text[begin:end]
        if used.search(line):
            yield line.lstrip().startswith(("import ", "from ")), text.count("\n", 0, begin) + 1, line
