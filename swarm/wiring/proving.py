"""`swarm validate`, and the same proof before a run: snapshot, detectors, compile, prove."""

from dataclasses import dataclass
from pathlib import Path

from swarm.engine.proof import prove_plan, stops_run
from swarm.errors import PlanRefused
from swarm.plans.found import Found
from swarm.plans.graph import Graph, compile_plan
from swarm.plans.load import Plan, load_plan
from swarm.plans.problems import Problem
from swarm.plans.proofs.coverage import owners
from swarm.wiring.ground import Ground, lay_ground, links_of, materialise, snapshot_of, temporary_home, workspace_folder
from swarm.wiring.site import Site
from swarm.workspace.sandbox import NoSandbox

__all__ = ["Proof", "prove_on", "validate"]


@dataclass(frozen=True, slots=True)
class Proof:
    """What `validate` found. `graph` is None where the text is not a plan at all."""

    plan: Plan | None
    graph: Graph | None
    problems: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        return self.graph is not None and not stops_run(self.problems)

    @property
    def covered(self) -> int:
        return sum(len(tasks) == 1 for tasks in owners(self.graph).values()) if self.graph else 0


async def validate(site: Site, path: Path, workspace: str | None) -> Proof:
    """Proves a plan in a temporary folder; leaves nothing behind.

    Raises:
        UsageError: plan or workspace are not there.
        EnvironmentFault: a detector, `requires` or `setup` failed.
    """
    try:
        plan = load_plan(path)
    except PlanRefused as refused:
        return Proof(None, None, refused.problems)
    early = _before_detecting(plan)
    if stops_run(early):
        return Proof(plan, compile_plan(plan), early)
    async with temporary_home() as (home, repository):
        snapshot = await snapshot_of(plan, workspace_folder(plan, workspace, site.folder), repository, home, site)
        excludes = home.path / "exclude"
        excludes.write_text(snapshot.excludes, encoding="utf-8", errors="surrogateescape")
        materialise(plan, home.path / "plan")
        ground = lay_ground(plan, repository, home, excludes, home.path / "plan", NoSandbox(), site, site.mark("validate"))
        return await prove_on(plan, ground, snapshot.commit, snapshot.tree)


def _before_detecting(plan: Plan) -> tuple[Problem, ...]:
    """What is wrong whatever the workspace holds: a detector with a malformed glob must not run."""
    if not plan.spec.gaps:
        return ()
    fatal = {"unsafe-path", "wrong-type"}
    return tuple(problem for problem in prove_plan(compile_plan(plan)) if problem.code in fatal) and prove_plan(compile_plan(plan))


async def prove_on(plan: Plan, ground: Ground, commit: str, tree: str) -> Proof:
    """Detects on a snapshot and proves the plan against what was found."""
    if ground.listed:
        await ground.require(commit)
    gaps: tuple[Found, ...] = await ground.judge.found(tree)
    try:
        graph = compile_plan(plan, gaps)
    except PlanRefused as refused:
        return Proof(plan, None, refused.problems)
    return Proof(plan, graph, prove_plan(graph, await links_of(ground.repository, tree)))


