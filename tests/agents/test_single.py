"""The programs that ask once, over a real HTTP server."""

import asyncio
import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "true")

import dspy
import pytest
from pydantic import Field

from swarm.agents.lm.budget import Budget, BudgetSpent, Ledger
from swarm.agents.lm.engine import Mode
from swarm.agents.lm.models import Models
from swarm.agents.lm.record import Caller, MemoryRecord
from swarm.agents.lm.retry import Policy
from swarm.agents.programs.format import ONE_FORMAT
from swarm.agents.programs.single import Single
from swarm.agents.programs.trail import Trail
from swarm.errors import AgentStopped, ContractBreach, NotRecorded, Parked, SwarmError
from swarm.signatures.brief import Brief
from swarm.signatures.contracts import Contracts, FieldSpec, check_payload
from swarm.signatures.programmed import signature_for
from tests.model_server import Answer, Fixed, ModelServer, Status, fields

KEY = "sk-a-very-secret-key"
PLAIN = dspy.ChatAdapter(use_json_adapter_fallback=False)
BRIEF = Brief(run="r1", task="c.t", attempt=1, agent="code-analyzer", role="Reads.", goal="Read it.", contract="C")


def contracts(**types: str) -> Contracts:
    point = {"x": FieldSpec(type="int"), "y": FieldSpec(type="float", required=False, default=0.5)}
    return Contracts({"C": {name: FieldSpec(type=type_) for name, type_ in types.items()}, "Point": point})


VERDICT = contracts(verdict="literal[pass, fail]", score="float")
GOOD = {"verdict": "pass", "score": 0.5}
PASS = fields(**GOOD)


class Attempt:
    """One start of an attempt: program, caller and trail of its own on a shared record."""

    def __init__(self, server: ModelServer | None, record: MemoryRecord | None = None, mode: Mode = Mode.RESUME, **how: Any) -> None:
        self.record = record or MemoryRecord()
        self.ledger = Ledger(how.pop("budget", None))
        url = server.base_url if server else "http://127.0.0.1:9/v1"
        override = f"openai/gpt-4o@{url}"
        self.models = Models({"SWARM_LM_KEY": KEY}, self.record, self.ledger, override=override, mode=mode, policy=Policy(tries=1))
        self.told: Sequence[str] = how.pop("told", ("Two checks are red.",))
        self.situated = 0
        trail = Trail(self.record, "c.t", 1)
        given: dict[str, Any] = {
            "kind": "predict",
            "role": "Reads.",
            "instruction": "Read well.",
            "contracts": VERDICT,
            "contract": "C",
            "trail": trail,
        }
        self.program = Single(**given | how, situation=self.situation)

    async def situation(self) -> str:
        self.situated += 1
        return self.told[min(self.situated, len(self.told)) - 1]

    async def run(self, brief: Brief = BRIEF, inbox: Any = None) -> Any:
        try:
            with dspy.context(lm=self.models.lm(None), swarm_call=Caller("c.t", "c", 1), disable_history=True, trace=None):
                return (await self.program.acall(brief=brief, inbox=inbox or {}, desk=None))["handoff"]
        finally:
            await self.models.close()


def serving(*replies: Any, then: Any = None) -> ModelServer:
    return ModelServer(Fixed(*replies, then=then), key=KEY)


@contextmanager
def refused(kind: type[SwarmError]) -> Iterator[list[str]]:
    said: list[str] = []
    with pytest.raises(kind) as caught:
        yield said
    said.append(str(caught.value))
    assert "\n" not in said[0]


def last(server: ModelServer) -> str:
    """What the user's last message said."""
    return str(server.chats[-1].messages[-1]["content"])


def system(server: ModelServer) -> set[str]:
    return {str(chat.messages[0]["content"]) for chat in server.chats}


EVERY_TYPE: dict[str, tuple[str, Any]] = {
    "str": ("str", "some\n\ntext"),
    "int": ("int", -3),
    "float": ("float", 0.25),
    "bool": ("bool", True),
    "path": ("path", "src/a.py"),
    "literal": ("literal[low, high-risk]", "high-risk"),
    "optional": ("optional[int]", None),
    "optional text": ("optional[str]", "null and void"),
    "optional literal": ("optional[literal[low, high]]", "low"),
    "contract": ("Point", {"x": 1, "y": 2.5}),
    "list": ("list[Point]", [{"x": 1, "y": 0.5}, {"x": 2, "y": 0.5}]),
    "paths": ("list[path]", ["a", "b/c"]),
    "dict": ("dict[str, list[int]]", {"a": [1, 2], "b": []}),
}


@pytest.mark.asyncio
@pytest.mark.parametrize("kind", ["predict", "chain_of_thought"])
async def test_an_answer_is_the_payload_in_the_types_of_its_contract(kind: str) -> None:
    made = contracts(**{f"field_{index}": type_ for index, (type_, _) in enumerate(EVERY_TYPE.values())})
    payload = {f"field_{index}": value for index, (_, value) in enumerate(EVERY_TYPE.values())}
    async with serving(fields(reasoning="Because.", **payload)) as server:
        handed = await Attempt(server, contracts=made, kind=kind).run()
    assert check_payload(made, "C", handed) == payload
    assert ("`reasoning` (str)" in server.chats[0].chat.prompt) is (kind == "chain_of_thought")  # type: ignore[union-attr] # it is there


@pytest.mark.asyncio
@pytest.mark.parametrize("name", EVERY_TYPE)
async def test_a_contract_of_one_field_of_each_type_is_answered(name: str) -> None:
    type_, value = EVERY_TYPE[name]
    made = contracts(it=type_)
    async with serving(fields(it=value)) as server:
        assert check_payload(made, "C", await Attempt(server, contracts=made).run()) == {"it": value}


@pytest.mark.asyncio
async def test_a_task_that_hands_over_nothing_is_summarised() -> None:
    async with serving(fields(summary="All read.")) as server:
        assert await Attempt(server, contract=None).run() == {"summary": "All read."}


@pytest.mark.asyncio
async def test_the_brief_the_situation_and_the_inbox_are_told_and_the_format_once() -> None:
    async with serving(PASS) as server:
        await Attempt(server).run(inbox={"c.first": {"text": "half a character: \ud83d"}})
    told = last(server)
    assert told.index("Read it.") < told.index("Two checks are red.") < told.index("c.first")
    prompt = server.chats[0].chat.prompt  # type: ignore[union-attr] # it is there
    assert prompt.count("[[ ## completed ## ]]") == 1
    assert "\\ud83d" in prompt


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("bad", "remark"),
    [
        (Answer("I would rather talk."), "it lacks verdict, score"),
        (Answer("[[ ## verdict ## ]]\npass"), "it lacks score"),
        (Answer("[[ ## verdict ## ]]\nmaybe: Failed to parse field score \n\n[[ ## score ## ]]\n1"), "under verdict is not of its type"),
        (Answer("[[ ## verdict ## ]]\npass\n[[ ## score ## ]]\nhigh"), "under score is not of its type"),
        (Answer(""), "it was empty"),
    ],
)
async def test_an_unreadable_answer_is_asked_for_again_with_a_remark_and_without_the_answer(bad: Answer, remark: str) -> None:
    async with serving(bad, bad, PASS) as server:
        assert await Attempt(server).run() == GOOD
    assert len(server.chats) == 3
    assert f"Your last answer could not be read: {remark}" not in str(server.chats[0].messages)
    assert all(remark in str(chat.messages[-1]["content"]) for chat in server.chats[1:])
    assert "rather talk" not in last(server)
    assert len(system(server)) == 1


@pytest.mark.asyncio
async def test_an_answer_that_is_never_readable_is_refused_after_three_requests() -> None:
    async with serving(then=Answer("[[ ## verdict ## ]]\npass")) as server:
        with refused(ContractBreach) as said:
            await Attempt(server).run()
    assert said == ["the model's answer could not be read, 3 times: it lacks score"]
    assert len(server.chats) == 3


@pytest.mark.asyncio
async def test_started_again_it_takes_everything_from_the_record_and_asks_nobody() -> None:
    async with serving(Answer("unreadable"), PASS) as server:
        first = Attempt(server, told=("As it was at first.", "As it is now."))
        assert await first.run() == GOOD
        again = Attempt(server, first.record, told=("As it is now.",))
        assert await again.run() == GOOD
    assert len(server.chats) == 2
    assert again.situated == 0
    replayed = Attempt(None, first.record, Mode.REPLAY)
    assert await replayed.run() == GOOD


@pytest.mark.asyncio
async def test_a_replay_that_leaves_the_record_says_so_itself() -> None:
    with refused(NotRecorded):
        await Attempt(None, mode=Mode.REPLAY).run()


@pytest.mark.asyncio
async def test_reasons_of_ours_are_raised_themselves_and_never_asked_about_again() -> None:
    async with serving(Answer("unreadable"), then=PASS) as server:
        with refused(BudgetSpent):
            await Attempt(server, budget=Budget(calls=1)).run()
    assert len(server.chats) == 1
    async with serving(then=Status(401)) as server:
        with refused(Parked):
            await Attempt(server).run()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Status(400, message="No\x1b[31m such\u202e thing. " * 50), "LMInvalidRequestError (400)"),
        (Status(400, code="context_length_exceeded"), "ContextWindowExceededError (400)"),
    ],
)
async def test_a_provider_that_cannot_answer_stops_the_agent_in_one_short_harmless_line(reply: Status, said: str) -> None:
    async with serving(then=reply) as server:
        with refused(AgentStopped) as line:
            await Attempt(server).run()
    assert said in line[0]
    assert len(line[0]) <= 300
    assert line[0].isprintable()
    assert len(server.chats) == 1


@pytest.mark.asyncio
async def test_a_call_in_flight_can_be_cancelled() -> None:
    async with ModelServer(Fixed(then=PASS), key=KEY, latency_s=30) as server:
        running = asyncio.create_task(Attempt(server).run())
        await asyncio.wrap_future(server.arrived(1))
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running


@pytest.mark.asyncio
@pytest.mark.parametrize("kind", ["predict", "chain_of_thought"])
async def test_saved_state_is_loaded_into_the_next_attempts_program(kind: str, tmp_path: Path) -> None:
    trained = Attempt(None, kind=kind).program
    trained.predictors()[0].demos = [{"brief": "An example.", "inbox": {}, "reasoning": "Because.", "verdict": "fail", "score": 0.1}]
    trained.save(tmp_path / "state.json")
    async with serving(fields(reasoning="So.", **GOOD)) as server:
        attempt = Attempt(server, kind=kind)
        attempt.program.load(tmp_path / "state.json")
        assert await attempt.run() == GOOD
    assert "An example." in str(server.chats[0].messages)


# The format


ANSWERS = [
    "[[ ## verdict ## ]]\npass\n\n[[ ## score ## ]]\n0.5\n\n[[ ## completed ## ]]",
    "Well:\n[[ ## score ## ]] 0.5\n[[ ## verdict ## ]]  'pass' \n[[ ## completed ## ]]\nBye.",
    "[[ ## verdict ## ]]\r\npass\r\n[[ ## score ## ]]\r\n1",
    "[[ ## verdict ## ]]\npass\n[[ ## score ## ]]\n1\n[[ ## verdict ## ]]\nfail",
    "[[ ## verdict ## ]]\npass\n[[ ## other ## ]]\n2\n[[ ## score ## ]]\n1e1",
    "[[ ## verdict ## ]]\nperhaps\n[[ ## score ## ]]\n1",
    "[[ ## verdict ## ]]\n'pass'\n[[ ## score ## ]]\n'0.5',",
    "no markers at all",
]


@pytest.mark.parametrize("answer", ANSWERS)
def test_answers_are_read_as_dspy_reads_them(answer: str) -> None:
    signature = signature_for("", "Reads.", BRIEF, VERDICT)

    def read(adapter: Any) -> Any:
        try:
            return adapter.parse(signature, answer)
        except (dspy.AdapterParseError, RecursionError) as error:
            return type(error)

    assert read(ONE_FORMAT) == read(PLAIN)


def test_a_long_value_in_a_fence_is_read() -> None:
    signature = signature_for("", "Reads.", BRIEF, contracts(it="list[str]"))
    said = "[[ ## it ## ]]\n```json\n" + json.dumps(["x" * 100] * 50) + "\n```\n[[ ## completed ## ]]"
    assert ONE_FORMAT.parse(signature, said) == {"it": ["x" * 100] * 50}


@pytest.mark.parametrize("junk", ["[" * 200_000, '["a" ' * 20_000, "{" * 50_000, '["' + "a\\" * 2**18, "\n" * 2**20, '["a" ' * 190])
@pytest.mark.parametrize("type_", ["list[str]", "float", "Point", "optional[int]", "literal[low, high]", "dict[str, int]"])
def test_junk_is_refused_at_once_however_long_it_is(junk: str, type_: str) -> None:
    signature = signature_for("", "Reads.", BRIEF, contracts(it=type_))
    began = time.thread_time()
    with suppress(dspy.AdapterParseError):
        ONE_FORMAT.parse(signature, f"[[ ## it ## ]]\n{junk}")
    assert time.thread_time() - began < 0.25


def test_two_agents_with_words_in_another_order_are_not_told_the_same() -> None:
    one, other = (contracts(it=f"literal[{words}]") for words in ("low, high", "high, low"))
    said = [ONE_FORMAT.format_system_message(signature_for("", "Reads.", BRIEF, each)) for each in (one, other, one)]
    assert said[0] == said[2] != said[1]


def test_a_type_that_cannot_be_a_key_is_told_and_read_all_the_same() -> None:
    signature = dspy.Signature("question -> answer").append("marks", dspy.OutputField(), list[Annotated[int, Field(ge=1)]])
    assert "marks" in ONE_FORMAT.format_system_message(signature)
    assert ONE_FORMAT.parse(signature, "[[ ## answer ## ]]\na\n[[ ## marks ## ]]\n[1, 2]")["marks"] == [1, 2]


def test_system_messages_are_not_kept_without_end() -> None:
    for number in range(400):
        ONE_FORMAT.format_system_message(dspy.Signature("question -> answer", f"Work {number}."))
    assert len(ONE_FORMAT._system) <= 256
