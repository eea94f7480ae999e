"""Canaries: who gets the new version, what the tests say of small samples, and when it is promoted, taken back, or waited for."""

import itertools
import math
import random
from collections.abc import Sequence
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarm.analytics import canary
from swarm.analytics.canary import Outcome, Promote, Rule, TakeBack, Version, Wait, assigned, compared, verdict

KEYS = [f"src/module_{number}.py" for number in range(10_000)]


def work(version: Version, verified: int, refused: int = 0, seconds: float = 1.0) -> list[Outcome]:
    """Outcomes whose times lie within 10% of `seconds`."""
    times = [seconds * (0.9 + 0.2 * number / max(1, verified - 1)) for number in range(verified)]
    return [Outcome(version, True, time) for time in times] + [Outcome(version, False, seconds) for _ in range(refused)]


@given(st.text(), st.floats(0, 1), st.floats(0, 1))
def test_a_larger_share_takes_no_key_from_the_canary(key: str, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert assigned(key, low) == "stable" or assigned(key, high) == "canary"


def test_the_share_of_keys_is_the_one_asked_for_and_two_canaries_get_different_ones() -> None:
    one, other = ({key for key in KEYS if assigned(key, 0.2, canary=name) == "canary"} for name in ("one", "other"))
    assert 0.18 < len(one) / len(KEYS) < 0.22
    assert len(one & other) / len(one) < 0.3
    assert {assigned(key, 0.0) for key in KEYS[:100]} == {"stable"}
    assert {assigned(key, 1.0) for key in KEYS[:100]} == {"canary"}


@pytest.mark.parametrize("share", [20, -0.1, math.nan])
def test_a_share_that_is_none_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="share"):
        assigned("a", share)


def _fewer_by_counting(verified: int, outcomes: int, other_verified: int, other_outcomes: int) -> Fraction:
    good, whole = verified + other_verified, outcomes + other_outcomes
    ways = sum(math.comb(good, k) * math.comb(whole - good, outcomes - k) for k in range(verified + 1))
    return Fraction(ways, math.comb(whole, outcomes))


COUNTS = st.integers(0, 40).flatmap(lambda outcomes: st.tuples(st.integers(0, outcomes), st.just(outcomes)))


@given(COUNTS, COUNTS)
def test_fisher_s_test_is_the_exact_count_of_choices(one: tuple[int, int], other: tuple[int, int]) -> None:
    assert canary._fewer_p(*one, *other) == pytest.approx(float(_fewer_by_counting(*one, *other)), rel=1e-9)


def test_fisher_s_lady_is_not_taken_for_lucky() -> None:
    """The tea of The Design of Experiments: all of four cups told right has a chance of 1 in 70; three or fewer, of 69 in 70."""
    assert canary._fewer_p(0, 4, 4, 4) == pytest.approx(1 / 70)
    assert canary._fewer_p(3, 4, 1, 4) == pytest.approx(69 / 70)


def _longer_by_counting(times: Sequence[float], others: Sequence[float]) -> float:
    """Mann and Whitney's own definition: over all ways to split the values, how often are as many pairs longer? A tie is half."""

    def longer(chosen: Sequence[float], left: Sequence[float]) -> float:
        return sum((a > b) + 0.5 * (a == b) for a in chosen for b in left)

    values, seen = [*times, *others], longer(times, others)
    splits = list(itertools.combinations(range(len(values)), len(times)))
    as_long = sum(longer([values[i] for i in split], [values[i] for i in range(len(values)) if i not in split]) >= seen for split in splits)
    return as_long / len(splits)


SECONDS = st.lists(st.integers(0, 6).map(float), min_size=1, max_size=4)


@settings(max_examples=60, deadline=None)
@given(SECONDS, SECONDS)
def test_mann_and_whitney_s_test_is_the_exact_count_of_splits_ties_included(times: list[float], others: list[float]) -> None:
    assert canary._longer_p(times, others) == pytest.approx(_longer_by_counting(times, others))


def test_the_normal_approximation_meets_the_exact_distribution_where_one_takes_over() -> None:
    draw = random.Random(7)
    for _ in range(20):
        times = [float(draw.randrange(20)) for _ in range(30)]
        ranks = canary._doubled_ranks(times)
        exact, normal = (test(ranks, 12, sum(ranks[:12])) for test in (canary._exact_p, canary._normal_p))
        assert normal == pytest.approx(exact, abs=0.01)


def test_times_that_are_all_the_same_say_nothing_however_many_there_are() -> None:
    assert canary._longer_p([1.0] * 5, [1.0] * 5) == 1.0
    assert canary._longer_p([1.0] * 50, [1.0] * 50) == 1.0


def test_a_comparison_holds_shares_of_all_work_and_times_of_verified_work() -> None:
    known = [Outcome("canary", True, 2), Outcome("canary", True, 4), Outcome("canary", False, 0.001), *work("stable", 4, 1)]
    comparison = compared(known)
    assert (comparison.canary.outcomes, comparison.canary.verified, comparison.canary.median_s) == (3, 2, 3)
    assert comparison.stable.share == 0.8
    assert comparison.drop == pytest.approx(0.8 - 2 / 3)
    assert comparison.slowdown == pytest.approx(2.0)


def test_nothing_compares_without_a_fault() -> None:
    comparison = compared([])
    assert (comparison.share_p, comparison.time_p, comparison.slowdown) == (1.0, 1.0, None)
    assert isinstance(verdict(comparison, Rule()), Wait)


def test_a_canary_that_is_as_good_is_promoted_once_there_is_enough_of_both() -> None:
    known = [*work("canary", 9), *work("stable", 40)]
    waiting = verdict(compared(known), Rule())
    assert isinstance(waiting, Wait)
    assert "9 of 10 outcomes of the canary" in waiting.reason
    assert isinstance(verdict(compared([*known, *work("canary", 1)]), Rule()), Promote)
    lonely = verdict(compared(work("canary", 40)), Rule())
    assert "0 of 10 outcomes of the stable version" in lonely.reason


def test_a_canary_that_is_plainly_worse_is_taken_back_before_there_is_enough() -> None:
    taken = verdict(compared([*work("canary", 0, 3), *work("stable", 20)]), Rule())
    assert isinstance(taken, TakeBack)
    assert "less of its work is verified" in taken.reason
    assert "0 of 3 verified" in taken.reason


def test_a_canary_that_is_slower_is_taken_back_and_a_little_slower_is_tolerated() -> None:
    slow, little = ([*work("canary", 12, seconds=seconds), *work("stable", 40)] for seconds in (2.0, 1.15))
    taken = verdict(compared(slow), Rule())
    assert isinstance(taken, TakeBack)
    assert "slower" in taken.reason
    assert compared(little).time_p < 0.01
    assert isinstance(verdict(compared(little), Rule()), Promote)


def test_a_share_that_is_surely_lower_but_within_tolerance_is_promoted() -> None:
    comparison = compared([*work("canary", 970, 30), *work("stable", 2000)])
    assert comparison.share_p < 1e-9
    assert isinstance(verdict(comparison, Rule()), Promote)
    assert isinstance(verdict(comparison, Rule(drop=0.02)), TakeBack)


def test_a_canary_that_fails_fast_is_not_taken_for_a_quick_one() -> None:
    known = [*work("canary", 10, seconds=2.0), *[Outcome("canary", False, 0.001)] * 1, *work("stable", 40)]
    assert isinstance(verdict(compared(known), Rule()), TakeBack)


def test_a_difference_that_may_be_chance_is_waited_for_and_taken_back_at_the_end() -> None:
    doubtful = compared([*work("canary", 9, 1), *work("stable", 20)])
    waiting = verdict(doubtful, Rule())
    assert isinstance(waiting, Wait)
    assert "10% lower" in waiting.reason
    assert isinstance(verdict(doubtful, Rule(most=10)), TakeBack)


def test_nothing_verified_is_never_promoted_however_bad_the_stable_version_is() -> None:
    assert not isinstance(verdict(compared([*work("canary", 0, 20), *work("stable", 0, 20)]), Rule()), Promote)


@settings(deadline=None)
@given(st.lists(st.builds(Outcome, st.sampled_from(["canary", "stable"]), st.booleans(), st.floats(0, 100)), max_size=60))
def test_what_it_compares_are_probabilities_and_every_comparison_has_a_verdict_with_a_reason(known: list[Outcome]) -> None:
    comparison = compared(known)
    assert 0 <= comparison.share_p <= 1
    assert 0 <= comparison.time_p <= 1
    decided = verdict(comparison, Rule(least=3, most=20))
    assert decided.reason
    if isinstance(decided, Promote):
        assert min(comparison.canary.outcomes, comparison.stable.outcomes) >= 3
        assert comparison.drop <= 0.05
    assert not (isinstance(decided, Wait) and comparison.canary.outcomes >= 20)


def test_few_canaries_that_are_as_good_are_taken_back_and_most_that_are_bad_are() -> None:
    """The rule is asked after every outcome; the figures in the module are of the same simulation, longer."""
    as_good, bad = (sum(_taken_back(random.Random(seed), share) for seed in range(60)) for share in (0.95, 0.5))
    assert as_good <= 9
    assert bad >= 54


def _taken_back(draw: random.Random, share: float) -> bool:
    known: list[Outcome] = []
    for _ in range(150):
        version: Version = "canary" if draw.random() < 0.2 else "stable"
        known.append(Outcome(version, draw.random() < (share if version == "canary" else 0.95), draw.lognormvariate(0, 0.5)))
        decided = verdict(compared(known), Rule())
        if not isinstance(decided, Wait):
            return isinstance(decided, TakeBack)
    return False


@pytest.mark.parametrize(
    "wrong", [{"least": 0}, {"least": 5, "most": 4}, {"drop": 5}, {"slowdown": -1}, {"slowdown": math.nan}, {"alpha": 0}, {"alpha": 1}]
)
def test_a_rule_that_could_not_work_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r".{10}"):
        Rule(**wrong)  # type: ignore[arg-type]


def test_an_outcome_is_of_one_of_two_versions_and_has_a_time() -> None:
    with pytest.raises(ValueError, match="neither"):
        Outcome("other", True, 1.0)  # type: ignore[arg-type]
    for seconds in (-1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="seconds"):
            Outcome("canary", True, seconds)
