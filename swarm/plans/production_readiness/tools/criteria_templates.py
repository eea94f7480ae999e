"""Category C of the seed: template implementation."""

import asyncio
import importlib
import inspect
import os
from collections.abc import Iterator
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

from benchmarks import slow, task_times
from criterion import Criterion, tested
from review_templates import uses

__all__ = ["CRITERIA"]

FOLDERS = ("core", "docs/templates", "experiments/agents/agents/specialized")


def abstract_classes(root: Path) -> list[str]:
    """The abstract classes of which there is no concrete one."""
    known = [cls for path in _modules(root) for cls in _classes(path)]
    abstract = [cls for cls in known if inspect.isabstract(cls)]
    concrete = [cls for cls in known if not inspect.isabstract(cls)]
    return [f"{cls.__name__} has no concrete class" for cls in abstract if not any(issubclass(one, cls) for one in concrete)]


def _modules(root: Path) -> list[str]:
    paths = sorted(path.relative_to(root).with_suffix("") for folder in FOLDERS for path in (root / folder).rglob("*.py"))
    return [".".join(path.parts) for path in paths]


def _classes(module: str) -> Iterator[type]:
    return (cls for _, cls in inspect.getmembers(importlib.import_module(module), inspect.isclass) if cls.__module__ == module)


def unit_tests(root: Path) -> list[str]:
    """What the tests that name template implementations say, where they fail."""
    files = sorted({path for use in uses(root) for path in use.tests})
    return tested("", *files).objections(root) if files else ["no test names a template implementation"]


def times(root: Path) -> list[str]:
    """The agents made from a template that are too slow."""
    return slow(task_times([use.cls() for use in uses(root) if hasattr(use.cls, "execute_task")]))


def error_handling(root: Path) -> list[str]:
    """The implementations that let an error out, or do not say that there was one."""
    with open(os.devnull, "w") as nowhere, redirect_stderr(nowhere):
        return [complaint for use in uses(root) for complaint in asyncio.run(_mishandled(use.cls()))]


async def _mishandled(instance: Any) -> list[str]:
    if hasattr(instance, "execute_task"):
        results = [await instance.execute_task(task) for task in ({}, {"content": None}, {"content": object()})]
        handled = all(result["status"] == "failed" and result["error"] for result in results)
    elif hasattr(instance, "process"):
        results = [await instance.process(data) for data in (None, object())]
        handled = all(not result.succeeded and result.error for result in results)
    else:
        handled = instance.load("/dev/null/nothing") is False
    return [] if handled else [f"{type(instance).__name__} does not tell an error from a result"]


CRITERIA = (
    tested("Zero remaining NotImplementedError exceptions", "tests/validation/test_seed_criteria.py", "-k", "no_abstract_methods"),
    Criterion("All abstract methods have concrete implementations", "a concrete class of every abstract one", abstract_classes),
    Criterion("Template-based implementations pass unit tests", "the test files that name a template implementation", unit_tests),
    Criterion("Performance meets baseline requirements", "tools/benchmarks.py over the agents made from a template", times),
    Criterion("Error handling properly implemented", "senseless input to every template implementation", error_handling),
)
