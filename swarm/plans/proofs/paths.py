"""Scopes stay inside the workspace, and inside their category's territory."""

import posixpath
from collections.abc import Iterator, Mapping
from itertools import accumulate, takewhile
from typing import Final

from swarm.plans import globs
from swarm.plans.graph import Graph
from swarm.plans.load import Location
from swarm.plans.problems import Problem
from swarm.plans.schema import AstGap, Category, MissingGap, TaskEntry, Template, TextGap

__all__ = ["territories", "unsafe_paths"]

_PRIVATE: Final = frozenset({".git", ".swarm"})


def unsafe_paths(graph: Graph, links: Mapping[str, str]) -> Iterator[Problem]:
    """Patterns that are malformed, absolute, contain `..`, lie inside `.git` or `.swarm`, or pass through a link that leaves."""
    leaving = {path for path, target in links.items() if _leaves(path, target)}
    for at, text in _patterns(graph):
        trouble = _trouble(text, leaving)
        if trouble is not None:
            code, words = trouble
            yield graph.plan.problem(at, "unsafe-path" if code == "unsafe" else "wrong-type", words)


def _patterns(graph: Graph) -> Iterator[tuple[Location, str]]:
    spec = graph.plan.spec
    for name, gap in spec.gaps.items():
        if isinstance(gap, (TextGap, AstGap)):
            yield from _each(("gaps", name, "files"), gap.files)
            yield from _each(("gaps", name, "except"), gap.except_)
        elif isinstance(gap, MissingGap):
            yield from _each(("gaps", name, "missing"), gap.missing)
    for category, body in spec.categories.items():
        yield from _each(("categories", category, "territory"), body.territory or ())
        yield from _each_check(("categories", category, "success"), body.success)
        for task, entry in body.tasks.items():
            yield from _of_task(("categories", category, "tasks", task), entry)
    for position, phase in enumerate(graph.phases):
        yield from _each_check(("phases", position, phase.id, "gate"), phase.gate)
    yield from _each_check(("success",), spec.success)
    if spec.workspace is not None:
        yield from _each(("workspace", "keep"), spec.workspace.keep)


def _of_task(at: Location, entry: TaskEntry) -> Iterator[tuple[Location, str]]:
    for key, texts in (("writes", entry.writes), ("reads", entry.reads), ("only", entry.only)):
        yield from _each((*at, key), texts)
    for gap, texts in entry.closes.items():
        yield from _each((*at, "closes", gap), texts)
    yield from _each_check((*at, "done_when"), entry.done_when)
    yield from _each_check((*at, "keep"), entry.keep)
    for position, step in enumerate(entry.do):
        if isinstance(step, Template):
            yield (*at, "do", position, "to"), globs.literal(step.to)


def _each(at: Location, texts: tuple[str, ...]) -> Iterator[tuple[Location, str]]:
    for position, text in enumerate(texts):
        yield (*at, position), text


def _each_check(at: Location, checks: tuple[object, ...]) -> Iterator[tuple[Location, str]]:
    for position, check in enumerate(checks):
        yield from _each((*at, position, "in"), getattr(check, "in_", None) or ())
        yield from _each((*at, position, "exists"), getattr(check, "exists", ()))


def _trouble(text: str, leaving: set[str]) -> tuple[str, str] | None:
    plain = text.replace("{path}", "path").replace("{lines}", "1").replace("{gap}", "gap")
    try:
        glob = globs.parse(plain)
    except globs.GlobError as error:
        return ("unsafe" if error.unsafe else "malformed", f'"{text}": {error}')
    private = [part for each in glob.alternatives for part in each if isinstance(part, str) and part.lower() in _PRIVATE]
    if private:
        return "unsafe", f'"{text}" lies inside {private[0]}, which no task may touch'
    through = _through(glob, leaving)
    return ("unsafe", f'"{text}" passes through the link {through}, which leaves the workspace') if through else None


def _through(glob: globs.Glob, leaving: set[str]) -> str | None:
    """The first leaving link among the folders that a pattern spells out at its beginning."""
    for alternative in glob.alternatives if leaving else ():
        spelled = list(takewhile(lambda segment: isinstance(segment, str), alternative))
        for path in accumulate(map(str, spelled), "{}/{}".format):
            if path in leaving:
                return path
    return None


def _leaves(path: str, target: str) -> bool:
    if target.startswith("/"):
        return True
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), target)).split("/")[0] == ".."


def territories(graph: Graph) -> Iterator[Problem]:
    """Scopes outside their category's territory, and territories that share a path."""
    declared = [(name, body) for name, body in graph.plan.spec.categories.items() if body.territory is not None]
    for position, (name, body) in enumerate(declared):
        yield from _shared(graph, name, body, declared[:position])
    lands = {name: _parsed(body.territory or ()) for name, body in declared}
    seen: set[tuple[Location, int]] = set()
    for task in graph.tasks.values():
        for position, text in enumerate(task.writes if task.category in lands else ()):
            outside = None if (task.at, position) in seen else globs.within(globs.parse(text), lands[task.category])
            if outside is not None:
                seen.add((task.at, position))
                words = f'"{task.name}" may write {outside}, outside the territory of {task.category}'
                yield graph.plan.problem((*task.at, "writes"), "territory", words)


def _shared(graph: Graph, name: str, body: Category, others: list[tuple[str, Category]]) -> Iterator[Problem]:
    for other, land in others:
        path = _common(_parsed(body.territory or ()), _parsed(land.territory or ()))
        if path is not None:
            words = f'the territories of "{other}" and "{name}" share {path}'
            yield graph.plan.problem(("categories", name, "territory"), "territory", words)


def _common(ours: tuple[globs.Glob, ...], theirs: tuple[globs.Glob, ...]) -> str | None:
    return next((path for one in ours for other in theirs if (path := globs.witness(one, other)) is not None), None)


def _parsed(texts: tuple[str, ...]) -> tuple[globs.Glob, ...]:
    """Malformed patterns are reported elsewhere."""
    parsed = []
    for text in texts:
        try:
            parsed.append(globs.parse(text))
        except globs.GlobError:
            continue
    return tuple(parsed)
