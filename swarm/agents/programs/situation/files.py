"""The files that matter beside the gaps: whole where they are small, else what they define."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

from swarm.agents.programs.situation.outline import outline_of
from swarm.agents.programs.situation.rooms import dealt, excerpt, fits, named
from swarm.agents.programs.situation.sources import Source
from swarm.agents.tools.answers import one_line
from swarm.plans import globs
from swarm.signatures.brief import Brief
from swarm.signatures.evidence import Evidence

__all__ = ["matching", "related", "told_files"]

MOST_FILES: Final = 60
"""Files that are read; the others are named."""

_FEW_WRITTEN: Final = 8
_MOST_NAMED: Final = 8
_WHOLE_FILE: Final = 8_000
_WITHOUT_OUTLINE: Final = 2_500
_LEAST: Final = 500
_WORD: Final = re.compile(r"[^\s:'\"`()\[\]{}<>,;=|&]+")

Why = Mapping[str, str]
"""Paths, and why each of them matters."""


def matching(patterns: Iterable[str], files: Sequence[str]) -> list[str]:
    """The files that any of some globs matches; a malformed one matches nothing."""
    parsed = [glob for glob in map(_glob, patterns) if glob is not None]
    return [file for file in files if any(glob.matches(file) for glob in parsed)]


def _glob(pattern: str) -> globs.Glob | None:
    try:
        return globs.parse(pattern)
    except globs.GlobError:
        return None


def related(brief: Brief, files: Sequence[str], bases: Mapping[str, str]) -> Why:
    """The files to tell of, the most important first.

    Args:
        bases: files that define a base class of what holds a gap, and the name of that.
    """
    why: dict[str, str] = {}
    for found, reason in _reasons(brief, files, bases):
        why.setdefault(found, reason)
    return why


def _reasons(brief: Brief, files: Sequence[str], bases: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    yield from ((file, "to be read first") for file in matching(brief.reads, files))
    yield from ((file, f"defines {name}") for file, name in sorted(bases.items()))
    yield from ((file, "named by a check") for file in _named_by_checks(brief, frozenset(files)))
    written = [] if "**" in brief.writes else matching(brief.writes, files)
    yield from ((file, "may be written") for file in written if len(written) <= _FEW_WRITTEN)


def _named_by_checks(brief: Brief, files: Collection[str]) -> list[str]:
    """Files whose path stands in a check, or in what a red one printed: the tests, usually."""
    texts = [*brief.done_when, *(one.output for one in brief.before if _is_red(one)), *brief.keep]
    words = (word.removeprefix("./").rstrip(".") for text in texts for word in _WORD.findall(text))
    return list(dict.fromkeys(word for word in words if word in files))[:_MOST_NAMED]


def _is_red(evidence: Evidence) -> bool:
    return evidence.before is False and evidence.kind == "done_when"


def told_files(why: Why, read: Callable[[str], Source], room: int) -> str:
    """The section about the files."""
    if not why:
        return ""
    paths = list(why)
    sources = [read(path) for path in paths[:MOST_FILES]]
    texts, rest = dealt(sources, room, least=_LEAST, each=_WHOLE_FILE, show=lambda source, share: _told(source, why[source.path], share))
    rows = [f"- {path}: {why[path]}" for path in [*(source.path for source in rest), *paths[MOST_FILES:]]]
    return "\n\n".join(["## Files that matter", *texts, *filter(None, [named("Not shown here, for want of room:", rows)])])


def _told(source: Source, why: str, room: int) -> str:
    if source.trouble:
        return f"### {one_line(source.path)} ({why})\nNot shown: {one_line(source.trouble)}"
    everything = range(1, len(source.lines) + 1)
    whole = fits(source.lines, everything, room)
    title = f"### {one_line(source.path)} ({source.about}{'' if whole else ', outline'}; {why})"
    shown = excerpt(source.lines, [everything], room) if whole else _outlined(source, room)
    return f"{title}\n{shown or '(the file is empty)'}"


def _outlined(source: Source, room: int) -> str:
    outline = outline_of(source)
    deepest = max((one.depth for one in outline.definitions), default=-1)
    levels = [[line for one in outline.definitions if one.depth == depth for line in one.heading] for depth in range(min(deepest, 3) + 1)]
    if not levels:
        return excerpt(source.lines, [range(1, len(source.lines) + 1)], min(room, _WITHOUT_OUTLINE))
    return excerpt(source.lines, [[*outline.imports, *levels[0]], *levels[1:]], room)
