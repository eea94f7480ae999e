"""What is proved of a plan before anything is spent. Each proof is one function: a compiled plan in, problems out.

`swarm.engine.rehearsal.deadlocks` is the one proof that is not here, since it runs the scheduler.
"""

from collections.abc import Mapping, Sequence

from swarm.plans.graph import Graph
from swarm.plans.order import find_cycle, order_of
from swarm.plans.problems import Problem
from swarm.plans.proofs.coverage import coverage
from swarm.plans.proofs.measures import checkless, unreachable_gates
from swarm.plans.proofs.names import unknown_names
from swarm.plans.proofs.overlaps import overlaps, stale_reads
from swarm.plans.proofs.paths import territories, unsafe_paths
from swarm.plans.proofs.payloads import payloads
from swarm.plans.proofs.procedures import malformed_procedures
from swarm.plans.proofs.thinking import thinking
from swarm.plans.undisturbed import undisturbed

__all__ = ["prove"]


@undisturbed()
def prove(graph: Graph, links: Mapping[str, str] | None = None) -> tuple[Problem, ...]:
    """Every static problem of a plan, in the order of its lines.

    Args:
        graph: the plan, compiled against the gaps that were found.
        links: symbolic links of the workspace, path to target.
    """
    problems = [
        *graph.plan.load_problems,
        *unknown_names(graph),
        *unsafe_paths(graph, links or {}),
        *payloads(graph),
        *malformed_procedures(graph),
        *thinking(graph),
    ]
    problems += [*unreachable_gates(graph), *checkless(graph), *territories(graph), *coverage(graph), *_ordered(graph)]
    return tuple(sorted(dict.fromkeys(problems)))


def _ordered(graph: Graph) -> Sequence[Problem]:
    """What asks for an order first needs one: a ring is reported alone."""
    cycle = find_cycle(graph)
    if cycle:
        task = graph.tasks[cycle[0]]
        return [graph.plan.problem((*task.at, "needs"), "cycle", f"tasks need each other: {' → '.join(cycle)}")]
    order = order_of(graph)
    return [] if order is None else [*overlaps(graph, order), *stale_reads(graph, order)]
