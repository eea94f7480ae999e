"""Detectors: what is missing in a checkout. They look at the files of the tree only, never at ignored or untracked ones."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, assert_never

from swarm.errors import EnvironmentFault, ScopeBreach, UsageError
from swarm.plans import globs
from swarm.plans.code_patterns import PatternError, language_of, matching_code_lines
from swarm.plans.fields import is_regex
from swarm.plans.found import Found
from swarm.plans.schema import AstGap, Gap, ListedGap, MissingGap, TextGap
from swarm.workspace.files import read_beneath

__all__ = ["PathTest", "detect_in_files", "gaps_listed", "line_ranges", "matching_lines", "path_test", "read_text"]

PathTest = Callable[[str], bool]


def path_test(texts: Iterable[str], but: Iterable[str] = ()) -> PathTest:
    """Whether a path matches any of some globs and none of others."""
    wanted, unwanted = [globs.parse(text) for text in texts], [globs.parse(text) for text in but]
    return lambda path: any(g.matches(path) for g in wanted) and not any(g.matches(path) for g in unwanted)


def detect_in_files(name: str, gap: Gap, root: Path, paths: Sequence[str]) -> Iterator[Found]:
    """A detector's findings that need nothing but the files.

    Args:
        root: the checkout.
        paths: the tree's files.

    Raises:
        EnvironmentFault: a pattern meets a file for which there is no grammar.
    """
    match gap:
        case MissingGap():
            there = set(paths)
            yield from (Found(gap=name, path=path) for path in gap.missing if path not in there)
        case TextGap():
            yield from _in_texts(name, gap, root, paths)
        case AstGap():
            yield from _in_code(name, gap, root, paths)
        case ListedGap():
            return
        case _:
            assert_never(gap)


def _in_texts(name: str, gap: TextGap, root: Path, paths: Sequence[str]) -> Iterator[Found]:
    pattern = gap.containing if gap.containing is not None else gap.lacking
    assert pattern is not None
    for path, text in _texts(root, paths, path_test(gap.files, gap.except_)):
        lines = matching_lines(text, pattern)
        if gap.containing is not None and lines:
            yield Found(gap=name, path=path, lines=line_ranges(lines))
        elif gap.containing is None and not lines:
            yield Found(gap=name, path=path)


def _in_code(name: str, gap: AstGap, root: Path, paths: Sequence[str]) -> Iterator[Found]:
    pattern = gap.ast if gap.ast is not None else gap.ast_lacking
    assert pattern is not None
    for path, text in _texts(root, paths, path_test(gap.files, gap.except_)):
        lines = _code_lines(name, path, text, pattern)
        if gap.ast is not None and lines:
            yield Found(gap=name, path=path, lines=line_ranges(lines))
        elif gap.ast is None and not lines:
            yield Found(gap=name, path=path)


def _code_lines(name: str, path: str, text: str, pattern: str) -> list[int]:
    """Lines, from 1, that code of a shape stands on."""
    language = language_of(path)
    if language is None:
        raise EnvironmentFault(f'gap "{name}": there is no grammar for {path}; narrow files: to code, or use containing:')
    try:
        return matching_code_lines(text, language, pattern)
    except PatternError as error:
        raise UsageError(f'gap "{name}": {pattern!r} is no pattern of {language}: {error}') from error


def _texts(root: Path, paths: Sequence[str], wanted: PathTest) -> Iterator[tuple[str, str]]:
    for path in paths:
        text = read_text(root, path) if wanted(path) else None
        if text is not None:
            yield path, text


def read_text(root: Path, path: str) -> str | None:
    """A file's text; None where it is a link, binary or too large to be text."""
    try:
        content = read_beneath(root, path)
    except (ScopeBreach, FileNotFoundError):
        return None
    return None if b"\0" in content else content.decode("utf-8", "replace")


def matching_lines(text: str, pattern: str) -> list[int]:
    """Lines, from 1, on which a text or `/regular expression/` begins to match."""
    if not is_regex(pattern):
        return [number for number, line in enumerate(text.split("\n"), 1) if pattern in line] or _across(text, pattern)
    return sorted({text.count("\n", 0, found.start()) + 1 for found in re.finditer(pattern[1:-1], text, re.MULTILINE)})


def _across(text: str, pattern: str) -> list[int]:
    """A text of several lines."""
    at = text.find(pattern) if "\n" in pattern else -1
    return [] if at < 0 else [text.count("\n", 0, at) + 1]


def line_ranges(lines: Sequence[int]) -> str:
    """`12,40-43` for sorted line numbers."""
    runs: list[list[int]] = []
    for line in lines:
        if runs and line == runs[-1][1] + 1:
            runs[-1][1] = line
        else:
            runs.append([line, line])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)


def gaps_listed(name: str, output: str, paths: Sequence[str]) -> tuple[Found, ...]:
    """What a `listed_by` command printed: one gap per line; a line that is a file of the tree is the gap's path."""
    there = set(paths)
    found: dict[Found, Any] = {}
    for line in output.splitlines():
        text = line.strip()
        if text:
            path = text.removeprefix("./")
            found[Found(gap=name, path=path) if path in there else Found(gap=name, path=None, text=text)] = None
    return tuple(found)
