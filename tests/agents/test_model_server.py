"""The provider that tests use instead of a paid one: real DSPy clients must not be able to tell."""

import asyncio
import http.client
import json
import os
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, closing
from typing import Any, Literal, TypeVar

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "true")  # or the first use asks the network for a price table

import dspy
import pytest
from dspy.streaming import StreamListener, StreamResponse
from pydantic import BaseModel, Field

from tests.model_server import (
    BY_SUFFIX,
    Answer,
    Call,
    Coder,
    Drip,
    Edit,
    Fixed,
    Lesson,
    ModelServer,
    Silence,
    Status,
    Truncated,
    Usage,
    faulty,
    fields,
    huge,
)

Result = TypeVar("Result")
_PATIENCE_S = 12
HELLO = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}


def play(scenario: Coroutine[Any, Any, Result]) -> Result:
    async def patient() -> Result:
        async with asyncio.timeout(_PATIENCE_S):
            return await scenario

    return asyncio.run(patient())


def model_of(server: ModelServer, name: str = "scripted", **options: Any) -> Any:
    return dspy.LM(f"openai/{name}", api_base=server.base_url, cache=False, num_retries=0, **{"api_key": server.key} | options)


def using(lm: Any, adapter: Any = None) -> Any:
    return dspy.context(lm=lm, adapter=adapter or dspy.ChatAdapter(), disable_history=True, trace=None)


async def ask(server: ModelServer, program: Any, name: str = "scripted", adapter: Any = None, lm: Any = None, **inputs: Any) -> Any:
    model = lm or model_of(server, name)
    try:
        with using(model, adapter):
            return await program.acall(**inputs)
    finally:
        await model.aclose()


@pytest.fixture
def served() -> Iterator[Callable[..., ModelServer]]:
    """Servers in threads of their own, ended with the test."""
    with ExitStack() as stack:
        yield lambda script, **options: stack.enter_context(ModelServer(script, **options).in_thread())


class Client:
    """A plain HTTP client on one connection."""

    def __init__(self, server: ModelServer) -> None:
        self.key = server.key
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=_PATIENCE_S)

    def __call__(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, http.client.HTTPMessage, bytes]:
        data = body if isinstance(body, bytes) else json.dumps(body)
        self.connection.request(method, path, data, {"Authorization": f"Bearer {self.key}"} | headers)
        response = self.connection.getresponse()
        return response.status, response.headers, response.read()

    def chat(self, **body: Any) -> tuple[int, Any]:
        status, _, data = self("POST", "/v1/chat/completions", HELLO | body)
        return status, json.loads(data)


@pytest.fixture
def client_of() -> Iterator[Callable[[ModelServer], Client]]:
    with ExitStack() as stack:

        def make(server: ModelServer) -> Client:
            client = Client(server)
            stack.enter_context(closing(client.connection))
            return client

        yield make


def test_an_answer_has_the_providers_shape(served: Any, client_of: Any) -> None:
    server = served(Fixed(Answer("Hello.", usage=Usage(7, 3, cached=2))))
    status, answer = client_of(server).chat(model="some-model")
    assert status == 200
    assert answer["object"] == "chat.completion"
    assert answer["model"] == "some-model"
    assert answer["choices"][0]["message"] == {"role": "assistant", "content": "Hello.", "refusal": None}
    assert answer["choices"][0]["finish_reason"] == "stop"
    assert answer["usage"] == {
        "prompt_tokens": 7,
        "completion_tokens": 3,
        "total_tokens": 10,
        "prompt_tokens_details": {"cached_tokens": 2},
    }


def test_parallel_tool_calls_and_their_results_go_back_and_forth(served: Any, client_of: Any) -> None:
    server = served(Fixed(Answer(calls=(Call("read", {"path": "a"}), Call("read", "{malformed"))), Answer("Both are read.")))
    client, asked = client_of(server), {"role": "user", "content": "Read both."}
    _, answer = client.chat(messages=[asked], tools=[{"type": "function", "function": {"name": "read"}}])
    choice = answer["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] is None
    calls = choice["message"]["tool_calls"]
    assert [call["function"]["arguments"] for call in calls] == ['{"path": "a"}', "{malformed"]
    results = [{"role": "tool", "tool_call_id": call["id"], "content": "text"} for call in calls]
    assert client.chat(messages=[asked, choice["message"], *results])[0] == 200
    assert client.chat(messages=[asked, choice["message"], results[0]])[1]["error"]["message"].startswith("'tool_calls' must be followed")
    assert client.chat(messages=[asked, *results])[1]["error"]["message"].startswith("messages with role 'tool' must be a response")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"n": 2}, "n"),
        ({"messages": []}, "messages"),
        ({"model": None}, "model"),
    ],
)
def test_a_request_that_the_provider_would_refuse_is_refused(served: Any, client_of: Any, body: dict[str, Any], param: str) -> None:
    server = served(Fixed())
    status, answer = client_of(server).chat(**body)
    assert (status, answer["error"]["param"], answer["error"]["type"]) == (400, param, "invalid_request_error")


def test_a_body_that_is_no_json_is_refused_and_the_connection_serves_on(served: Any, client_of: Any) -> None:
    server = served(Fixed(Answer("Hello.")))
    client = client_of(server)
    assert client("POST", "/v1/chat/completions", b"{")[0] == 400
    assert client.chat(response_format={"type": "json_object"}, n=1)[0] == 200


def test_models_are_listed_to_the_right_key_and_other_paths_are_not_there(served: Any, client_of: Any) -> None:
    server = served(Fixed(), models=("one", "two"))
    client = client_of(server)
    assert [model["id"] for model in json.loads(client("GET", "/v1/models")[2])["data"]] == ["one", "two"]
    assert client("GET", "/v1/models", Authorization="Bearer other")[0] == 401
    assert client("GET", "/v1/files")[0] == 404
    assert client("DELETE", "/v1/models")[0] == 405


def test_the_log_holds_each_request_without_the_key(served: Any, client_of: Any) -> None:
    server = served(Fixed(Answer("One."), then=Status(429)))
    client = client_of(server)
    for _ in range(2):
        client.chat(tools=[{"type": "function", "function": {"name": "read"}}])
    client("POST", "/v1/chat/completions", {}, Authorization="Bearer sk-wrong")
    first, second, third = server.log
    assert (first.reply, first.status, first.answered, first.model) == (Answer("One."), 200, True, "m")
    assert (first.messages[0]["content"], first.tools[0]["function"]["name"]) == ("hello", "read")
    assert first.arrived_s <= first.left_s <= second.arrived_s
    assert (second.status, second.answered) == (429, False)
    assert first.chat.digest == second.chat.digest
    assert (third.status, third.key_right, third.chat) == (401, False, None)
    assert [exchange.key_right for exchange in server.chats] == [True, True, False]
    assert "sk-" not in repr(server.log)


def test_a_stream_brings_the_same_answer_and_the_usage_last(served: Any, client_of: Any) -> None:
    said = Answer("Streamed in pieces, all of it.", (Call("read", {"path": "a/long/path.py"}),), usage=Usage(5, 9))
    server = served(Fixed(said, then=said))
    body = HELLO | {"stream": True}
    _, headers, data = client_of(server)("POST", "/v1/chat/completions", body | {"stream_options": {"include_usage": True}})
    assert headers["Content-Type"] == "text/event-stream"
    *events, last = [line.removeprefix("data: ") for line in data.decode().split("\n\n") if line]
    assert last == "[DONE]"
    *chunks, usage = map(json.loads, events)
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    calls = [call for delta in deltas for call in delta.get("tool_calls", ())]
    assert "".join(delta.get("content", "") for delta in deltas) == said.text
    assert "".join(call["function"]["arguments"] for call in calls) == said.calls[0].arguments_text
    assert (calls[0]["function"]["name"], chunks[-1]["choices"][0]["finish_reason"]) == ("read", "tool_calls")
    assert (usage["choices"], usage["usage"]["total_tokens"]) == ([], 14)
    assert b'"usage"' not in client_of(server)("POST", "/v1/chat/completions", body)[2]


def test_retry_after_is_sent_when_asked_for(served: Any, client_of: Any) -> None:
    server = served(Fixed(Status(429, retry_after="7"), Status(429)))
    client = client_of(server)
    assert [client("POST", "/v1/chat/completions", HELLO)[1].get("Retry-After") for _ in range(2)] == ["7", None]


def test_a_script_that_fails_fails_its_test() -> None:
    def ask_too_often() -> None:
        with ModelServer(Fixed()).in_thread() as server, closing(Client(server).connection) as connection:
            connection.request("POST", "/v1/chat/completions", json.dumps(HELLO), {"Authorization": f"Bearer {server.key}"})
            assert connection.getresponse().status == 400

    with pytest.raises(AssertionError, match="no answer is left for chat 1"):
        ask_too_often()


def test_a_faulty_script_is_not_asked_where_a_fault_strikes() -> None:
    async def scenario() -> None:
        script = faulty(
            Fixed(fields(answer="first"), fields(answer="second")),
            numbers={1: Status(503)},
            when=lambda chat: Status(500) if "trouble" in chat.prompt else None,
        )
        async with ModelServer(script) as server:
            predict = dspy.Predict("question -> answer")
            with pytest.raises(dspy.LMServerError):
                await ask(server, predict, question="a")
            assert (await ask(server, predict, question="a")).answer == "first"
            with pytest.raises(dspy.LMServerError):
                await ask(server, predict, question="trouble")
            assert (await ask(server, predict, question="b")).answer == "second"
            assert [exchange.status for exchange in server.log] == [503, 200, 500, 200]

    play(scenario())


class Report(BaseModel):
    summary: str = Field(min_length=3)
    files: list[str]
    severity: Literal["low", "high"]


class Review(dspy.Signature):  # type: ignore[misc] # dspy is untyped
    """Review the module."""

    module: str = dspy.InputField()
    report: Report = dspy.OutputField(desc="what was found (in the module): all of it")
    lines: int = dspy.OutputField()
    share: float = dspy.OutputField()
    sound: bool = dspy.OutputField()
    kind: Literal["test", "core"] = dspy.OutputField()


@pytest.mark.parametrize("adapter", [dspy.ChatAdapter(use_json_adapter_fallback=False), dspy.JSONAdapter()], ids=["chat", "json"])
@pytest.mark.parametrize("program", [dspy.Predict, dspy.ChainOfThought])
def test_typed_fields_are_answered_in_the_format_that_the_prompt_asks_for(adapter: Any, program: Any) -> None:
    async def scenario() -> Any:
        lesson = Lesson("core/log.py", payload={"report": {"summary": "Sound.", "files": ["core/log.py"], "severity": "high"}, "lines": 12})
        async with ModelServer(Coder(Lesson("core/other.py"), lesson)) as server:
            prediction = await ask(server, program(Review), adapter=adapter, module="core/log.py")
            assert len(server.log) == 1
            return prediction

    prediction = play(scenario())
    assert prediction.report == Report(summary="Sound.", files=["core/log.py"], severity="high")
    assert (prediction.lines, prediction.share, prediction.sound, prediction.kind) == (12, 0, True, "test")
    assert program is dspy.Predict or prediction.reasoning == "Done."


def test_predict_works_without_an_event_loop(served: Any) -> None:
    server = served(fields(answer="Paris"))
    lm = model_of(server)
    with closing(lm), using(lm):
        assert dspy.Predict("question -> answer")(question="Which city?").answer == "Paris"


def test_a_model_that_takes_schemas_is_sent_one_and_answers_by_it() -> None:
    async def scenario() -> Any:
        async with ModelServer(Coder(Lesson("", payload={"lines": 3}))) as server:
            prediction = await ask(server, dspy.Predict(Review), "gpt-4o-mini", dspy.JSONAdapter(), module="a")
            assert server.log[0].chat
            assert server.log[0].chat.body["response_format"]["type"] == "json_schema"
            return prediction

    assert play(scenario()).lines == 3


class Desk:
    """Files behind two plain tools."""

    def __init__(self, **files: str) -> None:
        self.files = files

    async def read_file(self, path: str) -> str:
        """Reads a file."""
        return self.files[path]

    async def edit_file(self, path: str, old: str, new: str) -> str:
        """Replaces a text that occurs once."""
        self.files[path] = self.files[path].replace(old, new)
        return "edited"


LESSON = Lesson(
    "double",
    edits=[Edit("one", "x + 1", "2 * x"), Edit("two", "x + 2", "2 * x")],
    payload={"report": {"summary": "Doubled.", "files": ["one", "two"], "severity": "low"}},
)


@pytest.mark.parametrize("adapter", [dspy.ChatAdapter(use_json_adapter_fallback=False), dspy.JSONAdapter()], ids=["chat", "json"])
@pytest.mark.parametrize(
    ("program", "model", "turns"),
    [(dspy.ReAct, "scripted", 6), (dspy.ReActV2, "scripted", 3), (dspy.ReActV2, "gpt-4o-mini", 3)],
    ids=["v1", "v2", "v2-capable-model"],
)
def test_a_react_agent_reads_edits_and_hands_in(adapter: Any, program: Any, model: str, turns: int) -> None:
    async def scenario() -> None:
        desk = Desk(one="def f(x): return x + 1", two="def g(x): return x + 2")
        async with ModelServer(Coder(LESSON)) as server:
            signature = dspy.Signature("task -> report: Report", custom_types={"Report": Report})
            agent = program(signature, tools=[desk.read_file, desk.edit_file])
            prediction = await ask(server, agent, model, adapter, task="Make f and g double x.")
            assert desk.files == {"one": "def f(x): return 2 * x", "two": "def g(x): return 2 * x"}
            assert Report.model_validate(prediction["report"]).summary == "Doubled."
            assert len(server.log) == turns
            assert all(exchange.answered for exchange in server.log)
            native = model == "gpt-4o-mini" and isinstance(adapter, dspy.JSONAdapter)
            assert all(bool(exchange.tools) is native for exchange in server.log)

    play(scenario())


def tool(name: str, **properties: Any) -> dict[str, Any]:
    parameters = {"type": "object", "properties": properties, "required": list(properties)}
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


def test_a_coder_uses_the_tools_it_finds_under_their_names(served: Any, client_of: Any) -> None:
    change = {"type": "object", "properties": {"file": {"type": "string"}, "search": {"type": "string"}, "replace": {"type": "string"}}}
    tools = [
        tool("view", filename={"type": "string"}),
        tool("edit_files", edits={"type": "array", "items": change}, check={"type": "boolean", "default": False}),
        tool("write_file", path={"type": "string"}, content={"type": "string"}),
        tool("shell", argv={"type": "array", "items": {"type": "string"}}),
        tool("submit", handoff={"type": "object"}, note={"type": "string"}),
    ]
    lesson = Lesson("double", LESSON.edits, {"new": "text"}, commands=["pytest -q"], payload={"files": 2})
    server = served(Coder(lesson))
    client, messages, turns = client_of(server), [{"role": "user", "content": "double it"}], []
    for _ in range(4):
        message = client.chat(messages=messages, tools=tools)[1]["choices"][0]["message"]
        turns.append([(call["function"]["name"], json.loads(call["function"]["arguments"])) for call in message["tool_calls"]])
        messages += [message, *({"role": "tool", "tool_call_id": call["id"], "content": "done"} for call in message["tool_calls"])]
    edits = [{"file": edit.path, "search": edit.old, "replace": edit.new} for edit in LESSON.edits]
    assert turns == [
        [("view", {"filename": "one"}), ("view", {"filename": "two"})],
        [("edit_files", {"edits": edits, "check": False}), ("write_file", {"path": "new", "content": "text"})],
        [("shell", {"argv": ["pytest", "-q"]})],
        [("submit", {"handoff": {"files": 2}, "note": "Done."})],
    ]
    one = client.chat(messages=messages[:1], tools=tools, parallel_tool_calls=False)[1]
    assert len(one["choices"][0]["message"]["tool_calls"]) == 1


ERRORS = {
    "-400": (dspy.LMInvalidRequestError, 400),
    "-401": (dspy.LMAuthError, 401),
    "-402": (dspy.LMBillingError, 402),
    "-429": (dspy.LMRateLimitError, 429),
    "-429-later": (dspy.LMRateLimitError, 429),
    "-500": (dspy.LMServerError, 500),
    "-503": (dspy.LMServerError, 503),
    "-context": (dspy.ContextWindowExceededError, 400),
    "-cut": (dspy.LMTransportError, None),
    "-garbage": (dspy.LMProviderError, 200),
    "-raw": (dspy.LMTransportError, None),
    "-truncated": (dspy.LMProviderError, 200),
    "-unheard": (dspy.LMTransportError, None),
}


@pytest.mark.parametrize(("suffix", "expected"), ERRORS.items(), ids=ERRORS)
def test_a_fault_becomes_dspys_error_for_it(suffix: str, expected: tuple[type[Exception], int | None]) -> None:
    async def scenario() -> None:
        async with ModelServer(faulty(fields(answer="well"), suffixes=BY_SUFFIX)) as server:
            predict = dspy.Predict("question -> answer")
            with pytest.raises(expected[0]) as caught:
                await ask(server, predict, f"scripted{suffix}", question="How?")
            error: Any = caught.value
            assert (type(error), error.status) == expected
            assert getattr(error, "retry_after", None) == (7 if suffix == "-429-later" else None)
            assert (await ask(server, predict, question="How?")).answer == "well"
            assert [exchange.answered for exchange in server.log][-1]

    play(scenario())


@pytest.mark.parametrize(
    "script", [fields(answer="late"), Silence(), Drip(every_s=5, answer=Answer("drop"))], ids=["late", "silent", "drip"]
)
def test_a_client_that_loses_patience_is_seen_to_leave(script: Any) -> None:
    async def scenario() -> None:
        late = 5.0 if callable(script) else 0.0
        async with ModelServer(script if callable(script) else Fixed(script), latency_s=late) as server:
            with pytest.raises(dspy.LMTransportError):
                await ask(server, dspy.Predict("question -> answer"), lm=model_of(server, timeout=0.2), question="When?")
            assert len(server.log) == 1
        assert not server.log[0].answered

    play(scenario())


def test_a_slow_drip_is_still_the_scripts_answer() -> None:
    async def scenario() -> None:
        async with ModelServer(faulty(fields(answer="drop by drop"), numbers={1: Drip(every_s=0.005)})) as server:
            assert (await ask(server, dspy.Predict("question -> answer"), question="How?")).answer == "drop by drop"
            assert server.log[0].left_s is not None
            assert server.log[0].left_s - server.log[0].arrived_s >= 0.02

    play(scenario())


def test_a_wrong_key_and_no_key_are_refused_without_asking_the_script() -> None:
    async def scenario() -> None:
        async with ModelServer(Fixed()) as server:
            with pytest.raises(dspy.LMAuthError):
                await ask(server, dspy.Predict("question -> answer"), lm=model_of(server, api_key="sk-other"), question="Who?")
            assert [(exchange.status, exchange.key_right) for exchange in server.log] == [(401, False)]

    play(scenario())


@pytest.mark.parametrize("said", [Answer(""), Answer("Beside the point."), Answer(calls=(Call("unknown"),))], ids=["", "text", "call"])
def test_an_answer_that_fits_nothing_costs_a_second_call_and_is_a_parse_error(said: Answer) -> None:
    async def scenario() -> None:
        async with ModelServer(Fixed(said, said)) as server:
            with pytest.raises(dspy.AdapterParseError):
                await ask(server, dspy.Predict("question -> answer"), question="What?")
            assert len(server.log) == 2

    play(scenario())


def test_an_unknown_tool_is_an_observation_to_an_agent_with_native_tools() -> None:
    async def scenario() -> None:
        desk = Desk(one="def f(x): return x + 1")
        lesson = Lesson("double", LESSON.edits[:1], payload={"answer": "doubled"})
        async with ModelServer(Fixed(Answer(calls=(Call("no_such_tool"),)), then=Coder(lesson))) as server:
            agent = dspy.ReActV2("task -> answer", tools=[desk.read_file, desk.edit_file])
            prediction = await ask(server, agent, "gpt-4o-mini", dspy.JSONAdapter(), task="Make f double x.")
            assert (prediction.answer, desk.files["one"]) == ("doubled", "def f(x): return 2 * x")
            (observation,) = [message["content"] for message in server.log[1].messages if message["role"] == "tool"]
            assert "no_such_tool" in observation

    play(scenario())


def test_an_answer_of_ten_megabytes_cut_at_the_length_limit_arrives_whole() -> None:
    async def scenario() -> None:
        text = f"[[ ## answer ## ]]\n{huge().text}"
        async with ModelServer(Fixed(Answer(text, finish_reason="length"))) as server:
            prediction = await ask(server, dspy.Predict("question -> answer"), question="How much?")
            assert len(prediction.answer) == 10 * 2**20

    play(scenario())


def test_dspy_streams_a_field_as_it_comes() -> None:
    async def scenario() -> None:
        async with ModelServer(fields(answer="one two three four five six seven eight nine ten")) as server:
            lm = model_of(server)
            program = dspy.streamify(
                dspy.Predict("question -> answer"),
                stream_listeners=[StreamListener(signature_field_name="answer")],
                is_async_program=True,
            )
            with using(lm):
                parts = [part async for part in program(question="Count.")]
            await lm.aclose()
            pieces = [part.chunk for part in parts if isinstance(part, StreamResponse)]
            assert len(pieces) > 1
            assert "".join(pieces) == parts[-1].answer == "one two three four five six seven eight nine ten"
            assert server.log[0].chat
            assert server.log[0].chat.stream

    play(scenario())


STREAM_ERRORS = {
    "-429": dspy.LMRateLimitError,
    "-cut": dspy.LMTransportError,
    "-garbage": dspy.LMStreamAssemblyError,
    "-truncated": dspy.LMUnexpectedError,
}


@pytest.mark.parametrize(("suffix", "expected"), STREAM_ERRORS.items(), ids=STREAM_ERRORS)
def test_a_stream_that_breaks_off_is_an_error_and_no_short_answer(suffix: str, expected: type[Exception]) -> None:
    async def scenario() -> Any:
        async with ModelServer(faulty(fields(answer="never heard"), suffixes=BY_SUFFIX)) as server:
            lm = model_of(server, f"scripted{suffix}")
            program = dspy.streamify(dspy.Predict("question -> answer"), is_async_program=True)
            with using(lm), pytest.raises((dspy.LMError, ExceptionGroup)) as caught:
                [part async for part in program(question="Count.")]
            await lm.aclose()
            return caught.value

    assert type(_leaf(play(scenario()))) is expected


def _leaf(error: BaseException) -> BaseException:
    return _leaf(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error


def test_two_hundred_calls_of_200_ms_are_in_flight_together() -> None:
    async def scenario() -> None:
        async with ModelServer(fields(answer="here"), latency_s=0.2) as server:
            models = [model_of(server) for _ in range(2)]  # a model has 100 connections
            predict, began = dspy.Predict("question -> answer"), asyncio.get_running_loop().time()

            async def one(number: int) -> Any:
                with using(models[number % 2]):
                    return await predict.acall(question=str(number))

            answers = await asyncio.gather(*map(one, range(200)))
            seconds = asyncio.get_running_loop().time() - began
            for lm in models:
                await lm.aclose()
            assert [answer.answer for answer in answers] == ["here"] * 200
            assert len({exchange.chat.digest for exchange in server.log if exchange.chat}) == 200
            assert server.in_flight == 0
            assert 100 <= server.peak <= 200
            assert seconds < 6

    play(scenario())


def test_a_test_can_wait_for_a_request_to_arrive_before_it_is_answered() -> None:
    async def scenario() -> None:
        async with ModelServer(Fixed(Silence())) as server:
            lm = model_of(server)
            with using(lm):
                asking = asyncio.create_task(dspy.Predict("question -> answer").acall(question="Anybody?"))
            exchange = await asyncio.wrap_future(server.arrived(1))
            assert server.in_flight == 1
            assert exchange.left_s is None
            asking.cancel()
            await asyncio.wait([asking])
            await lm.aclose()
        assert server.in_flight == 0
        assert not exchange.answered

    play(scenario())


def test_truncated_json_is_a_whole_http_answer(served: Any, client_of: Any) -> None:
    server = served(Fixed(Truncated(), Answer("well")))
    client = client_of(server)
    status, headers, data = client("POST", "/v1/chat/completions", HELLO)
    assert (status, int(headers["Content-Length"])) == (200, len(data))
    with pytest.raises(ValueError, match=r"Unterminated string|Expecting"):
        json.loads(data)
    assert client.chat()[0] == 200
