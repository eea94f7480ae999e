"""What a run's agents think with: models, their record and accounts, MCP servers, put together and closed again."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from swarm.engine.calls import CallRecord, CallRow, Spend
from swarm.engine.support import needs_model, no_model
from swarm.errors import EnvironmentFault, UsageError
from swarm.plans.graph import Graph
from swarm.plans.load import Plan
from swarm.plans.problems import did_you_mean
from swarm.plans.schema import Budget
from swarm.wiring.ground import Ground
from swarm.wiring.site import Site

if TYPE_CHECKING:
    from swarm.agents.thinking import Thinking

__all__ = ["LM_VARIABLE", "Choice", "Minds", "chosen", "minds_on", "require_models", "unbounded"]

LM_VARIABLE: Final = "SWARM_LM"


@dataclass(frozen=True, slots=True)
class Choice:
    """What a person chose for a run's agents, in the place of what the plan says."""

    lm: str = ""
    budget: Mapping[str, float] | None = None

    def limits(self, category: str = "") -> Budget | None:
        """The limits given for a category, or without one for the plan; None where none was given."""
        named = [(*name.rpartition(".")[::2], amount) for name, amount in (self.budget or {}).items()]
        own = {unit: amount if unit == "usd" else int(amount) for of, unit, amount in named if of == category}
        return Budget.model_validate(own) if own else None


def chosen(site: Site, lm: str | None, budget: Mapping[str, float] | None, before: Choice | None = None) -> Choice:
    """The choice of a command line: its options, else what the run had before, else `SWARM_LM`.

    Args:
        before: of the run's last scheduler.
    """
    earlier = before or Choice()
    return Choice(lm or earlier.lm or site.environment.get(LM_VARIABLE, ""), {**(earlier.budget or {}), **(budget or {})})


def require_models(site: Site, graph: Graph, selected: set[str] | None, choice: Choice) -> None:
    """Refuses a run whose agents could not think, before anything is spent.

    Raises:
        EnvironmentFault: a task has no model, or a model's key is missing; the text says which and how to get it.
        UsageError: a model's name is none.
    """
    _require_categories(graph, choice)
    wanted = needs_model(graph, selected)
    without = [name for name in wanted if not _model_of(graph, name, choice)]
    if without:
        raise EnvironmentFault(no_model(without))
    thinking = {name for name, task in graph.tasks.items() if task.thinks and (selected is None or name in selected)}
    for model in sorted({_model_of(graph, name, choice) for name in (*wanted, *thinking)} - {""}):
        _require_model(site, model, choice, needed=any(_model_of(graph, name, choice) == model for name in wanted))


def _require_model(site: Site, model: str, choice: Choice, *, needed: bool) -> None:
    """A task that may be done without a model may go without its key, but not name what is none."""
    from swarm.agents.lm.models import endpoint_for, parse_model

    try:
        endpoint_for(parse_model(model), site.environment, trusted=bool(choice.lm))
    except EnvironmentFault:
        if needed:
            raise


def _require_categories(graph: Graph, choice: Choice) -> None:
    categories = graph.plan.spec.categories
    for name in choice.budget or ():
        category = name.rpartition(".")[0]
        if category and category not in categories:
            raise UsageError(f"--budget {name}: there is no category {category!r}{did_you_mean(category, categories)}")


def unbounded(site: Site, graph: Graph, selected: set[str] | None, choice: Choice) -> Iterator[str]:
    """A remark for each model whose price is unknown, where a budget in dollars is to bound it."""
    models = {_model_of(graph, name, choice) for name in needs_model(graph, selected)}
    if not any(budget.usd and not (budget.calls or budget.tokens) for budget in _budgets(graph, choice)):
        return
    from swarm.agents.lm.budget import Ledger
    from swarm.agents.lm.models import Models
    from swarm.agents.lm.record import MemoryRecord

    known = Models(site.environment, MemoryRecord(), Ledger())
    for model in sorted(models):
        if known.unpriced(model):
            yield f"the price of {model} is unknown, so a budget in dollars cannot bound it: give one in calls or tokens"


def _budgets(graph: Graph, choice: Choice) -> Iterator[Budget]:
    spec = graph.plan.spec
    yield choice.limits() or spec.limits.budget
    yield from (category.budget for category in spec.categories.values())
    yield from (task.budget for task in graph.tasks.values())


def _model_of(graph: Graph, name: str, choice: Choice) -> str:
    task = graph.tasks.get(name)
    return choice.lm or (task.lm if task else None) or graph.plan.spec.lm or ""


class Minds:
    """The minds of a run or of a replay, made when a task first needs one: a run of procedures never loads them. Close it at the end.

    Args:
        record: where calls are written down and looked for.
        rows: the calls that are paid for already.
        mode: where answers come from.
        asked: the models of tasks that are to ask none but these.
    """

    def __init__(
        self,
        site: Site,
        plan: Plan,
        graph: Graph,
        ground: Ground,
        record: CallRecord,
        rows: Iterable[CallRow],
        choice: Choice,
        mode: Literal["resume", "live", "replay"] = "resume",
        asked: Mapping[str, str] | None = None,
    ) -> None:
        self._site, self._plan, self._graph, self._ground = site, plan, graph, ground
        self._record, self._rows, self._choice, self._mode, self._asked = record, rows, choice, mode, asked or {}
        self._made: Thinking | None = None

    def __call__(self) -> "Thinking":
        """The minds, made now if they are not there yet."""
        if self._made is None:
            self._made = self._make()
        return self._made

    async def judged(self, question: str, tree: str, folder: Path, paths: Sequence[str]) -> tuple[bool, str]:
        """The answer of a `judge` check on a checked-out tree."""
        from swarm.agents.opinion import opinion

        return await opinion(self(), self._ground.commands, question, tree, folder, paths)

    def spent(self, task: str) -> Spend:
        """What a task has spent, of what these minds know."""
        if self._made is None:
            return Spend()
        from swarm.agents.lm.budget import Scope

        return self._made.ledger.spent(Scope("task", task))

    async def close(self) -> None:
        """Closes connections and ends servers, if there are any."""
        if self._made is not None:
            await self._made.servers.__aexit__(None, None, None)
            await self._made.models.close()

    def _make(self) -> "Thinking":
        from swarm.agents.lm.engine import Mode
        from swarm.agents.lm.models import Models, ledger_for, roomy
        from swarm.agents.mcp.servers import Servers
        from swarm.agents.thinking import Thinking

        logging.getLogger("dspy").setLevel(
            logging.ERROR
        )  # it remarks on answers, on standard error; what matters of them is told to the agent
        roomy(asyncio.get_running_loop())
        mode = Mode(self._mode)
        categories = {name: limits for name in self._plan.spec.categories if (limits := self._choice.limits(name))}
        ledger = ledger_for(self._plan, self._graph, self._rows, self._choice.limits(), categories)
        models = Models(self._site.environment, self._record, ledger, override=self._choice.lm or None, mode=mode)
        folder = self._ground.commands.plan_folder
        declared = {name: server.command for name, server in self._plan.spec.mcp.items()}
        servers = Servers(declared, partial(self._ground.commands.converse, folder=folder))
        return Thinking(self._plan, folder, models, ledger, self._record, servers, mode, self._asked)


@asynccontextmanager
async def minds_on(ground: Ground, minds: Minds) -> AsyncIterator[Minds]:
    """Minds at work on a ground, until it is left."""
    ground.judge.ask = minds.judged
    try:
        yield minds
    finally:
        await minds.close()
