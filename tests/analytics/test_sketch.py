"""Quantiles are within 1 % whatever is counted, in however many parts, in bounded memory."""

from math import ceil, floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm.analytics.sketch import LARGEST, LARGEST_BIN, MOST_BINS, Sketch

ONE_PERCENT = 0.01
SHARES = (0.0, 0.25, 0.5, 0.95, 0.99, 1.0)

POSITIVE = st.lists(st.floats(1e-6, 1e9), min_size=1, max_size=300)
"""Fifteen powers of ten, which fit without sharing bins."""
ANY = st.lists(st.floats(-1e6, 1e6).filter(lambda value: value == 0 or abs(value) > 1e-2), min_size=1, max_size=300)


def sketch_of(values: list[float], weight: int = 1) -> Sketch:
    sketch = Sketch()
    sketch.add(values, weight)
    return sketch


def neighbours(values: list[float], share: float) -> tuple[float, float, float]:
    """The exact values around a rank, and how far it lies between them."""
    position = share * (len(values) - 1)
    ordered = sorted(values)
    return ordered[floor(position)], ordered[ceil(position)], position - floor(position)


@given(POSITIVE, st.sampled_from(SHARES))
def test_a_quantile_is_within_one_percent_of_the_exact_one(values: list[float], share: float) -> None:
    below, above, between = neighbours(values, share)
    assert sketch_of(values).quantile(share) == pytest.approx(below + (above - below) * between, rel=ONE_PERCENT)


@given(ANY, st.sampled_from(SHARES))
def test_of_values_of_both_signs_it_is_within_one_percent_of_its_neighbours(values: list[float], share: float) -> None:
    below, above, between = neighbours(values, share)
    error = ONE_PERCENT * max(abs(below), abs(above))
    assert sketch_of(values).quantile(share) == pytest.approx(below + (above - below) * between, rel=0, abs=error)


@given(ANY, ANY, ANY)
def test_parts_merge_in_any_order_into_what_the_whole_would_be(one: list[float], two: list[float], three: list[float]) -> None:
    whole = sketch_of([*one, *two, *three])
    for parts in ((one, two, three), (three, one, two)):
        merged = Sketch()
        for part in parts:
            merged.merge(sketch_of(part))
        assert merged == whole


@given(ANY, st.integers(1, 5))
def test_a_weight_counts_like_as_many_repetitions(values: list[float], weight: int) -> None:
    assert sketch_of(values, weight) == sketch_of(values * weight)


def test_merging_leaves_the_other_as_it_was() -> None:
    one, other = sketch_of([1.0]), sketch_of([2.0])
    one.merge(other)
    other_again = other.copy()
    one.add([3.0])
    assert other == other_again == sketch_of([2.0])


def test_values_over_four_hundred_powers_of_ten_take_bounded_memory_and_leave_the_high_quantiles_right() -> None:
    values = [10.0 ** (power / 50) for power in range(-9_900, 9_900)]
    sketch = sketch_of(values[::2])
    sketch.merge(sketch_of(values[1::2]))
    assert len(sketch.bins) == MOST_BINS
    assert sum(sketch.bins.values()) == len(values)
    assert sketch.quantile(0.99) == pytest.approx(values[floor(0.99 * (len(values) - 1))], rel=0.06)  # neighbours lie 5 % apart


@pytest.mark.parametrize("value", [LARGEST, -LARGEST, 1e-200, 5e-324, 0.0])
def test_the_ends_of_the_range_have_bins_within_the_stated_ones(value: float) -> None:
    assert all(abs(key) <= LARGEST_BIN for key in sketch_of([value]).bins)


def test_what_is_nearer_to_zero_than_floats_care_for_counts_as_zero() -> None:
    assert sketch_of([5e-324, -1e-250, 0.0]).quantile(0.5) == 0.0


def test_without_values_there_is_no_quantile() -> None:
    with pytest.raises(ValueError, match="no values, no quantile"):
        Sketch().quantile(0.5)
