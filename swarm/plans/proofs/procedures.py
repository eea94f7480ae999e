"""Procedures and detectors that could not even begin: rules, templates and code patterns that are not well-formed."""

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from swarm.plans.code_patterns import LANGUAGES, PatternError, pattern_fault, read_rules
from swarm.plans.graph import Graph
from swarm.plans.load import Location
from swarm.plans.problems import Problem
from swarm.plans.schema import AstGap, Codemod, Command, Template
from swarm.plans.templates import template_fault

__all__ = ["malformed_procedures"]


def malformed_procedures(graph: Graph) -> Iterator[Problem]:
    """All of them, each once however many tasks use it."""
    seen: dict[str, str | None] = {}
    for category, body in graph.plan.spec.categories.items():
        for task, entry in body.tasks.items():
            for position, step in enumerate(entry.do):
                at: Location = ("categories", category, "tasks", task, "do", position)
                yield from _step(graph, at, step, seen)
    yield from _patterns(graph)


def _step(graph: Graph, at: Location, step: Command | Template | Codemod, seen: dict[str, str | None]) -> Iterator[Problem]:
    if isinstance(step, Command):
        return
    name = step.template if isinstance(step, Template) else step.codemod
    if name not in seen:
        seen[name] = _fault(step, name, graph.plan.files)
        if seen[name] is not None:
            key = "template" if isinstance(step, Template) else "codemod"
            yield graph.plan.problem((*at, key), "wrong-type", f"{seen[name]}")


def _fault(step: Template | Codemod, name: str, files: Mapping[str, bytes]) -> str | None:
    if name not in files:  # that it is missing is said where the files are read
        return None
    if isinstance(step, Template):
        fault = template_fault(files[name])
        return f"{name} is no template: {fault}" if fault else None
    try:
        read_rules(files[name], name)
    except PatternError as error:
        return str(error) if str(error).startswith(name) else f"{name}: {error}"
    return None


def _patterns(graph: Graph) -> Iterator[Problem]:
    for name, gap in graph.plan.spec.gaps.items():
        if isinstance(gap, AstGap):
            key, pattern = ("ast", gap.ast) if gap.ast is not None else ("ast_lacking", gap.ast_lacking)
            assert pattern is not None
            for language in dict.fromkeys(_languages(gap)):
                fault = pattern_fault(language, pattern)
                if fault:
                    yield graph.plan.problem(("gaps", name, key), "wrong-type", f"{pattern!r} is no pattern of {language}: {fault}")


def _languages(gap: AstGap) -> Iterator[str]:
    """Those that the globs' endings give away."""
    for text in gap.files:
        language = LANGUAGES.get(PurePosixPath(text).suffix.lower())
        if language:
            yield language
