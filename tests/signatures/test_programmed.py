"""Signatures made from roles, instructions and contracts, with DSPy itself and a scripted model."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from enum import Enum
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarm.errors import ContractBreach
from swarm.plans.vocabulary import RESERVED_FIELDS
from swarm.signatures.brief import Brief
from swarm.signatures.contracts import Contracts, FieldSpec, check_payload
from swarm.signatures.evidence import Evidence, Refused
from swarm.signatures.programmed import RESERVED, brief_text, fingerprint, inputs_of, payload_of, signature_for
from swarm.signatures.specialisms import SPECIALISMS

import dspy  # isort: skip # after the module that keeps it from the network
from dspy.utils import DummyLM  # isort: skip

BRIEF = Brief(run="r1", task="a.b", attempt=1, agent="code-analyzer", role="Reads.", goal="Read it.", contract="C")
POINT = {"x": FieldSpec(type="int", constraints={"ge": 0}), "y": FieldSpec(type="float", required=False, default=0.5)}
CHAT = dspy.ChatAdapter(use_json_adapter_fallback=False)
ADAPTERS = {"chat": CHAT, "json": dspy.JSONAdapter()}


def contracts(**fields: str | FieldSpec) -> Contracts:
    declared = {name: field if isinstance(field, FieldSpec) else FieldSpec(type=field) for name, field in fields.items()}
    made = Contracts({"C": declared, "Point": POINT})
    assert made.problems == ()
    return made


def signature(made: Contracts, brief: Brief = BRIEF, instruction: str = "Work well.", role: str = "Reads.") -> "type[dspy.Signature]":
    return signature_for(instruction, role, brief, made)


def answered(made: Contracts, answer: Mapping[str, Any], program: Callable[[Any], Any] = dspy.Predict, adapter: Any = CHAT) -> Any:
    """The prediction of a program whose model gives one answer."""
    with dspy.context(lm=DummyLM([dict(answer)], adapter=adapter), adapter=adapter, disable_history=True):
        return program(signature(made))(**inputs_of(BRIEF, {}))


def checked(made: Contracts, answer: Mapping[str, Any], **how: Any) -> dict[str, Any]:
    return check_payload(made, "C", payload_of(answered(made, answer, **how), made, "C"))


def prompt(made: Contracts, brief: Brief = BRIEF) -> str:
    return json.dumps(CHAT.format(signature(made, brief), [], inputs_of(brief, {})))


# Answers of every type of the language

WORDS = ["low", "high-risk", "true", "1", "None", "null", "3.5", "'quoted'", "{x"]
INLINE = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]) | st.sampled_from("\n\t"), max_size=12)
LINES = INLINE.filter(lambda text: text == text.strip() and "[[" not in text)  # what a chat format can carry outside of JSON
PATHS = st.lists(st.text("abc.ü _-", min_size=1, max_size=5), min_size=1, max_size=3).map("/".join)
PATHS = PATHS.filter(lambda path: path == path.strip() and ".." not in path.split("/"))
Typed = tuple[str, st.SearchStrategy[Any]]
SCALARS: dict[str, st.SearchStrategy[Any]] = {
    "int": st.integers(-(2**70), 2**70),
    "float": st.floats(allow_nan=False, allow_infinity=False),
    "bool": st.booleans(),
    "path": PATHS,
    "Point": st.fixed_dictionaries({"x": st.integers(0, 9), "y": st.floats(0, 1)}),
}


@st.composite
def _typed(draw: st.DrawFn, depth: int, text: st.SearchStrategy[str]) -> Typed:
    kind = draw(st.sampled_from([*SCALARS, "str", "literal", *(("list", "dict", "optional") if depth else ())]))
    if kind == "str":
        return "str", text
    if kind == "literal":
        words = draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=4, unique=True))
        return f"literal[{', '.join(words)}]", st.sampled_from(words)
    if kind in SCALARS:
        return kind, SCALARS[kind]
    return _around(kind, *draw(_typed(depth - 1, text if kind == "optional" else INLINE)))


def _around(kind: str, inner: str, values: st.SearchStrategy[Any]) -> Typed:
    if kind == "list":
        return f"list[{inner}]", st.lists(values, max_size=3)
    if kind == "dict":
        return f"dict[str, {inner}]", st.dictionaries(INLINE, values, max_size=3)
    return f"optional[{inner}]", st.none() | values.filter(lambda value: value not in ("None", "null"))


@st.composite
def _contract_and_payload(draw: st.DrawFn) -> tuple[dict[str, str], dict[str, Any]]:
    names = draw(st.lists(st.sampled_from(["files", "count", "fields", "model_name", "brief", "ä"]), min_size=1, unique=True))
    typed = {name: draw(_typed(3, LINES)) for name in names}
    return {name: type_ for name, (type_, _) in typed.items()}, {name: draw(values) for name, (_, values) in typed.items()}


@settings(deadline=None, max_examples=150)
@given(_contract_and_payload(), st.sampled_from(sorted(ADAPTERS)))
def test_whatever_a_contract_asks_for_comes_back_as_it_was_answered(case: tuple[dict[str, str], dict[str, Any]], adapter: str) -> None:
    fields, payload = case
    made = contracts(**fields)
    outputs = list(signature(made).output_fields)
    answer = dict(zip(outputs, payload.values(), strict=True))
    assert checked(made, answer, adapter=ADAPTERS[adapter]) == payload


EVERY_TYPE = {
    "s": "str", "i": "int", "f": "float", "b": "bool", "p": "path", "l": "list[path]", "d": "dict[str, list[int]]",
    "o": "optional[str]", "w": "literal[low, high]", "q": "optional[literal[true, low]]", "n": "Point", "m": "list[optional[Point]]",
}  # fmt: skip
EVERY_VALUE: dict[str, Any] = {
    "s": "a\nb", "i": 3, "f": 2.5, "b": False, "p": "a/b.py", "l": ["a", "b/c"], "d": {"k": [1, 2]},
    "o": None, "w": "high", "q": "true", "n": {"x": 1, "y": 0.25}, "m": [None, {"x": 2, "y": 0.5}],
}  # fmt: skip


@pytest.mark.parametrize("adapter", sorted(ADAPTERS))
@pytest.mark.parametrize("type_", ["optional[literal[low]]", "optional[literal[low, high]]", "optional[int]", "optional[Point]"])
def test_an_optional_answer_may_be_none(type_: str, adapter: str) -> None:
    assert checked(contracts(o=type_), {"o": None}, adapter=ADAPTERS[adapter]) == {"o": None}


@pytest.mark.parametrize("program", [dspy.Predict, dspy.ChainOfThought])
def test_every_type_in_one_answer(program: Callable[[Any], Any]) -> None:
    assert checked(contracts(**EVERY_TYPE), {"reasoning": "so", **EVERY_VALUE}, program=program) == EVERY_VALUE


def test_an_awaited_answer_is_the_same() -> None:
    made = contracts(**EVERY_TYPE)

    async def ask() -> Any:
        with dspy.context(lm=DummyLM([EVERY_VALUE]), adapter=CHAT):
            return await dspy.Predict(signature(made)).acall(**inputs_of(BRIEF, {"x.y": {"files": ["a"]}}))

    assert check_payload(made, "C", payload_of(asyncio.run(ask()), made, "C")) == EVERY_VALUE


def test_outputs_have_the_types_of_the_language() -> None:
    made = contracts(**EVERY_TYPE)
    shown = {name: info.annotation for name, info in signature(made).output_fields.items()}
    assert {name: shown[name] for name in "sifbpld"} == {
        "s": str, "i": int, "f": float, "b": bool, "p": str, "l": list[str], "d": dict[str, list[int]],
    }  # fmt: skip
    assert shown["n"] is made.model("Point")


# What does not fit

VIOLATIONS: dict[str, tuple[FieldSpec, Any]] = {
    "too small": (FieldSpec(type="int", constraints={"ge": 2}), 1),
    "not below the limit": (FieldSpec(type="float", constraints={"lt": 5.0}), 5.0),
    "too short": (FieldSpec(type="str", constraints={"min_length": 2}), "a"),
    "too few": (FieldSpec(type="list[path]", constraints={"min_length": 2}), ["a"]),
    "too many": (FieldSpec(type="dict[str, int]", constraints={"max_length": 1}), {"a": 1, "b": 2}),
    "another pattern": (FieldSpec(type="str", constraints={"pattern": "^v[0-9]+$"}), "w1"),
    "too small behind optional": (FieldSpec(type="optional[int]", constraints={"gt": 2}), 2),
    "a path to elsewhere": (FieldSpec(type="path"), "../a"),
    "an absolute path in a list": (FieldSpec(type="list[path]"), ["/etc/passwd"]),
    "not a number": (FieldSpec(type="float"), "NaN"),
}


@pytest.mark.parametrize(("spec", "value"), VIOLATIONS.values(), ids=VIOLATIONS.keys())
def test_what_breaks_a_constraint_is_refused_by_the_fields_name(spec: FieldSpec, value: Any) -> None:
    with pytest.raises(ContractBreach, match=r"\bf\b"):
        checked(contracts(f=spec), {"f": value})


@pytest.mark.parametrize(
    ("type_", "text"),
    [
        ("int", "several"),
        ("bool", "perhaps"),
        ("literal[a, b]", "c"),
        ("list[int]", "1, two"),
        ("Point", '{"x": -1}'),
        ("Point", '{"z": 1}'),
    ],
)
def test_what_is_no_value_of_the_type_is_no_prediction(type_: str, text: str) -> None:
    with pytest.raises(dspy.utils.exceptions.AdapterParseError):
        answered(contracts(f=type_), {"f": text})


def test_a_field_that_was_not_answered_takes_its_default_or_nothing_where_the_contract_allows_it() -> None:
    fields: dict[str, Any] = {
        "a": "int",
        "o": "optional[str]",
        "w": "optional[literal[x]]",
        "d": FieldSpec(type="list[int]", required=False, default=[1]),
    }
    assert checked(contracts(**fields), {"a": 1}) == {"a": 1, "o": None, "w": None, "d": [1]}


def test_two_payloads_share_no_default() -> None:
    made = contracts(a="int", d=FieldSpec(type="list[int]", required=False, default=[1]))
    payload_of(answered(made, {"a": 1}), made, "C")["d"].append(2)
    assert checked(made, {"a": 1})["d"] == [1]


def test_a_required_field_without_an_answer_is_named_by_the_check() -> None:
    made = contracts(a="int", fields="int")
    assert payload_of({"a": 1}, made, "C") == {"a": 1}
    with pytest.raises(ContractBreach, match="fields: Field required"):
        check_payload(made, "C", payload_of({"a": 1}, made, "C"))


# Other people's values


class Colour(Enum):
    RED = "red"


def test_values_that_a_program_made_itself_become_json() -> None:
    made = contracts(p="path", w="str", n="Point", l="list[str]")
    point = made.model("Point").model_validate({"x": 1})
    prediction = dspy.Prediction(p=PurePosixPath("a/b"), w=Colour.RED, n=point, l=(Path("x"), Colour.RED))
    assert payload_of(prediction, made, "C") == {"p": "a/b", "w": "red", "n": {"x": 1, "y": 0.5}, "l": ["x", "red"]}


def test_names_that_pydantic_keeps_for_itself_stand_in_nested_contracts() -> None:
    inner = {"model_config": FieldSpec(type="int"), "field_0": FieldSpec(type="path")}
    made = Contracts({"C": {"n": FieldSpec(type="list[Inner]")}, "Inner": inner})
    payload = {"n": [{"model_config": 1, "field_0": "a"}]}
    assert checked(made, payload) == payload


def test_what_json_cannot_hold_is_a_breach_of_the_field() -> None:
    with pytest.raises(ContractBreach, match="f is object"):
        payload_of(dspy.Prediction(f=object()), contracts(f="str"), "C")


@pytest.mark.parametrize("text", ["None", "null"])
def test_the_word_for_nothing_is_nothing_only_where_nothing_may_stand(text: str) -> None:
    assert checked(contracts(o="optional[path]", s="str"), {"o": text, "s": text}) == {"o": None, "s": text}


# Names


def test_the_reserved_names_are_those_of_the_plan_language() -> None:
    assert RESERVED == RESERVED_FIELDS


@pytest.mark.parametrize("name", [*sorted(RESERVED), "_x", "a b"])
def test_a_name_that_validate_refuses_never_gets_this_far(name: str) -> None:
    with pytest.raises(AssertionError, match="validate lets through"):
        signature(contracts(**{name: "int"}))


AWKWARD = ["base", "brief", "class", "completed", "delete", "dict", "fields", "inbox", "insert", "instructions", "model_config"]
AWKWARD += ["model_name", "mro", "reasoning", "signatures", "summary", "the_fields", "the_the_fields", "validate", "with_inputs"]


@pytest.mark.parametrize("program", [dspy.Predict, dspy.ChainOfThought])
def test_names_that_mean_something_else_to_dspy_are_answered_under_a_name_beside(program: Callable[[Any], Any]) -> None:
    made = contracts(**dict.fromkeys(AWKWARD, "int"))
    labels = list(signature(made).output_fields)
    assert len(set(labels)) == len(AWKWARD)
    answer = {"reasoning": "so", **{label: position for position, label in enumerate(labels)}}
    assert checked(made, answer, program=program) == {name: position for position, name in enumerate(AWKWARD)}


def test_ordinary_names_stay_as_they_are() -> None:
    assert list(signature(contracts(files="int", class_="int", signatures="int")).output_fields) == ["files", "class_", "signatures"]


# Without a contract


def test_a_task_that_hands_over_nothing_answers_with_a_summary() -> None:
    made, brief = contracts(), replace(BRIEF, contract=None)
    with dspy.context(lm=DummyLM([{"summary": "Read it."}]), adapter=CHAT):
        prediction = dspy.Predict(signature(made, brief))(**inputs_of(brief, {}))
    assert check_payload(made, None, payload_of(prediction, made, None)) == {"summary": "Read it."}
    assert payload_of({}, made, None) == {}


# The prompt


def test_the_instruction_follows_the_role_and_either_may_be_missing() -> None:
    made = contracts(f="int")
    assert signature(made).instructions == "Reads.\n\nWork well."
    assert signature(made, instruction="").instructions == "Reads."


@pytest.mark.parametrize("one", SPECIALISMS.values(), ids=SPECIALISMS.keys())
def test_every_shipped_instruction_is_the_docstring_of_its_signature(one: Any) -> None:
    made = signature(contracts(f="int"), instruction=one.instruction, role=one.role)
    assert made.__doc__ == made.instructions == f"{one.role}\n\n{one.instruction}"


def test_fields_are_described_with_their_constraints() -> None:
    spec = FieldSpec(type="optional[float]", about="added latency", measured=True, constraints={"ge": 31.0, "lt": 99.5})
    described = {name: info.json_schema_extra["desc"] for name, info in signature(contracts(f=spec, p="list[path]")).output_fields.items()}
    assert described["f"].startswith("added latency; at least 31; less than 99.5; null where there is none; measured, never estimated")
    assert described["p"] == "paths are relative to the workspace, without '..'"


@pytest.mark.parametrize(
    "type_", ["literal[{}]", "optional[literal[{}]]", "optional[list[literal[{}]]]", "dict[str, optional[literal[{}]]]"]
)
def test_the_words_of_a_literal_keep_their_order_whatever_other_contracts_have(type_: str) -> None:
    told = [prompt(contracts(f=type_.format(words))).replace('\\"', "'") for words in ("low, high", "high, low")]
    assert all(("'low', 'high'" in text, "'high', 'low'" in text) == (one, not one) for text, one in zip(told, (True, False), strict=True))


def test_the_word_path_in_a_literal_is_no_path() -> None:
    assert signature(contracts(w="literal[path, folder]")).output_fields["w"].json_schema_extra["desc"] == ""


def test_the_system_message_is_the_same_for_every_task_and_attempt_of_an_agent() -> None:
    made, other = contracts(**EVERY_TYPE), replace(BRIEF, task="c.d", attempt=2, goal="Else.", writes=("a",))
    first, second = (CHAT.format(signature(made, brief), [], inputs_of(brief, {})) for brief in (BRIEF, other))
    assert (first[0] == second[0], first[1] == second[1]) == (True, False)


ELSEWHERE = """
import json, runpy, sys
names = runpy.run_path(sys.argv[1])
made = names["contracts"](**names["EVERY_TYPE"])
print(json.dumps([names["prompt"](made), names["fingerprint"](names["signature"](made))]))
"""


def test_another_process_asks_the_same_and_has_the_same_fingerprint() -> None:
    ended = subprocess.run([sys.executable, "-c", ELSEWHERE, __file__], capture_output=True, text=True, check=True)
    made = contracts(**EVERY_TYPE)
    assert json.loads(ended.stdout) == [prompt(made), fingerprint(signature(made))]
    assert " at 0x" not in prompt(made)


# The brief


def test_a_brief_says_what_decides_the_task() -> None:
    red = Evidence(key="k", check="run: pytest", kind="done_when", before=False, after=False, output="1 failed\n")
    green = replace(red, check="run: ruff", after=True)
    kept = replace(red, check="run: mypy", kind="keep", before=True, output="")
    old = replace(kept, check="run: old", before=False)
    told = brief_text(
        replace(
            BRIEF,
            attempt=2,
            writes=("src/**",),
            reads=("a.py",),
            closes=(
                {"gap": "stubs", "path": "src/x.py", "lines": "12,40-43", "text": "pass"},
                {"gap": "docs", "path": "d.md", "lines": ""},
                {"gap": "listed", "path": None, "lines": "", "text": "no file"},
            ),
            done_when=("run: pytest",),
            keep=("run: mypy",),
            refused=Refused(attempt=1, kind="checks", text="a check is red", evidence=(red, green, kept, old)),
        )
    )
    assert told == (
        "Goal: Read it.\n\nThis is task a.b.\n\nYou may write:\n- src/**\n\n"
        "Every other path is outside the scope: writing there is refused.\n\n"
        "Read first:\n- a.py\n\nClose these gaps:\n- stubs in src/x.py, lines 12,40-43: pass\n- docs in d.md\n- listed: no file\n\n"
        "Done when all of these are green:\n- run: pytest\n\nWhat is green of these must stay green:\n- run: mypy\n\n"
        "How it is judged: by measuring, and nobody's word counts. The files that you may write, and nothing else, are taken as you leave "
        "them onto a clean checkout; there the checks have to be green, the gaps gone, and what was green before still green. What you "
        "installed, started or wrote elsewhere is not there.\n\n"
        "Attempt 1 was refused (checks): a check is red\n- red: run: pytest\n1 failed\n- red: run: mypy, which was green before"
    )


def refused(text: str, *evidence: Evidence, kind: Any = "checks") -> str:
    told = brief_text(replace(BRIEF, attempt=2, refused=Refused(attempt=1, kind=kind, text=text, evidence=evidence)))
    return told[told.index("Attempt 1 was refused") :]


def red(check: str, output: str, **how: Any) -> Evidence:
    return Evidence(**{"key": check, "check": check, "kind": "done_when", "before": False, "after": False, "output": output, **how})


def test_what_a_red_check_printed_is_told_once_though_the_refusal_repeats_it() -> None:
    told = refused("run: pytest is not green on the attempt's own tree:\n1 failed", red("run: pytest", "1 failed"))
    assert told == "Attempt 1 was refused (checks): run: pytest is not green on the attempt's own tree\n- red: run: pytest\n1 failed"


def test_a_refusal_without_red_checks_is_told_whole() -> None:
    assert refused("two\nlines", kind="scope") == "Attempt 1 was refused (scope): two\nlines"


def test_a_check_that_may_stay_red_is_no_reason() -> None:
    assert "mypy" not in refused("so", red("run: pytest", ""), red("run: mypy", "old faults", kind="keep"))


def test_a_check_that_is_red_once_merged_is_a_reason() -> None:
    assert "- red: run: pytest\nmerged" in refused("so", red("run: pytest", "merged", after=True, landed=False), kind="merge")


@pytest.mark.parametrize("checks", [1, 3, 50])
def test_long_outputs_keep_both_ends_say_what_is_missing_and_stay_bounded(checks: int) -> None:
    told = refused("so", *(red(f"run: {number}", "BEGINNING" + "x" * 50_000 + "VERDICT") for number in range(checks)))
    assert told.count("BEGINNING") == told.count("VERDICT") == min(checks, 20)
    assert len(told) < 4_200 * min(checks, 3) + 2_500
    assert ("… and 30 more red checks" in told) == (checks == 50)
    if checks == 1:
        assert "\n… 46,016 characters left out …\n" in told


def test_a_long_refusal_keeps_both_ends() -> None:
    told = refused("BEGINNING" + "x" * 50_000 + "END", kind="procedure")
    assert len(told) < 8_200
    assert "BEGINNING" in told
    assert told.endswith("END")


def test_of_very_many_gaps_the_first_are_named_and_the_others_counted() -> None:
    told = brief_text(replace(BRIEF, closes=tuple({"gap": "g", "path": f"{number}.py", "lines": ""} for number in range(250))))
    assert "- g in 99.py\n… and 150 more" in told


def test_two_runs_of_the_same_work_are_told_the_same() -> None:
    inbox = {"b.b": {"x": 1}, "a.a": {"x": 2}}
    told = inputs_of(replace(BRIEF, run="r2"), dict(reversed(inbox.items())))
    assert json.dumps(told) == json.dumps(inputs_of(BRIEF, inbox))
    assert "You may write nothing" in told["brief"]


# Fingerprints

BASE: dict[str, Any] = {"files": "list[path]", "count": FieldSpec(type="int", about="how many"), "n": "Point"}
RELEVANT: dict[str, dict[str, Any]] = {
    "another name": {"files": "list[path]", "number": FieldSpec(type="int", about="how many"), "n": "Point"},
    "another type": BASE | {"count": FieldSpec(type="float", about="how many")},
    "an optional type": BASE | {"n": "optional[Point]"},
    "another description": BASE | {"count": FieldSpec(type="int", about="how few")},
    "another constraint": BASE | {"count": FieldSpec(type="int", about="how many", constraints={"ge": 1})},
    "measured": BASE | {"count": FieldSpec(type="int", about="how many", measured=True)},
    "one more": BASE | {"more": "int"},
    "one less": {name: BASE[name] for name in ("files", "count")},
    "another order": dict(reversed(BASE.items())),
}


@pytest.mark.parametrize("changed", RELEVANT.values(), ids=RELEVANT.keys())
def test_a_fingerprint_changes_with_the_fields(changed: dict[str, Any]) -> None:
    assert fingerprint(signature(contracts(**changed))) != fingerprint(signature(contracts(**BASE)))


def test_a_fingerprint_changes_with_the_instructions_and_with_what_a_nested_contract_means() -> None:
    plain = signature(contracts(**BASE))
    deeper = Contracts({"C": contracts(**BASE).declared["C"], "Point": {**POINT, "z": FieldSpec(type="int")}})
    others = [signature(contracts(**BASE), instruction="Other."), signature(contracts(**BASE), role="Other."), signature(deeper)]
    assert len({fingerprint(one) for one in [plain, *others]}) == 4


def test_a_fingerprint_changes_with_nothing_else() -> None:
    other = replace(BRIEF, run="r9", task="x.y", attempt=7, agent="qa-validator", goal="Else.", writes=("a",), done_when=("run: x",))
    with_default = BASE | {"count": FieldSpec(type="int", about="how many", required=False, default=3)}
    beside = Contracts({"Unused": {"u": FieldSpec(type="int")}, **contracts(**BASE).declared})
    renamed = Contracts({"D": contracts(**BASE).declared["C"], "Point": POINT})
    same = [
        signature(contracts(**BASE)),
        signature(contracts(**BASE), other),
        signature(contracts(**with_default)),
        signature(beside),
        signature(renamed, replace(BRIEF, contract="D")),
    ]
    assert len({fingerprint(one) for one in same}) == 1


def test_state_of_a_module_does_not_change_the_signature_that_it_is_checked_against(tmp_path: Path) -> None:
    made = signature(contracts(**BASE))
    before, module = fingerprint(made), dspy.Predict(made)
    module.signature = module.signature.with_instructions("Better.")
    module.save(tmp_path / "state.json")
    loaded = dspy.Predict(made)
    loaded.load(tmp_path / "state.json")
    assert (loaded.signature.instructions, fingerprint(made)) == ("Better.", before)
    assert fingerprint(loaded.signature) != before


def test_a_users_own_signature_has_a_fingerprint_even_where_a_type_has_no_schema() -> None:
    class Given:
        pass

    kinds: list[Any] = [str, Colour, dspy.Tool, dspy.History, list[dspy.Tool], Callable[[int], int]]
    fields = [(kind, dspy.InputField()) for kind in kinds]
    made = [dspy.Signature({"a": field, "b": (str, dspy.OutputField())}, "Do.") for field in fields]
    turned = dspy.Signature({"a": (str, dspy.OutputField()), "b": (str, dspy.InputField())}, "Do.")
    assert len({fingerprint(one) for one in [*made, turned]}) == len(kinds) + 1
