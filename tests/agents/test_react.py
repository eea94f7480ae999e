"""The program that uses tools, against a real HTTP server that plays its model: what it asks, what it does, and how it ends."""

import asyncio
import itertools
import json
import os
import random
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import count, pairwise
from pathlib import Path
from typing import Any

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "true")

import dspy
import pytest

from swarm.agents.lm.budget import Budget, BudgetSpent, Ledger
from swarm.agents.lm.connection import Endpoint
from swarm.agents.lm.engine import Mode, close_lm, open_lm
from swarm.agents.lm.limits import Lines, World
from swarm.agents.lm.record import Caller, MemoryRecord
from swarm.agents.programs.messages import LAST_TURN
from swarm.agents.programs.react import React
from swarm.agents.programs.trail import Trail
from swarm.agents.tools import TOOLS, Toolbox
from swarm.agents.tools.calling import ToolDescription
from swarm.agents.tools.offer import Offer
from swarm.errors import AgentStopped, AttemptTimedOut, ContractBreach, EnvironmentFault, RecordFault, SwarmError
from swarm.plans import globs
from swarm.signatures.brief import Brief
from swarm.signatures.contracts import Contracts, FieldSpec, check_payload
from swarm.workspace.commands import Commands
from swarm.workspace.desk import Desk
from swarm.workspace.sandbox import NoSandbox
from tests.model_server import Answer, Call, Coder, Edit, Fault, Fixed, Garbage, Lesson, ModelServer, Silence, Status, faulty

TOO_LONG = Status(400, code="context_length_exceeded")
CHANGING = frozenset({"edit_file", "write_file", "run"})
CONTRACTS = Contracts({
    "Change": {"files": FieldSpec(type="list[path]"), "summary": FieldSpec(type="str", constraints={"min_length": 5})},
    "Count": {"count": FieldSpec(type="int")},
    "Files": {"files": FieldSpec(type="list[path]")},
})  # fmt: skip

LIBRARY = {
    "shop/__init__.py": "",
    "shop/cart.py": 'def total(prices):\n    """The sum of the prices."""\n    raise NotImplementedError\n',
    "shop/tax.py": 'def gross(net, rate):\n    """The price with tax."""\n    raise NotImplementedError\n',
    "shop/money.py": 'def shown(cents):\n    """Such as 1.05."""\n    raise NotImplementedError\n',
    "check.py": (
        "from shop.cart import total\nfrom shop.money import shown\nfrom shop.tax import gross\n"
        "assert (total([1, 2]), gross(100, 0.5), shown(105)) == (3, 150, '1.05')\nprint('green')\n"
    ),
}
BODIES = {
    "shop/cart.py": ("The sum of the prices.", "return sum(prices)"),
    "shop/tax.py": ("The price with tax.", "return net * (1 + rate)"),
    "shop/money.py": ("Such as 1.05.", 'return f"{cents // 100}.{cents % 100:02}"'),
}
EDITS = [
    Edit(path, f'"""{doc}"""\n    raise NotImplementedError', f'"""{doc}"""\n    {body}') for path, (doc, body) in BODIES.items()
]  # fmt: skip
RIGHT = LIBRARY | {edit.path: LIBRARY[edit.path].replace(edit.old, edit.new) for edit in EDITS}
LESSON = Lesson("the shop", EDITS, commands=["python -B check.py"], payload={"summary": "All three are there."})
BRIEF = Brief(run="r", task="c.t", attempt=1, agent="a", role="", goal="Implement the shop.", contract="Change", writes=("shop/**",))


class Clock:
    """Time that passes only when somebody sleeps."""

    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        self.now_s += seconds


class Work:
    """One start of an attempt: a worktree of its own, and a record that outlives it."""

    def __init__(self, folder: Path, files: Mapping[str, str] | None = None, record: MemoryRecord | None = None) -> None:
        self.record = record or MemoryRecord()
        self.ledger = Ledger()
        self.files = dict(files or {})
        self.root = folder / "tree"
        for path, text in self.files.items():
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / path).write_text(text)
        for each in (self.root, folder / "scratch", folder / "plan"):
            each.mkdir(exist_ok=True)
        self.desk = Desk(
            root=self.root,
            scope=(globs.parse("**"),),
            listing=self._listing,
            plan_files={},
            commands=Commands(NoSandbox(), {"PATH": os.environ["PATH"]}, folder / "plan", f"test-{os.getpid()}"),
            seconds=20.0,
            scratch=folder / "scratch",
        )

    async def _listing(self) -> Iterable[str]:
        return list(self.tree)

    @property
    def tree(self) -> dict[str, str]:
        paths = [path for path in self.root.rglob("*") if path.is_file()]
        return {path.relative_to(self.root).as_posix(): path.read_text("utf-8", "backslashreplace") for path in paths}

    async def changed(self) -> list[str]:
        return [path for path, text in self.tree.items() if self.files.get(path) != text]

    @property
    def offers(self) -> list[Offer]:
        tools = Toolbox(self.desk).named(list(TOOLS))
        return [Offer(TOOLS[tool.__name__], partial(_called, tool), tool.__name__ in CHANGING) for tool in tools]

    def react(self, contract: str | None = "Change", offers: Sequence[Offer] | None = None, situation: str = "", **how: Any) -> React:
        async def told() -> str:
            return situation

        return React(
            role="Writes code.",
            instruction="Read first.",
            contracts=CONTRACTS,
            contract=contract,
            offers=self.offers if offers is None else offers,
            trail=Trail(self.record, "c.t", 1),
            situation=told,
            changed=self.changed,
            **how,
        )

    async def perform(self, server: ModelServer, react: React | None = None, mode: Mode = Mode.RESUME) -> Any:
        clock = Clock()
        lines = Lines(world=World(clock, clock.sleep, lambda: 0.0))
        lm = open_lm(Endpoint("openai/scripted", server.key, server.base_url), self.record, self.ledger, lines, mode=mode)
        try:
            with dspy.context(lm=lm, swarm_call=Caller("c.t", "c", 1), disable_history=True, trace=None):
                return await (react or self.react()).acall(brief=BRIEF, inbox={"c.before": {"n": 1}}, desk=self.desk)
        finally:
            await close_lm(lm)


async def _called(tool: Callable[..., Awaitable[str]], args: Mapping[str, Any]) -> str:
    return await tool(**args)


def turn(*calls: Any, thought: str = "I go on.") -> Answer:
    return Answer(f"[[ ## thought ## ]]\n{thought}\n\n[[ ## calls ## ]]\n{json.dumps([_as_json(call) for call in calls])}")


def _as_json(call: Any) -> Any:
    return {"tool": call.name, "args": call.arguments} if isinstance(call, Call) else call


FINISH = Call("finish", {"summary": "All is done."})
NOTE = Call("note", {"text": "seen"})
READ = Call("read_file", {"path": "shop/tax.py"})


def last_message(server: ModelServer, number: int = -1) -> str:
    content: str = server.chats[number].messages[-1]["content"]
    return content


async def played(tmp_path: Path, *answers: Any, contract: str | None = None, **how: Any) -> tuple[Any, ModelServer]:
    """What comes of these answers, in a library where nothing need be done."""
    async with ModelServer(Fixed(*answers)) as server:
        work = Work(tmp_path, LIBRARY)
        return await work.perform(server, work.react(contract, **how)), server


# Few calls


@pytest.mark.asyncio
async def test_three_stubs_are_implemented_in_at_most_four_calls(tmp_path: Path) -> None:
    work = Work(tmp_path, LIBRARY)
    async with ModelServer(Coder(LESSON)) as server:
        prediction = await work.perform(server)
    assert work.tree == RIGHT
    assert len(server.chats) <= 4
    assert prediction["handoff"] == {"files": sorted(BODIES), "summary": "All three are there."}
    assert (prediction.ending, len(prediction.steps)) == ("finished", len(server.chats))
    assert "green" in prediction.steps[-2].observations[0]


@pytest.mark.asyncio
async def test_what_the_first_message_shows_need_not_be_read(tmp_path: Path) -> None:
    work = Work(tmp_path, LIBRARY)
    async with ModelServer(Coder(LESSON)) as server:
        await work.perform(server, work.react(situation="\n".join(LIBRARY.values())))
    assert work.tree == RIGHT
    assert len(server.chats) == 3


@pytest.mark.asyncio
async def test_each_request_is_the_one_before_and_more(tmp_path: Path) -> None:
    bad = [Answer("no idea"), turn(Call("frobnicate")), turn(Call("finish", {"summary": 5}))]
    async with ModelServer(Fixed(*bad, then=Coder(LESSON))) as server:
        work = Work(tmp_path, LIBRARY)
        await work.perform(server)
    asked = [json.dumps(chat.messages)[:-1] for chat in server.chats]
    assert len(asked) == 7
    assert all(later.startswith(earlier) and len(later) > len(earlier) for earlier, later in pairwise(asked))
    assert [message["role"] for message in server.chats[-1].messages] == ["system", *["user", "assistant"] * 6, "user"]
    assert all("[[ ## calls ## ]]" not in message["content"] for message in server.chats[-1].messages if message["role"] == "user")


@pytest.mark.asyncio
async def test_the_calls_of_a_turn_are_carried_out_in_order_and_later_turns_add_only_their_results(tmp_path: Path) -> None:
    writes = [Call("write_file", {"path": "a", "content": text}) for text in ("one\n", "two\n")]
    _, server = await played(tmp_path, turn(*writes, Call("read_file", {"path": "a"})), turn(FINISH), turns=40)
    text = last_message(server)
    assert re.findall(r"^\[\d\] \w+", text, re.MULTILINE) == ["[1] write_file", "[2] write_file", "[3] read_file"]
    assert "1\ttwo" in text
    assert text.endswith("\n\nturn 1 of 40")
    assert "Implement the shop" not in text


# Ending


@pytest.mark.asyncio
async def test_without_a_contract_the_summary_is_in_the_steps_and_nothing_is_handed_over(tmp_path: Path) -> None:
    prediction, _ = await played(tmp_path, turn(FINISH))
    assert (prediction["handoff"], prediction.ending) == ({}, "finished")
    assert prediction.steps[0].calls[0].args == FINISH.arguments


@pytest.mark.asyncio
async def test_a_payload_that_does_not_fit_is_told_and_the_conversation_goes_on(tmp_path: Path) -> None:
    prediction, server = await played(tmp_path, turn(Call("finish", {"count": "2"})), turn(Call("finish", {"count": 2})), contract="Count")
    assert prediction["handoff"] == {"count": 2}
    assert "[1] finish\nnot finished: the payload does not fit Count: count: Input should be a valid integer" in last_message(server)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("calls", "turns", "observations"),
    [
        ([NOTE, FINISH], 1, ("noted", "finished")),
        ([Call("frobnicate"), FINISH], 2, ("there is no tool", "not taken: a call before it failed")),
        ([FINISH, NOTE], 1, ("finished", "not carried out: it stands after finish")),
        ([Call("note", {"txt": 1}), FINISH, NOTE], 2, ("note: ", "not taken: a call before it failed", "not carried out")),
        ([Call("frobnicate"), FINISH, FINISH], 2, ("there is no tool", "not taken: a call before it failed", "not carried out")),
    ],
    ids=["last", "last-after-an-error", "first", "in-the-middle-after-an-error", "twice"],
)
async def test_finish_beside_other_calls(tmp_path: Path, calls: list[Call], turns: int, observations: tuple[str, ...]) -> None:
    prediction, server = await played(tmp_path, turn(*calls), turn(FINISH)) if turns > 1 else await played(tmp_path, turn(*calls))
    assert len(server.chats) == turns
    first = prediction.steps[0].observations
    assert len(first) == len(observations)
    assert all(text.startswith(beginning) for text, beginning in zip(first, observations, strict=True))


@pytest.mark.asyncio
async def test_finish_is_sent_back_while_checks_are_red_with_what_they_say(tmp_path: Path) -> None:
    says = ["red: make\n1 failed", "", "never asked"]

    async def red() -> str:
        return says.pop(0)

    prediction, server = await played(tmp_path, turn(FINISH), turn(NOTE), turn(FINISH), red=red)
    assert [step.observations for step in prediction.steps] == [
        ("not finished, since the task is not done:\nred: make\n1 failed",),
        ("noted",),
        ("finished",),
    ]
    assert len(server.chats) == 3


@pytest.mark.asyncio
async def test_after_two_times_an_attempt_may_end_red_for_the_next_to_begin_anew(tmp_path: Path) -> None:
    times = itertools.count()

    async def red() -> str:
        return f"red: make\n1 failed in 0.{next(times)} s"

    prediction, server = await played(tmp_path, *[turn(FINISH)] * 3, red=red)
    assert (prediction["ending"], len(server.chats)) == ("finished", 3)


# Survival


ODD: dict[str, str | Answer] = {
    "prose": "I would first look around.",
    "empty": "",
    "no calls": turn(),
    "half": Answer(turn(NOTE).text[:-3]),
    "args are a list": turn({"tool": "note", "args": ["seen"]}),
    "args are a text": turn({"tool": "note", "args": "seen"}),
    "no tool": turn({"args": {}}),
    "unknown tool": turn(Call("raed_file", {"path": "check.py"})),
    "unknown argument": turn(Call("read_file", {"file": "check.py"})),
    "wrong type": turn(Call("read_file", {"path": ["check.py"]})),
    "self": turn(Call("read_file", {"self": "check.py"})),
    "no such file": turn(Call("read_file", {"path": "chck.py"})),
    "native call": Answer(calls=(Call("note", {"text": "seen"}),)),
    "raw surrogate": turn(thought="\ud800"),
    "surrogate": turn(Call("write_file", {"path": "a", "content": "\ud800"})),
    "control": Answer("\x00\x1b[31m\u202e"),
    "deep": Answer("[" * 90_000),
    "long": Answer("x" * 300_000),
    "number": turn({"tool": "run", "args": {"command": "true", "seconds": 1e200}}),
}
SAID = {
    "prose": "Your answer could not be read, and nothing was carried out: it holds no JSON list of calls.",
    "empty": "nothing was carried out: it is empty",
    "native call": "nothing was carried out: it is empty",
    "half": "if the answer was cut off",
    "no calls": "You called no tool",
    "args are a list": "call 1 (note) has unfit args",
    "no tool": 'does not name its "tool"',
    "unknown tool": 'there is no tool "raed_file"; did you mean read_file? The tools are list_files, read_file, search,',
    "unknown argument": "it takes path, lines (optional)",
    "no such file": "similar: check.py",
    "long": "300,000 characters",
}


@pytest.mark.asyncio
@pytest.mark.parametrize("name", ODD)
async def test_an_odd_answer_becomes_a_short_observation_and_work_goes_on(tmp_path: Path, name: str) -> None:
    odd = ODD[name]
    work = Work(tmp_path, LIBRARY)
    async with ModelServer(Fixed(odd if isinstance(odd, Answer) else Answer(odd), then=Coder(LESSON))) as server:
        prediction = await work.perform(server)
    assert work.tree == RIGHT
    assert prediction.ending == "finished"
    assert len(prediction.steps) == 5
    answer, observation = (message["content"] for message in server.chats[1].messages[-2:])
    assert SAID.get(name, "") in observation
    assert len(observation) < 1_500
    assert 0 < len(answer) <= 2_100


@pytest.mark.asyncio
async def test_an_unreadable_answer_keeps_its_two_ends(tmp_path: Path) -> None:
    _, server = await played(tmp_path, Answer("begin" + "x" * 50_000 + "end"), turn(FINISH))
    answer = server.chats[1].messages[-2]["content"]
    assert answer.startswith("begin")
    assert answer.endswith("end")
    assert "characters left out" in answer
    assert len(answer) <= 2_000


def offer(name: str, answer: Callable[[Mapping[str, Any]], str]) -> Offer:
    async def call(args: Mapping[str, Any]) -> str:
        return answer(args)

    return Offer(ToolDescription(name, "Does something.", {"type": "object", "properties": {}}), call)


def raising(error: Exception) -> Callable[[Mapping[str, Any]], str]:
    def answer(args: Mapping[str, Any]) -> str:
        raise error

    return answer


@pytest.mark.asyncio
async def test_a_tool_from_outside_that_fails_or_floods_is_an_observation_too(tmp_path: Path) -> None:
    offers = [offer("fails", raising(KeyError("x\nTraceback"))), offer("floods", lambda args: "\x1b" * 100_000)]
    prediction, server = await played(tmp_path, turn(Call("fails"), Call("floods")), turn(FINISH), offers=offers)
    failed, flooded = prediction.steps[0].observations
    assert failed == "fails failed: KeyError: 'x\\nTraceback'"
    assert len(flooded) <= 8_000
    assert "\x1b" not in last_message(server)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "error", [AttemptTimedOut("late"), EnvironmentFault("no bash"), RecordFault("full")], ids=lambda e: type(e).__name__
)
async def test_what_a_tool_raises_on_purpose_ends_the_attempt(tmp_path: Path, error: SwarmError) -> None:
    with pytest.raises(type(error)) as caught:
        await played(tmp_path, turn(Call("ends")), offers=[offer("ends", raising(error))])
    assert caught.value is error


@pytest.mark.asyncio
async def test_a_budget_that_is_spent_is_raised_as_itself(tmp_path: Path) -> None:
    work = Work(tmp_path, LIBRARY)
    work.ledger = Ledger(Budget(calls=1))
    async with ModelServer(Fixed(turn(NOTE))) as server:
        with pytest.raises(BudgetSpent):
            await work.perform(server)


@pytest.mark.asyncio
@pytest.mark.parametrize("fault", [Status(400, message="no\x1b[31m" + "x" * 5_000), Garbage()], ids=["status", "garbage"])
async def test_a_model_that_gives_no_answer_stops_the_agent_in_one_harmless_line(tmp_path: Path, fault: Fault) -> None:
    work = Work(tmp_path)
    async with ModelServer(faulty(Fixed(), when=lambda chat: fault)) as server:
        with pytest.raises(AgentStopped, match=r"^the model gave no answer \(LM\w+Error, status \d+\): ") as caught:
            await work.perform(server)
    text = str(caught.value)
    assert len(text) < 400
    assert text.isprintable()
    assert server.key not in text


@pytest.mark.asyncio
async def test_cancelling_leaves_the_loop_at_once(tmp_path: Path) -> None:
    async with ModelServer(Fixed(Silence())) as server:
        performing = asyncio.ensure_future(Work(tmp_path).perform(server))
        await asyncio.wrap_future(server.arrived(1))
        performing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await performing


PIECES = ["[" * 40, '"', "\\", "}", "\x00", "\ud83d", "[[ ## calls ## ]]", "null", "1e999", "-", "\u202e", ""]


def _mutated(text: str, chance: random.Random) -> str:
    for _ in range(chance.randint(1, 4)):
        at, end = sorted((chance.randrange(len(text) + 1), chance.randrange(len(text) + 1)))
        piece = chance.choice([text[at:end], *PIECES])
        text = text[:at] + piece + text[chance.choice([at, end]) :]
    return text


def _fuzzed(chance: random.Random) -> Answer:
    if chance.random() < 0.2:
        return Answer(chance.randbytes(chance.randrange(200)).decode(chance.choice(["latin-1", "utf-16-le"]), "replace"))
    good = [
        turn(READ, NOTE),
        turn(Call("edit_file", {"edits": [EDITS[0].values]}), Call("list_files")),
        turn(Call("write_file", {"path": "shop/new.py", "content": "x = 1\n"}), FINISH),
        turn(FINISH),
        turn(Call("record_metric", {"name": "seconds", "value": 1.5}), Call("search", {"pattern": "def"})),
    ]
    return Answer(_mutated(chance.choice(good).text, chance))


@pytest.mark.asyncio
async def test_three_hundred_fuzzed_answers_crash_nothing_and_hand_over_nothing_unfit(tmp_path: Path) -> None:
    chance = random.Random(4)
    endings: set[str] = set()
    async with ModelServer(lambda chat: _fuzzed(chance)) as server:
        while len(server.chats) < 300:
            folder = tmp_path / str(len(server.chats))
            folder.mkdir()
            work = Work(folder, LIBRARY)
            contract = chance.choice(["Change", "Count", "Files", None])
            offers = [each for each in work.offers if each.name != "run"]
            try:
                prediction = await work.perform(server, work.react(contract, offers, turns=12))
            except AgentStopped:
                endings.add("stopped")
                continue
            endings.add(prediction.ending)
            assert check_payload(CONTRACTS, contract, prediction["handoff"]) == prediction["handoff"]
    assert endings >= {"finished", "stopped"}


# Limits


@pytest.mark.asyncio
async def test_the_turn_before_the_last_says_so_and_the_limit_ends_with_a_marked_result(tmp_path: Path) -> None:
    texts = [turn(Call("note", {"text": str(number)})) for number in range(3)]
    prediction, server = await played(tmp_path, *texts, turns=3)
    assert (prediction["handoff"], prediction.ending, len(prediction.steps)) == ({}, "turn limit", 3)
    assert LAST_TURN not in last_message(server, 1)
    assert last_message(server, 2).endswith(f"{LAST_TURN}\nturn 2 of 3")


@pytest.mark.asyncio
async def test_at_the_limit_what_can_be_computed_is_handed_over(tmp_path: Path) -> None:
    prediction, _ = await played(tmp_path, turn(Call("write_file", {"path": "shop/a.py", "content": "x"})), contract="Files", turns=1)
    assert (prediction["handoff"], prediction.ending) == ({"files": ["shop/a.py"]}, "turn limit")


@pytest.mark.asyncio
async def test_at_the_limit_an_agent_that_owes_more_is_stopped(tmp_path: Path) -> None:
    with pytest.raises(AgentStopped, match="the agent ended after 2 turns without finishing") as caught:
        await played(tmp_path, turn(NOTE), turn(READ), contract="Change", turns=2)
    assert isinstance(caught.value.__cause__, ContractBreach)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("answers", "named"),
    [
        ([turn(READ)] * 3, r'read_file {"path": "shop/tax.py"}$'),
        ([turn(READ), turn(Call("list_files"))] * 3, r'read_file {"path": "shop/tax.py"}, then list_files {}$'),
        ([Answer("I do not know.")] * 3, "an answer without calls$"),
    ],
    ids=["one", "two", "unread"],
)
async def test_an_agent_that_goes_in_circles_is_warned_and_then_stopped(tmp_path: Path, answers: list[Answer], named: str) -> None:
    with pytest.raises(AgentStopped, match=f"in circles: 3 times in a row, with the same results, {named}"):
        await played(tmp_path, *answers, contract="Change")
    prediction, server = await played(tmp_path, *answers)
    assert (prediction["handoff"], prediction.ending, len(prediction.steps)) == ({}, "going in circles", len(answers))
    warned = [number for number in range(1, len(answers)) if "once more ends the attempt" in last_message(server, number)]
    assert warned[0] == len(answers) // 3 * 2


@pytest.mark.asyncio
async def test_the_same_call_with_another_result_is_no_circle(tmp_path: Path) -> None:
    ticks = count()
    offers = [offer("tick", lambda args: str(next(ticks)))]
    prediction, server = await played(tmp_path, *[turn(Call("tick"))] * 5, turn(FINISH), offers=offers)
    assert prediction.ending == "finished"
    assert not any("once more ends" in last_message(server, number) for number in range(len(server.chats)))


# Long conversations


BIG = {f"big{number}.txt": f"{number} {'x' * 70}\n" * 90 for number in range(20)}


@pytest.mark.asyncio
async def test_a_long_conversation_is_condensed_in_one_go_and_the_record_loses_nothing(tmp_path: Path) -> None:
    work = Work(tmp_path, BIG)
    reads = [turn(Call("read_file", {"path": path}), thought=f"I read {path}.") for path in BIG]
    async with ModelServer(Fixed(*reads, turn(FINISH))) as server:
        prediction = await work.perform(server, work.react(None, characters=60_000))
    sizes = [sum(len(message["content"]) for message in chat.messages[1:]) for chat in server.chats]
    assert max(sizes) <= 60_000
    condensed_at = [number for number in range(1, len(sizes)) if sizes[number] < sizes[number - 1]]
    assert condensed_at[0] > 6
    assert all(later - earlier >= 3 for earlier, later in pairwise(condensed_at))
    assert sizes[condensed_at[0]] <= 30_000, sizes
    assert all(sizes[number] <= 36_000 for number in condensed_at), sizes
    last = server.chats[-1].messages
    assert last[1] == server.chats[0].messages[1]
    assert "left out; call it again if needed]" in last[3]["content"]
    assert all("characters, left out" not in message["content"] for message in last[-6:])
    assert [f"I read {path}." in last[2 * index + 2]["content"] for index, path in enumerate(BIG)] == [True] * 20
    assert all(len(step.observations[0]) > 6_000 for step in prediction.steps[:-1])


@pytest.mark.asyncio
async def test_a_window_that_is_too_small_is_met_by_condensing_twice(tmp_path: Path) -> None:
    work = Work(tmp_path, BIG)
    reads = [turn(Call("read_file", {"path": path})) for path in list(BIG)[:6]]
    script = faulty(Fixed(*reads, turn(FINISH)), numbers={7: TOO_LONG, 8: TOO_LONG})
    async with ModelServer(script) as server:
        prediction = await work.perform(server, work.react(None))
    assert prediction.ending == "finished"
    sizes = [sum(len(message["content"]) for message in chat.messages) for chat in server.chats]
    assert sizes[6] > sizes[7] > sizes[8]
    assert [message["role"] for message in server.chats[8].messages] == [message["role"] for message in server.chats[6].messages]


@pytest.mark.asyncio
@pytest.mark.parametrize("turns_before", [0, 6])
async def test_what_does_not_fit_however_short_stops_the_agent(tmp_path: Path, turns_before: int) -> None:
    work = Work(tmp_path, BIG)
    reads = [turn(Call("read_file", {"path": path})) for path in list(BIG)[:turns_before]]
    script = faulty(Fixed(*reads), when=lambda chat: TOO_LONG if chat.number > turns_before else None)
    async with ModelServer(script) as server:
        with pytest.raises(AgentStopped, match="does not fit the model's context window"):
            await work.perform(server, work.react(None))
    assert len(server.chats) == (turns_before + 3 if turns_before else 1)


# Resuming


@pytest.mark.asyncio
@pytest.mark.parametrize("answered", [0, 1, 2, 3])
async def test_a_resumed_attempt_asks_nothing_that_was_answered_and_ends_the_same(tmp_path: Path, answered: int) -> None:
    (tmp_path / "first").mkdir()
    (tmp_path / "second").mkdir()
    coder = Coder(LESSON)
    first = Work(tmp_path / "first", LIBRARY)
    async with ModelServer(faulty(coder, numbers={answered + 1: Silence()})) as server:
        performing = asyncio.ensure_future(first.perform(server, first.react(situation="Rain.")))
        await asyncio.wrap_future(server.arrived(answered + 1))
        performing.cancel()
        await asyncio.gather(performing, return_exceptions=True)
        known = {exchange.chat.digest for exchange in server.chats if exchange.answered and exchange.chat}
    second = Work(tmp_path / "second", LIBRARY, first.record)
    async with ModelServer(coder) as server:
        prediction = await second.perform(server, second.react(situation="Sunshine."))
    asked = [exchange.chat.digest for exchange in server.chats if exchange.chat]
    assert len(known) == answered
    assert len(asked) == len(set(asked)) == 4 - answered
    assert not known & set(asked)
    assert all("Rain." in exchange.messages[1]["content"] for exchange in server.chats)
    assert second.tree == RIGHT
    assert prediction["handoff"]["files"] == sorted(BODIES)


@pytest.mark.asyncio
async def test_a_whole_attempt_replays_from_its_record_with_the_server_off(tmp_path: Path) -> None:
    (tmp_path / "first").mkdir()
    (tmp_path / "second").mkdir()
    first = Work(tmp_path / "first", LIBRARY)
    async with ModelServer(Fixed(Answer("no idea"), then=Coder(LESSON))) as server:
        before = await first.perform(server)
    second = Work(tmp_path / "second", LIBRARY, first.record)
    after = await second.perform(server, mode=Mode.REPLAY)
    assert after["handoff"] == before["handoff"]
    assert after.steps == before.steps
    assert second.tree == first.tree == RIGHT


# State


@pytest.mark.asyncio
async def test_saved_state_fits_another_task_and_contract_of_the_agent(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    work = Work(tmp_path / "work", LIBRARY)
    tuned = work.react("Change")
    assert [name for name, _ in tuned.named_predictors()] == ["turn"]
    tuned.turn.signature = tuned.turn.signature.with_instructions("You are tuned.")
    tuned.turn.demos = [{"news": "Say hello.", "thought": "I greet.", "calls": [{"tool": "note", "args": {"text": "hello"}}]}]
    tuned.save(str(tmp_path / "state.json"))
    other = work.react("Count", offers=[])
    other.load(str(tmp_path / "state.json"))
    async with ModelServer(Fixed(turn(Call("finish", {"count": 2})))) as server:
        prediction = await work.perform(server, other)
    assert prediction["handoff"] == {"count": 2}
    messages = server.chats[0].messages
    assert messages[0]["content"].startswith("You are tuned.\n\nYou work in turns.")
    assert [message["role"] for message in messages] == ["system", "user", "assistant", "user"]
    assert '"text": "hello"' in messages[2]["content"]
    assert work.react("Change").turn.signature.instructions == "Writes code.\n\nRead first."
