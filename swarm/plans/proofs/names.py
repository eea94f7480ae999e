"""Every name that the plan uses is declared somewhere."""

from collections.abc import Iterable, Iterator
from typing import Final

from swarm.plans.checks import Condition, GapClosed, PhaseDone
from swarm.plans.graph import Graph, declared_by
from swarm.plans.load import Location
from swarm.plans.problems import Problem, did_you_mean
from swarm.plans.schema import TaskEntry
from swarm.plans.vocabulary import FINISH, TOOLS

__all__ = ["unknown_names"]

_HINTS: Final = 30


def unknown_names(graph: Graph) -> Iterator[Problem]:
    """Agents, phases, tasks, contracts, gaps and tools that do not exist."""
    names = _Names(graph)
    yield from names.servers()
    yield from names.agents()
    yield from names.phases()
    yield from names.categories()
    yield from names.checks(("success",), graph.plan.spec.success)


class _Names:
    def __init__(self, graph: Graph) -> None:
        self.graph, self.plan, self.spec = graph, graph.plan, graph.plan.spec
        self.known_agents = self.plan.agents
        self.known_phases = [phase.id for phase in graph.phases]
        self.declared = list(graph.members)
        self.resolved: dict[tuple[str | None, str], bool] = {}
        self.hints = _HINTS

    def unknown(
        self, at: Location, kind: str, name: str, known: Iterable[str], *, key: bool = False, within: str = ""
    ) -> Iterator[Problem]:
        if name not in known:
            yield self.plan.problem(at, "unknown-name", f'there is no {kind} "{name}"{within}{self.hint(name, known)}', key=key)

    def hint(self, name: str, known: Iterable[str]) -> str:
        """The nearest known name. Searching ten thousand names takes its time, so not for every one of a thousand mistakes."""
        self.hints -= 1
        return did_you_mean(name, known) if self.hints >= 0 else ""

    def servers(self) -> Iterator[Problem]:
        for name in self.spec.mcp:
            if name in (*TOOLS, FINISH):
                text = f'"{name}" is the name of a tool, so agents could not list the server: give it another'
                yield self.plan.problem(("mcp", name), "wrong-type", text, key=True)

    def agents(self) -> Iterator[Problem]:
        for name, agent in self.spec.agents.items():
            for position, tool in enumerate(agent.tools or ()):
                yield from self.tool(("agents", name, "tools", position), tool)

    def tool(self, at: Location, name: str) -> Iterator[Problem]:
        """A tool of ours, a server, or one of its tools: which a server has is known only once it runs."""
        server, dot, inner = name.partition(".")
        if not (dot and inner and server in self.spec.mcp):
            yield from self.unknown(at, "tool", name, (*TOOLS, *self.spec.mcp))

    def phases(self) -> Iterator[Problem]:
        for phase in self.graph.phases:
            for position, condition in enumerate(phase.gate):
                yield from self.condition((*phase.at, "gate", position), condition)

    def condition(self, at: Location, condition: Condition) -> Iterator[Problem]:
        if isinstance(condition, PhaseDone):
            yield from self.unknown((*at, "phase"), "phase", condition.phase, self.known_phases)
            for position, text in enumerate(condition.must):
                yield from self.task((*at, "must", position), text, None)
        elif isinstance(condition, GapClosed):
            yield from self.unknown((*at, "gap"), "gap", condition.gap, self.spec.gaps)

    def categories(self) -> Iterator[Problem]:
        for name, category in self.spec.categories.items():
            at: Location = ("categories", name)
            yield from self.unknown((*at, "lead"), "agent", category.lead, self.known_agents)
            for position, agent in enumerate(category.support):
                yield from self.unknown((*at, "support", position), "agent", agent, self.known_agents)
            yield from self.checks((*at, "success"), category.success)
            own = (category.lead, *category.support)
            for task, entry in category.tasks.items():
                yield from self.entry((*at, "tasks", task), name, entry, own)

    def entry(self, at: Location, category: str, entry: TaskEntry, own: tuple[str, ...]) -> Iterator[Problem]:
        yield from self.unknown((*at, "phase"), "phase", entry.phase, self.known_phases)
        if entry.agent is not None:
            yield from self.agent((*at, "agent"), entry.agent, category, own)
        if entry.for_each is not None:
            yield from self.unknown((*at, "for_each"), "gap", entry.for_each, self.spec.gaps)
        for gap in entry.closes:
            yield from self.unknown((*at, "closes", gap), "gap", gap, self.spec.gaps, key=True)
        for position, text in enumerate(entry.needs):
            yield from self.task((*at, "needs", position), text, category)
        yield from self.contracts(at, entry)
        yield from self.checks((*at, "done_when"), entry.done_when)
        yield from self.checks((*at, "keep"), entry.keep)

    def agent(self, at: Location, name: str, category: str, own: tuple[str, ...]) -> Iterator[Problem]:
        if name not in self.known_agents:
            yield from self.unknown(at, "agent", name, self.known_agents)
        elif name not in own:
            text = f'"{name}" is no agent of {category}: its lead is {own[0]}; add it to support'
            yield self.plan.problem(at, "unknown-name", text)

    def contracts(self, at: Location, entry: TaskEntry) -> Iterator[Problem]:
        if entry.hands is not None:
            yield from self.unknown((*at, "hands"), "contract", entry.hands, self.spec.contracts)
        for position, name in enumerate(entry.takes):
            yield from self.unknown((*at, "takes", position), "contract", name, self.spec.contracts)

    def checks(self, at: Location, checks: Iterable[object]) -> Iterator[Problem]:
        for position, check in enumerate(checks):
            if isinstance(check, GapClosed):
                yield from self.unknown((*at, position, "gap"), "gap", check.gap, self.spec.gaps)

    def task(self, at: Location, text: str, category: str | None) -> Iterator[Problem]:
        """A name is checked against the declared tasks: a member that a fan-out does not have is no error."""
        if (category, text) not in self.resolved:
            self.resolved[category, text] = self._declared(text, category)
        if not self.resolved[category, text]:
            known = [*self.declared, *(n.split(".", 1)[1] for n in self.declared if category and n.startswith(f"{category}."))]
            owner, dot, _ = text.split("[", 1)[0].partition(".")
            if dot and "*" not in owner and owner not in self.spec.categories:
                yield from self.unknown(at, "category", owner, self.spec.categories, within=f' for the task "{text}"')
            else:
                yield self.plan.problem(at, "unknown-name", f'there is no task "{text}"{self.hint(text, known)}')

    def _declared(self, text: str, category: str | None) -> bool:
        base = text.split("[", 1)[0]
        for name in ([f"{category}.{base}"] if category else []) + [base]:
            if name in self.graph.members:
                return "[" not in text or self._fans_out(name)
            if "*" in name and declared_by(name, self.declared):
                return True
        return bool(self.graph.named(text, category))

    def _fans_out(self, name: str) -> bool:
        category, task = name.split(".", 1)
        return self.spec.categories[category].tasks[task].for_each is not None
