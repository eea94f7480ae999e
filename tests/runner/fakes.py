"""A world in memory for the runner: a code base with a line, a judge, performers, a mailbox and a clock, all of which behave.

A tree is a mapping of paths to texts, a commit a tree with parents, both named by hash as git names them. The world outlives
its schedulers: it can crash at any point where something becomes durable, and be taken up again from its journal.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import yaml

from swarm.engine import events as ev
from swarm.engine.events import Entry, Event
from swarm.engine.ports import Assignment, Candidate, Left, Performance
from swarm.engine.state import State, fold
from swarm.errors import EnvironmentFault, HeadMoved, Refusal
from swarm.journal.memory import MemoryJournal, MemoryStore
from swarm.journal.requests import Request
from swarm.plans import globs
from swarm.plans.checks import Check, GapClosed, Run
from swarm.plans.found import Found
from swarm.plans.graph import Graph, Task, compile_plan
from swarm.plans.load import parse_plan
from swarm.plans.schema import MissingGap
from swarm.runner.loop import Outcome, Runner, RunnerPorts
from swarm.signatures.canonical import digest
from swarm.signatures.evidence import Verdict
from swarm.signatures.handoff import Handoff

Files = Mapping[str, str]
Result = TypeVar("Result")
_PATIENCE_S = 30


class Crash(BaseException):
    """The process died here. No `Exception`: nothing may catch it and go on."""


def play(scenario: Coroutine[Any, Any, Result]) -> Result:
    """Runs a scenario to its end. It leaves no task behind and no exception that nobody looked at."""
    complaints: list[dict[str, Any]] = []

    async def whole() -> Result:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        async with asyncio.timeout(_PATIENCE_S):
            try:
                return await scenario
            finally:
                assert asyncio.all_tasks() == {asyncio.current_task()}

    try:
        return asyncio.run(whole())
    finally:
        assert complaints == []


def plan_of(tasks: str, phases: str = "[one]", **more: Any) -> str:
    """A plan's text from a mapping of tasks in category `c`; phase `one` and a goal unless said."""
    entries = {name: {"phase": "one", "goal": "g"} | (entry or {}) for name, entry in yaml.safe_load(tasks).items()}
    categories = {"c": {"objective": "o", "lead": "qa-validator", "tasks": entries}}
    plan = {"plan": "p", "goal": "g", "workspace": "w", "categories": categories, "phases": yaml.safe_load(phases), **more}
    return json.dumps(plan)


@dataclass
class CodeBase:
    """Trees and commits by their ids, and the one head."""

    trees: dict[str, Files] = field(default_factory=dict)
    commits: dict[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    head: str = ""

    def tree(self, files: Files) -> str:
        name = digest(dict(files))
        self.trees[name] = dict(files)
        return name

    def commit(self, tree: str, *parents: str, message: str = "") -> str:
        name = digest([tree, parents, message])
        self.commits[name] = (tree, parents)
        return name

    def files(self, commit: str | None = None) -> Files:
        return self.trees[self.commits[commit or self.head][0]]


@dataclass
class Life:
    """Where a scheduler stands, and where it dies. Each point is passed when something has or has not become durable yet."""

    dies_at: int | None = None
    points: list[str] = field(default_factory=list)
    dead: bool = False
    slow: int = 1
    """How often others may run while something becomes durable."""
    passing: Callable[[str], None] = lambda point: None

    def at(self, point: str) -> None:
        if not self.dead:
            self.points.append(point)
            self.passing(point)
            self.dead = len(self.points) == self.dies_at
        if self.dead:
            raise Crash(point)

    async def writes(self) -> None:
        for _ in range(self.slow):
            await asyncio.sleep(0)


@dataclass
class FakeJournal:
    """A journal in memory that a life can end at, before and after each append."""

    inner: MemoryJournal
    life: Life

    async def append(self, *events: Event, texts: Mapping[str, bytes] | None = None) -> tuple[Entry, ...]:
        self.life.at(f"before append {events[0].kind}")
        entries = await self.inner.append(*events, texts=texts)
        await self.life.writes()
        self.life.at(f"after append {events[0].kind}")
        return entries

    def entries(self, after: int = 0) -> Sequence[Entry]:
        return self.inner.entries(after)

    def text(self, hash_: str) -> bytes:
        return self.inner.text(hash_)

    @property
    def fence(self) -> int:
        return self.inner.fence

    def close(self) -> None:
        self.inner.close()


@dataclass
class FakeLine:
    """Commits on the one head: compare-and-swap, and a three-way merge path by path."""

    code: CodeBase
    life: Life
    advancing: int = 0

    async def tree(self, commit: str) -> str:
        return self.code.commits[commit][0]

    async def propose(self, task: Task, attempt: int, tree: str, base: str, head: str) -> Candidate:
        own = self.code.commit(tree, base, message=f"{task.name} {attempt}")
        if head == base:
            return Candidate(own, tree)
        merged = self.code.tree(merge(self.code.files(base), self.code.files(head), self.code.trees[tree]))
        return Candidate(self.code.commit(merged, head, own, message=f"{task.name} {attempt}"), merged)

    async def advance(self, new: str, old: str) -> None:
        self.life.at("before advance")
        assert self.advancing == 0, "two landings at a time"
        self.advancing += 1
        try:
            await self.life.writes()
            if self.code.head not in (old, new):
                raise HeadMoved(f"the head is at {self.code.head}")
            self.code.head = new
        finally:
            self.advancing -= 1
        self.life.at("after advance")


def merge(base: Files, ours: Files, theirs: Files) -> Files:
    """Three-way, by path.

    Raises:
        Refusal: both changed a path, and differently.
    """
    merged = {path: _merged(path, base.get(path), ours.get(path), theirs.get(path)) for path in {*base, *ours, *theirs}}
    return {path: text for path, text in merged.items() if text is not None}


def _merged(path: str, base: str | None, ours: str | None, theirs: str | None) -> str | None:
    if ours not in (base, theirs) and theirs != base:
        raise Refusal(f"both changed {path}")
    return theirs if ours == base else ours


Predicate = Callable[[Files], bool]


@dataclass
class FakeJudge:
    """Commands are predicates on trees: `has PATH` and `lacks PATH`, or what `commands` says. Detectors know `missing:`."""

    code: CodeBase
    graph: Graph
    life: Life
    commands: dict[str, Predicate] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)
    """Commands that cannot run at all."""
    held: dict[str, asyncio.Event] = field(default_factory=dict)
    """Commands that do not answer before the event is set."""
    evaluated: Counter[tuple[str, str]] = field(default_factory=Counter)
    looked_for_gaps: int = 0
    news: Callable[[], None] = lambda: None
    remembered: dict[tuple[str, str], Verdict] = field(default_factory=dict)

    async def verdicts(self, tree: str, checks: Sequence[Check], *, at_base: bool = False) -> tuple[Verdict, ...]:
        return tuple([await self._verdict(tree, check) for check in checks])

    async def found(self, tree: str) -> tuple[Found, ...]:
        self.looked_for_gaps += 1
        self.news()
        await self._answerable("detect")
        return tuple(self.gaps(self.code.trees[tree]))

    def gaps(self, files: Files) -> Iterator[Found]:
        for name, gap in self.graph.plan.spec.gaps.items():
            assert isinstance(gap, MissingGap)
            yield from (Found(gap=name, path=path) for path in gap.missing if path not in files)

    async def _verdict(self, tree: str, check: Check) -> Verdict:
        if (str(check), tree) not in self.remembered:
            await self._answerable(check.run if isinstance(check, Run) else "detect")
            self.evaluated[str(check), tree] += 1
            self.remembered[str(check), tree] = self._judged(tree, check)
        return self.remembered[str(check), tree]

    async def _answerable(self, command: str) -> None:
        if command in self.missing:
            raise EnvironmentFault(f"`{command}` cannot be run")
        if command in self.held:
            try:
                await self.held[command].wait()
            finally:
                await self.life.writes()  # a worktree is given back
        await asyncio.sleep(0)
        if self.life.dead:
            raise Crash("judging")

    def _judged(self, tree: str, check: Check) -> Verdict:
        files = self.code.trees[tree]
        green = self._holds(check.run, files) if isinstance(check, Run) else not self._left(check, files)
        return Verdict(key=digest(str(check)), check=str(check), tree=tree, green=green, output="" if green else f"saw {sorted(files)}")

    def _holds(self, command: str, files: Files) -> bool:
        word, _, path = command.partition(" ")
        if command in self.commands:
            return self.commands[command](files)
        assert word in ("has", "lacks"), command
        return (path in files) == (word == "has")

    def _left(self, check: Check, files: Files) -> list[Found]:
        assert isinstance(check, GapClosed)
        inside = [globs.parse(text) for text in check.in_ or ("**",)]
        return [one for one in self.gaps(files) if one.gap == check.gap and any(glob.matches(one.path or "") for glob in inside)]


@dataclass(frozen=True)
class Act:
    """What an attempt does: waits, fails, or edits files (None removes one) and hands over a payload."""

    edits: Mapping[str, str | None] = field(default_factory=dict)
    payload: Any = field(default_factory=dict)
    fails: BaseException | None = None
    waits: asyncio.Event | None = None
    left: Left = field(default_factory=Left)


Script = Callable[[Assignment], Act]


@dataclass
class FakePerformer:
    """Follows a script per task; without one, an attempt writes `TASK.txt`."""

    code: CodeBase
    life: Life
    scripts: dict[str, Script] = field(default_factory=dict)
    assignments: list[Assignment] = field(default_factory=list)
    active: set[str] = field(default_factory=set)
    most_active: int = 0
    news: Callable[[], None] = lambda: None

    def attempts(self, *acts: Act) -> Script:
        """A script by the attempt that was refused last: the first act until one was; the last act repeats."""

        def script(assignment: Assignment) -> Act:
            number = assignment.brief.refused.attempt if assignment.brief.refused else 0
            return acts[min(number, len(acts) - 1)]

        return script

    async def perform(self, assignment: Assignment) -> Performance:
        self.life.at("before performing")
        self.assignments.append(assignment)
        self.active.add(assignment.task.name)
        self.most_active = max(self.most_active, len(self.active))
        self.news()
        try:
            return await self._perform(assignment)
        finally:
            self.active.discard(assignment.task.name)

    async def _perform(self, assignment: Assignment) -> Performance:
        act = self._act(assignment)
        if act.waits is not None:
            await act.waits.wait()
        await asyncio.sleep(0)
        if act.fails is not None:
            raise act.fails
        files = {**self.code.files(assignment.base), **act.edits}
        self.life.at("after performing")
        tree = self.code.tree({path: text for path, text in files.items() if text is not None})
        return Performance(payload=act.payload, tree=tree, left=act.left)

    def _act(self, assignment: Assignment) -> Act:
        name = assignment.task.name
        plain = Act(edits={f"{name.partition('.')[2]}.txt": f"by {name}"})
        return self.scripts[name](assignment) if name in self.scripts else plain

    def of(self, task: str) -> list[Assignment]:
        return [one for one in self.assignments if one.task.name == task]


@dataclass
class FakeMailbox:
    """Requests that a test leaves."""

    left: list[Request] = field(default_factory=list)
    taken: int = 0
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def open(self) -> None:
        """For the loop that runs now; an event belongs to the loop that first waited for it."""
        self.arrived = asyncio.Event()
        self.taken = 0
        if self.left:
            self.arrived.set()

    def ask(self, *requests: Request) -> None:
        self.left += requests
        self.arrived.set()

    def take(self) -> Sequence[Request]:
        new = self.left[self.taken :]
        self.taken = len(self.left)
        self.arrived.clear()
        return new

    def settle(self) -> None:
        del self.left[: self.taken]
        self.taken = 0

    async def wait(self) -> None:
        await self.arrived.wait()


@dataclass
class FakeClock:
    """A second passes whenever somebody looks."""

    looks: int = 0

    def monotonic(self) -> float:
        self.looks += 1
        return float(self.looks)

    def now(self) -> datetime:
        self.looks += 1
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.looks)


class World:
    """A run with all that is around it. `live` is one scheduler's life, from whatever the journal holds to an outcome.

    Attributes:
        earlier: handoffs of earlier runs, by task definition.
    """

    def __init__(self, plan: str, files: Files | None = None, *, parallel: int = 8, attempts: int = 3, only: tuple[str, ...] = ()) -> None:
        self.parallel, self.attempts, self.only = parallel, attempts, only
        self.code, self.clock, self.store, self.life = CodeBase(), FakeClock(), MemoryStore(), Life()
        self._news: asyncio.Event | None = None
        self.code.head = self.base = self.code.commit(self.code.tree(files or {}))
        parsed = parse_plan(plan, "plan.yaml")
        self.judge = FakeJudge(self.code, Graph(parsed, {}, ()), self.life, news=self._tell)
        self.graph = self.judge.graph = compile_plan(parsed, tuple(self.judge.gaps(files or {})))
        self.performer = FakePerformer(self.code, self.life, news=self._tell)
        self.line, self.mailbox = FakeLine(self.code, self.life), FakeMailbox()
        self.earlier: dict[str, Handoff] = {}
        self.watching: Callable[[Entry], None] = lambda entry: None
        self.runner: Runner

    async def live(self) -> Outcome:
        self.life.dead = False
        self.mailbox.open()
        journal = FakeJournal(MemoryJournal(self.clock, self.store), self.life)
        state = fold(self.graph, journal.entries())
        beginning: list[Event] = [] if state.started else [self._start()]
        for entry in await journal.append(*beginning, ev.SchedulerStarted(fence=journal.fence, pid=1, sandbox="none")):
            state.apply(entry)
        ports = RunnerPorts(
            journal=journal,
            performer=self.performer,
            judge=self.judge,
            line=self.line,
            history=self.earlier.get,
            mailbox=self.mailbox,
            clock=self.clock,
        )
        self.runner = Runner(state, ports, self.parallel, self.attempts, (self._observe,))
        return await self.runner.run()

    def _start(self) -> Event:
        return ev.RunStarted(
            run="run-1",
            plan="p",
            plan_file="plan.yaml",
            plan_text="",
            files={},
            workspace="w",
            base=self.base,
            base_tree=self.code.commits[self.base][0],
            parallel=self.parallel,
            sandbox="none",
            gaps=self.graph.gaps,
            only=self.only,
        )

    def _observe(self, entry: Entry) -> None:
        self.watching(entry)
        self._tell()

    def _tell(self) -> None:
        if self._news is not None:
            self._news.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Waits for something that an entry or the start of an attempt brings about."""
        while not hasattr(self, "runner") or not holds():
            self._news = asyncio.Event()
            await self._news.wait()

    async def until_working(self, *tasks: str) -> None:
        await self.until(lambda: set(tasks) <= self.performer.active)

    # What came of it

    @property
    def state(self) -> State:
        """Read from the journal, as the next scheduler will."""
        return fold(self.graph, self.entries)

    @property
    def entries(self) -> Sequence[Entry]:
        return MemoryJournal(self.clock, MemoryStore(self.store.rows, self.store.texts)).entries()

    @property
    def events(self) -> list[Event]:
        return [entry.event for entry in self.entries]

    def stages(self) -> dict[str, str]:
        return {name.partition(".")[2]: stage for name, stage in self.stages_by_name().items()}

    def stages_by_name(self) -> dict[str, str]:
        return {name: record.stage.value for name, record in self.state.tasks.items()}

    def refusals(self, task: str) -> list[str]:
        return [event.refused.kind for event in self.events if isinstance(event, ev.AttemptRefused) and event.task == task]

    def landing(self, task: str) -> ev.Landing:
        landing = self.state.tasks[task].landing
        assert landing is not None
        return landing
