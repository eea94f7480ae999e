"""Real DSPy programs over a real HTTP server: what the server saw is what was paid for."""

import asyncio
import copy
import os
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "true")

import dspy
import pytest

from swarm.agents.lm.budget import Budget, BudgetSpent, Ledger
from swarm.agents.lm.connection import Endpoint
from swarm.agents.lm.engine import Mode, close_lm, open_lm, reason_of
from swarm.agents.lm.limits import Limits, Lines, ProviderBroken, World
from swarm.agents.lm.record import Caller, MemoryRecord, unchained
from swarm.agents.lm.retry import Policy
from swarm.engine.calls import CallRow, Spend
from swarm.errors import Bug, EnvironmentFault, NotRecorded, RecordFault, UsageError
from tests.model_server import (
    Answer,
    Cut,
    Fault,
    Fixed,
    Garbage,
    ModelServer,
    Silence,
    Status,
    Truncated,
    Usage,
    faulty,
    fields,
)

KEY = "sk-a-very-secret-key"
MODEL = "openai/gpt-4o"
FORTY_TWO = fields(answer="42")


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now_s += seconds

    @property
    def world(self) -> World:
        return World(self, self.sleep, lambda: 0.0)


class House:
    """A run, as far as its models are concerned."""

    def __init__(self, server: ModelServer | None, model: str = MODEL, key: str = KEY, limits: Limits | None = None) -> None:
        self.endpoint = Endpoint(model, key, server.base_url if server else "http://127.0.0.1:9/v1")
        self.record = MemoryRecord()
        self.ledger = Ledger()
        self.clock = Clock()
        self.lines = Lines(otherwise=limits, world=self.clock.world)

    def open(self, mode: Mode = Mode.RESUME, policy: Policy | None = None) -> Any:
        return open_lm(self.endpoint, self.record, self.ledger, self.lines, mode=mode, policy=policy)

    @asynccontextmanager
    async def calling(self, mode: Mode = Mode.RESUME, caller: Caller | None = None) -> AsyncIterator[Any]:
        lm = self.open(mode)
        with dspy.context(lm=lm, swarm_call=caller or Caller("c.t", "c", 1)):
            yield lm
        await close_lm(lm)

    @property
    def kept(self) -> str:
        return repr(self.record.rows) + repr(self.record.texts)


def serving(*replies: Any, then: Any = FORTY_TWO, numbers: Mapping[int, Fault] | None = None, **how: Any) -> ModelServer:
    return ModelServer(faulty(Fixed(*replies, then=then), numbers=numbers or {}), key=KEY, **how)


@contextmanager
def closed(server: ModelServer) -> Iterator[None]:
    """Says that from here on nothing is asked of it."""
    before = len(server.log)
    yield
    assert len(server.log) == before


async def search(query: str) -> str:
    """Looks something up."""
    return f"nothing about {query}"


def react() -> tuple[Any, list[Any]]:
    steps = [
        fields(next_thought="look", next_tool_name="search", next_tool_args={"query": "life"}),
        fields(next_thought="done", next_tool_name="finish", next_tool_args={}),
        fields(reasoning="because", answer="42"),
    ]
    return dspy.ReAct("question -> answer", tools=[search]), steps


PROGRAMS = {"predict": (lambda: (dspy.Predict("question -> answer"), [FORTY_TWO])), "react": react}


@pytest.mark.asyncio
@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("threaded", [False, True], ids=["async", "sync"])
async def test_a_program_is_recorded_and_replayed_to_the_same_prediction_with_the_server_off(name: str, threaded: bool) -> None:
    program, replies = PROGRAMS[name]()

    async def run() -> Any:
        with dspy.context(allow_tool_async_sync_conversion=True):
            return await asyncio.to_thread(program, question="why?") if threaded else await program.acall(question="why?")

    async with serving(*replies, then=None) as server:
        house = House(server)
        async with house.calling():
            first = await run()
    with closed(server):
        async with house.calling(Mode.REPLAY):
            again = await run()
    assert first.toDict() == again.toDict()
    assert first["answer"] == "42"
    assert len(server.chats) == len(house.record.rows) == len(replies)


@pytest.mark.asyncio
async def test_what_one_engine_recorded_the_other_replays() -> None:
    program = dspy.Predict("question -> answer")
    async with serving() as server:
        house = House(server)
        async with house.calling():
            first = await program.acall(question="why?")
        with closed(server):
            async with house.calling(Mode.REPLAY):
                assert (await asyncio.to_thread(program, question="why?")).toDict() == first.toDict()


@pytest.mark.asyncio
async def test_resuming_takes_recorded_answers_and_asks_only_for_the_rest() -> None:
    program = dspy.Predict("question -> answer")
    async with serving(fields(answer="1"), fields(answer="2"), fields(answer="3"), then=None) as server:
        house = House(server)
        async with house.calling():
            await program.acall(question="a")
            await program.acall(question="b")
        async with house.calling():  # started again; and this time side by side, the new one first
            said = await asyncio.gather(*(program.acall(question=each) for each in ("c", "b", "a")))
        assert [each["answer"] for each in said] == ["3", "2", "1"]
        assert len({chat.chat.digest for chat in server.chats if chat.chat}) == len(server.chats) == 3
    assert house.ledger.spent().calls == 3


@pytest.mark.asyncio
async def test_the_same_question_twice_is_two_calls_and_replays_as_two_answers() -> None:
    program = dspy.Predict("question -> answer")
    async with serving(fields(answer="heads"), fields(answer="tails"), then=None) as server:
        house = House(server)
        for mode in (Mode.RESUME, Mode.REPLAY):
            async with house.calling(mode):
                assert [(await program.acall(question="a"))["answer"] for _ in range(2)] == ["heads", "tails"]
    assert len(server.chats) == 2


@pytest.mark.asyncio
async def test_a_replay_that_asks_something_else_names_task_and_call() -> None:
    program = dspy.Predict("question -> answer")
    async with serving() as server:
        house = House(server)
        async with house.calling():
            await program.acall(question="a")
        with closed(server):
            async with house.calling(Mode.REPLAY):
                await program.acall(question="a")
                with pytest.raises(dspy.LMError, match=r"call 2 of task c\.t, attempt 1, is not in the record") as caught:
                    await program.acall(question="b")
    assert isinstance(reason_of(caught.value), NotRecorded)


@pytest.mark.asyncio
async def test_live_asks_again_what_is_recorded() -> None:
    program = dspy.Predict("question -> answer")
    async with serving() as server:
        house = House(server)
        for _ in range(2):
            async with house.calling(Mode.LIVE):
                await program.acall(question="a")
        assert len(server.chats) == 2


@pytest.mark.asyncio
async def test_eight_agents_and_a_budget_of_nine_calls_the_server_sees_nine() -> None:
    program = dspy.Predict("question -> answer")
    async with serving() as server:
        house = House(server)
        house.ledger = Ledger(Budget(calls=9))
        lm = house.open()

        async def agent(number: int) -> None:
            with dspy.context(lm=lm, swarm_call=Caller(f"c.{number}", "c", 1)):
                for each in range(9):
                    await program.acall(question=f"{number}.{each}")

        ends = await asyncio.gather(*(agent(number) for number in range(8)), return_exceptions=True)
        await close_lm(lm)
        assert len(server.chats) == 9
    assert all(isinstance(reason_of(end), BudgetSpent) for end in ends)
    assert Ledger(Budget(calls=9), recorded=house.record.rows).spent() == house.ledger.spent()


@pytest.mark.asyncio
async def test_tokens_and_cost_are_the_providers_and_the_price_tables() -> None:
    async with serving(then=Answer("[[ ## answer ## ]]\n42", usage=Usage(1000, 100))) as server:
        house = House(server)
        async with house.calling():
            await dspy.Predict("question -> answer").acall(question="a")
    spent = house.ledger.spent()
    assert (spent.calls, spent.tokens) == (1, 1100)
    assert spent.usd == pytest.approx(1000 * 2.5e-6 + 100 * 1e-5)


@pytest.mark.asyncio
async def test_a_model_without_a_price_costs_unknown_not_zero() -> None:
    async with serving() as server:
        house = House(server, model="openai/of-our-own")
        async with house.calling():
            await dspy.Predict("question -> answer").acall(question="a")
    assert house.ledger.spent().usd is None
    assert house.ledger.spent().tokens > 0


def errors(house: House) -> list[tuple[str | None, int, int]]:
    return [(row.error, row.tried, row.spent.calls) for row in house.record.rows]


async def asked_once(server: ModelServer, house: House) -> Any:
    async with house.calling():
        return await dspy.Predict("question -> answer").acall(question="a")


@pytest.mark.asyncio
async def test_a_busy_provider_is_asked_again_when_it_said() -> None:
    async with serving(numbers={1: Status(429, retry_after="7")}) as server:
        house = House(server)
        await asked_once(server, house)
    assert house.clock.slept == [7]
    assert errors(house) == [("LMRateLimitError", 1, 0), (None, 2, 1)]


@pytest.mark.asyncio
async def test_a_failure_of_the_server_then_success_costs_one_call() -> None:
    async with serving(numbers={1: Status(500), 2: Status(503)}) as server:
        house = House(server)
        await asked_once(server, house)
        assert len(server.chats) == 3
    assert house.clock.slept == [0.5, 1]
    assert errors(house) == [("LMServerError", 1, 0), ("LMServerError", 2, 0), (None, 3, 1)]
    assert house.ledger.spent().calls == 1


@pytest.mark.asyncio
@pytest.mark.parametrize("fault", [Cut(), Cut(unheard=True)], ids=["half way", "unheard"])
async def test_a_cut_connection_is_tried_again_and_may_have_cost_something(fault: Fault) -> None:
    async with serving(numbers={1: fault}) as server:
        house = House(server)
        assert (await asked_once(server, house))["answer"] == "42"
    assert errors(house) == [("LMTransportError", 1, 1), (None, 2, 1)]
    assert house.ledger.spent().usd is None


@pytest.mark.asyncio
@pytest.mark.parametrize("fault", [Garbage(), Garbage(raw=True), Truncated()], ids=["garbage", "raw", "truncated"])
async def test_nonsense_is_an_error_of_dspy_with_a_row_and_nothing_is_held(fault: Fault) -> None:
    async with ModelServer(faulty(FORTY_TWO, when=lambda chat: fault), key=KEY) as server:
        house = House(server)
        async with house.calling():
            with pytest.raises(dspy.LMError):
                await dspy.Predict("question -> answer").acall(question="a")
    assert {row.response for row in house.record.rows} == {None}
    assert house.ledger._open == set()


@pytest.mark.asyncio
async def test_a_wrong_key_parks_at_once_after_one_request() -> None:
    async with serving() as server:
        house = House(server, key="sk-wrong-but-secret")
        async with house.calling():
            for _ in range(2):
                with pytest.raises(dspy.LMError, match="openai-chat refuses the key") as caught:
                    await dspy.Predict("question -> answer").acall(question="a")
                assert isinstance(reason_of(caught.value), ProviderBroken)
        assert len(server.log) == 1
    assert errors(house) == [("LMAuthError", 1, 0)]
    assert "sk-wrong-but-secret" not in house.kept


@pytest.mark.asyncio
async def test_a_provider_that_is_down_opens_the_breaker_and_one_call_looks_after_the_rest() -> None:
    down = dict.fromkeys(range(1, 4), Status(500))
    async with serving(numbers=down) as server:
        house = House(server, limits=Limits(failures=3, rest_s=60))
        async with house.calling():
            program = dspy.Predict("question -> answer")
            for _ in range(2):
                with pytest.raises(dspy.LMError, match="does not answer"):
                    await program.acall(question="a")
            assert len(server.chats) == 3
            house.clock.now_s += 60
            await program.acall(question="a")
        assert len(server.chats) == 4


@pytest.mark.asyncio
async def test_a_look_that_is_cancelled_does_not_keep_the_next_from_looking() -> None:
    async with serving(numbers={1: Status(500), 2: Silence()}) as server:
        house = House(server, limits=Limits(failures=1, rest_s=60))
        program = dspy.Predict("question -> answer")
        async with house.calling():
            with pytest.raises(dspy.LMError, match="does not answer"):
                await program.acall(question="a")
            house.clock.now_s += 60
            look = asyncio.create_task(program.acall(question="a"))
            await asyncio.wrap_future(server.arrived(2))
            with pytest.raises(dspy.LMError, match="does not answer"):
                await program.acall(question="b")
            look.cancel()
            await asyncio.gather(look, return_exceptions=True)
            assert (await program.acall(question="b"))["answer"] == "42"
        assert len(server.chats) == 3


@pytest.mark.asyncio
async def test_a_prompt_too_long_is_said_once_and_remembered_as_such() -> None:
    async with serving(then=Status(400, code="context_length_exceeded")) as server:
        house = House(server)
        for mode in (Mode.RESUME, Mode.RESUME, Mode.REPLAY):
            async with house.calling(mode):
                with pytest.raises(dspy.ContextWindowExceededError):
                    await dspy.Predict("question -> answer").acall(question="a")
        assert len(server.chats) == 1


@pytest.mark.asyncio
async def test_a_failure_replays_as_the_same_failure_and_is_asked_anew_on_resume() -> None:
    async with serving(numbers={1: Status(400)}) as server:
        house = House(server)
        program = dspy.Predict("question -> answer")
        for mode in (Mode.RESUME, Mode.REPLAY):
            async with house.calling(mode):
                with pytest.raises(dspy.LMInvalidRequestError):
                    await program.acall(question="a")
        assert len(server.chats) == 1
        async with house.calling():
            assert (await program.acall(question="a"))["answer"] == "42"
        async with house.calling(Mode.REPLAY):
            assert (await program.acall(question="a"))["answer"] == "42"
        assert len(server.chats) == 2


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("status", "tries", "reason", "said"),
    [
        (500, 2, ProviderBroken, "did not answer 2 times .LMServerError.: let it rest"),
        (429, 2, ProviderBroken, "did not answer 2 times .LMRateLimitError.: let it rest"),
        (404, 1, EnvironmentFault, "knows no model .*: name another by --lm"),
    ],
)
async def test_a_fault_of_provider_or_model_is_not_told_to_a_program_but_parks(status: int, tries: int, reason: Any, said: str) -> None:
    async with serving(numbers=dict.fromkeys(range(1, 3), Status(status))) as server:
        house = House(server)
        program = dspy.Predict("question -> answer")
        with dspy.context(lm=house.open(policy=Policy(tries=2)), swarm_call=Caller("c.t", "c", 1)), pytest.raises(dspy.LMError) as caught:
            await program.acall(question="a")
        assert isinstance(reason_of(caught.value), reason)
        assert re.search(said, str(caught.value))
        assert len(server.chats) == tries
        async with house.calling(Mode.REPLAY):
            with pytest.raises(dspy.LMError) as again:
                await program.acall(question="a")
        assert isinstance(reason_of(again.value), NotRecorded)


@pytest.mark.asyncio
async def test_cancelling_leaves_a_row_and_gives_back_reservation_and_place() -> None:
    async with serving(Silence()) as server:
        house = House(server, limits=Limits(at_once=1))
        house.ledger = Ledger(Budget(calls=2))
        program = dspy.Predict("question -> answer")
        async with house.calling():
            sent = asyncio.create_task(program.acall(question="a"))
            await asyncio.wrap_future(server.arrived(1))
            waiting = asyncio.create_task(program.acall(question="b"))
            while len(house.ledger._open) < 2:
                await asyncio.sleep(0)
            for task in (waiting, sent):
                task.cancel()
            ends = await asyncio.gather(sent, waiting, return_exceptions=True)
            assert [type(end) for end in ends] == [asyncio.CancelledError] * 2
            assert errors(house) == [("CancelledError", 1, 1)], "and none for the one that was never sent"
            assert (await program.acall(question="c"))["answer"] == "42"
    assert house.ledger._open == set()
    assert house.lines.line("openai-chat").gate.free == 1


@pytest.mark.asyncio
async def test_a_cancelled_call_is_asked_anew_on_resume() -> None:
    async with serving(Silence()) as server:
        house = House(server)
        program = dspy.Predict("question -> answer")
        async with house.calling():
            sent = asyncio.create_task(program.acall(question="a"))
            await asyncio.wrap_future(server.arrived(1))
            sent.cancel()
            await asyncio.gather(sent, return_exceptions=True)
        async with house.calling():
            assert (await program.acall(question="a"))["answer"] == "42"
    assert errors(house) == [("CancelledError", 1, 1), (None, 1, 1)]


class FullDisk(MemoryRecord):
    """Takes no row."""

    async def put(self, row: CallRow, texts: Mapping[str, str]) -> None:
        raise RecordFault("the disk is full")


@pytest.mark.asyncio
async def test_an_answer_that_cannot_be_recorded_is_not_used() -> None:
    async with serving() as server:
        house = House(server)
        house.record = FullDisk()
        async with house.calling():
            with pytest.raises(dspy.LMError) as caught:
                await dspy.Predict("question -> answer").acall(question="a")
    assert isinstance(reason_of(caught.value), RecordFault)
    assert house.ledger._open == set()


@pytest.mark.asyncio
async def test_a_key_stands_in_no_row_no_text_and_no_repr() -> None:
    program, replies = react()
    async with serving(*replies, then=None, numbers={2: Status(500, message=f"your key {KEY} is fine")}) as server:
        house = House(server)
        async with house.calling():
            await program.acall(question="a")
        assert all(exchange.key_right for exchange in server.log)
    assert KEY not in house.kept
    assert KEY not in repr(house.endpoint)


@pytest.mark.asyncio
async def test_the_record_holds_the_very_request() -> None:
    async with serving() as server:
        house = House(server)
        await asked_once(server, house)
        said = unchained(house.record.rows[0].request, house.record)
        texts = [part["text"] for message in said["messages"] for part in message["parts"]]
        assert texts == [each["content"] for each in server.chats[0].messages if each["role"] != "system"]


@pytest.mark.asyncio
async def test_a_stream_is_recorded_and_replayed_too() -> None:
    program = dspy.Predict("question -> answer")

    async def streamed() -> Any:
        listener = dspy.streaming.StreamListener(signature_field_name="answer")
        run = dspy.streamify(program, stream_listeners=[listener], is_async_program=True)
        return [each async for each in run(question="a") if isinstance(each, dspy.Prediction)][-1]

    async with serving() as server:
        house = House(server)
        async with house.calling():
            first = await streamed()
    with closed(server):
        async with house.calling(Mode.REPLAY):
            assert (await streamed()).toDict() == first.toDict()
    assert len(house.record.rows) == 1


@pytest.mark.asyncio
async def test_threads_of_dspy_share_gate_and_budget() -> None:
    async with serving() as server:
        house = House(server, limits=Limits(at_once=2))
        house.ledger = Ledger(Budget(calls=6))
        program = dspy.Predict("question -> answer")
        pairs = [(program, {"question": str(each)}) for each in range(6)]
        async with house.calling():
            said = await asyncio.to_thread(dspy.Parallel(num_threads=6, disable_progress_bar=True, timeout=0), pairs)
        assert server.peak <= 2
    assert [each["answer"] for each in said] == ["42"] * 6
    assert house.ledger.spent().calls == 6


def test_one_model_serves_several_loops_one_after_another() -> None:
    program = dspy.Predict("question -> answer")
    with serving().in_thread() as server:
        house = House(server)
        lm = house.open()

        async def once(number: int) -> None:
            with dspy.context(lm=lm, swarm_call=Caller(f"c.{number}", "c", 1)):
                await program.acall(question="a")
            await close_lm(lm)

        for number in range(3):
            asyncio.run(once(number))
        assert len(server.chats) == 3


@pytest.mark.asyncio
async def test_outside_an_attempt_nobody_calls_a_model() -> None:
    async with serving() as server:
        lm = House(server).open()
        with dspy.context(lm=lm), pytest.raises(dspy.LMError, match="outside an attempt") as caught:
            await dspy.Predict("question -> answer").acall(question="a")
        assert isinstance(reason_of(caught.value), Bug)
        assert server.log == []


def test_a_copy_of_a_program_has_the_same_accounts() -> None:
    lm = House(None).open()
    assert copy.deepcopy(lm).engine is lm.engine
    assert copy.deepcopy(lm)._async_engine_spec is lm._async_engine_spec


@pytest.mark.parametrize("model", ["openai/gpt-4o", "openai/of-our-own", "anthropic/claude-sonnet-4-5"])
def test_the_engine_knows_what_the_model_can_as_dspy_does(model: str) -> None:
    able = ("supports_function_calling", "supports_reasoning", "supports_response_schema", "supported_params")
    ours, theirs = House(None, model=model).open(), dspy.LM(model)
    assert [getattr(ours, name) for name in able] == [getattr(theirs, name) for name in able]


def test_a_model_of_no_known_provider_is_refused_where_it_is_opened() -> None:
    with pytest.raises(UsageError, match="write provider/model"):
        House(None, model="nobody-knows-me").open()


def test_a_reason_is_found_however_it_was_wrapped() -> None:
    assert reason_of(ValueError("x")) is None
    assert reason_of(None) is None


@pytest.mark.asyncio
async def test_two_hundred_agents_are_in_flight_together() -> None:
    async with serving(latency_s=3.0) as server:
        house = House(server)
        program = dspy.Predict("question -> answer")
        lm = house.open()

        async def agent(number: int) -> None:
            with dspy.context(lm=lm, swarm_call=Caller(f"c.{number}", "c", 1), disable_history=True, trace=None):
                await program.acall(question=str(number))

        await asyncio.gather(*(agent(number) for number in range(200)))
        await close_lm(lm)
        assert server.peak == 200
    assert house.ledger.spent().calls == 200
    assert house.ledger.spent() == sum((row.spent for row in house.record.rows), Spend())
