"""Numbers from any thread are all counted, in bounded memory, and what they say of a window is true."""

import random
import threading
from collections.abc import Callable
from datetime import timedelta
from itertools import cycle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm.analytics.definitions import BUILT_IN, SHARE, declared, definition_of
from swarm.analytics.metrics import BATCH, MANY_QUEUED, MOST_NAMES, MOST_QUEUED, Dropped, Metrics
from swarm.analytics.readings import MOST_POINTS, STATS, Point, Stat, measure, over, points
from swarm.plans.vocabulary import BUILT_IN_METRICS

START = 1_800_000_000.0
HOUR = 3_600.0
DAY = 24 * HOUR


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


def count_of(metrics: Metrics, name: str) -> int:
    return sum(one.count for one in metrics.recorded(name))


def told(metrics: Metrics, name: str, stat: Stat, window_s: float | None = None) -> float | None:
    return measure(metrics, name, stat, window_s, metrics.now())


# What is recorded


def test_no_point_is_lost_or_counted_twice_between_threads_that_record_and_read(metrics: Metrics) -> None:
    def record(name: str) -> None:
        for value in range(20_000):
            metrics.record_metric(name, value)

    threads = [threading.Thread(target=record, args=(name,)) for name in ("one", "two", "one", "two", "one")]
    for thread in threads:
        thread.start()
    seen = [count_of(metrics, "one") for _ in range(50)]
    for thread in threads:
        thread.join()
    assert seen == sorted(seen)
    assert [count_of(metrics, name) for name in ("one", "two")] == [60_000, 40_000]
    assert told(metrics, "two", "sum") == 2 * sum(range(20_000))
    assert metrics.dropped() == []


def test_who_records_faster_than_can_be_counted_waits_rather_than_loses(metrics: Metrics, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("swarm.analytics.metrics.LONGEST_WAIT_S", 60.0)

    def record() -> None:
        for value in range(MOST_QUEUED + 10):
            metrics.record_metric("load", value)

    recording = threading.Thread(target=record)
    with metrics._lock:
        recording.start()
        while recording.is_alive() and len(metrics._queue) <= MANY_QUEUED:
            recording.join(0.001)
        recording.join(0.05)
        assert len(metrics._queue) == MANY_QUEUED + 1
    recording.join()
    assert (count_of(metrics, "load"), metrics.dropped()) == (MOST_QUEUED + 10, [])


def test_what_was_asked_for_does_not_change_with_what_is_recorded_later(metrics: Metrics) -> None:
    metrics.record_metric("load", 1)
    [asked] = metrics.recorded("load")
    metrics.record_metric("load", 1)
    assert metrics.recorded("load")[0].cells[0].tally.count == 2
    assert asked.cells[0].tally.count == 1


def test_a_recorder_that_interrupts_the_counting_of_its_own_thread_does_not_hang(clock: Clock) -> None:
    """A finaliser may run, and record, while its thread holds the store: here the clock does, which is read with the store locked."""
    inner: list[Metrics] = []

    def recording() -> float:
        if inner:
            metrics = inner.pop()
            for value in range(BATCH + 1):
                metrics.record_metric("late", value)
            inner.append(metrics)
        return clock()

    metrics = Metrics(clock=recording)
    metrics.record_metric("early", 1)
    inner.append(metrics)
    assert metrics.names() == ["early"]
    inner.clear()
    assert metrics.names() == ["early", "late"]


def test_the_queue_is_bounded_while_nobody_can_count_and_the_loss_is_told(metrics: Metrics, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("swarm.analytics.metrics.LONGEST_WAIT_S", 0.0)
    with metrics._lock:
        for value in range(MOST_QUEUED + 10):
            metrics.record_metric("late", value)
    assert count_of(metrics, "late") == MOST_QUEUED
    assert told(metrics, "late", "last") == MOST_QUEUED + 9
    [dropped] = metrics.dropped()
    assert (dropped.name, dropped.reason) == ("", "recorded faster than could be counted")
    assert dropped.points >= 10


def test_the_last_value_is_the_one_recorded_last_though_the_clock_stands_or_steps_back(metrics: Metrics, clock: Clock) -> None:
    metrics.record_metric("load", 1, {"agent": "a"})
    metrics.record_metric("load", 2, {"agent": "b"})
    metrics.record_metric("load", 3, {"agent": "a"})
    assert told(metrics, "load", "last") == 3
    clock.now -= 30
    metrics.record_metric("load", 4, {"agent": "b"})
    clock.now += 30
    assert told(metrics, "load", "last") == 4


def test_tags_are_those_of_the_call_whatever_becomes_of_the_mapping(metrics: Metrics) -> None:
    tags = {"b": "2", "a": "1"}
    metrics.record_metric("load", 1, tags)
    tags["a"] = "other"
    metrics.record_metric("load", 1, {"a": "1", "b": "2"})
    assert [one.labels for one in metrics.recorded("load")] == [(("a", "1"), ("b", "2"))]


HOSTILE: list[tuple[object, object, object, Dropped]] = [
    ("load", float("nan"), None, Dropped("load", "a value that is no finite number, or too large", 1)),
    ("load", float("inf"), None, Dropped("load", "a value that is no finite number, or too large", 1)),
    ("load", 1e201, None, Dropped("load", "a value that is no finite number, or too large", 1)),
    ("load", 10**400, None, Dropped("load", "a value that is no finite number, or too large", 1)),
    ("load", "5", None, Dropped("load", "a value that is no finite number, or too large", 1)),
    ("load", None, None, Dropped("load", "a value that is no finite number, or too large", 1)),
    ("no name", 1, None, Dropped("", "a name that is no identifier of at most 100 characters", 1)),
    ("x" * 101, 1, None, Dropped("", "a name that is no identifier of at most 100 characters", 1)),
    ("", 1, None, Dropped("", "a name that is no identifier of at most 100 characters", 1)),
    (["load"], 1, None, Dropped("", "a name that is no identifier of at most 100 characters", 1)),
    (7, 1, None, Dropped("", "a name that is no identifier of at most 100 characters", 1)),
    *[
        ("load", 1, tags, Dropped("load", "tags that are no mapping of at most 8 names to texts of at most 200 characters", 1))
        for tags in ({"a b": "c"}, {"a": 1}, {"a": ["b"]}, {1: "b"}, {"a": "b" * 201}, {f"t{n}": "" for n in range(9)}, ["a"], "tags")
    ],
]


@pytest.mark.parametrize(("name", "value", "tags", "dropped"), HOSTILE)
def test_what_cannot_be_kept_stops_nobody_spoils_nothing_and_is_told(
    metrics: Metrics, name: object, value: object, tags: object, dropped: Dropped
) -> None:
    metrics.record_metric("load", 2)
    metrics.record_metric(name, value, tags)  # type: ignore[arg-type]  # what an agent may do
    metrics.record_metric("load", 4)
    assert metrics.dropped() == [dropped]
    assert (told(metrics, "load", "mean"), told(metrics, "load", "count")) == (3, 2)
    assert metrics.names() == ["load"]


def test_series_of_a_metric_are_capped_and_the_rest_is_counted_as_dropped(clock: Clock) -> None:
    metrics = Metrics(clock=clock, most_series=2)
    for number in range(5):
        metrics.record_metric("load", number, {"path": str(number)})
    metrics.record_metric("load", 9, {"path": "1"})
    assert sorted(one.labels for one in metrics.recorded("load")) == [(("path", "0"),), (("path", "1"),)]
    assert told(metrics, "load", "last") == 9
    assert metrics.dropped() == [Dropped("load", "more series than its cap", 3)]


def test_names_are_capped(metrics: Metrics) -> None:
    for number in range(MOST_NAMES + 7):
        metrics.record_metric(f"m{number}", 1)
    assert len(metrics.names()) == MOST_NAMES
    assert metrics.dropped() == [Dropped("", "more than 1,000 names", 7)]


def test_what_is_told_of_refusals_is_bounded_too(metrics: Metrics) -> None:
    for number in range(MOST_NAMES + 7):
        metrics.record_metric(f"m{number}", float("nan"))
    told_of = metrics.dropped()
    assert len(told_of) == MOST_NAMES + 1
    assert (told_of[0].name, told_of[0].points) == ("", 7)


def test_a_cap_that_leaves_no_room_is_refused() -> None:
    with pytest.raises(ValueError, match="room for at least one series"):
        Metrics(most_series=0)


# Sampling


def test_a_sampled_point_counts_for_all_that_were_left_out(clock: Clock) -> None:
    draws = cycle([0.05, 0.5, 0.9, 0.11])
    metrics = Metrics(clock=clock, chance=lambda: next(draws))
    metrics.set_sampling("load", 10)
    for value in (3, 4, 5, 6) * 5:
        metrics.record_metric("load", value)
        metrics.record_metric("whole", value)
    assert (told(metrics, "load", "count"), told(metrics, "load", "sum"), told(metrics, "load", "p95")) == (50, 150, 3)
    assert told(metrics, "whole", "count") == 20
    assert (metrics.sampled("load"), metrics.sampled("whole")) == (10, 1)


def test_sampled_figures_come_close_to_the_whole(clock: Clock) -> None:
    metrics = Metrics(clock=clock, chance=random.Random(3).random)
    metrics.set_sampling("load", 4)
    for value in range(40_000):
        metrics.record_metric("load", value)
    assert told(metrics, "load", "count") == pytest.approx(40_000, rel=0.05)
    assert told(metrics, "load", "p50") == pytest.approx(20_000, rel=0.05)


def test_a_change_of_sampling_leaves_what_came_before_as_it_was(metrics: Metrics) -> None:
    metrics.record_metric("load", 1)
    metrics.set_sampling("load", 1_000_000)
    assert told(metrics, "load", "count") == 1
    metrics.set_sampling("load", 1)
    metrics.record_metric("load", 1)
    assert told(metrics, "load", "count") == 2


def test_less_than_every_point_and_more_is_refused(metrics: Metrics) -> None:
    with pytest.raises(ValueError, match="one in 1 or more, not one in 0"):
        metrics.set_sampling("load", 0)


# What it says


def test_what_each_statistic_means_for_each_kind(metrics: Metrics, clock: Clock) -> None:
    for name, before, inside in (
        ("model_tokens", (100,), (10, 30)),
        ("memory_usage", (500,), (200, 100)),
        ("task_processing_time", (9,), (1, 3)),
        ("task_error_rate", (1,), (1, 0)),
    ):
        clock.now = START
        for value in before:
            metrics.record_metric(name, value)
        clock.now = START + 100
        for value in inside:
            metrics.record_metric(name, value)
    found = {
        name: {stat: told(metrics, name, stat, 20) for stat in ("last", "sum", "rate", "count", "mean")}
        for name in ("model_tokens", "memory_usage", "task_processing_time", "task_error_rate")
    }
    assert found == {
        "model_tokens": {"last": 140, "sum": 40, "rate": 2, "count": 2, "mean": 20},
        "memory_usage": {"last": 100, "sum": 300, "rate": 0.1, "count": 2, "mean": 150},
        "task_processing_time": {"last": 3, "sum": 4, "rate": 0.1, "count": 2, "mean": 2},
        "task_error_rate": {"last": 0.5, "sum": 1, "rate": 0.1, "count": 2, "mean": 0.5},
    }


def test_what_was_never_recorded_has_no_reading_but_a_counter_stands_at_zero(metrics: Metrics) -> None:
    assert {told(metrics, "memory_usage", stat, 60) for stat in STATS} == {None}
    assert {stat: told(metrics, "model_errors", stat, 60) for stat in STATS} == {
        **dict.fromkeys(("last", "sum", "rate", "count"), 0.0),
        **dict.fromkeys(("mean", "p50", "p95", "p99")),
    }
    assert metrics.names() == []


def test_a_gauge_that_was_read_before_the_window_has_no_reading_in_it(metrics: Metrics, clock: Clock) -> None:
    metrics.record_metric("memory_usage", 5)
    clock.now += 61
    assert [told(metrics, "memory_usage", stat, 60) for stat in ("last", "mean", "p95", "sum", "rate", "count")] == [None] * 3 + [0] * 3
    assert told(metrics, "memory_usage", "last") == 5


def test_figures_of_tags_are_those_of_all_series_that_have_them(metrics: Metrics) -> None:
    for agent, kind, value in (("a", "x", 1), ("a", "y", 2), ("b", "x", 4)):
        metrics.record_metric("load", value, {"agent": agent, "kind": kind})
    sums = [measure(metrics, "load", "sum", None, metrics.now(), tags) for tags in (None, {"agent": "a"}, {"kind": "x"}, {"kind": "z"})]
    assert sums == [7, 3, 5, None]


@given(st.lists(st.floats(1e-3, 1e6), min_size=1, max_size=200))
def test_quantiles_lie_within_one_percent_and_never_outside_of_what_was_recorded(values: list[float]) -> None:
    metrics = Metrics(clock=Clock())
    for value in values:
        metrics.record_metric("load", value)
    ordered = sorted(values)
    for stat, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
        rank = share * (len(values) - 1)
        below, above = ordered[int(rank)], ordered[min(int(rank) + 1, len(values) - 1)]
        found = told(metrics, "load", stat)  # type: ignore[arg-type]  # a text out of a loop
        assert found == pytest.approx(below + (above - below) * (rank % 1), rel=0.01)
        assert ordered[0] <= (found or 0) <= ordered[-1]


@pytest.mark.parametrize("window_s", [0, -1, float("nan"), float("inf")])
def test_a_window_without_a_length_is_refused(metrics: Metrics, window_s: float) -> None:
    with pytest.raises(ValueError, match="longer than 0 seconds"):
        told(metrics, "load", "mean", window_s)


# Windows and retention


def record_every(metrics: Metrics, clock: Clock, seconds: float, times: int, value: Callable[[int], float] = float) -> None:
    for number in range(times):
        metrics.record_metric("load", value(number))
        clock.now += seconds


def test_a_window_holds_its_time_and_at_most_one_tally_more(metrics: Metrics, clock: Clock) -> None:
    record_every(metrics, clock, 1, 8 * 3_600)
    clock.now -= 1  # the last point is now
    for window_s, reaches_back_s in ((5, 1), (60, 1), (119, 1), (600, 10), (3_000, 10), (5 * HOUR, 60), (7 * HOUR, 900)):
        count = told(metrics, "load", "count", window_s)
        assert count is not None
        assert window_s <= count <= window_s + reaches_back_s + 1


def test_what_grows_old_is_merged_and_not_lost(metrics: Metrics, clock: Clock) -> None:
    record_every(metrics, clock, 60, 24 * 60)
    found = over(metrics, "load", None, clock.now)
    assert (found.tally.count, found.tally.total) == (1_440, sum(range(1_440)))
    assert found.stat("p50") == pytest.approx(719.5, rel=0.01)
    assert len(metrics.recorded("load")[0].cells) < 24 * 60 / 2


def test_a_series_of_a_week_takes_no_more_tallies_than_stated(metrics: Metrics, clock: Clock) -> None:
    for every_s, seconds in ((900, 7 * DAY), (60, 6 * HOUR), (10, HOUR), (1, 120)):
        record_every(metrics, clock, every_s, int(seconds / every_s))
    assert 1_400 < len(metrics.recorded("load")[0].cells) < 1_600


def test_what_is_older_than_the_retention_period_is_forgotten_though_nothing_new_comes(metrics: Metrics, clock: Clock) -> None:
    record_every(metrics, clock, 60, 60)
    clock.now += 7 * DAY + 1_000
    assert told(metrics, "load", "count") == 0
    assert metrics.recorded("load")[0].cells == ()
    assert metrics.names() == ["load"]


def test_a_shorter_retention_applies_to_what_is_there(metrics: Metrics, clock: Clock) -> None:
    record_every(metrics, clock, 1, 60)
    metrics.set_retention_policy(timedelta(seconds=10), 1_000)
    assert told(metrics, "load", "count") == 10
    metrics.set_retention_policy(timedelta(days=1), 3)
    assert (told(metrics, "load", "count"), told(metrics, "load", "last")) == (3, 59)


def test_the_newest_are_kept_where_there_is_too_much(metrics: Metrics, clock: Clock) -> None:
    record_every(metrics, clock, 60, 600)
    metrics.set_retention_policy(timedelta(days=1), 10)
    cells = metrics.recorded("load")[0].cells
    assert len(cells) == 10
    assert max(cell.start for cell in cells) == clock.now - 60
    assert min(cell.start for cell in cells) >= clock.now - 60 * 11


def test_the_retention_period_is_kept_to_the_second(metrics: Metrics, clock: Clock) -> None:
    metrics.set_retention_policy(timedelta(seconds=5), 1_000)
    record_every(metrics, clock, 1, 9)
    assert told(metrics, "load", "count") == 5


def test_the_defaults_are_seven_days_and_ten_thousand_points(metrics: Metrics) -> None:
    assert (metrics.retention_period, metrics.max_data_points) == (timedelta(days=7), 10_000)


@pytest.mark.parametrize(("period", "most"), [(timedelta(0), 1), (timedelta(seconds=-1), 1), (timedelta(days=1), 0)])
def test_a_policy_that_keeps_nothing_is_refused(metrics: Metrics, period: timedelta, most: int) -> None:
    with pytest.raises(ValueError, match="positive period and at least one"):
        metrics.set_retention_policy(period, most)


def test_nothing_is_left_after_clearing(metrics: Metrics) -> None:
    metrics.record_metric("load", 1)
    metrics.record_metric("load", float("nan"))
    metrics.clear()
    assert (metrics.names(), metrics.dropped()) == ([], [])


# Points over time


def test_points_are_the_means_of_their_stretch(metrics: Metrics, clock: Clock) -> None:
    for number in range(3):
        metrics.record_metric("load", number)
        metrics.record_metric("load", number + 2)
        clock.now += 1
    assert points(metrics, "load", None, clock.now) == [Point(START + 0.5, 1), Point(START + 1.5, 2), Point(START + 2.5, 3)]


def test_points_of_a_counter_are_what_was_added_a_second_without_the_stretch_that_is_not_over(metrics: Metrics, clock: Clock) -> None:
    for added, wait in ((4, 1), (2, 2), (6, 1), (5, 0.5)):
        metrics.record_metric("model_tokens", added)
        clock.now += wait
    assert [point.value for point in points(metrics, "model_tokens", None, clock.now)] == [4, 2, 0, 6]


def test_a_counter_that_grows_evenly_is_even_though_old_tallies_are_wide(metrics: Metrics, clock: Clock) -> None:
    for _ in range(8 * 360):
        metrics.record_metric("model_tokens", 5)
        clock.now += 10
    found = points(metrics, "model_tokens", None, clock.now)
    assert {point.value for point in found[1:]} == {0.5}


@pytest.mark.parametrize("every_s", [0.5, 6, 600])
def test_points_are_few_and_in_order_however_much_there_is(metrics: Metrics, clock: Clock, every_s: float) -> None:
    record_every(metrics, clock, every_s, 3_000)
    found = points(metrics, "load", None, clock.now)
    assert MOST_POINTS / 3 <= len(found) <= MOST_POINTS + 1
    assert [point.at for point in found] == sorted({point.at for point in found})
    assert [point.value for point in found] == sorted(point.value for point in found)


def test_a_metric_that_was_never_recorded_has_no_points(metrics: Metrics) -> None:
    assert points(metrics, "load", 60, START) == []


# What names mean


def test_every_metric_that_plans_may_use_is_declared_with_a_help() -> None:
    assert set(BUILT_IN_METRICS) <= set(BUILT_IN)
    assert all(one.help.endswith(".") and name == one.name for name, one in BUILT_IN.items())


def test_a_plans_metrics_are_distributions_and_cannot_change_what_is_built_in() -> None:
    known = declared(["coverage", "memory_usage"])
    assert known["coverage"].kind == "distribution"
    assert known["memory_usage"] == BUILT_IN["memory_usage"]


@pytest.mark.parametrize(
    ("name", "kind", "unit"),
    [
        ("system_swap_percent", "gauge", "%"),
        ("system_load", "gauge", ""),
        ("whatever", "distribution", ""),
        ("task_error_rate", "distribution", SHARE),
        ("model_calls", "counter", ""),
    ],
)
def test_a_name_has_a_kind_and_a_unit_declared_or_not(name: str, kind: str, unit: str) -> None:
    definition = definition_of(BUILT_IN, name)
    assert (definition.name, definition.kind, definition.unit) == (name, kind, unit)
