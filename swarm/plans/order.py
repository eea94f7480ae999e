"""Which task certainly runs before which, and how long the way to the end is.

An order comes from `needs`, and from gates: a phase that waits for `done: 100%` of another comes after all its tasks,
one that names tasks by `must` after those. A `phase` condition also needs that phase to be *open*, so a phase comes
after everything that the other phase's opening came after. An 80% gate orders nothing else.

Reachability is kept as one integer per task, a bit for each task that comes after it: for ten thousand tasks that is
twelve megabytes, and asking is one AND.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

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
    try:
        _ = graph.needs_first
    except CycleError:
        return _ring(graph)
    return []


def _ring(graph: Graph) -> list[str]:
    import networkx as nx  # takes longer to import than most plans to prove, and few plans have rings

    needs: nx.DiGraph[str] = nx.DiGraph()
    needs.add_edges_from((task.name, need) for task in graph.tasks.values() for need in task.needs)
    edges = nx.find_cycle(needs)
    return [edges[0][0], *(edge[1] for edge in edges)]


def order_of(graph: Graph) -> Order | None:
    """The order, or None when needs and gates together form a ring (then some task never starts)."""
    earlier = _earlier(graph)
    try:
        sequence = list(TopologicalSorter(earlier).static_order())
    except CycleError:
        return None
    bit = {task.name: 1 << task.index for task in graph.tasks.values()}
    before = _reach(sequence, earlier, bit)
    after = _reach(reversed(sequence), _turned(earlier), bit)
    names = list(graph.tasks)
    return Order(tuple(after[n] for n in names), tuple(after[n] | before[n] | bit[n] for n in names))


def _reach(sequence: Iterable[str], beyond: Mapping[str, Iterable[str]], bit: Mapping[str, int]) -> dict[str, int]:
    found: dict[str, int] = {}
    for node in sequence:
        bits = 0
        for other in beyond.get(node, ()):
            bits |= found[other] | bit.get(other, 0)
        found[node] = bits
    return found


def _earlier(graph: Graph) -> dict[str, list[str]]:
    """What each task and each opening of a phase comes directly after; a phase's node is `phase:ID`, which no task name can be."""
    earlier: dict[str, list[str]] = {}
    for phase in graph.phases:
        openings = earlier.setdefault(f"phase:{phase.id}", [])
        for condition, must in zip(phase.gate, phase.must, strict=True):
            if isinstance(condition, PhaseDone):
                openings += _before(graph, condition, must)
    for task in graph.tasks.values():
        earlier.setdefault(f"phase:{task.phase}", [])
        earlier[task.name] = [*task.needs, f"phase:{task.phase}"]
    return earlier


def _turned(earlier: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
    later: dict[str, list[str]] = {node: [] for node in earlier}
    for node, others in earlier.items():
        for other in others:
            later.setdefault(other, []).append(node)
    return later


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
    for name in reversed(graph.needs_first):
        beyond = max((remaining[other] for other in graph.needed_by[name]), default=0.0)
        remaining[name] = beyond + expected.get(name, usual)
    return remaining


def critical_path(graph: Graph, expected: Mapping[str, float] | None = None) -> tuple[str, ...]:
    """The longest path of needs: the run cannot be shorter, however many agents there are. Nothing where needs form a ring."""
    try:
        remaining = remaining_seconds(graph, expected or {})
    except CycleError:
        return ()
    path: list[str] = []
    heads: Iterable[str] = [name for name, task in graph.tasks.items() if not task.needs]
    while heads:
        path.append(max(heads, key=lambda name: (remaining[name], -graph.tasks[name].index)))
        heads = graph.needed_by[path[-1]]
    return tuple(path)
