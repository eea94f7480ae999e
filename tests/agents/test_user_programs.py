"""A user's own module does a task: real worker processes at a real desk, with models over real HTTP."""

import asyncio
import json
import os
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from pydantic import BaseModel

from swarm.agents.lm.budget import Budget, BudgetSpent, Ledger
from swarm.agents.lm.connection import Endpoint
from swarm.agents.lm.engine import Mode, close_lm, open_lm
from swarm.agents.lm.record import Caller, MemoryRecord
from swarm.agents.programs.state import check_state, load_state
from swarm.agents.programs.trail import Trail
from swarm.agents.programs.user import UserProgram
from swarm.agents.programs.worker import calling, loading
from swarm.agents.programs.worker.protocol import Done, message_of
from swarm.agents.tools import TOOLS
from swarm.agents.tools.offer import Offer
from swarm.engine.support import no_model
from swarm.errors import ContractBreach, EnvironmentFault, NotRecorded, ProcedureFailed
from swarm.plans import globs
from swarm.signatures.brief import Brief
from swarm.signatures.contracts import Contracts, FieldSpec
from swarm.signatures.evidence import Evidence, Refused
from swarm.signatures.programmed import brief_text
from swarm.workspace.commands import Commands
from swarm.workspace.desk import Desk
from swarm.workspace.environment import command_environment
from swarm.workspace.processes import MARK
from swarm.workspace.sandbox import NoSandbox
from tests.model_server import Exchange, Fixed, ModelServer, Status, fields

import dspy  # isort: skip # after swarm.agents.lm, which keeps it from the network

KEY = "sk-a-very-secret-key"
CONTRACTS = Contracts(
    {
        "Counted": {
            "words": FieldSpec(type="int"),
            "file": FieldSpec(type="optional[path]", required=False),
            "brief": FieldSpec(type="str", required=False, default=""),
        }
    }
)
BRIEF = Brief(
    run="r1",
    task="c.t",
    attempt=2,
    agent="counter",
    role="You count.",
    goal="Count the words.",
    contract="Counted",
    contract_schema={"properties": {"words": {}}},
    writes=("src/**",),
    closes=({"gap": "g", "path": "src/a.py", "lines": "3"},),
    refused=Refused(attempt=1, kind="checks", text="red", evidence=(Evidence(key="k", check="pytest", kind="done_when", before=False),)),
)
INBOX = {"c.before": {"words": 7}}


@dataclass
class House:
    """A run, as far as one task is concerned; each call of `perform` is a start of its attempt."""

    folder: Path
    server: ModelServer | None = None
    record: MemoryRecord = field(default_factory=MemoryRecord)
    ledger: Ledger = field(default_factory=Ledger)
    mode: Mode = Mode.RESUME
    offers: Sequence[Offer] = ()
    brief: Brief = BRIEF
    state: bytes | None = None

    def __post_init__(self) -> None:
        for folder in (self.plan, self.tree, self.scratch):
            folder.mkdir(exist_ok=True)

    @property
    def plan(self) -> Path:
        return self.folder / "the plan"

    @property
    def tree(self) -> Path:
        return self.folder / "tree"

    @property
    def scratch(self) -> Path:
        return self.folder / "scratch"

    @property
    def mark(self) -> str:
        return f"test-{os.getpid()}-{self.folder}"

    @property
    def desk(self) -> Desk:
        async def listing() -> list[str]:
            return [path.relative_to(self.tree).as_posix() for path in self.tree.rglob("*") if path.is_file()]

        environment = command_environment({**os.environ, "OPENAI_API_KEY": KEY, "ANTHROPIC_API_KEY": KEY})
        return Desk(
            root=self.tree,
            scope=(globs.parse("src/**"),),
            listing=listing,
            plan_files={},
            commands=Commands(NoSandbox(), environment, self.plan, self.mark),
            seconds=20.0,
            scratch=self.scratch,
            owner_of=lambda path: "docs.write" if path.startswith("docs/") else None,
        )

    def write(self, text: str, file: str = "mine.py") -> None:
        path = self.plan / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("import dspy\n" + textwrap.dedent(text))

    def program(self, program: str) -> UserProgram:
        return UserProgram(
            program=program,
            plan_folder=self.plan,
            contracts=CONTRACTS,
            contract=self.brief.contract,
            offers=self.offers,
            trail=Trail(self.record, "c.t", 2),
            state=self.state,
        )

    async def perform(self, program: str = "mine.py:Mine", desk: Desk | None = None) -> Any:
        """The payload."""
        made = self.program(program)
        async with self._model() as lm:
            with dspy.context(lm=lm, swarm_call=Caller("c.t", "c", 2), disable_history=True, trace=None):
                prediction = await made.acall(brief=self.brief, inbox=INBOX, desk=desk or self.desk)
        return prediction["handoff"]

    @asynccontextmanager
    async def _model(self) -> AsyncIterator[Any]:
        if self.server is None and self.mode is not Mode.REPLAY:
            yield None
            return
        address = self.server.base_url if self.server else "http://127.0.0.1:9/v1"
        lm = open_lm(Endpoint("openai/gpt-4o", KEY, address), self.record, self.ledger, mode=self.mode, temperature=0.5)
        yield lm
        await close_lm(lm)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def performed(house: House, program: str = "mine.py:Mine") -> Any:
    return asyncio.run(house.perform(program))


def served(house: House, script: Any = None, program: str = "mine.py:Mine", latency_s: float = 0) -> Any:
    """The payload; the house's server has been asked, and is gone."""

    async def perform() -> Any:
        async with ModelServer(script or Fixed(then=fields(answer="42")), key=KEY, latency_s=latency_s) as server:
            house.server = server
            return await house.perform(program)

    return asyncio.run(perform())


def chats(house: House) -> list[Exchange]:
    assert house.server is not None
    return house.server.chats


def marked(prefix: str) -> list[int]:
    """Processes that carry a mark with this prefix and still run."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdecimal() and f"{MARK}={prefix}".encode() in (folder / "environ").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def offer(name: str, call: Callable[[Mapping[str, Any]], Awaitable[str]], *, changes: bool = False) -> Offer:
    """A tool that is described as `note`, and does something else."""
    return Offer(replace(TOOLS["note"], name=name), call, changes)


# A module does a task


def test_a_module_of_ten_lines_with_only_forward_does_a_task(house: House) -> None:
    (house.tree / "src").mkdir()
    (house.tree / "src/a.txt").write_text("some words")
    house.write("""
        class Mine(dspy.Module):
            def __init__(self):
                super().__init__()
                self.answer = dspy.ChainOfThought("brief, text -> answer: int")

            def forward(self, brief, inbox, desk):
                text = desk.read("src/a.txt").decode()
                said = self.answer(brief=brief, text=text)
                desk.write("src/b.txt", f"{said.answer} and {inbox['c.before']['words']}")
                return dspy.Prediction(words=said.answer, file="src/b.txt", reasoning="not to be handed over")
    """)
    payload = served(house, Fixed(fields(reasoning="so", answer="42")))
    assert payload == {"words": 42, "file": "src/b.txt"}
    assert (house.tree / "src/b.txt").read_text() == "42 and 7"
    (chat,) = chats(house)
    assert brief_text(BRIEF) in chat.messages[-1]["content"]
    assert "some words" in chat.messages[-1]["content"]
    assert chat.chat is not None
    assert chat.chat.body["temperature"] == 0.5
    assert [row.task for row in house.record.rows] == ["c.t"]


def test_a_module_with_only_aforward_asks_three_questions_at_once(house: House) -> None:
    house.write("""
        import asyncio

        class Mine(dspy.Module):
            def __init__(self):
                super().__init__()
                self.answer = dspy.Predict("question -> answer: int")

            async def aforward(self, goal):
                said = await asyncio.gather(*(self.answer.acall(question=f"{goal} {n}") for n in range(3)))
                return {"words": sum(each.answer for each in said)}
    """)
    assert served(house, latency_s=0.2) == {"words": 126}
    assert len(chats(house)) == 3
    assert house.server is not None
    assert house.server.peak == 3


SEEN = """
    import os, sys
    print("printed while importing")

    class Mine(dspy.Module):
        {how}def {name}(self, brief, desk, tools, **others):
            print("printed", flush=True)
            os.write(1, b'{{"kind": "done"}}')
            desk.write("src/a.bin", b"\\0\\xff")
            ran = {wait}desk.run(["sh", "-c", "echo out; exit 3"])
            slow = {wait}desk.run("exec sleep 1000", seconds=0.2)
            try:
                desk.write("docs/a", "x")
            except PermissionError:
                refused = "of another class"
            except Exception as error:
                refused = f"{{type(error).__name__}}: {{error}}"
            try:
                missing = desk.read("src/nothing")
            except FileNotFoundError as error:
                missing = str(error)
            try:
                desk.write("src/big", b"x" * 2**24)
            except ValueError as error:
                big = str(error)
            desk.note("a remark")
            return dspy.Prediction(handoff=dict(
                read=list(desk.read("src/a.bin")), files={wait}desk.list_files(), refused=refused, missing=missing, big=big,
                ran=[ran.status, ran.output, ran.timed_out], slow=slow.timed_out, stdin=sys.stdin.read(),
                tool={wait}tools[0].{call}(text="hello"), described=str(tools[0]), others=sorted(others), brief=brief.as_json(),
                bad=[name for name in os.environ if "KEY" in name], task=os.environ.get("SWARM_MARK"),
            ))
"""
"""Looks at all there is; plain with `forward`, to be awaited with `aforward`."""

SYNC = {"how": "", "name": "forward", "wait": "", "call": "__call__"}
ASYNC = {"how": "async ", "name": "aforward", "wait": "await ", "call": "acall"}


@pytest.mark.parametrize("words", [SYNC, ASYNC], ids=["forward", "aforward"])
def test_everything_that_a_module_touches_is_the_real_desk(house: House, words: dict[str, str]) -> None:
    async def shout(given: Mapping[str, Any]) -> str:
        return f"{given['text'].upper()}!"

    house.offers = [offer("shout", shout)]
    house.brief = replace(BRIEF, contract=None)
    house.write(SEEN.format(**words))
    desk = house.desk
    seen = asyncio.run(house.perform(desk=desk))
    assert seen["read"] == [0, 255]
    assert seen["files"] == ["src/a.bin"]
    assert seen["refused"] == "ScopeBreach: docs/a is outside this task's scope (src/**): it belongs to docs.write"
    assert seen["missing"] == "src/nothing: No such file or directory"
    assert seen["big"].endswith("bytes are more than the 16,777,216 that go to the scheduler at once")
    assert (seen["ran"], seen["slow"]) == ([3, "out\n", False], True)
    assert seen["stdin"] == ""
    assert seen["tool"] == "HELLO!"
    assert seen["described"].startswith("shout, whose description is <desc>Leaves a remark")
    assert {"goal", "closes", "inbox", "task", "contract"} <= set(seen["others"])
    assert seen["brief"] == json.loads(json.dumps(house.brief.as_json()))
    assert seen["bad"] == []
    assert seen["task"].startswith(house.mark)
    assert desk.notes == ["a remark"]


def test_a_module_of_a_package_keeps_what_it_configured_but_for_the_model(house: House) -> None:
    house.write("dspy.configure(lm=dspy.LM('openai/other', api_key='x'), adapter=dspy.JSONAdapter())", "crew/__init__.py")
    house.write(
        """
        class Mine(dspy.Module):
            def __init__(self):
                super().__init__()
                self.answer = dspy.Predict("question -> answer")

            def forward(self, goal, unknown="default"):
                return dspy.Prediction(handoff={"answer": self.answer(question=goal).answer, "unknown": unknown})
        """,
        "crew/members.py",
    )
    assert served(house, program="crew.members:Mine") == {"answer": "42", "unknown": "default"}
    (chat,) = chats(house)
    assert chat.model == "gpt-4o"
    assert "JSON object" in json.dumps(chat.messages)
    assert not list(house.plan.rglob("__pycache__"))


# How it ends otherwise


ENDLESS = """
    import subprocess

    class Mine(dspy.Module):
        def forward(self, tools):
            child = subprocess.Popen(["setsid", "sh", "-c", "echo up; read word"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            child.stdout.readline()
            tools[0](text="begun")
            while True:
                pass
"""


def test_an_endless_loop_is_ended_with_all_it_started(house: House) -> None:
    async def run() -> None:
        async with asyncio.timeout(None) as limit:

            async def begun(given: Mapping[str, Any]) -> str:
                assert len(marked(house.mark)) == 2
                limit.reschedule(asyncio.get_running_loop().time())
                return "go on"

            house.offers = [offer("begun", begun)]
            await house.perform()

    house.write(ENDLESS)
    with pytest.raises(TimeoutError):
        asyncio.run(run())
    assert marked(house.mark) == []


def test_a_worker_whose_scheduler_has_died_ends_itself(house: House) -> None:
    async def never(given: Mapping[str, Any]) -> str:
        return ""

    house.offers = [offer("begun", never)]
    house.write(ENDLESS.replace("while True", "while print('busy') is None"))
    hello = json.dumps(house.program("mine.py:Mine")._hello(BRIEF, INBOX)).encode()
    command = [sys.executable, "-P", "-m", "swarm.agents.programs.worker"]
    environment = command_environment(os.environ, SWARM_MARK=house.mark)
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=environment, cwd=house.tree, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL) as worker:
        assert worker.stdin is not None
        assert worker.stdout is not None
        worker.stdin.write(hello + b"\n")
        worker.stdin.flush()
        assert b'"begun"' in worker.stdout.readline()
        worker.stdin.close()
        assert worker.wait(30) == 1


DEATHS = {
    "os.kill(os.getpid(), 9)": r"mine.py:Mine: its process was killed \(status 137\), perhaps for want of memory, before it had answered",
    "os._exit(3)": "its process ended with 3 before it had answered",
    "sys.exit(3)": "mine.py:Mine failed at mine.py:8: SystemExit: 3",
}


@pytest.mark.parametrize(("deed", "text"), DEATHS.items())
def test_a_module_that_does_not_answer_says_how_and_what_it_printed(house: House, deed: str, text: str) -> None:
    house.write(f"""
        import os, sys
        class Mine(dspy.Module):
            def forward(self, desk):
                print("last words in", os.getcwd() + "/src", "and", __file__, flush=True)
                os.write(2, b"\\x1b[31mred")
                {deed}
    """)
    with pytest.raises(ProcedureFailed, match=text) as caught:
        performed(house)
    assert str(caught.value).endswith("\nIt printed:\nlast words in src and $SWARM_PLAN_DIR/mine.py\n\\x1b[31mred")
    assert marked(house.mark) == []


def test_a_process_that_says_what_no_worker_says_is_ended(house: House) -> None:
    house.write("""
        class Mine(dspy.Module):
            def forward(self, desk):
                desk._channel.tell("nonsense")
                while True:
                    pass
    """)
    with pytest.raises(ProcedureFailed, match=r'said what no worker says .*"kind": "nonsense"'):
        performed(house)
    assert marked(house.mark) == []


ODD = {
    b"": "Expecting value",
    b"[" * 100_000: "said what no worker says",
    b"\xff": "decode",
    b"[]": "said what no worker says",
    b'{"kind": "run", "id": 1, "command": [], "seconds": null}': "command",
    b'{"kind": "run", "id": 1, "command": "x", "seconds": NaN}': "NaN is no JSON",
    b'{"kind": "run", "id": 1, "command": "x", "seconds": -1}': "greater than 0",
    b'{"kind": "read", "id": -1, "path": "x"}': "id",
    b'{"kind": "read", "id": true, "path": "x"}': "id",
    b'{"kind": "read", "id": 1, "path": "\\ud800"}': "surrogates",
    b'{"kind": "read", "id": 1, "path": "x", "more": 1}': "more",
    b'{"kind": "write", "id": 1, "path": "x", "content": "*"}': "content",
    b'{"kind": "tool", "id": 1, "name": "x", "arguments": []}': "arguments",
    b'{"kind": "done", "returned": "everything", "value": {}}': "returned",
}


@pytest.mark.parametrize(("line", "text"), ODD.items())
def test_what_a_worker_may_not_say_is_refused_with_a_reason(line: bytes, text: str) -> None:
    with pytest.raises(ProcedureFailed, match=text) as caught:
        message_of(line)
    assert len(str(caught.value)) < 700


# Models


ASKS = """
    class Mine(dspy.Module):
        def __init__(self):
            super().__init__()
            self.answer = dspy.Predict("question -> answer: int")

        def forward(self):
            try:
                return {"words": self.answer(question="how many?").answer}
            except %s as error:
                return {"caught": type(error).__name__}
"""


def test_a_providers_error_is_the_same_class_in_the_module_which_may_catch_it(house: House) -> None:
    house.write(ASKS % "dspy.ContextWindowExceededError")
    assert served(house, Fixed(Status(400, code="context_length_exceeded"))) == {"caught": "ContextWindowExceededError"}


def test_one_that_it_does_not_catch_ends_it_in_the_providers_words(house: House) -> None:
    house.write(ASKS % "dspy.ContextWindowExceededError")
    with pytest.raises(ProcedureFailed, match=r"failed at mine.py:10: LMInvalidRequestError: .*\n.*The scripted provider refuses"):
        served(house, Fixed(Status(400)))


def test_a_spent_budget_ends_it_with_the_reason_whatever_it_catches(house: House) -> None:
    house.ledger = Ledger(tasks={"c.t": Budget(calls=0)})
    house.write(ASKS % "BaseException")
    with pytest.raises(BudgetSpent, match=r"the budget of the task c.t is spent"):
        served(house)
    assert chats(house) == []
    assert marked(house.mark) == []


def test_without_a_model_a_question_ends_it_and_says_what_to_do(house: House) -> None:
    house.write(ASKS % "Exception")
    with pytest.raises(EnvironmentFault) as caught:
        performed(house)
    assert str(caught.value) == no_model(("mine.py:Mine",))


def test_a_replay_gives_the_same_payload_with_the_server_gone(house: House) -> None:
    heard: list[str] = []

    async def count(given: Mapping[str, Any]) -> str:
        heard.append(given["text"])
        return str(len(heard))

    house.offers = [offer("count", count)]
    house.write("""
        import asyncio
        class Mine(dspy.Module):
            def __init__(self):
                super().__init__()
                self.answer = dspy.Predict("question -> answer: int")

            async def aforward(self, desk, tools):
                ran = await desk.run("date +%s%N; cat /proc/sys/kernel/random/uuid; mkdir -p src; echo more >> src/log")
                said = await asyncio.gather(*(self.answer.acall(question=f"{n} {ran.output}") for n in range(2)))
                told = await tools[0].acall(text=str(said[0].answer))
                return dspy.Prediction(words=said[1].answer, file=ran.output + told)
    """)
    first = served(house)
    house.mode, house.server = Mode.REPLAY, None
    assert performed(house) == first
    assert heard == ["42"]
    assert (house.tree / "src/log").read_text() == "more\nmore\n"


def test_a_question_that_the_record_does_not_answer_ends_a_replay(house: House) -> None:
    house.mode = Mode.REPLAY
    house.write(ASKS % "Exception")
    with pytest.raises(NotRecorded, match=r"call 1 of task c.t"):
        performed(house)


# What cannot be used


BROKEN = {
    "nowhere.py:Mine": ("", "there is no file nowhere.py beside the plan"),
    "../mine.py:Mine": ("", "there is no file ../mine.py beside the plan"),
    "/etc/passwd.py:Mine": ("", "there is no file /etc/passwd.py beside the plan"),
    "mine.py": ("", "'mine.py' names no program: a program is `package.module:Class`"),
    "nowhere.mine:Mine": ("", "nowhere.mine cannot be imported: ModuleNotFoundError: No module named 'nowhere'"),
    "mine.py:Other": ("class Mine(dspy.Module): pass", "mine.py has no class Other; it has Mine"),
    "mine.py:Plain": ("class Plain: pass", "Plain in mine.py is no subclass of dspy.Module"),
    "mine.py:Raises": ("1 / 0", "mine.py cannot be imported at mine.py:2: ZeroDivisionError: division by zero"),
    "mine.py:Unparsed": ("class :", "mine.py cannot be imported at mine.py:2: SyntaxError: invalid syntax"),
    "mine.py:Wants": (
        "class Wants(dspy.Module):\n def __init__(self, size): pass",
        r"Wants\(\) failed: TypeError: .*'size'; its class is made without arguments",
    ),
    "mine.py:Nothing": ("class Nothing(dspy.Module): pass", "Nothing has neither forward nor aforward"),
    "mine.py:Model": (
        "class Model(dspy.Module):\n def __init__(self): self.lm = dspy.LM('openai/x')",
        r"Model has a model of its own at self.lm \(openai/x\), .*: leave it out, and name the model in the plan by `lm:`",
    ),
    "mine.py:Inner": (
        "class Inner(dspy.Module):\n def __init__(self):\n  self.all = [dspy.Predict('a -> b')]\n  self.set_lm(dspy.LM('openai/x'))",
        r"Inner has a model of its own at self.all\[0\].lm",
    ),
    "mine.py:Strange": (
        "class Strange(dspy.Module):\n async def aforward(self, brief, question, /, other=1): pass",
        "Strange.aforward wants brief, question; a program can have brief, inbox, desk, tools, run, task, attempt, agent, role, goal",
    ),
}


def ready(program: str, folder: Path) -> Any:
    """What a worker does until it calls the module."""
    kind = loading.class_of(program, folder)
    module = loading.made(kind, loading.own_folder(program, folder))
    return module, calling.arguments(kind, calling.brief_of(BRIEF.as_json()), inbox=INBOX, desk=None, tools=[])


@pytest.mark.parametrize("program", BROKEN)
def test_a_program_that_cannot_be_used_says_what_is_wrong_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    text, reason = BROKEN[program]
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    (tmp_path / "mine.py").write_text(f"import dspy\n{text}\n")
    with pytest.raises(loading.CannotLoad, match=reason):
        ready(program, tmp_path)


def test_what_cannot_be_used_is_no_fault_of_the_attempt(house: House) -> None:
    house.write("import no_such_thing")
    reason = "the program mine.py:Mine cannot be used: mine.py cannot be imported at mine.py:2: ModuleNotFoundError"
    with pytest.raises(EnvironmentFault, match=reason):
        performed(house)


def test_parameters_are_filled_by_name_and_the_rest_goes_to_kwargs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    (tmp_path / "mine.py").write_text(
        "import dspy\n"
        "class Some(dspy.Module):\n def forward(self, goal, *more, writes=None, unknown=5, inbox): pass\n"
        "class Both(dspy.Module):\n def forward(self, question): pass\n async def aforward(self, task, **rest): pass\n"
    )
    _, some = ready("mine.py:Some", tmp_path)
    assert some == {"goal": BRIEF.goal, "writes": ("src/**",), "inbox": INBOX}
    _, both = ready("mine.py:Both", tmp_path)
    assert {"task", "brief", "inbox", "desk", "tools", "refused", "contract_schema"} <= set(both)
    assert both["refused"] == BRIEF.refused


def test_the_brief_arrives_as_it_was_and_reads_well() -> None:
    told = calling.brief_of(json.loads(json.dumps(BRIEF.as_json())))
    assert isinstance(told, Brief)
    assert told.as_json() == BRIEF.as_json()
    assert (told.writes, told.refused) == (BRIEF.writes, BRIEF.refused)
    assert f"{told}" == brief_text(BRIEF)


# What it hands over


class Report(BaseModel):
    words: int
    at: PurePosixPath


RETURNED: list[tuple[Any, Any]] = [
    (dspy.Prediction(words=3, file=PurePosixPath("a/b"), other="x"), {"words": 3, "file": "a/b"}),
    (dspy.Prediction(words=3, file="None", brief="own", the_brief="ours"), {"words": 3, "file": None, "brief": "ours"}),
    (dspy.Prediction(words=3, brief="own"), {"words": 3, "brief": "own"}),
    (dspy.Prediction(handoff=Report(words=3, at=PurePosixPath("a"))), {"words": 3, "at": "a"}),
    ({"words": 3, "other": {1, 2}}, {"words": 3, "other": [1, 2]}),
    (Report(words=3, at=PurePosixPath("a")), {"words": 3, "at": "a"}),
]


@pytest.mark.parametrize(("value", "payload"), RETURNED)
def test_predictions_dicts_and_models_become_payloads(house: House, value: Any, payload: Any) -> None:
    assert payload_of_returned(house, value) == payload


def payload_of_returned(house: House, value: Any) -> Any:
    done = message_of(json.dumps({"kind": "done", **calling.returned(value)}).encode())
    assert isinstance(done, Done)
    return house.program("mine.py:Mine")._payload(done)


def test_nothing_is_a_payload_only_where_nothing_is_to_be_handed_over(house: House) -> None:
    with pytest.raises(ContractBreach, match=r"mine.py:Mine returned nothing; it is to hand over Counted"):
        payload_of_returned(house, None)
    house.brief = replace(BRIEF, contract=None)
    assert payload_of_returned(house, None) == {}
    assert payload_of_returned(house, dspy.Prediction(answer=1)) == {}


def test_anything_else_that_is_returned_is_named_with_what_may_be() -> None:
    with pytest.raises(TypeError, match=r"the module returned list; it may return a dspy.Prediction"):
        calling.returned([1])
    with pytest.raises(TypeError, match="the module returned words as object, which JSON cannot hold"):
        calling.returned({"words": object()})


# State


def optimised(**signatures: str) -> tuple[Any, dict[str, Any]]:
    """A module with these predictors, and what it would save."""
    module = dspy.Module()
    for name, signature in signatures.items():
        setattr(module, name, dspy.Predict(signature))
        getattr(module, name).demos = [dspy.Example(question="a", answer="b")]
    return module, {**module.dump_state(), "metadata": {"dependency_versions": {}}, "swarm": {"fingerprint": "x"}}


def test_saved_state_is_loaded_and_reaches_the_prompt(house: House) -> None:
    house.write(ASKS % "KeyError")
    _, saved = optimised(answer="question -> answer: int")
    saved["answer"]["signature"]["instructions"] = "Count like a king."
    house.state = json.dumps(saved).encode()
    assert served(house) == {"words": 42}
    assert "Count like a king." in json.dumps(chats(house)[0].messages)


def test_the_state_of_another_program_is_refused_before_it_begins(house: House) -> None:
    house.write(ASKS % "KeyError")
    house.state = json.dumps(optimised(answer="question -> number: int")[1]).encode()
    with pytest.raises(EnvironmentFault, match="saved state is not for this program: field 2 of the predictor answer is 'Number' there"):
        served(house)
    assert chats(house) == []


UNFIT = {
    "question -> answer, more": "field 3 of the predictor answer is 'More' there and not there in the program",
    "question -> other": "field 2 of the predictor answer is 'Other' there and 'Answer' in the program",
    "answer -> question": "field 1 of the predictor answer is 'Answer' there and 'Question' in the program",
}


@pytest.mark.parametrize("signature", UNFIT)
def test_state_with_other_fields_is_refused_by_predictor_and_field(signature: str) -> None:
    module, _ = optimised(answer="question -> answer")
    _, saved = optimised(answer=signature)
    with pytest.raises(EnvironmentFault, match=UNFIT[signature]):
        check_state(module, saved)


def test_state_with_other_predictors_is_refused_by_name() -> None:
    one, of_one = optimised(answer="question -> answer")
    two, of_two = optimised(answer="question -> answer", judge="question -> answer")
    with pytest.raises(EnvironmentFault, match=r"it has the predictor judge, which the program has not \(answer\)"):
        check_state(one, of_two)
    with pytest.raises(EnvironmentFault, match=r"the program's predictor judge is not in it \(answer\)"):
        check_state(two, of_one)


def test_state_fits_a_program_that_is_itself_a_predictor() -> None:
    saved = dspy.Predict(dspy.Signature("question -> answer", "Well.")).dump_state()
    program = dspy.Predict("question -> answer")
    load_state(program, json.dumps(saved).encode())
    assert program.signature.instructions == "Well."
    with pytest.raises(EnvironmentFault, match="field 2 of the predictor self"):
        load_state(dspy.Predict("question -> other"), json.dumps(saved).encode())


def test_state_brings_neither_a_model_nor_anything_else_that_it_names() -> None:
    module, saved = optimised(answer="question -> answer")
    saved["answer"] |= {"lm": {"model": "openai/x", "api_base": "http://elsewhere"}, "forward": "x", "stage": "y"}
    load_state(module, json.dumps(saved).encode())
    assert module.answer.lm is None
    assert callable(module.answer.forward)
    assert module.answer.stage != "y"
    assert module.answer.demos[0]["answer"] == "b"


@pytest.mark.parametrize(
    "content", [b"", b"\x80\x04.", b"[]", b"[" * 100_000, b'{"answer": 1}', b'{"answer": {"signature": {"fields": [1]}}}']
)
def test_what_is_no_state_is_refused_in_a_sentence(content: bytes) -> None:
    module, _ = optimised(answer="question -> answer")
    with pytest.raises(EnvironmentFault, match="saved state"):
        load_state(module, content)
