"""Contracts: what fits, what does not, and what the text says."""

import json
import math
import re
from collections.abc import Mapping
from typing import Any

import pytest

from swarm.errors import ContractBreach
from swarm.plans.vocabulary import RESERVED_FIELDS
from swarm.signatures.contracts import Contracts, FieldSpec, check_payload


def contracts(**fields: str | FieldSpec) -> Contracts:
    """One contract `C`, beside `Point` with two numbers."""
    declared = {name: field if isinstance(field, FieldSpec) else FieldSpec(type=field) for name, field in fields.items()}
    return Contracts({"C": declared, "Point": {"x": FieldSpec(type="int"), "y": FieldSpec(type="float", required=False, default=0.5)}})


def fits(type_: str, value: object, **constraints: Any) -> bool:
    made = contracts(f=FieldSpec(type=type_, constraints=constraints))
    assert made.problems == ()
    try:
        check_payload(made, "C", {"f": value})
    except ContractBreach:
        return False
    return True


FITTING: dict[str, list[Any]] = {
    "str": ["", "a", "1"],
    "int": [0, -1, 2**62],
    "float": [0.5, 1, -3],
    "bool": [True, False],
    "path": ["a", "a/b.py", ".hidden", "a..b", "ünï/ö"],
    "list[int]": [[], [1, 2]],
    "list[list[str]]": [[], [[]], [["a"], []]],
    "dict[str, int]": [{}, {"a": 1}],
    "dict[str, list[path]]": [{"a": ["x/y"]}],
    "optional[str]": [None, "a"],
    "optional[list[int]]": [None, [1]],
    "literal[low, high-risk]": ["low", "high-risk"],
    "Point": [{"x": 1}, {"x": 1, "y": 2}],
    "list[Point]": [[{"x": 1}, {"x": 2, "y": 0.25}]],
    "optional[Point]": [None, {"x": 1}],
    "dict[str, Point]": [{"p": {"x": 1}}],
}
UNFIT: dict[str, list[Any]] = {
    "str": [1, None, True, ["a"], 1.5],
    "int": ["1", 1.0, True, None, 1.5],
    "float": ["1.5", True, None],
    "bool": [0, 1, "true", None],
    "path": ["", "/etc", "../a", "a/../b", "a\0b", 1],
    "list[int]": ["", {}, [1, "2"], [True], None],
    "list[list[str]]": [["a"], [[1]]],
    "dict[str, int]": [[], {"a": "1"}, {"a": None}],
    "dict[str, list[path]]": [{"a": ["/x"]}],
    "optional[str]": [1, []],
    "literal[low, high-risk]": ["high", "", None, "LOW"],
    "Point": [{}, {"x": "1"}, {"x": 1, "z": 1}, [1, 2], None],
    "list[Point]": [[{"x": 1}, {"y": 1}], {"x": 1}],
    "dict[str, Point]": [{"p": {"x": 1.0}}],
}


@pytest.mark.parametrize(("type_", "value"), [(type_, value) for type_, values in FITTING.items() for value in values], ids=repr)
def test_a_fitting_value_is_taken(type_: str, value: object) -> None:
    assert fits(type_, value)


@pytest.mark.parametrize(("type_", "value"), [(type_, value) for type_, values in UNFIT.items() for value in values], ids=repr)
def test_no_value_is_bent_to_fit(type_: str, value: object) -> None:
    assert not fits(type_, value)


CONSTRAINED: dict[str, tuple[str, Mapping[str, Any], list[Any], list[Any]]] = {
    "at least": ("int", {"ge": 2}, [2, 3], [1]),
    "more than": ("float", {"gt": 2}, [2.1], [2, 2.0]),
    "at most": ("float", {"le": 2.5}, [2.5, 2], [2.6]),
    "less than": ("int", {"lt": 2}, [1], [2]),
    "a range": ("float", {"ge": 0, "lt": 5}, [0, 4.9], [-0.1, 5]),
    "a shortest text": ("str", {"min_length": 2}, ["ab"], ["a"]),
    "a longest list": ("list[int]", {"max_length": 2}, [[1, 2]], [[1, 2, 3]]),
    "a smallest mapping": ("dict[str, int]", {"min_length": 1}, [{"a": 1}], [{}]),
    "a pattern": ("str", {"pattern": "^v[0-9]+$"}, ["v12"], ["v", "xv1"]),
    "a pattern for a path": ("path", {"pattern": "\\.py$"}, ["a.py"], ["a.js", "/a.py"]),
    "a constraint behind optional": ("optional[int]", {"ge": 2}, [None, 2], [1]),
}


@pytest.mark.parametrize(("type_", "constraints", "good", "bad"), CONSTRAINED.values(), ids=CONSTRAINED.keys())
def test_constraints_are_kept(type_: str, constraints: Mapping[str, Any], good: list[Any], bad: list[Any]) -> None:
    assert all(fits(type_, value, **constraints) for value in good)
    assert not any(fits(type_, value, **constraints) for value in bad)


WRONG_TYPES = {
    "a type that does not exist": ("number", "does not exist"),
    "a list of nothing": ("list", "'[' expected"),
    "a list that is never closed": ("list[int", "']' expected"),
    "something behind the type": ("int int", "left over"),
    "a mapping from numbers": ("dict[int, str]", "'str' expected"),
    "a mapping to nothing": ("dict[str]", "',' expected"),
    "a literal of nothing": ("literal[", "a name expected"),
    "literals without a comma": ("literal[a b]", "']' expected"),
    "no type at all": (" ", "a name expected"),
    "types within types without end": ("list[" * 5000 + "int" + "]" * 5000, "deeper than 16"),
}


@pytest.mark.parametrize(("type_", "says"), WRONG_TYPES.values(), ids=WRONG_TYPES.keys())
def test_a_wrong_type_is_a_problem_of_its_field(type_: str, says: str) -> None:
    (problem,) = contracts(f=type_).problems
    assert (problem.contract, problem.field, problem.key) == ("C", "f", "type")
    assert says in str(problem)


@pytest.mark.parametrize(
    ("type_", "key", "value"),
    [
        ("str", "ge", 1),
        ("int", "min_length", 1),
        ("bool", "lt", 1),
        ("list[int]", "pattern", "x"),
        ("Point", "max_length", 1),
        ("literal[a]", "pattern", "a"),
    ],
)
def test_a_constraint_that_says_nothing_about_the_type_is_a_problem(type_: str, key: str, value: Any) -> None:
    (problem,) = contracts(f=FieldSpec(type=type_, constraints={key: value})).problems
    assert (problem.field, problem.key) == ("f", key)


@pytest.mark.parametrize("pattern", ["(", "a(?=b)"], ids=["malformed", "look-ahead"])
def test_a_pattern_that_cannot_be_used_is_a_problem(pattern: str) -> None:
    (problem,) = contracts(f=FieldSpec(type="str", constraints={"pattern": pattern})).problems
    assert (problem.key, "regular expression" in str(problem)) == ("pattern", True)


def test_every_wrong_field_is_reported() -> None:
    assert [problem.field for problem in contracts(a="x", b="int", c="list[y]").problems] == ["a", "c"]


def test_contracts_that_hold_themselves_are_refused_however_far_around() -> None:
    made = Contracts({"A": {"b": FieldSpec(type="list[B]")}, "B": {"c": FieldSpec(type="C")}, "C": {"a": FieldSpec(type="optional[A]")}})
    assert [(problem.contract, str(problem)) for problem in made.problems] == [(c, f"{c} holds itself") for c in "ABC"]


def test_a_contract_beside_a_ring_is_no_part_of_it() -> None:
    made = Contracts({"A": {"a": FieldSpec(type="A")}, "B": {"a": FieldSpec(type="A")}})
    assert [problem.contract for problem in made.problems] == ["A"]


def nested(levels: int) -> Contracts:
    return Contracts({f"C{n}": {"f": FieldSpec(type=f"C{n + 1}" if n < levels - 1 else "int")} for n in range(levels)})


def test_contracts_nest_sixteen_deep_and_no_deeper() -> None:
    payload: Any = 1
    for _ in range(16):
        payload = {"f": payload}
    assert nested(16).problems == ()
    assert check_payload(nested(16), "C0", payload) == payload
    assert "deeper than 16" in str(nested(17).problems[0])
    assert nested(3000).problems


@pytest.mark.parametrize(
    "name",
    sorted(
        RESERVED_FIELDS
        | {"_x", "__class__", "model_dump", "model_config", "model_fields", "validate", "dict", "construct", "field_0", "class", "a b"}
    ),
)
def test_every_field_name_can_be_built_and_checked_even_where_plans_refuse_it(name: str) -> None:
    made = Contracts({"C": {"field_1": FieldSpec(type="int"), name: FieldSpec(type="int")}})
    assert check_payload(made, "C", {"field_1": 1, name: 2}) == {"field_1": 1, name: 2}
    assert set(made.model("C").model_json_schema()["properties"]) == {"field_1", name}
    assert check_payload(made, "C", {"field_1": 1, name: 2, "more": 3}, drop_extra=True) == {"field_1": 1, name: 2}
    with pytest.raises(ContractBreach, match=re.escape(name)):
        check_payload(made, "C", {"field_1": 1, name: "2"})


# Payloads


def breach(payload: object, made: Contracts | None = None, contract: str | None = "C") -> str:
    with pytest.raises(ContractBreach) as caught:
        check_payload(made or contracts(f="float", p="Point"), contract, payload)
    return str(caught.value)


def test_every_wrong_field_of_a_payload_is_named() -> None:
    text = breach({"f": "1", "p": {"x": "a", "z": 1}, "extra": 1})
    assert text.startswith("the payload does not fit C: ")
    assert all(part in text for part in ("f: ", "p.x: ", "p.z: Extra", "extra: Extra"))


def test_a_missing_field_is_named() -> None:
    assert "p: Field required" in breach({"f": 1})


def test_a_long_list_of_mistakes_is_cut() -> None:
    assert breach({str(number): 1 for number in range(9)}, contracts()).endswith("; 4 more")


def test_defaults_are_filled_in() -> None:
    made = contracts(f=FieldSpec(type="list[int]", required=False, default=[1]), p="Point")
    assert check_payload(made, "C", {"p": {"x": 1}}) == {"f": [1], "p": {"x": 1, "y": 0.5}}


def test_two_payloads_share_no_default() -> None:
    made = contracts(f=FieldSpec(type="list[int]", required=False, default=[1]))
    check_payload(made, "C", {})["f"].append(2)
    assert check_payload(made, "C", {}) == {"f": [1]}


def test_extra_fields_are_refused_unless_they_are_to_be_dropped() -> None:
    assert "extra" in breach({"f": 1, "extra": 1}, contracts(f="int"))
    assert check_payload(contracts(f="int"), "C", {"f": 1, "extra": 1}, drop_extra=True) == {"f": 1}


@pytest.mark.parametrize("payload", [None, [], "x", 1, {1: 2}], ids=repr)
def test_a_payload_is_a_json_object(payload: object) -> None:
    assert "a handoff is a JSON object" in breach(payload)
    assert "a handoff is a JSON object" in breach(payload, contract=None)


@pytest.mark.parametrize("contract", ["C", None])
@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_numbers_are_finite(number: float, contract: str | None) -> None:
    assert breach({"f": [{"deep": number}]}, contract=contract).startswith(f"f[0].deep is {number}")


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        ({"a": {1: 2}}, "a has the key 1"),
        ({"a": {2.5}}, "a is set"),
        ({"a": b"x"}, "a is bytes"),
        ({"a": [object()]}, "a[0] is object"),
        ({"a": 10**5000}, "a is a whole number of"),
        (json.loads('{"a":' * 500 + "1" + "}" * 500), "nested deeper than 64"),
    ],
    ids=["a number as a key", "a set", "bytes", "an object", "a number of 5,000 digits", "500 levels"],
)
def test_what_json_cannot_hold_is_refused_without_a_contract_too(payload: object, says: str) -> None:
    assert says in breach(payload, contract=None)


def test_without_a_contract_any_json_object_is_taken() -> None:
    payload = {"a": [1, 2.5, None, True, {"b": "c"}], "": {}}
    assert check_payload(contracts(), None, payload) == payload


def test_what_a_contract_means_includes_the_contracts_it_is_made_of() -> None:
    made = contracts(f="list[Point]")
    assert set(made.used_by("C")) == {"C", "Point"}
    assert set(made.used_by("Point")) == {"Point"}


def test_an_optional_literal_keeps_its_own_order_of_words_whatever_was_declared_before() -> None:
    orders = (("low", "high"), ("high", "low"))
    models = [
        Contracts({"C": {"level": FieldSpec(type=f"optional[literal[{', '.join(words)}]]", required=False, default=None)}}).model("C")
        for words in orders
    ]
    shown = [model.model_json_schema()["properties"]["level"] for model in models]
    assert [one["enum"] for one in shown] == [[*words, None] for words in orders]
    assert models[1].model_validate({"level": None}).model_dump() == {"level": None}
