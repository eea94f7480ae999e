"""A trend is a change that chance does not explain; a crossing is a change of side."""

import random
from itertools import pairwise, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm.analytics.readings import Point
from swarm.analytics.trends import Crossing, crossings, trend

HOUR = 3_600.0


def points_of(*values: float, apart_s: float = 60.0) -> list[Point]:
    return [Point(number * apart_s, value) for number, value in enumerate(values)]


def test_the_slope_is_what_a_metric_gains_in_an_hour() -> None:
    assert trend(points_of(1, 3, 5, 7, 9, 11, apart_s=HOUR / 4)).slope_per_hour == pytest.approx(8.0)


@given(st.floats(-100, 100), st.floats(-1000, 1000), st.integers(2, 40))
def test_a_line_has_its_own_slope(slope: float, start: float, count: int) -> None:
    line = [Point(number * HOUR, start + number * slope) for number in range(count)]
    assert trend(line).slope_per_hour == pytest.approx(slope, abs=1e-9)


def test_what_rises_again_and_again_has_changed_and_so_has_what_falls() -> None:
    assert trend(points_of(*range(10))).direction == "changed"
    assert trend(points_of(*range(10, 0, -1))).direction == "changed"


def test_noise_is_steady_more_often_than_the_confidence_promises() -> None:
    chance = random.Random(7)
    called = [trend(points_of(*(chance.gauss(0, 1) for _ in range(40)))).direction for _ in range(200)]
    assert 1 <= called.count("changed") <= 200 * 0.08  # 5 % on average


def test_a_rise_in_noise_is_found() -> None:
    chance = random.Random(7)
    assert trend(points_of(*(number + chance.gauss(0, 10) for number in range(60)))).direction == "changed"


def test_one_slow_task_is_no_trend_and_does_not_move_the_slope() -> None:
    found = trend(points_of(*[1.0] * 30, 1e9))
    assert (found.slope_per_hour, found.direction) == (0.0, "steady")
    line = [float(number) for number in range(31)]
    line[20] = 1e9
    assert trend(points_of(*line, apart_s=HOUR)).slope_per_hour == pytest.approx(1.0)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4])
def test_few_points_are_steady_however_they_lie(count: int) -> None:
    assert trend(points_of(*range(count))).direction == "steady"


@pytest.mark.parametrize("points", [[], [Point(1, 5)], [Point(1, 5), Point(1, 9)], points_of(*[3.0] * 20)])
def test_what_does_not_move_has_neither_slope_nor_confidence(points: list[Point]) -> None:
    found = trend(points)
    assert (found.slope_per_hour, found.direction) == (0.0, "steady")
    assert found.confidence == 0.0 or len({point.at for point in points}) < 2


def test_the_confidence_is_close_to_that_of_counting_all_orders() -> None:
    def surplus(values: tuple[int, ...]) -> int:
        return sum((later > earlier) - (later < earlier) for i, earlier in enumerate(values) for later in values[i + 1 :])

    orders = list(permutations(range(7)))
    for order in orders[::197]:
        exact = sum(abs(surplus(other)) >= abs(surplus(order)) for other in orders) / len(orders)
        assert 1 - trend(points_of(*order)).confidence == pytest.approx(exact, abs=0.03)


def test_ties_are_corrected_for() -> None:
    """With p-values worked out by hand: surplus 12, variance (6·5·17 - 3·2·11) / 18 = 24.67, so p = erfc(11 / sqrt(49.33))."""
    assert trend(points_of(1, 1, 1, 2, 3, 4)).confidence == pytest.approx(1 - 0.02677, abs=1e-4)


def test_a_crossing_is_the_first_point_on_the_other_side() -> None:
    assert crossings(points_of(1, 2, 5, 6, 3, 1), 3) == [Crossing(120, 5, "above"), Crossing(240, 3, "below")]


@pytest.mark.parametrize("values", [(), (5,), (1, 2, 3), (4, 5, 6), (3, 3, 3)])
def test_who_stays_on_a_side_crosses_nothing(values: tuple[float, ...]) -> None:
    assert crossings(points_of(*values), 3) == []


@given(st.lists(st.floats(-10, 10), max_size=50), st.floats(-10, 10))
def test_crossings_alternate(values: list[float], threshold: float) -> None:
    sides = [crossing.to for crossing in crossings(points_of(*values), threshold)]
    assert all(one != next_ for one, next_ in pairwise(sides))
