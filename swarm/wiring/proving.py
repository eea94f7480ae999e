"""`swarm validate`, and the same proof before a run: snapshot, detectors, compile, prove."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from swarm.engine.proof import prove_plan, stops_run
from swarm.engine.rehearsal import rehearse
from swarm.engine.schedule import Decision, MeasureGate, OpenPhase, StartAttempt
from swarm.errors import PlanRefused
from swarm.plans.found import Found
from swarm.plans.graph import Graph, compile_plan
from swarm.plans.load import Plan, load_plan
from swarm.plans.order import critical_path, find_cycle
from swarm.plans.problems import Problem
from swarm.plans.proofs.coverage import blind_detectors, owners
from swarm.plans.proofs.paths import unsafe_paths
from swarm.plans.proofs.procedures import malformed_procedures
from swarm.wiring.ground import Ground, lay_ground, links_of, materialise, snapshot_of, temporary_home, workspace_folder
from swarm.wiring.signals import cancelled_by_signals
from swarm.wiring.site import Site
from swarm.wiring.tasks import require_tasks
from swarm.workspace.sandbox import NoSandbox

__all__ = ["Proof", "prove_on", "rehearsed", "validate", "validation_view"]


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
    def found(self) -> dict[str, int]:
        """How many gaps each detector found."""
        if self.graph is None:
            return {}
        counts = Counter(gap.gap for gap in self.graph.gaps)
        return {name: counts[name] for name in self.graph.plan.spec.gaps}

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
    with cancelled_by_signals():
        return await _proved_aside(site, plan, workspace)


async def _proved_aside(site: Site, plan: Plan, workspace: str | None) -> Proof:
    async with temporary_home() as (home, repository):
        snapshot = await snapshot_of(plan, workspace_folder(plan, workspace, site.folder), repository, home, site)
        excludes = home.path / "exclude"
        excludes.write_text(snapshot.excludes, encoding="utf-8", errors="surrogateescape")
        materialise(plan, home.path / "plan")
        ground = lay_ground(plan, repository, home, excludes, home.path / "plan", NoSandbox(), site, site.mark("validate"))
        return await prove_on(plan, ground, snapshot.commit, snapshot.tree)


def _before_detecting(plan: Plan) -> tuple[Problem, ...]:
    """What is wrong whatever the workspace holds, if it is such that no detector should run: a malformed glob, pattern or rule."""
    if not plan.spec.gaps:
        return ()
    graph = compile_plan(plan)
    malformed = (*unsafe_paths(graph, {}), *malformed_procedures(graph))
    return prove_plan(graph) if malformed else ()


async def prove_on(plan: Plan, ground: Ground, commit: str, tree: str) -> Proof:
    """Detects on a snapshot and proves the plan against what was found."""
    if ground.listed:
        await ground.require(commit)
    gaps: tuple[Found, ...] = await ground.judge.found(tree)
    try:
        graph = compile_plan(plan, gaps)
    except PlanRefused as refused:
        return Proof(plan, None, refused.problems)
    problems = prove_plan(graph, await links_of(ground.repository, tree))
    blind = blind_detectors(graph, await ground.paths(tree))
    return Proof(plan, graph, tuple(sorted([*problems, *blind])))


def validation_view(proof: Proof) -> dict[str, Any]:
    """`swarm validate --json`."""
    graph = proof.graph
    ringless = graph is not None and not find_cycle(graph)
    return {
        "ok": proof.ok,
        "problems": [
            {"file": p.file, "line": p.line, "column": p.column, "severity": p.severity, "code": p.code, "text": p.text}
            for p in proof.problems
        ],
        "tasks": len(graph.tasks) if graph else 0,
        "gaps": {"found": len(graph.gaps) if graph else 0, "covered": proof.covered},
        "critical_path": list(critical_path(graph)) if graph is not None and ringless else [],
    }


async def rehearsed(site: Site, path: Path, workspace: str | None, parallel: int | None, only: tuple[str, ...]) -> list[list[str]]:
    """`execute --dry-run`: what would be decided, in rounds, if every task succeeded at once.

    Raises:
        PlanRefused: the plan has problems.
    """
    proof = await validate(site, path, workspace)
    if not proof.ok or proof.graph is None:
        raise PlanRefused(proof.problems)
    require_tasks(proof.graph, only)
    width = parallel or proof.graph.plan.spec.limits.parallel
    return [[_decided(one) for one in decisions] for decisions in rehearse(proof.graph, width, only).rounds]


def _decided(decision: Decision) -> str:
    match decision:
        case OpenPhase():
            return f"open phase {decision.phase}"
        case StartAttempt():
            return f"start {decision.task}"
        case MeasureGate():
            return f"measure the gate of phase {decision.phase}"
        case _:
            return str(decision)
