"""One way to write a value, and the ids of handoffs made from it."""

import math
from dataclasses import replace
from typing import Any

import pytest

from swarm.signatures.canonical import canonical, digest
from swarm.signatures.evidence import Evidence
from swarm.signatures.handoff import Handoff


def test_the_order_of_keys_does_not_count_and_the_order_of_items_does() -> None:
    assert digest({"a": 1, "b": {"c": 2, "d": 3}}) == digest({"b": {"d": 3, "c": 2}, "a": 1})
    assert digest([1, 2]) != digest([2, 1])


@pytest.mark.parametrize(("one", "other"), [(1, "1"), (1, 1.5), (True, 1), (None, "null"), ([], {}), ("a", ["a"]), ("é", "e\u0301")])
def test_different_values_differ(one: Any, other: Any) -> None:
    assert canonical(one) != canonical(other)


def test_names_that_are_no_unicode_survive() -> None:
    assert digest("\udcff") != digest("\udcfe")
    assert canonical("é\udcff").isascii()


@pytest.mark.parametrize("value", [math.nan, math.inf, [math.nan]])
def test_nan_has_no_hash(value: Any) -> None:
    with pytest.raises(ValueError, match="JSON"):
        digest(value)


EVIDENCE = Evidence(key="k", check="run: t", kind="done_when", before=False, after=True, landed=True, value=1.0, output="red")
HANDOFF = Handoff(
    task="c.a", contract="C", payload={"x": 1}, evidence=(EVIDENCE,), base_tree="b", result_tree="r", inputs=("i",), definition="d"
)


@pytest.mark.parametrize(
    "change",
    [
        {"task": "c.b"}, {"contract": None}, {"payload": {"x": 2}}, {"base_tree": "x"}, {"result_tree": "x"}, {"inputs": ()},
        {"evidence": ()},
        {"evidence": (replace(EVIDENCE, before=True),)}, {"evidence": (replace(EVIDENCE, after=False),)},
    ],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_what_was_claimed_and_judged_is_part_of_the_id(change: dict[str, Any]) -> None:
    assert replace(HANDOFF, **change).id != HANDOFF.id


@pytest.mark.parametrize(
    "change",
    [
        {"definition": "x"},
        {"reused_from": "h"},
        {"evidence": (replace(EVIDENCE, output="other", landed=None, value=2.0, check="in other words"),)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_differs_between_honest_runs_is_not(change: dict[str, Any]) -> None:
    assert replace(HANDOFF, **change).id == HANDOFF.id
