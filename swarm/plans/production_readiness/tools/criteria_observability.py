"""Category B of the seed: observability infrastructure."""

import asyncio
import re
from pathlib import Path
from typing import Any

from criterion import Criterion, tested, tool

__all__ = ["CRITERIA"]

RULES = "infrastructure/monitoring/alert_rules.json"
SAMPLE = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*\{.*\} \S+")


def aggregation(root: Path) -> list[str]:
    """What is missing between the components' metrics and Prometheus."""
    from core.monitoring.metrics_aggregation import MetricsAggregator
    from core.registry import get_all_components

    components, aggregator = get_all_components(), MetricsAggregator()
    asyncio.run(_all_at_work(components))
    for number, component in enumerate(components):
        aggregator.add(f"{type(component).__name__}-{number}", component.analytics_layer)
    return [*_gaps(aggregator.aggregate(), len(components)), *_unreadable(aggregator.prometheus_text())]


async def _all_at_work(components: list[Any]) -> None:
    for component in components:
        await component.self_check()


def _gaps(aggregate: dict[str, Any], expected: int) -> list[str]:
    reports = aggregate["components"]
    silent = [f"{name} reports {report['status']}" for name, report in reports.items() if report["status"] != "ok"]
    return silent if len(reports) == expected else [*silent, f"{len(reports)} of {expected} components are aggregated"]


def _unreadable(text: str) -> list[str]:
    samples = [line for line in text.splitlines() if not line.startswith("#")]
    return [f"no sample: {line}" for line in samples if not SAMPLE.fullmatch(line)] if samples else ["nothing for Prometheus"]


def alerts(root: Path) -> list[str]:
    """The shipped rules that do not fire beyond their threshold, do not end behind it, or watch what nobody measures."""
    from core.monitoring.alerting import load_rules

    rules = load_rules(root / RULES)
    if not rules:
        return [f"{RULES} has no rules"]
    measured = asyncio.run(_measured())
    blind = [f"{rule.name} watches {rule.metric} {rule.stat}, which nobody measures" for rule in rules if not _knows(measured, rule)]
    return [*blind, *(complaint for rule in rules for complaint in _complaints(rule))]


async def _measured() -> dict[str, Any]:
    """The figures that alerts see: of all components at work, and of their machine."""
    from core.monitoring.metrics_aggregation import MetricsAggregator
    from core.registry import get_all_components
    from infrastructure.monitoring.system_metrics import SystemMetricsCollector

    components, machine, aggregator = get_all_components(), SystemMetricsCollector(), MetricsAggregator()
    await _all_at_work(components)
    await machine.collect_system_metrics()
    for number, component in enumerate((machine, *(component.analytics_layer for component in components))):
        aggregator.add(str(number), component)
    return dict(aggregator.aggregate()["totals"]["metrics"])


def _knows(measured: dict[str, Any], rule: Any) -> bool:
    return rule.stat in measured.get(rule.metric, {})


def _complaints(rule: Any) -> list[str]:
    from core.monitoring.alerting import AlertEvaluator

    evaluator, limit = AlertEvaluator([rule]), rule.above if rule.above is not None else rule.below
    beyond, behind = (limit + 1, limit / 2) if rule.above is not None else (limit - 1, limit + 1)
    fired = [bool(evaluator.evaluate(_report(rule, beyond))) for _ in range(rule.for_points)]
    ended = not evaluator.evaluate(_report(rule, behind))
    expected = [False] * (rule.for_points - 1) + [True]
    return ([] if fired == expected else [f"{rule.name} does not fire as it should"]) + ([] if ended else [f"{rule.name} never ends"])


def _report(rule: Any, value: float) -> dict[str, Any]:
    return {"status": "ok", "metrics": {rule.metric: {rule.stat: value}}}


CRITERIA = (
    tested("System metrics collection active and reporting", "tests/validation/test_seed_criteria.py", "-k", "observability"),
    tool("All components have health check endpoints", "probe_health.py"),
    tool("Structured logging implemented across system", "probe_logs.py"),
    Criterion("Metrics aggregation pipeline operational", "MetricsAggregator over every component at work", aggregation),
    Criterion("Alerting thresholds configured and tested", f"every rule of {RULES} fired and ended", alerts),
    tested("Dashboard integration ready", "tests/test_dashboard.py"),
)
