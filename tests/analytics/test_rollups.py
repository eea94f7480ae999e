"""What was recorded survives a restart: as roll-ups, stored bit by bit, from which the same figures come."""

import json
from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm.analytics.metrics import Metrics
from swarm.analytics.readings import STATS, measure
from swarm.analytics.rollups import WIDTH_S, RollUp, restore, restored, rolled_up

START = 1_800_000_000.0
NAMES = ("model_tokens", "memory_usage", "task_processing_time", "task_error_rate", "own")

RECORDS = st.lists(
    st.tuples(st.sampled_from(NAMES), st.floats(0, 1e6), st.sampled_from(["", "a", "b"]), st.sampled_from([0.0, 0.3, 4.0, 90.0, 1_000.0])),
    max_size=60,
)
"""Name, value, tag, and the seconds that pass after it."""


class Clock:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


def record(metrics: Metrics, clock: Clock, name: str, value: float, tag: str, wait_s: float) -> None:
    metrics.record_metric(name, value, {"tag": tag} if tag else None)
    clock.now += wait_s


def figures(metrics: Metrics, now: float) -> dict[tuple[str, str, str], float | None]:
    """Every statistic of every metric and tag, over a window that ends between two roll-ups, and over all."""
    end = (now // WIDTH_S + 1) * WIDTH_S
    return {
        (name, stat, f"{window_s} {tags}"): measure(metrics, name, stat, window_s, end, tags)
        for name in NAMES
        for stat in STATS
        for window_s in (100.0, None)
        for tags in (None, {"tag": "a"})
        if (stat, window_s) != ("rate", None)  # over all there is, which begins with the first tally
    }


def restored_at(roll_ups: list[RollUp], clock: Clock) -> Metrics:
    metrics = Metrics(clock=clock)
    restore(metrics, roll_ups)
    return metrics


@given(RECORDS)
def test_figures_are_the_same_after_a_restart(records: list[tuple[str, float, str, float]]) -> None:
    clock = Clock()
    metrics = Metrics(clock=clock)
    for one in records:
        record(metrics, clock, *one)
    before, after = figures(metrics, clock.now), figures(restored_at(rolled_up(metrics), clock), clock.now)
    assert before == {key: value if value is None else pytest.approx(value) for key, value in after.items()}


@given(RECORDS, st.sets(st.integers(0, 60)))
def test_storing_bit_by_bit_and_restarting_in_between_loses_and_doubles_nothing(
    records: list[tuple[str, float, str, float]], stops: set[int]
) -> None:
    clock = Clock()
    whole, parted = Metrics(clock=clock), Metrics(clock=clock)
    stored: list[RollUp] = []
    for number, (name, value, tag, wait_s) in enumerate(records):
        if number in stops:
            stored += rolled_up(parted, max((one.start for one in stored), default=0))
            parted = restored_at(stored, clock)
        parted.record_metric(name, value, {"tag": tag} if tag else None)
        record(whole, clock, name, value, tag, min(wait_s, 90.0))
    stored += rolled_up(parted, max((one.start for one in stored), default=0))
    before, after = figures(whole, clock.now), figures(restored_at(stored, clock), clock.now)
    assert before == {key: value if value is None else pytest.approx(value) for key, value in after.items()}


def test_roll_ups_are_json_and_come_back_from_it() -> None:
    metrics = Metrics(clock=Clock())
    metrics.record_metric("own", 2.5, {"agent": "ä"})
    metrics.record_metric("own", 0)
    made = rolled_up(metrics)
    read = [RollUp(**{**one, "sketch": tuple(map(tuple, one["sketch"]))}) for one in json.loads(json.dumps([asdict(one) for one in made]))]
    assert read == made


def test_an_answer_begins_with_the_roll_up_that_was_asked_from() -> None:
    clock = Clock()
    metrics = Metrics(clock=clock)
    for _ in range(4):
        metrics.record_metric("own", 1)
        clock.now += WIDTH_S
    assert [one.start for one in rolled_up(metrics, START + 2 * WIDTH_S + 3)] == [START + 2 * WIDTH_S, START + 3 * WIDTH_S]


def test_what_was_merged_since_is_not_stored_twice() -> None:
    clock = Clock()
    metrics = Metrics(clock=clock)
    for _ in range(24 * 60):
        metrics.record_metric("own", 1)
        clock.now += 60
    since = START + 10_000
    made = rolled_up(metrics, since)
    assert min(one.start for one in made) >= since
    assert {one.width_s for one in made} == {10, 60, 900}


def test_of_two_roll_ups_of_the_same_seconds_the_later_counts_and_is_the_newest() -> None:
    older, other, newer = (replace(ONE, tags={"agent": agent}, last=last) for agent, last in (("a", 1.0), ("b", 2.0), ("a", 3.0)))
    metrics = restored_at([older, other, newer], Clock())
    assert (measure(metrics, "own", "count", None, START + 10), measure(metrics, "own", "last", None, START + 10)) == (2 * ONE.count, 3.0)


def test_a_store_without_roll_ups_is_an_empty_one() -> None:
    assert restored([]).names() == []
    assert rolled_up(Metrics()) == []


def test_the_cap_on_series_holds_for_what_is_restored_and_the_loss_is_told() -> None:
    metrics = Metrics(clock=Clock(), most_series=1)
    restore(metrics, [replace(ONE, tags={"agent": agent}) for agent in "abc"])
    assert [one.points for one in metrics.dropped()] == [2 * ONE.count]


ONE = RollUp(
    name="own", tags={}, start=1_800_000_000, width_s=10, count=3, sum=6.0, min=1.0, max=3.0, last=2.0, sketch=((30_000, 1), (30_061, 2))
)


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"name": "no name"}, "this name"),
        ({"name": ""}, "this name"),
        ({"tags": {"a b": "c"}}, "these tags"),
        ({"tags": {f"t{n}": "" for n in range(9)}}, "these tags"),
        ({"start": -1}, "start"),
        ({"start": 10**13}, "start"),
        ({"width_s": 0}, "width"),
        ({"width_s": 10**9}, "width"),
        ({"count": 0, "sketch": ()}, "count"),
        ({"count": 10**16}, "count"),
        ({"count": 4}, "this sketch"),
        ({"sum": float("nan")}, "sum"),
        ({"sum": float("inf")}, "sum"),
        ({"min": 2.5}, "min"),
        ({"max": float("nan")}, "max"),
        ({"max": 1e201}, "max"),
        ({"sketch": ((30_061, 2), (30_000, 1))}, "this sketch"),
        ({"sketch": ((30_000, 1), (30_000, 2))}, "this sketch"),
        ({"sketch": ((30_000, 4), (30_001, -1))}, "this sketch"),
        ({"sketch": ((10**9, 3),)}, "this sketch"),
        ({"sketch": tuple((n, 1) for n in range(2_049)), "count": 2_049}, "this sketch"),
    ],
)
def test_a_roll_up_that_could_not_have_been_recorded_cannot_be_made(changes: dict[str, object], part: str) -> None:
    with pytest.raises(ValueError, match=f"a roll-up of .* cannot have .*{part}"):
        replace(ONE, **changes)  # type: ignore[arg-type]  # parts by name
