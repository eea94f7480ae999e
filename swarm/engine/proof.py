"""The whole proof of a plan: what can be read off it, and a rehearsal with the scheduler's own `decide`."""

from collections.abc import Mapping

from swarm.engine.rehearsal import deadlocks
from swarm.plans.graph import Graph
from swarm.plans.problems import Problem
from swarm.plans.proofs import prove

__all__ = ["prove_plan", "stops_run"]

_CONFUSING = frozenset({"cycle", "unknown-name"})


def prove_plan(graph: Graph, links: Mapping[str, str] | None = None) -> tuple[Problem, ...]:
    """Every problem of a plan, by line. A ring or an unknown name explains a deadlock, so no deadlock is reported beside one."""
    problems = prove(graph, links)
    if any(problem.code in _CONFUSING for problem in problems):
        return problems
    return tuple(sorted([*problems, *deadlocks(graph)]))


def stops_run(problems: tuple[Problem, ...]) -> bool:
    """Whether any of them is more than a warning."""
    return any(problem.severity == "error" for problem in problems)
