"""`swarm replay`: recorded handoffs, performed again on the ground of their run."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from swarm.agents.lm.record import MemoryRecord
from swarm.agents.performer import InProcessPerformer
from swarm.engine.calls import CallRecord
from swarm.engine.support import unsupported
from swarm.engine.views import handoff_views
from swarm.errors import EnvironmentFault, UsageError
from swarm.home import make_private
from swarm.journal.calls import ReadCalls
from swarm.journal.record import read
from swarm.plans.graph import Graph, compile_plan
from swarm.plans.load import Plan, load_plan
from swarm.replay import Replayed, Replayer
from swarm.wiring.ground import lay_ground, materialise, temporary_home
from swarm.wiring.minds import Choice, Minds, chosen, minds_on, require_models
from swarm.wiring.signals import cancelled_by_signals
from swarm.wiring.site import Site, StoredRun, read_run, spent_on
from swarm.wiring.tasks import owner_of, task_named
from swarm.workspace.repository import open_repository
from swarm.workspace.sandbox import choose

__all__ = ["How", "replay"]


@dataclass(frozen=True, slots=True)
class How:
    """How handoffs are performed again.

    Attributes:
        plan: with this plan's definitions instead of the recorded ones.
        live: with live models instead of the record.
        lm: with this model instead of the recorded ones; only live.
    """

    plan: Path | None = None
    live: bool = False
    lm: str | None = None


async def replay(site: Site, run: str | None, task: str | None, how: How | None = None) -> tuple[str, tuple[Replayed, ...]]:
    """Performs a run's handoffs again, or one task's.

    Returns:
        The run's id and the comparisons, in the order in which the handoffs were made.

    Raises:
        UsageError: there is no such run or task, or the task handed nothing over; `--lm` without `--live`.
        PlanRefused: the other plan is none.
        EnvironmentFault: a live model is wanted, and none is configured.
    """
    how = how or How()
    if how.lm and not how.live:
        raise UsageError("--lm goes with --live: without it, every model call is answered from the record")
    stored = read_run(site, run)
    names = _names(stored, task)
    graph, files = _definitions(stored, how.plan)
    choice = chosen(site, how.lm, None, Choice(stored.state.lm)) if how.live else Choice()
    _require_runnable(site, graph, names, choice, how.live)
    with cancelled_by_signals():
        return stored.folder.run, await _again(site, stored, graph, files, names, choice, how.live)


async def _again(
    site: Site, stored: StoredRun, graph: Graph, files: Plan, names: Sequence[str], choice: Choice, live: bool
) -> tuple[Replayed, ...]:
    """On the ground of the run, in worktrees of its home; what is written beside them is temporary."""
    async with temporary_home() as (scratch, _):
        materialise(files, scratch.path / "plan")
        excludes = scratch.path / "exclude"
        excludes.write_text(stored.started.excludes, encoding="utf-8", errors="surrogateescape")
        make_private(scratch.path / "scratch")
        repository = await open_repository(site.home)
        sandbox = choose(stored.started.sandbox).sandbox
        ground = lay_ground(files, repository, site.home, excludes, scratch.path / "plan", sandbox, site, site.mark(stored.folder.run))
        commands = replace(ground.commands, mark=f"{ground.commands.mark}.replay")
        with read(stored.folder.journal) as journal:
            record: CallRecord = MemoryRecord() if live else ReadCalls(journal)
            again = replace(ground, commands=commands)
            asked = {} if live else _models(stored)
            minds = Minds(site, files, graph, again, record, (), choice, "live" if live else "replay", asked)
            async with minds_on(ground, minds):
                performer = InProcessPerformer(
                    repository=repository,
                    pool=ground.pool,
                    commands=commands,
                    judge=ground.judge,
                    thinking=minds,
                    contracts=files.contracts,
                    seconds=files.spec.limits.timeout,
                    plan_files=files.files,
                    scratch=scratch.path / "scratch",
                    owner_of=owner_of(graph),
                )
                return await Replayer(
                    state=stored.state,
                    graph=graph,
                    performer=performer,
                    judge=ground.judge,
                    live=live,
                    recorded=partial(spent_on, stored),
                    spent=minds.spent,
                ).replay(names)


def _names(stored: StoredRun, task: str | None) -> Sequence[str]:
    made = [view["task"] for view in handoff_views(stored.state, stored.entries)]
    if task is None:
        return made
    name = task_named(stored.graph, task)
    if name not in made:
        raise UsageError(f"{name} has handed nothing over in {stored.folder.run}: only finished tasks can be replayed")
    return [name]


def _definitions(stored: StoredRun, path: Path | None) -> tuple[Graph, Plan]:
    if path is None:
        return stored.graph, stored.plan
    plan = load_plan(path)
    return compile_plan(plan, stored.started.gaps), plan


def _models(stored: StoredRun) -> dict[str, str]:
    """The model that each task's last attempt asked, or would have, and each judge: another one would be asked something else."""
    last = {name: record.recorded_as for name, record in stored.state.tasks.items()}
    chosen = dict.fromkeys(last, stored.state.lm) if stored.state.lm else {}
    return chosen | {row.task: row.model for row in stored.calls if row.attempt == last.get(row.task, row.attempt)}


def _require_runnable(site: Site, graph: Graph, names: Sequence[str], choice: Choice, live: bool) -> None:
    selected = {name for name in names if name in graph.tasks}
    missing = unsupported(graph, selected)
    if missing:
        raise EnvironmentFault("; ".join(missing))
    if live:
        require_models(site, graph, selected, choice)
