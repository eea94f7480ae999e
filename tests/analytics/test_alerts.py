"""Alerts: they fire after `for_s`, recover beyond another bound, count their flaps, and take silence for neither."""

import itertools
import math
from collections.abc import Iterable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm.analytics.alerts import (
    AlertRule,
    AlertState,
    Bound,
    BoundKind,
    Command,
    Fired,
    FlagOff,
    Log,
    Pause,
    Recovered,
    Rollback,
    Webhook,
    decide,
)

KINDS: tuple[BoundKind, ...] = ("above", "below", "at_least", "at_most")
Told = Fired | Recovered
TEN = Bound("above", 10)


def rule(threshold: Bound = TEN, **changes: object) -> AlertRule:
    return AlertRule(**{"name": "slow", "metric": "task_processing_time", "threshold": threshold, "for_s": 30.0, **changes})  # type: ignore[arg-type]


class Watch:
    """One rule, and a clock that goes by ten seconds a reading."""

    def __init__(self, watched: AlertRule) -> None:
        self.rule = watched
        self.now = 1000.0
        self.states: Mapping[str, AlertState] = {}
        self.told: list[Told] = []

    def read(self, *values: float | None) -> list[str]:
        """The stage after each value."""
        return [self._step(value) for value in values]

    def _step(self, value: float | None) -> str:
        self.states, told = decide([self.rule], self.states, {self.rule.name: value}, self.now)
        self.told += told
        self.now += 10
        return self.state.stage

    @property
    def state(self) -> AlertState:
        return self.states[self.rule.name]

    def kinds(self) -> list[type]:
        return list(map(type, self.told))


def test_an_alert_fires_once_its_threshold_was_crossed_for_long_enough_and_not_before() -> None:
    watch = Watch(rule())
    assert watch.read(5, 11, 11, 11) == ["inactive", "pending", "pending", "pending"]
    assert watch.told == []
    assert watch.read(12, 12) == ["firing", "firing"]
    (fired,) = watch.told
    assert fired == Fired(rule=watch.rule, value=12, at=1040.0, held_s=30.0, times=1, flaps=0)


def test_a_break_in_the_crossing_starts_the_wait_anew_and_is_a_flap() -> None:
    watch = Watch(rule())
    assert watch.read(11, 11, 10, 11, 11, 11) == ["pending", "pending", "inactive", "pending", "pending", "pending"]
    assert watch.state.flaps == 1
    assert watch.read(11) == ["firing"]


def test_an_alert_recovers_only_beyond_its_clear_bound_and_after_the_same_time() -> None:
    watch = Watch(rule(clear=Bound("below", 8)))
    watch.read(11, 11, 11, 11)
    assert watch.read(9, 9, 9, 9, 9) == ["firing"] * 5  # under the threshold, and not clear
    assert watch.read(7, 7, 7, 7) == ["recovering", "recovering", "recovering", "recovered"]
    assert watch.kinds() == [Fired, Recovered]
    assert watch.told[-1] == Recovered(rule=watch.rule, value=7, at=1120.0, fired_s=90.0, flaps=0)


@pytest.mark.parametrize("back", [9, 11])
def test_an_alert_that_does_not_stay_clear_keeps_firing_without_firing_again(back: float) -> None:
    watch = Watch(rule(clear=Bound("below", 8)))
    watch.read(11, 11, 11, 11)
    assert watch.read(7, 7, back, 7, 7, 7, 7)[2:] == ["firing", "recovering", "recovering", "recovering", "recovered"]
    assert watch.kinds() == [Fired, Recovered]
    assert watch.state.flaps == 1


def test_a_number_that_trembles_at_the_threshold_fires_once() -> None:
    watch = Watch(rule(for_s=0.0))
    watch.read(*[10.1, 9.9] * 20)
    assert watch.kinds() == [Fired]


def test_without_a_wait_an_alert_fires_and_recovers_at_once() -> None:
    watch = Watch(rule(for_s=0.0))
    assert watch.read(11, 5, 11) == ["firing", "recovered", "firing"]
    assert watch.kinds() == [Fired, Recovered, Fired]
    assert isinstance(watch.told[2], Fired)
    assert (watch.told[2].times, watch.told[2].flaps) == (2, 1)


def test_crossing_again_long_after_the_recovery_is_no_flap() -> None:
    watch = Watch(rule(for_s=0.0, window_s=30))
    watch.read(11, 5, 5, 5, 5, 11)
    assert watch.state.flaps == 0
    assert watch.state.fired == 2


def test_how_soon_it_crossed_again_is_counted_from_the_end_of_the_recovery() -> None:
    watch = Watch(rule(for_s=30.0, window_s=30))
    watch.read(*[11] * 4, *[5] * 4, 5, 11)
    assert watch.state.stage == "pending"
    assert watch.state.flaps == 1


@pytest.mark.parametrize("missing", [None, math.nan, math.inf])
def test_missing_readings_neither_fire_nor_end_an_alert_and_are_said_after_a_while(missing: float | None) -> None:
    watch = Watch(rule(no_data_s=30))
    watch.read(11, 11)
    assert watch.read(missing, missing) == ["pending", "pending"]
    assert not watch.state.no_data
    assert watch.read(missing, missing) == ["pending", "pending"]
    assert watch.state.no_data
    assert watch.told == []


def test_a_firing_alert_stays_firing_through_silence() -> None:
    watch = Watch(rule())
    watch.read(11, 11, 11, 11)
    assert set(watch.read(*[None] * 20)) == {"firing"}
    assert watch.state.no_data
    assert watch.kinds() == [Fired]


def test_a_wait_starts_anew_after_a_silence_and_goes_on_over_a_short_gap() -> None:
    silent, gap = Watch(rule(no_data_s=30)), Watch(rule(no_data_s=30))
    assert silent.read(11, None, None, None, None, 11)[-1] == "pending"
    assert not silent.state.no_data
    assert silent.read(11, 11, 11) == ["pending", "pending", "firing"]
    assert gap.read(11, 11, None, 11)[-1] == "firing"


def test_a_metric_that_never_came_is_no_data_counted_from_the_first_look() -> None:
    watch = Watch(rule(window_s=10))
    watch.read(None, None)
    assert not watch.state.no_data
    watch.read(None)
    assert watch.state.no_data


def test_alerts_do_not_touch_one_another_and_forgotten_ones_are_dropped() -> None:
    slow, full = rule(for_s=0.0), rule(name="full", for_s=0.0)
    states, told = decide([slow, full], {}, {"slow": 11}, 0.0)
    assert [one.rule.name for one in told] == ["slow"]
    assert states["full"].stage == "inactive"
    after, _ = decide([full], states, {}, 1.0)
    assert set(after) == {"full"}


def test_two_rules_may_not_share_a_name() -> None:
    with pytest.raises(ValueError, match="share a name"):
        decide([rule(), rule()], {}, {}, 0.0)


def test_deciding_changes_nothing_that_was_given_and_what_it_gives_is_read_only() -> None:
    given_states = {"slow": AlertState(since=0.0, heard=0.0)}
    states, _ = decide([rule()], given_states, {"slow": 11}, 1.0)
    assert given_states == {"slow": AlertState(since=0.0, heard=0.0)}
    with pytest.raises(TypeError):
        states["slow"] = given_states["slow"]  # type: ignore[index]


def test_what_fired_says_metric_value_threshold_window_and_time() -> None:
    watch = Watch(rule(stat="p95"))
    watch.read(11, 11, 11, 11.5)
    assert str(watch.told[0]) == "slow: task_processing_time (p95 over 60 s) is 11.5, above 10, for 30 s"


BOUNDS = st.builds(Bound, st.sampled_from(KINDS), st.floats(-1e9, 1e9))


@given(BOUNDS, st.floats(-2e9, 2e9))
def test_no_number_is_both_crossed_and_clear(threshold: Bound, value: float) -> None:
    clearing = rule(threshold).clearing
    assert not (threshold.holds(value) and clearing.holds(value))
    assert not (threshold.holds(clearing.value) and clearing.holds(clearing.value))


@given(st.sampled_from(KINDS), st.floats(0.001, 0.999), st.sampled_from([1.0, 100.0]))
def test_an_alert_on_a_share_or_a_percentage_can_always_recover(kind: BoundKind, share: float, whole: float) -> None:
    clearing = rule(Bound(kind, share * whole)).clearing
    assert clearing.holds(0.0) or clearing.holds(whole)


@pytest.mark.parametrize(("threshold", "best"), [(Bound("below", 1), 1), (Bound("below", 100), 100), (Bound("above", 0), 0)])
def test_an_alert_on_anything_but_the_best_recovers_at_the_best(threshold: Bound, best: float) -> None:
    watch = Watch(rule(threshold, for_s=0.0))
    assert watch.read(best - 1 if threshold.kind == "below" else 1, best) == ["firing", "recovered"]


READINGS = st.lists(st.one_of(st.none(), st.floats(0, 20)), max_size=60)


@given(READINGS, st.sampled_from([0.0, 10.0, 25.0]))
def test_firings_and_recoveries_alternate_and_are_what_the_states_count(values: Iterable[float | None], for_s: float) -> None:
    watch = Watch(rule(for_s=for_s))
    watch.read(None, *values)
    expected = [Fired, Recovered] * len(watch.told)
    assert watch.kinds() == expected[: len(watch.told)]
    assert watch.state.fired == watch.kinds().count(Fired)
    assert (watch.state.stage in ("firing", "recovering")) == (watch.kinds()[-1:] == [Fired])


@given(READINGS)
def test_an_alert_fires_only_after_every_reading_of_its_wait_crossed(values: list[float | None]) -> None:
    watch = Watch(rule(for_s=20.0))
    watch.read(*values)
    for fired in watch.told:
        if isinstance(fired, Fired):
            last = int((fired.at - 1000) / 10)
            waited = [value for value in values[max(0, last - 2) : last + 1] if value is not None]
            assert waited
            assert all(value > 10 for value in waited)


@pytest.mark.parametrize(
    "wrong",
    [
        {"clear": Bound("below", 11)},
        {"clear": Bound("above", 5)},
        {"threshold": Bound("at_least", 10), "clear": Bound("at_most", 10)},
        {"window_s": 0.0},
        {"for_s": -1.0},
        {"for_s": math.nan},
        {"no_data_s": math.inf},
        {"stat": "p42"},
        {"severity": "dire"},
    ],
)
def test_a_rule_that_could_not_work_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r".{10}"):
        rule(**wrong)  # type: ignore[arg-type]


def test_touching_bounds_are_fine_where_no_number_is_on_both() -> None:
    assert rule(Bound("at_least", 10), clear=Bound("below", 10)).clearing == Bound("below", 10)
    assert rule(Bound("above", 10), clear=Bound("at_most", 10)).clearing == Bound("at_most", 10)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_bound_is_finite(value: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        Bound("above", value)


def test_each_kind_of_bound_holds_on_its_side() -> None:
    held = {kind: [Bound(kind, 2).holds(value) for value in (1, 2, 3)] for kind in KINDS}
    assert held == {
        "above": [False, False, True],
        "below": [True, False, False],
        "at_least": [False, True, True],
        "at_most": [True, True, False],
    }


@pytest.mark.parametrize("url", ["ftp://host/x", "file:///etc/passwd", "http://", "host/path", "http://[", "https://h/" + "x" * 5000])
def test_a_webhook_is_an_http_address_with_a_host(url: str) -> None:
    with pytest.raises(ValueError, match=r"http|IPv6"):
        Webhook(url)


@pytest.mark.parametrize("argv", [(), ("",), ("a", "b\0c"), ("x",) * 300, ("x" * 5000,)])
def test_a_command_is_words_that_a_program_can_be_given(argv: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="word"):
        Command(argv)


def test_actions_are_values() -> None:
    actions = (Log(), Webhook("https://example.org/x"), Command(("true",)), Pause(), Rollback("phase:one"), FlagOff("new"))
    assert rule(actions=actions).actions == actions
    assert len(set(actions)) == len(actions)
    for empty in (lambda: Rollback(""), lambda: FlagOff("")):
        with pytest.raises(ValueError, match="say"):
            empty()


def test_the_table_of_the_docstring_is_complete() -> None:
    """Every stage is reached from the start by some readings, and none is a dead end."""
    seen = set()
    for values in itertools.product([5, 9.8, 11], repeat=4):
        watch = Watch(rule(for_s=10.0))
        seen |= set(watch.read(*values))
        assert watch.read(11, 11)[-1] == "firing"
        assert watch.read(5, 5)[-1] == "recovered"
    assert seen == {"inactive", "pending", "firing", "recovering", "recovered"}
