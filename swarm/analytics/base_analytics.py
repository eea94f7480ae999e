"""The analytics of one component under the names that components use: record, report, save, load, switch on and off.

It adds to `Metrics` what a component expects of its own analytics and nothing else, so that whoever writes an agent needs one object. The
two methods that agents offer to others, `get_analytics_report` and `save_analytics`, are coroutines that work in a thread: neither
merging tallies nor a slow disk holds up the loop.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

from swarm.analytics.definitions import BUILT_IN, Definitions
from swarm.analytics.metrics import Metrics
from swarm.analytics.reports import rendered, report
from swarm.analytics.rollups import restore, rolled_up
from swarm.analytics.saved import read_metrics, write_metrics

__all__ = ["BaseAnalytics", "resident_mb"]

_MEBIBYTE: Final = 1024 * 1024


def resident_mb() -> float:
    """Resident memory of this process in MiB.

    Raises:
        psutil.Error: it cannot be read.
    """
    import psutil  # type: ignore[import-untyped]  # ships no type information; and only those need it who record tasks

    return float(psutil.Process().memory_info().rss / _MEBIBYTE)


class BaseAnalytics:
    """The analytics of one component.

    Attributes:
        enabled: whether anything is recorded; see `enable_analytics`.
        metrics: where it is recorded.

    Args:
        definitions: what the names mean; see `definitions.declared`.
        clock: seconds since the epoch.
        memory_mb: reads the memory that `record_task_metrics` records.
    """

    def __init__(
        self,
        definitions: Definitions = BUILT_IN,
        *,
        clock: Callable[[], float] = time.time,
        memory_mb: Callable[[], float] = resident_mb,
    ) -> None:
        self.enabled = True
        self.metrics = Metrics(definitions, clock=clock)
        self._definitions = definitions
        self._clock = clock
        self._memory_mb = memory_mb
        self._failures: dict[str, str] = {}

    # Recording

    def record_metric(self, name: str, value: float, tags: Mapping[str, str] | None = None) -> None:
        """Records a value, now; see `Metrics.record_metric`. Switched off, it does nothing."""
        if self.enabled:
            self.metrics.record_metric(name, value, tags)

    def record_task_metrics(self, task: object, result: object, processing_time: float, tags: Mapping[str, str] | None = None) -> None:
        """Records how long a task took, whether it succeeded, and the memory in use. Never raises.

        Args:
            task: what was done. Not recorded, since a tag for each task would be a series for each; name kinds of work in `tags`.
            result: a mapping with `success`, an object with that attribute, or a bool. None is no success; any other answer is one.
            processing_time: seconds.
        """
        if not self.enabled:
            return
        self.record_metric("task_processing_time", processing_time, tags)
        success = self._read("task_success_rate", partial(_success, result))
        if success is not None:
            self.record_metric("task_success_rate", success, tags)
            self.record_metric("task_error_rate", 1 - success, tags)
        memory_mb = self._read("memory_usage", self._memory_mb)
        if memory_mb is not None:
            self.record_metric("memory_usage", memory_mb, tags)

    def enable_analytics(self, enabled: bool = True) -> None:
        """Switches recording on, or off. What was recorded stays; while off, recording costs one look at an attribute."""
        self.enabled = enabled

    def set_retention_policy(self, retention_period: timedelta, max_data_points: int) -> None:
        """Says how long and how much is kept; see `Metrics.set_retention_policy`. Without it: 7 days, 10,000.

        Raises:
            ValueError: a period or a number that keeps nothing.
        """
        self.metrics.set_retention_policy(retention_period, max_data_points)

    # Reporting

    def generate_analytics_report(self, report_format: str = "json", include_trends: bool = True) -> dict[str, Any]:
        """All that is kept, summed up; see `reports.report` for the keys, among them `status` and `metrics`.

        Args:
            report_format: `json`; `markdown` and `html` add the report for people under `text`.

        Raises:
            ValueError: an unknown format.
        """
        return rendered(report(self.metrics, self._clock(), include_trends=include_trends), report_format)

    async def get_analytics_report(self, report_format: str = "json") -> dict[str, Any]:
        """The report with trends, made in a thread.

        Raises:
            ValueError: an unknown format.
        """
        return await asyncio.to_thread(self.generate_analytics_report, report_format)

    async def health_check(self) -> dict[str, Any]:
        """Whether what was recorded is all there: `status` (`healthy` or `degraded`), `healthy`, `timestamp`, `enabled`, `problems`."""
        dropped = [f"{one.name or 'metrics'}: {one.points:,} dropped: {one.reason}" for one in self.metrics.dropped()]
        problems = [*dropped, *self._failures.values()]
        return {
            "status": "degraded" if problems else "healthy",
            "healthy": not problems,
            "timestamp": datetime.fromtimestamp(self._clock(), UTC).isoformat(),
            "enabled": self.enabled,
            "problems": problems,
        }

    # Keeping

    def save(self, path: str | Path, format_type: str = "json", compress: bool = False) -> bool:
        """Writes all that is kept to a file, whole or not at all.

        Args:
            format_type: `json`, or `jsonl` with one roll-up a line.
            compress: by gzip.

        Returns:
            Whether it was written. A disk that refuses is an answer and no exception, since measuring must not stop the work;
            `health_check` says why.

        Raises:
            UsageError: an unknown format, or too much for a file.
        """
        self._failures.pop("save", None)
        try:
            write_metrics(Path(path), rolled_up(self.metrics), format_type, compress)
        except OSError as error:
            self._failures["save"] = f"not saved: {error}"
            return False
        return True

    async def save_analytics(self, path: str | Path) -> bool:
        """Saves compressed JSON, in a thread; see `save`.

        Raises:
            UsageError: too much for a file.
        """
        return await asyncio.to_thread(self.save, path, "json", True)

    def load(self, path: str | Path) -> bool:
        """Replaces all that is kept by what a file holds. Retention and sampling stay as they are.

        Returns:
            True: a file that does not fit raises and changes nothing.

        Raises:
            UsageError: no file, or not one that `save` wrote.
        """
        roll_ups = read_metrics(Path(path))
        self.metrics.clear()
        restore(self.metrics, roll_ups)
        return True

    def _read(self, name: str, read: Callable[[], float]) -> float | None:
        """What a reading of the outside says; None, and a problem, where it fails: the work that is measured goes on."""
        try:
            return read()
        except Exception as error:  # noqa: BLE001  # results and systems fail in any way they like
            self._failures[name] = f"{name} cannot be read: {type(error).__name__}: {error}"[:200]
            return None


def _success(result: object) -> float:
    """1 or 0. An answer that says nothing of success, and is one, counts as success."""
    if result is None or isinstance(result, bool):
        return float(result or 0)
    said = result.get("success") if isinstance(result, Mapping) else getattr(result, "success", True)
    return 1.0 if said else 0.0
