"""Analytics keep what the retention policy allows, report it truthfully, and survive whatever a disk does to them."""

import gzip
import json
import threading
from datetime import timedelta

import pytest
from king.analytics.base_analytics import DEFAULT_MAX_DATA_POINTS, BaseAnalytics, quantile, trend


class Clock:
    """A clock that tests move."""

    def __init__(self, now=1000.0):
        self.now = now

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def analytics(clock):
    return BaseAnalytics(clock=clock)


def record(analytics, name, values, clock=None):
    for value in values:
        analytics.record_metric(name, value)
        if clock is not None:
            clock.now += 1


def test_only_the_newest_points_are_kept_and_all_are_counted(analytics):
    analytics.set_retention_policy(timedelta(days=1), 3)
    record(analytics, "hits", range(10))
    assert analytics.values("hits") == [7.0, 8.0, 9.0]
    assert analytics.recorded("hits") == 10


def test_a_new_policy_applies_to_what_is_there(analytics):
    record(analytics, "hits", range(5))
    analytics.set_retention_policy(timedelta(days=1), 2)
    assert analytics.values("hits") == [3.0, 4.0]


def test_a_series_is_bounded_from_the_start(analytics):
    record(analytics, "hits", range(DEFAULT_MAX_DATA_POINTS + 1))
    assert len(analytics.values("hits")) == DEFAULT_MAX_DATA_POINTS


def test_points_leave_once_they_are_older_than_the_retention_period(analytics, clock):
    analytics.set_retention_policy(timedelta(seconds=10), 100)
    record(analytics, "hits", [1, 2], clock)
    clock.now = 1010.0
    assert analytics.values("hits") == [1.0, 2.0]
    clock.now = 1010.5
    assert analytics.values("hits") == [2.0]


def test_a_metric_whose_points_have_all_left_is_still_known(analytics, clock):
    record(analytics, "hits", [1])
    clock.now += timedelta(days=8).total_seconds()
    report = analytics.generate_analytics_report()
    assert report["metrics"]["hits"] == {"count": 0, "recorded": 1, "trend": {"slope": 0.0, "direction": "steady"}}


@pytest.mark.parametrize(("period", "points"), [(timedelta(0), 1), (timedelta(seconds=-1), 1), (timedelta(days=1), 0)])
def test_a_policy_that_keeps_nothing_is_refused(analytics, period, points):
    with pytest.raises(ValueError, match="positive period and at least one"):
        analytics.set_retention_policy(period, points)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "-inf"])
def test_what_is_no_finite_number_is_refused_by_name(analytics, value):
    with pytest.raises(ValueError, match="load must be a finite number"):
        analytics.record_metric("load", value)
    assert analytics.metric_names() == []


def test_a_metric_that_was_never_recorded_has_no_values_and_leaves_no_trace(analytics):
    assert analytics.values("nothing") == []
    assert analytics.recorded("nothing") == 0
    assert analytics.metric_names() == []


def test_metrics_are_named_in_order(analytics):
    for name in ("b", "c", "a"):
        analytics.record_metric(name, 1)
    assert analytics.metric_names() == ["a", "b", "c"]


def test_a_report_without_points_says_that_it_is_empty(analytics):
    assert analytics.generate_analytics_report() == {"status": "empty", "generated_at": "1970-01-01T00:16:40+00:00", "metrics": {}}


def test_a_report_sums_a_metric_up(analytics, clock):
    record(analytics, "seconds", [4, 1, 3, 2], clock)
    report = analytics.generate_analytics_report(include_trends=False)
    assert report["status"] == "ok"
    assert report["metrics"]["seconds"] == {
        "count": 4,
        "recorded": 4,
        "last": 2.0,
        "min": 1.0,
        "max": 4.0,
        "mean": 2.5,
        "p50": 2.5,
        "p95": pytest.approx(3.85),
        "p99": pytest.approx(3.97),
    }


def test_a_report_can_be_stored_as_json(analytics):
    record(analytics, "seconds", [1, 2])
    report = analytics.generate_analytics_report()
    assert json.loads(json.dumps(report)) == report


def test_a_report_for_people_has_a_table_with_a_row_for_each_metric(analytics):
    record(analytics, "seconds", [1, 2])
    record(analytics, "hits", [5])
    rows = analytics.generate_analytics_report(report_format="markdown")["text"].splitlines()
    assert rows == ["| metric | points | mean | p95 |", "|---|---|---|---|", "| hits | 1 | 5 | 5 |", "| seconds | 2 | 1.5 | 1.95 |"]


def test_an_unknown_report_format_is_refused(analytics):
    with pytest.raises(ValueError, match="json or markdown, not 'pdf'"):
        analytics.generate_analytics_report(report_format="pdf")


@pytest.mark.parametrize(
    ("values", "direction"),
    [([1, 2, 3], "rising"), ([3, 2, 1], "falling"), ([100, 101, 100, 102], "steady"), ([5], "steady"), ([-1, -2, -3], "falling")],
)
def test_a_trend_says_where_a_metric_is_going(analytics, clock, values, direction):
    record(analytics, "load", values, clock)
    assert analytics.generate_analytics_report()["metrics"]["load"]["trend"]["direction"] == direction


def test_a_slope_is_what_a_metric_gains_each_second():
    assert trend([(10.0, 1.0), (12.0, 5.0), (14.0, 9.0)]) == {"slope": 2.0, "direction": "rising"}


@pytest.mark.parametrize("points", [[], [(1.0, 5.0)], [(1.0, 5.0), (1.0, 9.0)]])
def test_what_happens_at_one_moment_has_no_slope(points):
    assert trend(points) == {"slope": 0.0, "direction": "steady"}


@pytest.mark.parametrize(("share", "value"), [(0.0, 1.0), (0.25, 1.75), (0.5, 2.5), (1.0, 4.0)])
def test_a_quantile_lies_between_its_neighbours(share, value):
    assert quantile([1.0, 2.0, 3.0, 4.0], share) == value


def test_one_value_is_its_own_quantile_and_none_has_none():
    assert quantile([7.0], 0.95) == 7.0
    with pytest.raises(ValueError, match="no values"):
        quantile([], 0.5)


@pytest.mark.parametrize("compress", [True, False])
def test_what_was_saved_is_loaded_again(analytics, clock, tmp_path, compress):
    record(analytics, "seconds", [1, 2], clock)
    record(analytics, "hits", [3], clock)
    assert analytics.save(str(tmp_path / "new" / "points"), compress=compress)
    other = BaseAnalytics(clock=clock)
    assert other.load(str(tmp_path / "new" / "points"))
    assert other.generate_analytics_report() == analytics.generate_analytics_report()


def test_compressing_makes_many_points_small_and_the_same_points_the_same_file(analytics, tmp_path):
    record(analytics, "seconds", range(1000))
    for name, compress in (("plain", False), ("small", True), ("again", True)):
        assert analytics.save(str(tmp_path / name), format_type="json", compress=compress)
    assert (tmp_path / "small").stat().st_size < (tmp_path / "plain").stat().st_size / 2
    assert (tmp_path / "small").read_bytes() == (tmp_path / "again").read_bytes()


def test_loading_replaces_what_was_there_and_keeps_the_policy(analytics, clock, tmp_path):
    record(analytics, "hits", range(5))
    analytics.save(str(tmp_path / "points"))
    other = BaseAnalytics(clock=clock)
    other.set_retention_policy(timedelta(days=1), 2)
    other.record_metric("old", 1)
    assert other.load(str(tmp_path / "points"))
    other.record_metric("hits", 9)
    assert other.values("hits") == [4.0, 9.0]
    assert (other.recorded("hits"), other.metric_names()) == (6, ["hits"])


def test_a_disk_that_refuses_is_an_answer_and_leaves_no_draft(analytics, tmp_path):
    record(analytics, "hits", [1])
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "folder" / "inner").mkdir(parents=True)
    assert not analytics.save(str(tmp_path / "file" / "points"))
    assert not analytics.save(str(tmp_path / "folder"))
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "folder", "inner"]


def test_saving_in_an_unknown_format_is_refused(analytics, tmp_path):
    with pytest.raises(ValueError, match="format_type is json, not 'xml'"):
        analytics.save(str(tmp_path / "points"), format_type="xml")


WHOLE = gzip.compress(json.dumps({"series": {"hits": [[1, 1.0]] * 50}, "recorded": {"hits": 50}}).encode())


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no json",
        b"[]",
        b"{}",
        b"\xff\xfe",
        b"[" * 200_000,
        b'{"series": []}',
        b'{"series": {"hits": [[1, 2]]}, "recorded": {}}',
        b'{"series": {"hits": [[1]]}, "recorded": {"hits": 1}}',
        b'{"series": {"hits": [[1, "much"]]}, "recorded": {"hits": 1}}',
        b'{"series": {"hits": [[1, NaN]]}, "recorded": {"hits": 1}}',
        b'{"series": {"hits": [[1, 2]]}, "recorded": {"hits": Infinity}}',
        b'{"series": {"hits": [[1, 1' + b"0" * 400 + b']]}, "recorded": {"hits": 1}}',
        WHOLE[:-10],
        WHOLE[:12] + b"\x00\xff\x00\xff" + WHOLE[16:],
    ],
    ids=range(15),
)
def test_a_damaged_file_is_an_answer_and_changes_nothing(analytics, tmp_path, content):
    analytics.record_metric("hits", 7)
    (tmp_path / "points").write_bytes(content)
    assert not analytics.load(str(tmp_path / "points"))
    assert analytics.values("hits") == [7.0]


def test_a_file_that_is_not_there_cannot_be_loaded(analytics, tmp_path):
    assert not analytics.load(str(tmp_path / "nowhere"))


def test_no_point_is_lost_between_threads(analytics):
    threads = [threading.Thread(target=record, args=(analytics, name, range(500))) for name in ("one", "two", "one", "two")]
    for thread in threads:
        thread.start()
    reports = [analytics.generate_analytics_report() for _ in range(20)]
    for thread in threads:
        thread.join()
    assert all(report["status"] in ("ok", "empty") for report in reports)
    assert [analytics.recorded(name) for name in ("one", "two")] == [1000, 1000]
    assert sorted(analytics.values("one")) == sorted([float(n) for n in range(500)] * 2)


def test_without_a_clock_of_its_own_it_takes_the_time_of_day():
    analytics = BaseAnalytics()
    analytics.record_metric("hits", 1)
    assert analytics.values("hits") == [1.0]
    assert analytics.generate_analytics_report()["generated_at"].endswith("+00:00")
