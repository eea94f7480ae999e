"""Category A of the seed: analytics integration."""

import asyncio
import importlib
from pathlib import Path
from typing import Any

import overhead
from criterion import Criterion, tool

__all__ = ["CRITERIA"]

FOLDERS = ("core", "docs", "experiments", "infrastructure", "tests/integration")
OF_EVERY_AGENT = ("task_processing_time", "task_success_rate", "memory_usage")


def import_errors(root: Path) -> list[str]:
    """The modules that cannot be imported, and the components that fail their own check."""
    from core.registry import get_all_components

    failed = asyncio.run(_unwell(get_all_components()))
    return [*filter(None, (_import_error(path.relative_to(root)) for path in _modules(root))), *failed]


def _modules(root: Path) -> list[Path]:
    return sorted(path for folder in FOLDERS for path in (root / folder).rglob("*.py") if not path.name.startswith("test_"))


def _import_error(path: Path) -> str | None:
    try:
        importlib.import_module(".".join(path.with_suffix("").parts))
    except Exception as error:  # noqa: BLE001 - whatever an import raises is the answer
        return f"{path} cannot be imported: {type(error).__name__}: {error}"
    return None


async def _unwell(components: list[Any]) -> list[str]:
    return [f"{type(one).__name__} fails its own check" for one in components if not await one.self_check()]


def reports(root: Path) -> list[str]:
    """The reports of agents that fail, or that the village's own validator does not believe."""
    return asyncio.run(_problems(required=()))


def metrics(root: Path) -> list[str]:
    """The agents that do a task without recording it."""
    return asyncio.run(_problems(required=OF_EVERY_AGENT))


async def _problems(required: tuple[str, ...]) -> list[str]:
    from core.registry import get_all_agent_instances
    from tests.integration.report_validator import ReportValidator

    validator, found = ReportValidator(required), []
    for agent in get_all_agent_instances():
        await agent.execute_task(dict(agent.EXAMPLE))
        for report_format in ("json", "markdown"):
            report = await agent.get_analytics_report(report_format)
            found += [f"{type(agent).__name__}: {problem}" for problem in validator.problems(report)]
    return found


def time_added(root: Path) -> list[str]:
    """The overhead, where it is too much, and that analytics make a task wait."""
    added, waited = overhead.percent(), overhead.waits()
    slow = [] if added < overhead.MOST_PERCENT else [f"analytics add {added:.1f}% to a task"]
    return slow if waited <= 0 else [*slow, f"analytics make a task wait {waited:g} times"]


def memory_held(root: Path) -> list[str]:
    """The memory of full analytics, where it is too much."""
    held = overhead.memory_mb()
    return [] if held < overhead.MOST_MEMORY_MB else [f"full analytics hold {held:.1f} MB"]


CRITERIA = (
    tool("All 29+ files successfully import and initialize analytics", "probe_analytics.py"),
    Criterion("No import errors or runtime exceptions", "every module imported, self_check of every component", import_errors),
    Criterion("Analytics reports generate without errors", "get_analytics_report of every agent, read by ReportValidator", reports),
    Criterion("Metrics collection working across all agents", "the metrics of every agent after its EXAMPLE", metrics),
    Criterion("Performance overhead <5% added latency", "tools/overhead.py: paired processor times and waits of a 5 ms task", time_added),
    Criterion("Memory usage increase <50MB per agent", "tools/overhead.py: every metric full", memory_held),
)
