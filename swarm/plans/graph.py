"""The plan compiled against the gaps that were found: every task by its full name, with what it waits for.

Compiling never fails on a plan that loaded: names that do not exist are left out here and reported by the proofs, so
that all problems can be found at once.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from graphlib import TopologicalSorter
from typing import Any, Final

from swarm.errors import PlanRefused
from swarm.plans import globs
from swarm.plans.checks import Check, Condition, PhaseDone
from swarm.plans.fields import Days
from swarm.plans.found import Found
from swarm.plans.load import Location, Plan
from swarm.plans.named import task_files
from swarm.plans.programs import USES_TOOLS
from swarm.plans.schema import Agent, Budget, Category, Procedure, TaskEntry
from swarm.plans.substitute import Values, in_check, in_glob, in_procedure, in_text
from swarm.plans.undisturbed import undisturbed
from swarm.signatures.canonical import digest, sha256

__all__ = ["Closing", "Graph", "PhaseNode", "Task", "compile_plan", "declared_by", "selector"]

_NO_VALUES: Final[Values] = {}
_UNKNOWN: Final = Agent()


@dataclass(frozen=True, slots=True)
class Closing:
    """The gaps that a task closes: a gap's name and the paths. `**` also closes gaps that have no path."""

    gap: str
    paths: tuple[str, ...]

    def closes(self, gap: Found) -> bool:
        if gap.gap != self.gap:
            return False
        return "**" in self.paths if gap.path is None else any(globs.parse(text).matches(gap.path) for text in self.paths)


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One task of a run.

    Attributes:
        name: `category.task`, or `category.task[gap path]`.
        declared: `category.task`.
        index: position in the plan, from 0; breaks ties.
        at: its place in the plan.
        needs: full names of the tasks it waits for, sorted.
        writes, reads: globs.
        program: the task's own, as written. `thinks` is the program that works on it: that, or its agent's where it has no `do:`;
            None where a `do:` stands alone.
        lm: the model that the plan names for it, if any; `--lm` and `SWARM_LM` override it.
        budget: of each member, where the task fans out.
        definition: hash of everything that says what the task is. Equal hashes: the same task in another run.
    """

    name: str
    declared: str
    category: str
    index: int
    at: Location
    phase: str
    agent: str
    goal: str
    priority: int
    weight: float
    needs: tuple[str, ...]
    takes: tuple[str, ...]
    hands: str | None
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    closes: tuple[Closing, ...]
    done_when: tuple[Check, ...]
    keep: tuple[Check, ...]
    do: tuple[Procedure, ...]
    program: str | None
    thinks: str | None
    lm: str | None
    budget: Budget
    member: str | None
    definition: str

    @property
    def measurable(self) -> bool:
        """Whether the task declares something by which it could be found satisfied."""
        return bool(self.done_when or self.closes)

    @property
    def template_first(self) -> bool:
        """Whether the procedure works first, and the program only where the checks are still red."""
        return bool(self.do) and self.thinks is not None

    @property
    def scope(self) -> tuple[globs.Glob, ...]:
        return tuple(globs.parse(text) for text in self.writes)


@dataclass(frozen=True, slots=True)
class PhaseNode:
    """A phase with its gate, and the `must` tasks of each condition by full name."""

    id: str
    gate: tuple[Condition, ...]
    must: tuple[tuple[str, ...], ...]
    days: Days | None
    at: Location


@dataclass(frozen=True, repr=False)
class Graph:
    """All tasks and phases of a run, in plan order."""

    plan: Plan
    tasks: Mapping[str, Task]
    phases: tuple[PhaseNode, ...]
    gaps: tuple[Found, ...] = ()
    members: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Declared name to full names: one for a plain task, any number for a fan-out."""

    def __repr__(self) -> str:
        """Short: asyncio makes a text of what a task returns, and that of ten thousand tasks takes a second."""
        return f"<Graph of {self.plan.spec.plan}: {len(self.tasks)} tasks>"

    @cached_property
    def needed_by(self) -> dict[str, tuple[str, ...]]:
        """Task to the tasks that wait for it."""
        found: dict[str, list[str]] = {name: [] for name in self.tasks}
        for task in self.tasks.values():
            for need in task.needs:
                found[need].append(task.name)
        return {name: tuple(names) for name, names in found.items()}

    @cached_property
    def in_phase(self) -> dict[str, tuple[str, ...]]:
        """Phase to its tasks."""
        found: dict[str, list[str]] = {phase.id: [] for phase in self.phases}
        for task in self.tasks.values():
            found.setdefault(task.phase, []).append(task.name)
        return {phase: tuple(names) for phase, names in found.items()}

    @cached_property
    def needs_first(self) -> tuple[str, ...]:
        """The tasks, each behind those that it needs.

        Raises:
            CycleError: some need each other.
        """
        return tuple(TopologicalSorter({name: task.needs for name, task in self.tasks.items()}).static_order())

    def dependents(self, names: Iterable[str]) -> set[str]:
        """The tasks themselves and all that need them, directly or through others."""
        found: set[str] = set()
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += self.needed_by.get(name, ())
        return found

    def select(self, texts: Iterable[str]) -> set[str]:
        """The tasks that `--only` texts name, with all that they need."""
        chosen: set[str] = set()
        waiting = [name for text in texts for name in self.named(text)]
        while waiting:
            name = waiting.pop()
            if name not in chosen:
                chosen.add(name)
                waiting += self.tasks[name].needs
        return chosen

    def named(self, text: str, category: str | None = None) -> tuple[str, ...]:
        """The tasks that a name or pattern means, seen from a category."""
        return _resolve(text, category, self.members, self.tasks)


def selector(text: str) -> re.Pattern[str]:
    """A name pattern as a regular expression: `*` is any text, brackets are literal, a bare fan-out name all its tasks."""
    body = ".*".join(re.escape(part) for part in text.split("*"))
    return re.compile(f"{body}(\\[.*\\])?" if not text.endswith("]") else body, re.DOTALL)


def _resolve(text: str, category: str | None, members: Mapping[str, tuple[str, ...]], tasks: Iterable[str]) -> tuple[str, ...]:
    """What a text means: in its own category if it is declared there, and then even when a fan-out turned out empty."""
    for name in ([f"{category}.{text}"] if category else []) + [text]:
        found = _meant(name, members, tasks)
        if found is not None:
            return found
    return ()


def _meant(name: str, members: Mapping[str, tuple[str, ...]], tasks: Iterable[str]) -> tuple[str, ...] | None:
    if name in members:
        return members[name]
    if name in tasks:
        return (name,)
    pattern, base = selector(name), name.partition("[")[0]
    if base in members:
        return tuple(task for task in members[base] if pattern.fullmatch(task))
    if "*" not in name:
        return None
    found = tuple(task for task in tasks if pattern.fullmatch(task))
    return found if found or declared_by(base, members) else None


def declared_by(text: str, members: Iterable[str]) -> tuple[str, ...]:
    """The declared names that a full name or pattern without brackets means."""
    pattern = selector(text)
    return tuple(name for name in members if pattern.fullmatch(name))


@undisturbed()
def compile_plan(plan: Plan, gaps: Sequence[Found] = ()) -> Graph:
    """Every task and phase of a plan.

    Args:
        gaps: what the detectors found on the snapshot; fan-outs expand over them.

    Raises:
        PlanRefused: a file name from the workspace cannot be put where the plan wants it.
    """
    drafts = list(_drafts(plan, gaps))
    members: dict[str, list[str]] = {f"{c}.{t}": [] for c, body in plan.spec.categories.items() for t in body.tasks}
    for draft in drafts:
        members[draft.declared].append(draft.name)
    frozen = {declared: tuple(names) for declared, names in members.items()}
    names = {draft.name: None for draft in drafts}
    resolver = _Resolver(frozen, names)
    described = _Descriptions(plan)
    tasks = {draft.name: _task(plan, draft, index, resolver, described) for index, draft in enumerate(drafts)}
    return Graph(plan, tasks, tuple(_phases(plan, resolver)), tuple(gaps), frozen)


def _task(plan: Plan, draft: "_Draft", index: int, resolve: "_Resolver", described: "_Descriptions") -> Task:
    try:
        return draft.task(index, resolve, described)
    except ValueError as error:
        at = ("categories", draft.category, "tasks", draft.short)
        raise PlanRefused([plan.problem(at, "wrong-type", f"{draft.name}: {error}", key=True)]) from error


class _Resolver:
    """Resolves each (category, text) once: ten thousand tasks may name the same pattern."""

    def __init__(self, members: Mapping[str, tuple[str, ...]], names: Mapping[str, None]) -> None:
        self.members, self.names = members, names
        self.known: dict[tuple[str | None, str], tuple[str, ...]] = {}

    def __call__(self, text: str, category: str | None) -> tuple[str, ...]:
        key = (category, text)
        if key not in self.known:
            self.known[key] = _resolve(text, category, self.members, self.names)
        return self.known[key]


@dataclass(frozen=True, slots=True)
class _Draft:
    """A task before its needs are known by full name."""

    category: str
    short: str
    body: Category
    entry: TaskEntry
    gap: Found | None

    @property
    def declared(self) -> str:
        return f"{self.category}.{self.short}"

    @property
    def name(self) -> str:
        return self.declared if self.gap is None else f"{self.declared}[{self.gap.path}]"

    def task(self, index: int, resolve: _Resolver, described: "_Descriptions") -> Task:
        values = _values(self.gap)
        entry = self.entry
        agent = entry.agent or self.body.lead
        done_when = _checks(entry.done_when, values)
        keep = _checks(entry.keep, values)
        do = tuple(in_procedure(step, values) for step in entry.do) if values else entry.do
        needs = {need for text in entry.needs for need in resolve(text, self.category) if not ("*" in text and need == self.name)}
        parts = _Parts(
            goal=in_text(entry.goal, values) if values else entry.goal,
            reads=_globs(entry.reads, values),
            writes=_globs(entry.writes, values),
            closes=self._closes(values),
            done_when=done_when,
            keep=keep,
            do=do,
        )
        return Task(
            name=self.name,
            declared=self.declared,
            category=self.category,
            index=index,
            at=("categories", self.category, "tasks", self.short),
            phase=entry.phase,
            agent=agent,
            goal=parts.goal,
            priority=self.body.priority,
            weight=entry.weight,
            needs=tuple(sorted(needs)),
            takes=entry.takes,
            hands=entry.hands,
            reads=parts.reads,
            writes=parts.writes,
            closes=parts.closes,
            done_when=done_when,
            keep=keep,
            do=do,
            program=entry.program,
            thinks=described.program(entry, agent),
            lm=described.lm(entry, agent),
            budget=entry.budget,
            member=self.gap.path if self.gap else None,
            definition=digest(described.declaration(self) | (parts.described() if values else {}) | {"task": self.name}),
        )

    def _closes(self, values: Values) -> tuple[Closing, ...]:
        own = (Closing(self.gap.gap, (globs.literal(self.gap.path),)),) if self.gap and self.gap.path is not None else ()
        return own + tuple(Closing(gap, _globs(paths, values)) for gap, paths in self.entry.closes.items())


@dataclass(frozen=True, slots=True)
class _Parts:
    """What substitution changes."""

    goal: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    closes: tuple[Closing, ...]
    done_when: tuple[Check, ...]
    keep: tuple[Check, ...]
    do: tuple[Procedure, ...]

    def described(self) -> dict[str, Any]:
        """The part of a task's definition that differs between the members of a fan-out."""
        content: dict[str, Any] = {"goal": self.goal, "reads": self.reads, "writes": self.writes}
        content["closes"] = [[closing.gap, closing.paths] for closing in self.closes]
        for key, values in (("done_when", self.done_when), ("keep", self.keep), ("do", self.do)):
            content[key] = [value.model_dump(mode="json", exclude_unset=True, by_alias=True) for value in values]
        return content


def _drafts(plan: Plan, gaps: Sequence[Found]) -> Iterator[_Draft]:
    by_gap: dict[str, list[Found]] = {}
    for gap in gaps:
        by_gap.setdefault(gap.gap, []).append(gap)
    for category, body in plan.spec.categories.items():
        for short, entry in body.tasks.items():
            if entry.for_each is None:
                yield _Draft(category, short, body, entry, None)
            else:
                yield from (_Draft(category, short, body, entry, gap) for gap in _fan_out(entry, by_gap.get(entry.for_each, [])))


def _fan_out(entry: TaskEntry, gaps: Sequence[Found]) -> Iterator[Found]:
    only = [globs.parse(text) for text in entry.only if _is_glob(text)]
    for gap in gaps:
        if gap.path is not None and (not entry.only or any(glob.matches(gap.path) for glob in only)):
            yield gap


def _is_glob(text: str) -> bool:
    try:
        globs.parse(text)
    except globs.GlobError:
        return False
    return True


def _values(gap: Found | None) -> Values:
    return {"path": gap.path or "", "lines": gap.lines, "gap": gap.gap} if gap else _NO_VALUES


def _globs(texts: tuple[str, ...], values: Values) -> tuple[str, ...]:
    """Malformed globs are left out: the proofs report them where they stand."""
    filled = (in_glob(text, values) for text in texts) if values else iter(texts)
    return tuple(text for text in filled if _is_glob(text))


def _checks(checks: tuple[Check, ...], values: Values) -> tuple[Check, ...]:
    return tuple(in_check(check, values) for check in checks) if values else checks


class _Descriptions:
    """What says what a task is, made once per declared task: its entry, its contract, and the files of its `do:` or `program:`.

    And what works on it, by the plan's agents, which are no part of that.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan, self.agents = plan, plan.agents
        self.known: dict[str, dict[str, Any]] = {}

    def program(self, entry: TaskEntry, agent: str) -> str | None:
        if entry.program or entry.do:
            return entry.program
        return self.agents.get(agent, _UNKNOWN).program or USES_TOOLS

    def lm(self, entry: TaskEntry, agent: str) -> str | None:
        return entry.lm or self.agents.get(agent, _UNKNOWN).lm or self.plan.spec.lm

    def declaration(self, draft: _Draft) -> dict[str, Any]:
        if draft.declared not in self.known:
            content = draft.entry.model_dump(mode="json", exclude_unset=True, by_alias=True)
            content |= {"contract": _contract(self.plan, draft.entry.hands), "files": _file_hashes(self.plan, draft)}
            self.known[draft.declared] = content
        return self.known[draft.declared]


def _contract(plan: Plan, name: str | None) -> Any:
    if name is None or name not in plan.contracts.declared or plan.contracts.problems:
        return name
    declared = plan.contracts.used_by(name)
    return {
        contract: {key: [f.type, f.required, f.default, f.measured, f.about, dict(f.constraints)] for key, f in fields.items()}
        for contract, fields in declared.items()
    }


def _file_hashes(plan: Plan, draft: _Draft) -> dict[str, str]:
    if not plan.files:
        return {}
    named = list(task_files(plan.spec, draft.category, draft.short))
    whole, folders = {each.path for each in named}, tuple(each.path.partition("/")[0] + "/" for each in named if each.tree)
    return {path: sha256(content) for path, content in sorted(plan.files.items()) if path in whole or path.startswith(folders)}


def _phases(plan: Plan, resolve: _Resolver) -> Iterator[PhaseNode]:
    for position, entry in enumerate(plan.spec.phases):
        for name, phase in entry.items():
            must = tuple(_must(condition, resolve) for condition in phase.gate)
            yield PhaseNode(name, phase.gate, must, phase.days, ("phases", position, name))


def _must(condition: Condition, resolve: _Resolver) -> tuple[str, ...]:
    if not isinstance(condition, PhaseDone):
        return ()
    return tuple(dict.fromkeys(name for text in condition.must for name in resolve(text, None)))
