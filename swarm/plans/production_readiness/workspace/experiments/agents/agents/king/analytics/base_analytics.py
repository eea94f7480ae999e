"""Metrics in bounded memory: record, keep for a while, report, save and load.

A point is a time and a value. A series keeps its newest points only: at most `max_data_points`, none older than the retention
period. Recording is one append under a lock, so it can be done from any thread.
"""

import contextlib
import gzip
import json
import math
import threading
import time
import zlib
from collections import deque
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

DEFAULT_RETENTION = timedelta(days=7)
DEFAULT_MAX_DATA_POINTS = 10_000
STEADY = 0.05  # a trend that moves by less than this share of the mean is called steady
UNREADABLE = (OSError, EOFError, zlib.error, RecursionError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What reading a damaged file may raise: at its disk, its compression, its JSON or its shape."""


class BaseAnalytics:
    """The analytics of one component.

    Args:
        clock: seconds since the epoch; given from outside so that tests decide the time.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._series: dict[str, deque[tuple[float, float]]] = {}
        self._recorded: dict[str, int] = {}
        self.retention_period = DEFAULT_RETENTION
        self.max_data_points = DEFAULT_MAX_DATA_POINTS

    def set_retention_policy(self, retention_period: timedelta, max_data_points: int) -> None:
        """Decides how long and how many points are kept, from now on and of what is there.

        Raises:
            ValueError: a period or a number below 1.
        """
        if retention_period <= timedelta(0) or max_data_points < 1:
            raise ValueError("a retention policy needs a positive period and at least one data point")
        with self._lock:
            self.retention_period = retention_period
            self.max_data_points = max_data_points
            self._series = {name: deque(points, maxlen=max_data_points) for name, points in self._series.items()}

    def record_metric(self, name: str, value: float) -> None:
        """Adds a point, now.

        Raises:
            ValueError: the value is no finite number.
        """
        number = _finite(value, name)
        with self._lock:
            series = self._series.get(name)
            if series is None:
                series = self._series[name] = deque(maxlen=self.max_data_points)
            series.append((self._clock(), number))
            self._recorded[name] = self._recorded.get(name, 0) + 1

    def metric_names(self) -> list[str]:
        """Every metric that was ever recorded, sorted."""
        with self._lock:
            return sorted(self._recorded)

    def values(self, name: str) -> list[float]:
        """The values that are kept of a metric, oldest first; empty for one that was never recorded."""
        return [value for _, value in self._points(name)]

    def recorded(self, name: str) -> int:
        """How many points were ever recorded of a metric, kept or not."""
        with self._lock:
            return self._recorded.get(name, 0)

    def generate_analytics_report(self, report_format: str = "json", include_trends: bool = True) -> dict[str, Any]:
        """What the kept points say.

        Args:
            report_format: `json` for numbers alone; `markdown` adds `text`, a table for people.
            include_trends: whether each metric says where it is going.

        Returns:
            `status` (`ok`, or `empty` where nothing was recorded), `generated_at` (ISO 8601, UTC) and `metrics`, by name.

        Raises:
            ValueError: an unknown format.
        """
        if report_format not in ("json", "markdown"):
            raise ValueError(f"report_format is json or markdown, not {report_format!r}")
        metrics = {name: self._summary(name, include_trends) for name in self.metric_names()}
        report: dict[str, Any] = {
            "status": "ok" if metrics else "empty",
            "generated_at": datetime.fromtimestamp(self._clock(), UTC).isoformat(),
            "metrics": metrics,
        }
        if report_format == "markdown":
            report["text"] = _table(metrics)
        return report

    def save(self, path: str, format_type: str = "json", compress: bool = False) -> bool:
        """Writes every kept point to a file, whole or not at all.

        Returns:
            Whether it was written; a disk that refuses is an answer and no exception, since measuring must not stop the work.

        Raises:
            ValueError: an unknown format.
        """
        if format_type != "json":
            raise ValueError(f"format_type is json, not {format_type!r}")
        content = json.dumps(self._document()).encode()
        target = Path(path)
        draft = target.with_name(f".{target.name}.{threading.get_ident()}")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            draft.write_bytes(gzip.compress(content, mtime=0) if compress else content)
            draft.replace(target)
        except OSError:
            with contextlib.suppress(OSError):
                draft.unlink()
            return False
        return True

    def load(self, path: str) -> bool:
        """Replaces all points by those of a saved file.

        Returns:
            Whether the file could be read; if not, nothing has changed.
        """
        try:
            content = Path(path).read_bytes()
            document = json.loads(gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content)
            series = {name: [(_finite(at), _finite(value)) for at, value in points] for name, points in document["series"].items()}
            recorded = {name: int(document["recorded"][name]) for name in series}
        except UNREADABLE:
            return False
        with self._lock:
            self._series = {name: deque(points, maxlen=self.max_data_points) for name, points in series.items()}
            self._recorded = recorded
        return True

    def _document(self) -> dict[str, Any]:
        with self._lock:
            return {"series": {name: list(points) for name, points in self._series.items()}, "recorded": dict(self._recorded)}

    def _points(self, name: str) -> list[tuple[float, float]]:
        """The kept points of a metric; those past the retention period are dropped here."""
        oldest = self._clock() - self.retention_period.total_seconds()
        with self._lock:
            series = self._series.get(name, deque())
            while series and series[0][0] < oldest:
                series.popleft()
            return list(series)

    def _summary(self, name: str, include_trends: bool) -> dict[str, Any]:
        points = self._points(name)
        values = sorted(value for _, value in points)
        summary: dict[str, Any] = {"count": len(values), "recorded": self.recorded(name)}
        if values:
            summary |= {
                "last": points[-1][1],
                "min": values[0],
                "max": values[-1],
                "mean": math.fsum(values) / len(values),
                "p50": quantile(values, 0.50),
                "p95": quantile(values, 0.95),
                "p99": quantile(values, 0.99),
            }
        if include_trends:
            summary["trend"] = trend(points)
        return summary


def _finite(value: Any, name: str = "a point") -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{name} must be a finite number, not {value!r}")
    return number


def quantile(ordered: list[float], share: float) -> float:
    """The value below which a share of the sorted values lies, by linear interpolation (Hyndman and Fan's type 7).

    Raises:
        ValueError: there are no values.
    """
    if not ordered:
        raise ValueError("no values, no quantile")
    position = (len(ordered) - 1) * share
    below = math.floor(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)


def trend(points: Iterable[tuple[float, float]]) -> dict[str, Any]:
    """Where a series is going: the least-squares slope per second, and `rising`, `falling` or `steady`."""
    known = list(points)
    slope = _slope(known)
    moved = slope * (known[-1][0] - known[0][0]) if known else 0.0
    mean = sum(value for _, value in known) / len(known) if known else 0.0
    return {"slope": slope, "direction": _direction(moved, abs(mean) * STEADY)}


def _slope(points: list[tuple[float, float]]) -> float:
    if len(points) < 2:
        return 0.0
    middle = sum(at for at, _ in points) / len(points)
    mean = sum(value for _, value in points) / len(points)
    spread = sum((at - middle) ** 2 for at, _ in points)
    return sum((at - middle) * (value - mean) for at, value in points) / spread if spread else 0.0


def _direction(moved: float, tolerance: float) -> str:
    if abs(moved) <= tolerance:
        return "steady"
    return "rising" if moved > 0 else "falling"


def _table(metrics: dict[str, dict[str, Any]]) -> str:
    rows = [f"| {name} | {one['count']} | {one.get('mean', 0.0):.6g} | {one.get('p95', 0.0):.6g} |" for name, one in metrics.items()]
    return "\n".join(["| metric | points | mean | p95 |", "|---|---|---|---|", *rows])
