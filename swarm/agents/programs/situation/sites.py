"""Where the gaps are: each with the definition that holds it and what a change there has to fit."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Final

from swarm.agents.programs.situation.outline import Definition, Outline, outline_of
from swarm.agents.programs.situation.rooms import dealt, excerpt, fits, joined, named
from swarm.agents.programs.situation.sources import Source
from swarm.agents.programs.situation.uses import Names, Uses
from swarm.agents.tools.answers import cut, one_line
from swarm.plans.found import said_lines
from swarm.signatures.brief import Brief
from swarm.signatures.evidence import Evidence

__all__ = ["MOST_SEARCHED", "MOST_SITES", "Site", "names_at", "sites_of", "told_sites"]

MOST_SITES: Final = 60
"""Files that are looked into; the others are named."""
MOST_SEARCHED: Final = 20
"""Files with gaps whose users are looked for: there is room for hardly more."""

_WHOLE_FILE: Final = 6_000
_WHOLE_LINES: Final = 80
_KIN_LINES: Final = 40
_WINDOW: Final = 15
_HEAD_LINES: Final = 60
_MOST_GAP_LINES: Final = 200
_MOST_NAMES: Final = 10
_LEAST: Final = 1_200
_EACH: Final = 12_000
_GAPS: Final = 600
_BESIDE: Final = 20
_RANGE: Final = re.compile(r"(\d{1,9})(?:-(\d{1,9}))?")
_NOW: Final = re.compile(r"lines? ([\d,-]+)\)")


@dataclass(frozen=True, slots=True)
class Site:
    """A file with gaps.

    Attributes:
        gaps: what each gap is called and on which lines it was found.
        lines: those lines, in order, as far as the file has them.
    """

    source: Source
    gaps: Sequence[str]
    lines: Sequence[int] = ()
    outline: Outline = field(default_factory=Outline)


def sites_of(brief: Brief, read: Callable[[str], Source]) -> tuple[list[Site], list[str]]:
    """The files with gaps in the order of the brief, and the rows of those that are too many.

    Args:
        read: reads a file.
    """
    gaps: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for gap in brief.closes:
        if gap.get("path"):
            gaps[str(gap["path"])].append((str(gap["gap"]), _lines_now(gap, brief.before)))
    sites = [_site(read(path), found) for path, found in list(gaps.items())[:MOST_SITES]]
    return sites, [f"- {path}: {_said(found)}" for path, found in list(gaps.items())[MOST_SITES:]]


def _lines_now(gap: Mapping[str, Any], before: Sequence[Evidence]) -> str:
    """A gap's lines on this attempt's base, where its check names them: work that landed since the gap was found may have moved it."""
    start = f"{gap['gap']}: {gap['path']} ("
    for row in (row for one in before if one.kind == "closes" and one.before is False for row in one.output.splitlines()):
        if row.startswith(start) and (found := _NOW.fullmatch(row, len(start))):
            return found[1]
    return str(gap.get("lines") or "")


def _site(source: Source, found: Sequence[tuple[str, str]]) -> Site:
    lines = sorted({line for _, text in found for line in _line_numbers(text, len(source.lines))})[:_MOST_GAP_LINES]
    return Site(source, [_said([one]) for one in found], lines, Outline() if source.trouble else outline_of(source))


def _said(found: Iterable[tuple[str, str]]) -> str:
    return ", ".join(f"{gap} ({said_lines(lines)})" if lines else gap for gap, lines in found)


def _line_numbers(text: str, count: int) -> Iterator[int]:
    for found in _RANGE.finditer(text):
        first = max(1, int(found[1]))
        yield from range(first, min(int(found[2] or first), count) + 1)


# What else a site brings in


def names_at(site: Site) -> Names:
    """The names that a change at a site is about: of the definitions around its lines, else of the file's own."""
    if not site.source.is_python or site.source.trouble:
        return Names()
    chains = [site.outline.around(line) for line in site.lines] or [[one] for one in site.outline.definitions if one.depth == 0]
    plain, members, bases = set[str](), set[str](), set[str]()
    for chain in chains:
        classes = [one for one in chain if one.is_class]
        plain.update(one.name for one in classes)
        bases.update(base for one in classes for base in one.bases)
        function = next((one for one in chain if not one.is_class), None)
        if function:
            (members if function.depth else plain).add(function.name)
    own = {one.name for one in site.outline.definitions}
    return Names(_few(plain), _few(members), _few(bases - own))


def _few(names: Iterable[str]) -> frozenset[str]:
    """Special methods are called by the language, so nobody is found who names them."""
    return frozenset(sorted(name for name in names if not name.startswith("__"))[:_MOST_NAMES])


# What is told


def told_sites(sites: Sequence[Site], unread: Sequence[str], uses: Mapping[str, Uses], files: Sequence[str], room: int) -> str:
    """The section about the gaps.

    Args:
        unread: rows about sites that were not looked into.
        uses: where the names of each site are used, by its path.
        files: all paths of the workspace.
    """
    if not sites:
        return ""
    texts, rest = dealt(sites, room, least=_LEAST, each=_EACH, show=lambda site, share: _told(site, uses, files, share))
    rows = [*(f"- {site.source.path}: {', '.join(site.gaps)}" for site in rest), *unread]
    return "\n\n".join(["## Where the gaps are", *texts, *filter(None, [named("Not shown here, for want of room:", rows)])])


def _told(site: Site, uses: Mapping[str, Uses], files: Sequence[str], room: int) -> str:
    source = site.source
    about = f" ({source.about})" if source.about else ""
    title = f"### {one_line(source.path)}{about}: {cut(one_line(', '.join(site.gaps)), _GAPS, ' ')}"
    if source.trouble:
        return f"{title}\n{_absent(source, files)}"
    used = uses[source.path].told() if source.path in uses else ""
    shown = _shown(site, max(room - len(title) - len(used), _LEAST // 2))
    return "\n".join(filter(None, [title, shown or "(the file is empty)", used]))


def _absent(source: Source, files: Sequence[str]) -> str:
    if not source.missing:
        return f"Not shown: {one_line(source.trouble)}"
    folder = _nearest_folder(source.path, files)
    beside = _names_in(folder, files)
    where = f"in {folder.rstrip('/')}" if folder else "at the top of the workspace"
    return f"This file does not exist yet. What stands {one_line(where)}: {joined(beside, _BESIDE) or 'nothing'}"


def _nearest_folder(path: str, files: Sequence[str]) -> str:
    """The innermost folder of a path that exists, with a slash at its end; empty for the top."""
    folders = [f"{folder.as_posix()}/" for folder in PurePosixPath(path).parents if folder.name]
    return next((folder for folder in folders if any(file.startswith(folder) for file in files)), "")


def _names_in(folder: str, files: Sequence[str]) -> list[str]:
    """What a folder holds; folders in it have a slash at their end."""
    inside = [file.removeprefix(folder).partition("/") for file in files if file.startswith(folder)]
    return sorted({f"{name}{slash}" for name, slash, _ in inside})


def _shown(site: Site, room: int) -> str:
    lines = site.source.lines
    everything = range(1, len(lines) + 1)
    if fits(lines, everything, min(room, _WHOLE_FILE)):
        return excerpt(lines, [everything], room)
    return excerpt(lines, _tiers(site), room)


def _tiers(site: Site) -> Iterator[Iterable[int]]:
    """Line numbers, the most important first: what holds the gaps, then what a change there has to fit."""
    outline, everything = site.outline, site.outline.definitions
    chains = [outline.around(line) for line in site.lines]
    yield _holding(site, chains) if site.lines else range(1, _HEAD_LINES + 1)
    yield (line for chain in chains for one in chain if one.is_class for line in one.heading)
    yield outline.imports
    yield (line for chain in chains for one in chain if one.is_class for line in outline.fields(one))
    yield _headings(beside for chain in chains if chain for beside in _siblings(outline, chain))
    names = {one.name for chain in chains for one in chain if not one.is_class}
    yield (line for one in everything if one.name in names and len(one.whole) <= _KIN_LINES for line in one.whole)
    yield _mentioning(site.source.lines, names)
    yield _headings(one for one in everything if one.depth == 0)
    yield _headings(everything)


def _holding(site: Site, chains: Sequence[Sequence[Definition]]) -> Iterator[int]:
    for line, chain in zip(site.lines, chains, strict=True):
        holder = _holder(chain)
        if holder is not None and len(holder.whole) <= _WHOLE_LINES:
            yield from holder.whole
            continue
        yield from range(line - _WINDOW, line + _WINDOW + 1)
        yield from holder.heading if holder else ()


def _holder(chain: Sequence[Definition]) -> Definition | None:
    """The outermost function around a line, else the innermost class."""
    functions = [one for one in chain if not one.is_class]
    return functions[0] if functions else chain[-1] if chain else None


def _siblings(outline: Outline, chain: Sequence[Definition]) -> Iterator[Definition]:
    holder = _holder(chain)
    assert holder is not None
    yield from outline.beside(holder)
    if holder.is_class:
        yield from (one for one in outline.definitions if one.depth == holder.depth + 1 and holder.holds(one.first))


def _headings(definitions: Iterable[Definition]) -> Iterator[int]:
    return (line for one in definitions for line in one.heading)


def _mentioning(lines: Sequence[str], names: Iterable[str]) -> Iterator[int]:
    wanted = "|".join(map(re.escape, sorted(names)))
    used = re.compile(rf"(?<!\w)(?:{wanted})(?!\w)") if wanted else None
    return (number for number, line in enumerate(lines, 1) if used and used.search(line))
