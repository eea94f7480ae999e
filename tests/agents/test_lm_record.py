"""What is written down of model calls, and how little of it."""

import asyncio
import dataclasses
import os
from typing import Any

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "true")

import pytest
from dspy import lm15
from hypothesis import given
from hypothesis import strategies as st

from swarm.agents.lm.record import Caller, MemoryRecord, chained, unchained
from swarm.agents.lm.requests import as_json, error_again, key_of, price, price_ahead, public_error, response_as_json, response_from_json
from swarm.engine.calls import CallRow, Spend, Tokens

ROW = CallRow("t", "c", 1, 1, "k", 1, 1, "p", "m", "", None, Tokens(), Spend(1), 0.1)


def asked(text: str, **more: Any) -> Any:
    return lm15.Request(model="openai/m", messages=(lm15.Message.user(text),), **more)


def answered(text: str, model: str = "m") -> Any:
    usage = lm15.Usage(input_tokens=1_000_000, output_tokens=1_000_000)
    return lm15.Response(id="1", model=model, message=lm15.Message.assistant(text), finish_reason="stop", usage=usage)


def put(record: MemoryRecord, row: CallRow, texts: dict[str, str] | None = None) -> None:
    asyncio.run(record.put(row, texts or {}))


def test_equal_questions_have_equal_keys_and_others_do_not() -> None:
    assert key_of(asked("a")) == key_of(asked("a"))
    others = [asked("b"), asked("a", system="s"), asked("a", config=lm15.Config(temperature=0.5))]
    assert len({key_of(each) for each in (asked("a"), *others)}) == 4


def test_an_answer_comes_back_as_it_was() -> None:
    answer = lm15.Response(
        id="x",
        model="m",
        message=lm15.Message(role="assistant", parts=(lm15.TextPart("ü\n"), lm15.ToolCallPart(id="1", name="f", input={"a": [1, None]}))),
        finish_reason="tool_call",
        usage=lm15.Usage(input_tokens=3, output_tokens=4, cache_read_tokens=2),
    )
    assert response_from_json(response_as_json(answer)) == answer


@pytest.mark.parametrize(
    "error", [lm15.ContextLengthError("x", status=400), lm15.RateLimitError("x", status=429), lm15.TransportError("x")]
)
def test_an_error_comes_back_by_the_name_that_dspy_shows(error: Any) -> None:
    again: Any = error_again(type(public_error(error, "m")).__name__, error.status)
    assert type(again) is type(error)
    assert getattr(again, "status", None) == error.status


def test_what_is_no_error_of_a_model_does_not_come_back() -> None:
    assert error_again("CancelledError", None) is None


def test_prices_are_known_for_known_models_and_unknown_for_others_never_zero() -> None:
    known = price(asked("a"), answered("b", "gpt-4o"), "openai-chat", "gpt-4o")
    assert known is not None
    assert known > 1
    assert price_ahead("openai-chat", "gpt-4o", 999_001, 1_000_000) == known
    assert price_ahead("openai-chat", "my-own", 1, 1) is None
    assert price(asked("a"), answered("b", "my-own"), "openai-chat", "my-own") is None


MESSAGE = st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant"]), "parts": st.lists(st.text(max_size=5000), max_size=2)})


@given(model=st.text(), messages=st.lists(MESSAGE, max_size=4))
def test_any_request_comes_back_from_its_links(model: str, messages: list[Any]) -> None:
    request = {"model": model, "messages": messages}
    last, links = chained(request)
    assert unchained(last, MemoryRecord(texts=links)) == request


def conversation_chars(turns: int) -> int:
    record = MemoryRecord()
    messages = [{"role": "user", "text": "the task " * 500}]
    for turn in range(turns):
        put(record, ROW, chained({"model": "m", "tools": ["t" * 3000], "messages": messages})[1])
        messages.append({"role": "user", "text": f"turn {turn} " * 100})
    return sum(map(len, record.texts.values()))


def test_a_conversation_of_twice_the_length_takes_twice_the_space() -> None:
    assert conversation_chars(80) < 2.1 * conversation_chars(40)


def lengthened_chars(turns: int) -> int:
    record = MemoryRecord()
    for turn in range(1, turns + 1):
        trajectory = "".join(f"[[ ## observation_{each} ## ]] {'seen ' * 100}" for each in range(turn))
        put(record, ROW, chained({"model": "m", "messages": [{"role": "user", "text": trajectory + "Respond with the fields."}]})[1])
    return sum(map(len, record.texts.values()))


def test_so_does_one_message_that_grows_as_in_react() -> None:
    assert lengthened_chars(80) < 2.2 * lengthened_chars(40)


def test_equal_questions_of_an_attempt_get_their_own_answers_in_order() -> None:
    caller = Caller("t", "c", 1)
    assert [caller.asks("k"), caller.asks("other"), caller.asks("k")] == [(1, 1), (2, 1), (3, 2)]
    record = MemoryRecord()
    for occurrence in (1, 2):
        put(record, dataclasses.replace(ROW, occurrence=occurrence, response=f"answer {occurrence}"))
    assert [getattr(record.recorded("t", 1, "k", each), "response", None) for each in (1, 2, 3)] == ["answer 1", "answer 2", None]


def test_answers_of_another_task_or_attempt_are_not_ours() -> None:
    record = MemoryRecord([dataclasses.replace(ROW, response="r")])
    assert record.recorded("t", 2, "k", 1) is None
    assert record.recorded("u", 1, "k", 1) is None


def test_an_answer_outlives_failures_before_and_after_it() -> None:
    rows = [dataclasses.replace(ROW, error="LMServerError"), dataclasses.replace(ROW, response="r"), dataclasses.replace(ROW, error="E")]
    record = MemoryRecord(rows)
    assert record.recorded("t", 1, "k", 1) == rows[1]


def test_as_json_holds_what_is_said_and_nothing_of_the_connection() -> None:
    assert set(as_json(asked("a", system="s"))) == {"model", "messages", "system"}
