"""Which task certainly runs before which, and how long the way to the end is.

An order comes from `needs`, and from gates: a phase that waits for `done: 100%` of another comes after all its tasks,
one that names tasks by `must` after those. A `phase` condition also needs that phase to be *open*, so a phase comes
after everything that the other phase's opening came after. An 80% gate orders nothing else.

Reachability is kept as one integer per task, a bit for each task that comes after it: for ten thousand tasks that is
twelve megabytes, and asking is one AND.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import networkx as nx

from swarm.plans.checks import PhaseDone
from swarm.plans.graph import Graph

__all__ = ["Order", "critical_path", "find_cycle", "order_of", "remaining_seconds"]

_WHOLE = 1.0 - 1e-9


@dataclass(frozen=True, slots=True)
class Order:
    """The certain order of a graph's tasks.

    Attributes:
        after: task index to the bits of the tasks that come after it.
        related: task index to the bits of the tasks that come before or after it, and its own.
    """

    after: tuple[int, ...]
    related: tuple[int, ...]

    def ordered(self, one: int, other: int) -> bool:
        return bool(self.related[one] >> other & 1)


def find_cycle(graph: Graph) -> list[str]:
    """Tasks that need each other in a ring, the first repeated at the end; empty when there are none."""
    needs: nx.DiGraph[str] = nx.DiGraph()
    needs.add_edges_from((task.name, need) for task in graph.tasks.values() for need in task.needs)
    if nx.is_directed_acyclic_graph(needs):
        return []
    edges = nx.find_cycle(needs)
    return [edges[0][0], *(edge[1] for edge in edges)]


def order_of(graph: Graph) -> Order | None:
    """The order, or None when needs and gates together form a ring (then some task never starts)."""
    arrows = _arrows(graph)
    try:
        sequence = list(nx.topological_sort(arrows))
    except nx.NetworkXUnfeasible:
        return None
    bit = {task.name: 1 << task.index for task in graph.tasks.values()}
    after = _reach(reversed(sequence), arrows.succ, bit)
    before = _reach(sequence, arrows.pred, bit)
    names = list(graph.tasks)
    return Order(tuple(after[n] for n in names), tuple(after[n] | before[n] | bit[n] for n in names))


def _reach(sequence: Iterable[str], beyond: Mapping[str, Iterable[str]], bit: Mapping[str, int]) -> dict[str, int]:
    found: dict[str, int] = {}
    for node in sequence:
        bits = 0
        for other in beyond[node]:
            bits |= found[other] | bit.get(other, 0)
        found[node] = bits
    return found


def _arrows(graph: Graph) -> "nx.DiGraph[str]":
    """Tasks and phase openings; a phase's node is `phase:ID`, which no task name can be."""
    arrows: nx.DiGraph[str] = nx.DiGraph()
    arrows.add_nodes_from(graph.tasks)
    arrows.add_nodes_from(f"phase:{phase.id}" for phase in graph.phases)
    for task in graph.tasks.values():
        arrows.add_edges_from((need, task.name) for need in task.needs)
        arrows.add_edge(f"phase:{task.phase}", task.name)
    for phase in graph.phases:
        for condition, must in zip(phase.gate, phase.must, strict=True):
            if isinstance(condition, PhaseDone):
                arrows.add_edges_from((before, f"phase:{phase.id}") for before in _before(graph, condition, must))
    return arrows


def _before(graph: Graph, condition: PhaseDone, must: tuple[str, ...]) -> Iterable[str]:
    yield f"phase:{condition.phase}"
    yield from must
    if condition.threshold >= _WHOLE:
        yield from graph.in_phase.get(condition.phase, ())


def remaining_seconds(graph: Graph, expected: Mapping[str, float]) -> dict[str, float]:
    """For each task the length of the longest path of needs from its start to the end of the run, in expected seconds.

    Args:
        expected: seconds of a task in earlier runs. A task without a record counts as their mean; without any, all count 1.
    """
    usual = sum(expected.values()) / len(expected) if expected else 1.0
    remaining: dict[str, float] = {}
    for name in reversed(_sorted(graph)):
        beyond = max((remaining[other] for other in graph.needed_by[name]), default=0.0)
        remaining[name] = beyond + expected.get(name, usual)
    return remaining


def critical_path(graph: Graph, expected: Mapping[str, float] | None = None) -> tuple[str, ...]:
    """The longest path of needs: the run cannot be shorter, however many agents there are."""
    remaining = remaining_seconds(graph, expected or {})
    path: list[str] = []
    heads: Iterable[str] = [name for name, task in graph.tasks.items() if not task.needs]
    while heads:
        path.append(max(heads, key=lambda name: (remaining[name], -graph.tasks[name].index)))
        heads = graph.needed_by[path[-1]]
    return tuple(path)


def _sorted(graph: Graph) -> list[str]:
    needs: nx.DiGraph[str] = nx.DiGraph()
    needs.add_nodes_from(graph.tasks)
    needs.add_edges_from((need, task.name) for task in graph.tasks.values() for need in task.needs)
    return list(nx.topological_sort(needs))
