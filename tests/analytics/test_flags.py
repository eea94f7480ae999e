"""Flags: a stable place for every key, shares that only add keys, types, overrides, and one message for what is wrong."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm.analytics.flags import Flag, evaluated, is_on, place, switched_off
from swarm.errors import UsageError

KEYS = [f"src/module_{number}.py" for number in range(10_000)]
SHARES = st.floats(0, 1)
TEXTS = st.text(max_size=40)


@given(TEXTS.filter(bool), TEXTS, SHARES, SHARES)
def test_a_key_that_is_in_stays_in_as_the_share_grows(name: str, key: str, one: float, other: float) -> None:
    low, high = (Flag(name=name, rollout=share) for share in sorted((one, other)))
    assert is_on(high, key) or not is_on(low, key)


@given(TEXTS, TEXTS)
def test_every_key_has_a_place_that_no_share_of_nothing_reaches_and_the_whole_share_does(name: str, key: str) -> None:
    assert 0.0 <= place(name, key) < 1.0
    assert place(name, key) == place(name, key)


def test_a_share_ends_before_its_own_place() -> None:
    assert not is_on(Flag(name="new", rollout=place("new", "a")), "a")
    assert is_on(Flag(name="new", rollout=math.nextafter(place("new", "a"), 1)), "a")


def test_a_file_name_that_is_no_text_has_a_place_of_its_own() -> None:
    assert place("new", "a\udcff") != place("new", "a\udcfe")


@pytest.mark.parametrize("share", [0.01, 0.2, 0.5, 0.9])
def test_the_share_over_ten_thousand_keys_is_the_one_asked_for(share: float) -> None:
    on = sum(is_on(Flag(name="new", rollout=share), key) for key in KEYS)
    tolerance = 4 * math.sqrt(share * (1 - share) * len(KEYS))
    assert abs(on - share * len(KEYS)) < tolerance


def test_nobody_is_in_a_share_of_nothing_and_everybody_in_the_whole() -> None:
    assert not any(is_on(Flag(name="new", rollout=0.0), key) for key in KEYS)
    assert all(is_on(Flag(name="new", rollout=1.0), key) for key in KEYS)


def test_places_never_change() -> None:
    """These figures are a promise: another hash would move keys between two versions of the program in the middle of a rollout."""
    assert place("new", "src/a.py") == 0.9812093986089792
    assert place("", "") == 0.7283713340583248


def test_two_flags_of_one_share_pick_different_keys() -> None:
    one, other = ({key for key in KEYS if is_on(Flag(name=name, rollout=0.5), key)} for name in ("one", "other"))
    assert 0.4 < len(one & other) / len(one) < 0.6


def test_name_and_key_do_not_run_together() -> None:
    assert place("ab", "c") != place("a", "bc")
    assert place("1:a", "b") != place("1", ":ab")


def test_without_a_share_the_default_decides() -> None:
    assert is_on(Flag(name="new", default=True), "a")
    assert not is_on(Flag(name="new"), "a")
    assert not is_on(Flag(name="new", default=True, rollout=0.0), "a")


def test_a_component_type_has_its_own_share_and_the_others_the_common_one() -> None:
    flag = Flag(name="new", types=(("agent", 1.0), ("collector", 0.0)), rollout=0.5)
    assert all(is_on(flag, key, "agent") for key in KEYS[:100])
    assert not any(is_on(flag, key, "collector") for key in KEYS[:100])
    assert [is_on(flag, key, "gate") for key in KEYS[:100]] == [is_on(flag, key) for key in KEYS[:100]]


def test_growing_by_type_keeps_the_keys_of_that_type() -> None:
    before, after = (Flag(name="new", types=(("agent", share),)) for share in (0.2, 0.4))
    assert {key for key in KEYS if is_on(before, key, "agent")} < {key for key in KEYS if is_on(after, key, "agent")}


@pytest.mark.parametrize(
    ("flag", "settled"),
    [
        (Flag(name="new"), False),
        (Flag(name="new", default=True), True),
        (Flag(name="new", rollout=0.0, default=True), False),
        (Flag(name="new", rollout=0.3), None),
        (Flag(name="new", types=(("agent", 1.0),)), None),
        (Flag(name="new", types=(("agent", 1.0),), default=True), True),
    ],
)
def test_a_flag_knows_whether_every_key_gets_the_same_answer(flag: Flag, settled: bool | None) -> None:
    assert flag.settled is settled


def test_overrides_replace_default_share_and_types() -> None:
    flag = Flag(name="new", rollout=0.5, types=(("agent", 1.0),))
    off, on, some = (evaluated([flag], {"new": value})["new"] for value in (False, True, 0.2))
    assert (off.settled, on.settled, some.settled) == (False, True, None)
    assert not is_on(off, "a", "agent")
    assert some.share("agent") == 0.2


@pytest.mark.parametrize("number", [0, 0.0, 1, 1.0])
def test_an_override_of_nothing_or_all_as_a_number_is_a_switch(number: float) -> None:
    assert evaluated([Flag(name="new", rollout=0.5)], {"new": number})["new"].settled is bool(number)


def test_settled_flags_are_read_only_and_keep_the_declared_ones_as_they_were() -> None:
    declared = Flag(name="new")
    flags = evaluated([declared], {"new": True})
    with pytest.raises(TypeError):
        flags["new"] = declared  # type: ignore[index]
    assert declared.settled is False


def test_a_flag_is_switched_off_in_a_new_mapping() -> None:
    flags = evaluated([Flag(name="new", default=True), Flag(name="other", default=True)])
    after = switched_off(flags, "new")
    assert (after["new"].settled, after["other"].settled, flags["new"].settled) == (False, True, True)


@pytest.mark.parametrize(("name", "hint"), [("neww", "did you mean new"), ("x\n" * 500, "declared: new")])
def test_an_unknown_flag_is_one_clear_message(name: str, hint: str) -> None:
    for act in (lambda: evaluated([Flag(name="new")], {name: True}), lambda: switched_off({"new": Flag(name="new")}, name)):
        with pytest.raises(UsageError, match=hint) as raised:
            act()
        assert len(str(raised.value)) < 400
        assert "\n" not in str(raised.value)


def test_a_percentage_that_was_not_divided_is_told_so() -> None:
    with pytest.raises(ValueError, match=r"20 is no share from 0 to 1: write 0\.2 for 20%"):
        Flag(name="new", rollout=20)
    with pytest.raises(UsageError, match=r"write 0\.2"):
        evaluated([Flag(name="new")], {"new": 20})


@pytest.mark.parametrize("share", [-0.1, math.nan, math.inf, 1000])
def test_what_is_no_share_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="no share"):
        Flag(name="new", types=(("agent", share),))


def test_names_are_needed_and_stand_once() -> None:
    for act in (
        lambda: Flag(name=""),
        lambda: Flag(name="new", types=(("agent", 0.1), ("agent", 0.2))),
        lambda: evaluated([Flag(name="new"), Flag(name="new")]),
    ):
        with pytest.raises(ValueError, match=r"name|twice"):
            act()
