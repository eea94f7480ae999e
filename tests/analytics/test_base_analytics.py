"""A component's analytics record, report, save and load under the names that components use, and stop nothing when they fail."""

import asyncio
import gzip
import json
import os
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from swarm.analytics.base_analytics import BaseAnalytics, resident_mb
from swarm.analytics.saved import MAX_BYTES
from swarm.errors import UsageError

START = 1_800_000_000.0


class Clock:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


class Outcome:
    """A result that is no mapping."""

    def __init__(self, success: bool) -> None:
        self.success = success


class Refusing:
    """A result that will not say."""

    @property
    def success(self) -> bool:
        raise RuntimeError("ask somebody else")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def analytics(clock: Clock) -> BaseAnalytics:
    return BaseAnalytics(clock=clock, memory_mb=lambda: 42.0)


def figures(analytics: BaseAnalytics) -> dict[str, Any]:
    found = analytics.generate_analytics_report()["metrics"]
    assert isinstance(found, dict)
    return found


# Recording


def test_a_task_leaves_its_time_its_success_and_the_memory(analytics: BaseAnalytics) -> None:
    for success, seconds in ((True, 1.0), (True, 2.0), (False, 3.0), (True, 4.0)):
        analytics.record_task_metrics("task", {"success": success}, seconds)
    found = {name: one["last"] for name, one in figures(analytics).items()}
    assert found == {"task_processing_time": 4.0, "task_success_rate": 0.75, "task_error_rate": 0.25, "memory_usage": 42.0}


@pytest.mark.parametrize(
    ("result", "rate"),
    [
        ({"success": True}, 1), ({"success": 0}, 0), ({}, 0), (Outcome(True), 1), (Outcome(False), 0),
        (True, 1), (False, 0), (None, 0), ("an answer", 1), ([], 1),
    ],
)  # fmt: skip
def test_success_is_what_the_result_says(analytics: BaseAnalytics, result: object, rate: float) -> None:
    analytics.record_task_metrics("task", result, 1.0, {"agent": "a"})
    assert (figures(analytics)["task_success_rate"]["last"], figures(analytics)["task_error_rate"]["last"]) == (rate, 1 - rate)


def test_what_cannot_be_read_stops_no_task_and_is_told(clock: Clock) -> None:
    def unreadable() -> float:
        raise PermissionError("not yours")

    analytics = BaseAnalytics(clock=clock, memory_mb=unreadable)
    analytics.record_task_metrics("task", Refusing(), 1.0)
    assert list(figures(analytics)) == ["task_processing_time"]
    health = asyncio.run(analytics.health_check())
    assert (health["status"], health["healthy"]) == ("degraded", False)
    assert health["problems"] == [
        "task_success_rate cannot be read: RuntimeError: ask somebody else",
        "memory_usage cannot be read: PermissionError: not yours",
    ]


def test_memory_is_that_of_this_process() -> None:
    before = resident_mb()
    held = bytearray(os.urandom(1)) * (64 * 1024 * 1024)
    assert 32 < resident_mb() - before < 128
    del held


def test_switched_off_nothing_is_read_or_recorded_and_what_was_stays(clock: Clock) -> None:
    analytics = BaseAnalytics(clock=clock, memory_mb=lambda: pytest.fail("was read"))
    analytics.record_metric("load", 1)
    analytics.enable_analytics(False)
    analytics.record_metric("load", 2)
    analytics.record_task_metrics("task", True, 1.0)
    analytics.enable_analytics()
    analytics.record_metric("load", 3)
    assert {name: one["count"] for name, one in figures(analytics).items()} == {"load": 2}


def test_the_seeds_retention_policy_is_taken(analytics: BaseAnalytics, clock: Clock) -> None:
    analytics.set_retention_policy(retention_period=timedelta(days=7), max_data_points=10_000)
    analytics.record_metric("load", 1)
    clock.now += timedelta(days=8).total_seconds()
    assert figures(analytics)["load"]["count"] == 0


# Reporting


def test_a_report_is_a_dict_with_status_and_metrics_in_every_format(analytics: BaseAnalytics) -> None:
    analytics.record_metric("load", 1)
    for report_format in ("json", "markdown", "html"):
        made = asyncio.run(analytics.get_analytics_report(report_format))
        assert made["status"] == "ok"
        assert list(made["metrics"]) == ["load"]
        assert "trend" in made["metrics"]["load"]
        assert ("text" in made) == (report_format != "json")


def test_a_healthy_component_says_so_with_the_time(analytics: BaseAnalytics) -> None:
    assert asyncio.run(analytics.health_check()) == {
        "status": "healthy",
        "healthy": True,
        "timestamp": "2027-01-15T08:00:00+00:00",
        "enabled": True,
        "problems": [],
    }


# Files


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("format_type", ["json", "jsonl"])
def test_what_was_saved_is_loaded_again(analytics: BaseAnalytics, clock: Clock, tmp_path: Path, format_type: str, compress: bool) -> None:
    path = tmp_path / "new" / "points"
    for number in range(20):
        analytics.record_metric("load", number, {"agent": "a\n{}"})
        analytics.record_metric("hits", number)
        clock.now += 30
    assert analytics.save(str(path), format_type=format_type, compress=compress)
    other = BaseAnalytics(clock=clock)
    other.record_metric("old", 1)
    assert other.load(str(path))
    known, found = (
        {name: (one["count"], one["sum"], one["p95"], one["last"]) for name, one in figures(each).items()} for each in (analytics, other)
    )
    assert found == known
    assert (path.read_bytes()[:2] == b"\x1f\x8b") is compress


@pytest.mark.parametrize("format_type", ["json", "jsonl"])
def test_nothing_saved_is_nothing_loaded(analytics: BaseAnalytics, tmp_path: Path, format_type: str) -> None:
    assert analytics.save(tmp_path / "points", format_type)
    assert analytics.load(tmp_path / "points")
    assert figures(analytics) == {}


def test_json_lines_have_a_line_for_each_roll_up_after_the_first(analytics: BaseAnalytics, tmp_path: Path) -> None:
    analytics.record_metric("load", 1)
    analytics.record_metric("hits", 2)
    analytics.save(tmp_path / "points", "jsonl")
    head, *lines = map(json.loads, (tmp_path / "points").read_text().splitlines())
    assert (head["format"], head["count"]) == ("swarm-metrics", 2)
    assert [line["name"] for line in lines] == ["load", "hits"]


def test_json_laid_out_for_people_is_read_too(analytics: BaseAnalytics, tmp_path: Path) -> None:
    analytics.record_metric("load", 1)
    analytics.save(tmp_path / "points")
    (tmp_path / "points").write_text(json.dumps(json.loads((tmp_path / "points").read_text()), indent=2))
    assert analytics.load(tmp_path / "points")
    assert figures(analytics)["load"]["count"] == 1


def test_agents_save_compressed_without_holding_up_the_loop(
    analytics: BaseAnalytics, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[threading.Thread] = []
    fsync = os.fsync

    def watched(handle: int) -> None:
        threads.append(threading.current_thread())
        fsync(handle)

    monkeypatch.setattr(os, "fsync", watched)
    analytics.record_metric("load", 1)
    assert asyncio.run(analytics.save_analytics(str(tmp_path / "points")))
    assert json.loads(gzip.decompress((tmp_path / "points").read_bytes()))["count"] == 1
    assert threads
    assert threading.main_thread() not in threads


def test_a_disk_that_refuses_is_an_answer_and_leaves_no_draft(analytics: BaseAnalytics, tmp_path: Path) -> None:
    analytics.record_metric("load", 1)
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "folder" / "inner").mkdir(parents=True)
    assert not analytics.save(tmp_path / "file" / "points")
    assert not analytics.save(tmp_path / "folder")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "folder", "inner"]
    [problem] = asyncio.run(analytics.health_check())["problems"]
    assert problem.startswith("not saved: ")
    assert analytics.save(tmp_path / "points")
    assert asyncio.run(analytics.health_check())["problems"] == []


def test_a_file_is_whole_or_what_it_was(analytics: BaseAnalytics, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    analytics.save(tmp_path / "points")
    before = (tmp_path / "points").read_bytes()
    analytics.record_metric("load", 1)

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert not analytics.save(tmp_path / "points")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [before]


def test_an_unknown_format_is_refused(analytics: BaseAnalytics, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="saved as json or jsonl, not as 'pickle'"):
        analytics.save(tmp_path / "points", format_type="pickle")
    assert list(tmp_path.iterdir()) == []


ROLL_UP = {"name": "load", "tags": {}, "start": 1_800_000_000, "width_s": 10, "count": 1, "sum": 1.0, "min": 1.0, "max": 1.0, "last": 1.0}
WHOLE = {"format": "swarm-metrics", "version": 1, "count": 1, "rollups": [{**ROLL_UP, "sketch": [[30_000, 1]]}]}
LINES = b'{"format": "swarm-metrics", "version": 1, "count": 2}\n' + json.dumps(WHOLE["rollups"][0]).encode()  # type: ignore[index]  # a list
PACKED = gzip.compress(json.dumps(WHOLE).encode())


def changed(**changes: object) -> bytes:
    return json.dumps({**WHOLE, "rollups": [{**ROLL_UP, "sketch": [[30_000, 1]], **changes}]}).encode()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "JSON"),
        (b"no json", "JSON"),
        (b"\x80\x04\x95pickle", "JSON"),
        (b"[]", "the file"),
        (b"{}", "count: Field required"),
        (b"[" * 200_000, "JSON"),
        (json.dumps({**WHOLE, "version": 2}).encode(), "version"),
        (json.dumps({**WHOLE, "format": "other"}).encode(), "format"),
        (json.dumps({**WHOLE, "count": 2}).encode(), "it says that it holds 2 roll-ups, and holds 1"),
        (LINES, "it says that it holds 2 roll-ups, and holds 1"),
        (LINES[:-5], "JSON"),
        (changed(name="no name"), "this name"),
        (changed(count="1"), "rollups.0.count"),
        (changed(count=True), "rollups.0.count"),
        (changed(sum="1"), "rollups.0.sum"),
        (changed(sketch=[[30_000, 2]]), "this sketch"),
        (changed(max=1e999), "max"),
        (changed(min=float("nan")), "min"),
        (json.dumps(WHOLE).encode().replace(b"1800000000", b"1" + b"0" * 5_000), "out of range"),
        (PACKED[:-10], ""),
        (PACKED[:12] + b"\x00\xff\x00\xff" + PACKED[16:], ""),
        (gzip.compress(b" " * (MAX_BYTES + 1)), "it is larger than"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_with_one_line_and_changes_nothing(
    analytics: BaseAnalytics, tmp_path: Path, content: bytes, reason: str
) -> None:
    analytics.record_metric("load", 7)
    (tmp_path / "points").write_bytes(content)
    with pytest.raises(UsageError, match=f"points' holds no saved metrics: .*{reason}") as caught:
        analytics.load(tmp_path / "points")
    assert len(str(caught.value).splitlines()) == 1
    assert figures(analytics)["load"]["last"] == 7


@pytest.mark.parametrize("make", [lambda path: None, Path.mkdir, os.mkfifo])
def test_what_is_no_file_is_refused_and_not_waited_for(analytics: BaseAnalytics, tmp_path: Path, make: Any) -> None:
    make(tmp_path / "points")
    with pytest.raises(UsageError, match="there is no such file"):
        analytics.load(tmp_path / "points")
