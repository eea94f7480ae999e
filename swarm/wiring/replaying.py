"""`swarm replay`: recorded handoffs, performed again on the ground of their run."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from swarm.agents.performer import InProcessPerformer
from swarm.engine.support import unsupported
from swarm.engine.views import handoff_views
from swarm.errors import EnvironmentFault, UsageError
from swarm.home import make_private
from swarm.plans.graph import Graph, compile_plan
from swarm.plans.load import Plan, load_plan
from swarm.replay import Replayed, Replayer
from swarm.wiring.ground import lay_ground, materialise, temporary_home
from swarm.wiring.signals import cancelled_by_signals
from swarm.wiring.site import Site, StoredRun, read_run
from swarm.wiring.tasks import task_named
from swarm.workspace.repository import open_repository
from swarm.workspace.sandbox import choose

__all__ = ["replay"]


async def replay(site: Site, run: str | None, task: str | None, plan: Path | None) -> tuple[str, tuple[Replayed, ...]]:
    """Performs a run's handoffs again, or one task's.

    Args:
        plan: perform with this plan's definitions instead of the recorded ones.

    Returns:
        The run's id and the comparisons, in the order in which the handoffs were made.

    Raises:
        UsageError: there is no such run or task, or the task handed nothing over.
        PlanRefused: the other plan is none.
    """
    stored = read_run(site, run)
    names = _names(stored, task)
    graph, files = _definitions(stored, plan)
    _require_runnable(graph, names)
    with cancelled_by_signals():
        return stored.folder.run, await _again(site, stored, graph, files, names)


async def _again(site: Site, stored: StoredRun, graph: Graph, files: Plan, names: Sequence[str]) -> tuple[Replayed, ...]:
    """On the ground of the run, in worktrees of its home; what is written beside them is temporary."""
    async with temporary_home() as (scratch, _):
        materialise(files, scratch.path / "plan")
        excludes = scratch.path / "exclude"
        excludes.write_text(stored.started.excludes, encoding="utf-8", errors="surrogateescape")
        make_private(scratch.path / "scratch")
        repository = await open_repository(site.home)
        sandbox = choose(stored.started.sandbox).sandbox
        ground = lay_ground(files, repository, site.home, excludes, scratch.path / "plan", sandbox, site, site.mark(stored.folder.run))
        performer = InProcessPerformer(
            repository=repository,
            pool=ground.pool,
            commands=replace(ground.commands, mark=f"{ground.commands.mark}.replay"),
            seconds=files.spec.limits.timeout,
            plan_files=files.files,
            scratch=scratch.path / "scratch",
        )
        return await Replayer(stored.state, graph, performer, ground.judge).replay(names)


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


def _require_runnable(graph: Graph, names: Sequence[str]) -> None:
    missing = unsupported(graph, {name for name in names if name in graph.tasks})
    if missing:
        raise EnvironmentFault("; ".join(missing))
