"""Events as text and back."""

from collections.abc import Callable
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarm.engine.events import ApprovalGiven, AttemptCutOff, Event, Landed, Landing, RunPaused, TaskSatisfied
from swarm.errors import JournalDamaged
from swarm.journal import codec
from swarm.journal.codec import check_texts, decode, encode
from swarm.signatures.canonical import sha256
from swarm.signatures.handoff import Handoff

ODD = [
    "\x00",
    "\x1b[31m",
    "\ud800",
    "\udfff\ud800",
    "a\ud83d",
    "\U0010f7ff",
    "\U0010f7ff\ud800\U0010f800",
    "\U0010ffff",
    "😀\udc80",
    "\u2028",
    "\\ud800",
    "",
]


def back(event: Event) -> Event:
    encoded = encode(event)
    return decode(1, encoded.kind, encoded.version, encoded.body)


def with_payload(payload: Any) -> TaskSatisfied:
    handoff = Handoff(
        task="a.b",
        contract=None,
        payload=payload,
        evidence=(),
        base_tree="b",
        result_tree="r",
        inputs=("i",),
        definition="d",
        reused_from="h",
    )
    return TaskSatisfied(task="a.b", attempt=1, handoff=handoff, seconds=0.0)


def test_every_event_of_the_union_has_an_example(examples: tuple[Event, ...]) -> None:
    assert {type(example) for example in examples} == set(get_args(Event))


def test_every_event_comes_back_as_it_was(examples: tuple[Event, ...]) -> None:
    for example in examples:
        assert back(example) == example


def test_what_a_run_believes_is_what_a_resumed_run_reads(examples: tuple[Event, ...]) -> None:
    for example in (*examples, with_payload({"pair": (1, 2)})):
        assert encode(example).event == back(example)


@pytest.mark.parametrize("text", ODD, ids=ascii)
def test_odd_strings_come_back_in_fields_keys_and_values(text: str) -> None:
    event = with_payload({text + "key": [text, {text: text}]})
    assert back(event) == event
    assert back(ApprovalGiven(phase=text, who=text)) == ApprovalGiven(phase=text, who=text)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=())),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(exclude_categories=()), max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.text(max_size=4), JSON, max_size=4))
def test_any_json_payload_comes_back_and_keeps_its_id(payload: dict[str, Any]) -> None:
    event = with_payload(payload)
    read = back(event)
    assert isinstance(read, TaskSatisfied)
    assert read == event
    assert read.handoff.id == event.handoff.id


def test_bodies_are_ascii_with_sorted_keys() -> None:
    assert encode(ApprovalGiven(who="ä\ud800", phase="p")).body == '{"kind":"approval_given","phase":"p","who":"\\u00e4\\ud800"}'


def nested(depth: int) -> list[Any]:
    inner: list[Any] = []
    for _ in range(depth):
        inner = [inner]
    return inner


@pytest.mark.parametrize(
    "payload",
    [
        {"x": float("nan")},
        {"x": float("inf")},
        {"x": {1, 2}},
        {"x": b"bytes"},
        {1: "x"},
        {"x": nested(300)},
        {"x": nested(100_000)},
        {"x": 10**5000},
    ],
    ids=["nan", "infinity", "set", "bytes", "number as key", "deep", "very deep", "endless number"],
)
def test_what_cannot_be_given_back_is_refused_and_the_task_named(payload: Any) -> None:
    with pytest.raises(ValueError, match=r"cannot record this task_satisfied event of task a\.b: "):
        encode(with_payload(payload))


def test_a_field_of_the_wrong_type_is_refused() -> None:
    with pytest.raises(ValueError, match="commit"):
        encode(Landed(task="a.b", commit=3))  # type: ignore[arg-type]  # the point of the test
    with pytest.raises(ValueError, match="missing"):
        encode(RunPaused(reason="x", missing="yes"))  # type: ignore[arg-type]  # the point of the test


def test_too_large_a_body_or_text_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec, "MAX_BYTES", 100)
    with pytest.raises(ValueError, match="at most 100"):
        encode(RunPaused(reason="x" * 100, missing=False))
    with pytest.raises(ValueError, match="at most 100"):
        check_texts({sha256(b"x" * 101): b"x" * 101})


def test_a_text_under_a_wrong_name_is_refused() -> None:
    with pytest.raises(ValueError, match="name texts by their SHA-256"):
        check_texts({sha256(b"x"): b"y"})


@pytest.mark.parametrize(("kind", "version"), [("task_praised", 1), ("landed", 2)])
def test_an_unknown_kind_or_version_is_a_newer_swarms(kind: str, version: int) -> None:
    with pytest.raises(JournalDamaged, match=r"event 7 .* a newer swarm wrote it"):
        decode(7, kind, version, '{"kind":"landed","task":"a.b","commit":"c"}')


@pytest.mark.parametrize(
    "body",
    [
        '{"kind":"landed","task":"a.b"}',
        '{"kind":"landed","task":"a.b","commit":3}',
        "[]",
        "{",
        '{"kind":"task_retried","task":"a.b"}',
        "[" * 9999,
    ],
)
def test_a_body_that_does_not_fit_its_kind_is_damage(body: str) -> None:
    with pytest.raises(JournalDamaged, match="event 7 "):
        decode(7, "landed", 1, body)


def test_an_old_body_climbs_one_version_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    def named(body: dict[str, Any]) -> dict[str, Any]:
        return {"kind": body["kind"], "task": body["task"], "attempt": 1, "why": body["cause"]}

    def renamed(body: dict[str, Any]) -> dict[str, Any]:
        return {"kind": body["kind"], "task": body["task"], "attempt": body["attempt"], "reason": body["why"]}

    monkeypatch.setitem(codec.VERSIONS, "attempt_cut_off", 3)
    monkeypatch.setitem(codec.UPCASTS, ("attempt_cut_off", 1), named)
    monkeypatch.setitem(codec.UPCASTS, ("attempt_cut_off", 2), renamed)
    cut_off = AttemptCutOff(task="a.b", attempt=1, reason="\ud800")
    assert decode(1, "attempt_cut_off", 1, '{"kind":"attempt_cut_off","task":"a.b","cause":"\\ud800"}') == cut_off
    assert decode(1, "attempt_cut_off", 2, '{"kind":"attempt_cut_off","task":"a.b","attempt":1,"why":"\\ud800"}') == cut_off
    assert encode(cut_off).version == 3


def test_every_version_below_the_current_one_has_its_step() -> None:
    assert {(kind, step) for kind, version in codec.VERSIONS.items() for step in range(1, version)} == set(codec.UPCASTS)


def test_a_landing_keeps_its_handoffs_id(landing: Callable[..., Landing]) -> None:
    read = back(landing())
    assert isinstance(read, Landing)
    assert read.handoff.id == landing().handoff.id
