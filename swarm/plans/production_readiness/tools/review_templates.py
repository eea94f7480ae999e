"""The mandatory review of template usage: every implementation is read and run; one finding refuses them all.

Each class must extend its template, override nothing but the steps that are the domain's own, let no error disappear, be documented,
have a test file that names it, and do its own example. The report holds names only, so that the same code gives the same report.
"""

import ast
import asyncio
import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import village

__all__ = ["REPORT", "Use", "findings", "uses"]

REPORT = "docs/reports/template_review.md"
OWN_STEPS = {
    "UnifiedBaseAgentTemplate": {"_prepare", "_execute_core_logic"},
    "StandardProcessor": {"validate_input", "_execute_processing", "get_status"},
    "StandardAnalytics": set(),
}
ALWAYS_OWN = {"__init__", "self_check", "health_check"}


@dataclass(frozen=True, slots=True)
class Use:
    """One class that fills a template in."""

    cls: type
    path: str
    template: type
    tests: tuple[str, ...]

    @property
    def overridden(self) -> list[str]:
        """The functions of the template that the class has replaced."""
        inherited = {name for base in self.template.__mro__[:-1] for name, value in vars(base).items() if callable(value)}
        return sorted(name for name, value in vars(self.cls).items() if callable(value) and name in inherited)


def uses(root: Path) -> list[Use]:
    """Every use of a template, by file and class."""
    from core.registry import get_template_implementations

    tests = {path.relative_to(root).as_posix(): path.read_text() for path in sorted(root.glob("tests/**/test_*.py"))}
    return sorted((_use(cls, tests) for cls in get_template_implementations()), key=lambda use: (use.path, use.cls.__name__))


def _use(cls: type, tests: dict[str, str]) -> Use:
    templates = importlib.import_module("docs.templates.unified_processing_templates")
    template = next(base for base in cls.__mro__ if base.__module__ == templates.__name__)
    naming = tuple(path for path, text in tests.items() if cls.__name__ in text)
    return Use(cls, cls.__module__.replace(".", "/") + ".py", template, naming)


def findings(root: Path, use: Use) -> list[str]:
    """What the review has against a use, in words."""
    tree = ast.parse((root / use.path).read_text())
    beyond = set(use.overridden) - OWN_STEPS[use.template.__name__] - ALWAYS_OWN
    found = [f"overrides {name}, which is not its own step" for name in sorted(beyond)]
    found += [f"line {line}: {what}" for line, what in _lost_errors(tree)]
    found += [f"{name} has no docstring" for name in _undocumented(tree) if name not in use.overridden]  # those are documented above
    found += [] if use.tests else ["no test file names it"]
    return [f"{use.path}: {use.cls.__name__} {text}" for text in (*found, *_failures(use.cls))]


def _lost_errors(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Handlers that catch whatever comes, or after which nobody knows that something went wrong."""
    for handler in (node for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler)):
        if handler.type is None:
            yield handler.lineno, "a bare except"
        elif all(isinstance(step, ast.Pass | ast.Continue) or _is_ellipsis(step) for step in handler.body):
            yield handler.lineno, "an error is swallowed"


def _is_ellipsis(step: ast.stmt) -> bool:
    return isinstance(step, ast.Expr) and isinstance(step.value, ast.Constant) and step.value.value is ...


def _undocumented(tree: ast.Module) -> Iterator[str]:
    if ast.get_docstring(tree) is None:
        yield "the module"
    for cls in (node for node in tree.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")):
        functions = [node for node in cls.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        public = [node for node in functions if not node.name.startswith("_")]
        yield from (node.name for node in (cls, *public) if ast.get_docstring(node) is None)


def _failures(cls: type) -> list[str]:
    with open(os.devnull, "w") as nowhere, redirect_stderr(nowhere):
        try:
            return asyncio.run(_performance(cls()))
        except Exception as error:  # noqa: BLE001 - whatever an example raises is a finding
            return [f"cannot do its example: {type(error).__name__}: {error}"]


async def _performance(instance: Any) -> list[str]:
    """An agent does its example, a processor processes its own, analytics report."""
    if hasattr(instance, "execute_task"):
        result = await instance.execute_task(dict(instance.EXAMPLE))
        return [] if result["success"] else [f"fails at its example: {result['error']}"]
    if hasattr(instance, "process"):
        result = await instance.process(instance.EXAMPLE)
        return [] if result.succeeded else [f"fails at its example: {result.error}"]
    instance.record_operation("review", 0.001, True)
    return [] if instance.generate_analytics_report()["status"] == "ok" else ["does not report what it recorded"]


def report(reviewed: list[Use]) -> str:
    """The review for people: one row for each class."""
    rows = [
        f"| `{use.path}` | `{use.cls.__name__}` | `{use.template.__name__}` | {_names(use.overridden)} | {_names(use.tests)} |"
        for use in reviewed
    ]
    return "\n".join([HEADING, *rows, "", "Findings: none. Verdict: approved.", ""])


def _names(names: list[str] | tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "none"


HEADING = """# Review of template usage

Every class below extends its template, overrides nothing but its own steps, lets no error disappear, is documented, is named by a test,
and was seen to do its example.

| file | class | template | its own steps | tests |
|---|---|---|---|---|"""


def main() -> None:
    root = village.enter()
    reviewed = uses(root)
    found = [text for use in reviewed for text in findings(root, use)]
    if found or not reviewed:
        sys.exit("\n".join(["the review refuses:", *(found or ["no class uses a template"])]))
    place = root / REPORT
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(report(reviewed))
    files, classes = sorted({use.path for use in reviewed}), [use.cls.__name__ for use in reviewed]
    village.hand({"files": files, "classes": classes, "findings": 0, "verdict": "approved"})


if __name__ == "__main__":
    main()
