"""A report says what was measured, to programs and to people alike, and nothing in it can break out of its format."""

import json
import re
from html.parser import HTMLParser

import pytest

from swarm.analytics.metrics import Metrics
from swarm.analytics.readings import STATS
from swarm.analytics.reports import as_html, as_markdown, rendered, report

START = 1_800_000_000.0
HOSTILE = "<script>alert(1)</script>|`x`\n# [a](javascript:b)\x1b[31m"


class Clock:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def metrics(clock: Clock) -> Metrics:
    return Metrics(clock=clock)


class Tags(HTMLParser):
    """The elements of a page, and its texts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.attributes: list[str] = []
        self.cells: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_data(self, data: str) -> None:
        self.cells.append(data)


def test_without_metrics_a_report_says_that_it_is_empty(metrics: Metrics) -> None:
    assert report(metrics, START) == {
        "status": "empty",
        "generated_at": "2027-01-15T08:00:00+00:00",
        "window_s": None,
        "problems": [],
        "metrics": {},
    }


def test_a_report_holds_every_statistic_of_a_metric_with_its_unit_and_help(metrics: Metrics, clock: Clock) -> None:
    for value in (4, 1, 3, 2):
        metrics.record_metric("task_processing_time", value)
        clock.now += 1
    found = report(metrics, clock.now, window_s=10)["metrics"]["task_processing_time"]
    trend = found.pop("trend")
    assert found == {
        "unit": "s",
        "kind": "distribution",
        "help": "Time from the start of an attempt at a task to its verdict.",
        "last": 2.0,
        "mean": 2.5,
        "p50": pytest.approx(2.5, rel=0.01),
        "p95": pytest.approx(3.85, rel=0.01),
        "p99": pytest.approx(3.97, rel=0.01),
        "rate": 0.4,
        "sum": 10.0,
        "count": 4,
        "min": 1.0,
        "max": 4.0,
        "sampled": 1,
    }
    assert (trend["direction"], trend["points"]) == ("steady", 4)


def test_a_report_is_json_and_what_was_not_measured_is_null(metrics: Metrics, clock: Clock) -> None:
    metrics.record_metric("memory_usage", 5)
    clock.now += 100
    text = json.dumps(report(metrics, clock.now, window_s=10), allow_nan=False)
    found = json.loads(text)["metrics"]["memory_usage"]
    assert {name for name, value in found.items() if value is None} == {"last", "mean", "p50", "p95", "p99", "min", "max"}
    assert set(STATS) <= set(found)


def test_trends_are_there_if_asked_for(metrics: Metrics, clock: Clock) -> None:
    for value in range(10):
        metrics.record_metric("memory_usage", value)
        clock.now += 1
    assert "trend" not in report(metrics, clock.now, include_trends=False)["metrics"]["memory_usage"]
    assert report(metrics, clock.now)["metrics"]["memory_usage"]["trend"]["slope_per_hour"] == pytest.approx(3_600)
    assert "changed: +3600 MiB/h (100%)" in as_markdown(report(metrics, clock.now))


def test_each_series_is_there_beside_the_whole(metrics: Metrics) -> None:
    for agent, value in (("b", 2), ("a", 1), ("b", 4)):
        metrics.record_metric("model_tokens", value, {"agent": agent})
    found = report(metrics, START)["metrics"]["model_tokens"]
    assert found["sum"] == 7
    assert [(one["tags"], one["sum"], one["count"]) for one in found["series"]] == [({"agent": "a"}, 1, 1), ({"agent": "b"}, 6, 2)]
    assert "| model_tokens (agent=b) |" in as_markdown(report(metrics, START))


def test_what_was_dropped_degrades_the_report_and_is_said_in_every_format(metrics: Metrics) -> None:
    metrics.record_metric("load", float("nan"))
    made = report(metrics, START)
    assert (made["status"], made["problems"]) == ("degraded", ["load: 1 dropped: a value that is no finite number, or too large"])
    for text in (as_markdown(made), as_html(made)):
        assert made["problems"][0] in text
        assert "Metrics: degraded" in text


def test_a_table_in_markdown_has_a_row_for_each_metric_and_as_many_cells_in_each(metrics: Metrics) -> None:
    metrics.record_metric("load", 1)
    metrics.record_metric("hits", 12_345)
    rows = [line for line in as_markdown(report(metrics, START)).splitlines() if line.startswith("|")]
    assert [re.split(r" ?\| ?", row)[1] for row in rows] == ["metric", "---", "hits", "load"]
    assert len({row.count("|") for row in rows}) == 1


def test_hostile_tags_stay_text_in_markdown(metrics: Metrics) -> None:
    metrics.record_metric("load", 1, {"agent": HOSTILE})
    rows = as_markdown(report(metrics, START)).splitlines()
    [row] = [row for row in rows if "alert" in row]
    [header] = [row for row in rows if row.startswith("| metric")]
    assert len(re.findall(r"(?<!\\)\|", row)) == header.count("|")
    assert "<" not in row
    assert "](" not in row.replace("\\]", "")
    assert row.isprintable()
    assert re.findall(r"(?<!\\)`", row) == []


def test_hostile_tags_stay_text_on_a_page(metrics: Metrics) -> None:
    metrics.record_metric("load", 1, {"agent": HOSTILE})
    page = Tags(as_html(report(metrics, START)))
    assert "script" not in page.found
    assert f"load (agent={HOSTILE})" in page.cells


def test_a_page_needs_nothing_from_elsewhere(metrics: Metrics) -> None:
    metrics.record_metric("load", 1)
    page = Tags(as_html(report(metrics, START)))
    assert set(page.found) == {"html", "meta", "title", "style", "h1", "p", "ul", "table", "tr", "th", "td"}
    assert set(page.attributes) == {"lang", "charset"}


@pytest.mark.parametrize(("report_format", "start"), [("markdown", "# Metrics: ok"), ("html", "<!doctype html>")])
def test_formats_for_people_add_a_text_to_the_same_report(metrics: Metrics, report_format: str, start: str) -> None:
    metrics.record_metric("load", 1)
    made = report(metrics, START)
    found = rendered(made, report_format)
    assert found.pop("text").startswith(start)
    assert found == made == rendered(made, "json")


def test_an_unknown_format_is_refused(metrics: Metrics) -> None:
    with pytest.raises(ValueError, match="json, markdown or html, not 'pdf'"):
        rendered(report(metrics, START), "pdf")
