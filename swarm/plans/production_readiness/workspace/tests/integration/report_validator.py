"""Whether an analytics report can be believed: what is missing from it, and what contradicts itself."""

import logging
import math
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

logger = logging.getLogger(__name__)

ORDERED = ("min", "p50", "p95", "p99", "max")  # none is below the one before it
GOOD = {"count": 1, "min": 1.0, "p50": 1.0, "p95": 1.0, "p99": 1.0, "max": 1.0, "mean": 1.0}


class ReportValidator:
    """Reads reports and says what is wrong with them."""

    def __init__(self, required: tuple[str, ...] = ()) -> None:
        self.required = required

    def problems(self, report: Mapping[str, Any]) -> list[str]:
        """Each problem of a report as a sentence; an empty list for a good one.

        A good report says `ok`, when it was made, and at least one metric; each of the validator's required metrics is in it.
        """
        metrics = report.get("metrics") or {}
        found = [*_head_problems(report), *(f"{name} is missing" for name in self.required if name not in metrics)]
        for name, summary in metrics.items():
            found += [f"{name}: {problem}" for problem in _summary_problems(summary)]
        if found:
            logger.info("a report has %d problems", len(found))
        return found

    async def self_check(self) -> bool:
        """Whether a good report passes and an empty one does not."""
        metrics = dict.fromkeys(("sample", *self.required), GOOD)
        good = {"status": "ok", "generated_at": "2024-01-01T00:00:00+00:00", "metrics": metrics}
        return not self.problems(good) and bool(self.problems({}))


def _head_problems(report: Mapping[str, Any]) -> Iterator[str]:
    if report.get("status") != "ok":
        yield f"the status is {report.get('status')!r} and not 'ok'"
    if not _is_a_moment(report.get("generated_at")):
        yield f"{report.get('generated_at')!r} is no time with a zone"
    if not report.get("metrics"):
        yield "there are no metrics"


def _summary_problems(summary: Mapping[str, Any]) -> Iterator[str]:
    if summary.get("count", 0) < 1:
        yield "no points are kept"
        return
    figures: list[Any] = [figure for stat in (*ORDERED, "mean") if _is_finite(figure := summary.get(stat))]
    if len(figures) <= len(ORDERED):
        yield "a statistic is missing or is no finite number"
        return
    *ordered, mean = figures
    if sorted(ordered) != ordered or not _lies_between(mean, ordered[0], ordered[-1]):
        yield "the statistics contradict each other"


def _lies_between(mean: float, smallest: float, largest: float) -> bool:
    """A mean of equal values may be off by a rounding."""
    return smallest <= mean <= largest or math.isclose(mean, smallest) or math.isclose(mean, largest)


def _is_finite(figure: Any) -> bool:
    return isinstance(figure, int | float) and math.isfinite(figure)


def _is_a_moment(text: Any) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except (TypeError, ValueError):
        return False
