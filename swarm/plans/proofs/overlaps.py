"""No two tasks that could run at the same time may write the same path.

Patterns, not pairs of tasks, are compared: each distinct pattern once, through an index. Which tasks hold which pattern,
and which tasks are ordered, are bit sets, so that a pair of tasks costs a bit and not a comparison.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from swarm.plans import globs
from swarm.plans.graph import Graph, Task
from swarm.plans.order import Order
from swarm.plans.problems import Problem

__all__ = ["overlaps", "stale_reads"]

_REPORTED: Final = 50


def overlaps(graph: Graph, order: Order) -> Iterator[Problem]:
    """Two tasks without an order between them that may write the same path: both places, and a path that both match."""
    writers = _holders(graph, "writes")
    tasks = _Tasks(graph)
    reported: set[frozenset[str]] = set()
    for one_text, other_text in _clashes(list(writers)):
        for one, other in tasks.unordered(writers[one_text], writers[other_text], order):
            pair = frozenset((one.declared, other.declared))
            if pair not in reported:
                reported.add(pair)
                yield _overlap(graph, _Writer(one, one_text), _Writer(other, other_text))
            if len(reported) >= _REPORTED:
                return


@dataclass(frozen=True, slots=True)
class _Writer:
    """A task with the pattern by which it may write."""

    task: Task
    text: str


def _overlap(graph: Graph, one: _Writer, other: _Writer) -> Problem:
    first, second = sorted((one, other), key=lambda writer: writer.task.index)
    line = graph.plan.source.mark((*first.task.at, "writes")).line
    text = (
        f'"{first.task.name}" and "{second.task.name}" may both write {_common(first.text, second.text)} ({first.text} on line {line}, '
        f"{second.text} here) and nothing orders them: add needs, or narrow writes"
    )
    return graph.plan.problem((*second.task.at, "writes"), "overlap", text)


def _common(one: str, other: str) -> str:
    return globs.witness(globs.parse(one), globs.parse(other)) or one


def _holders(graph: Graph, key: str) -> dict[str, int]:
    """Pattern to the bits of the tasks that hold it."""
    held: dict[str, int] = defaultdict(int)
    for task in graph.tasks.values():
        for text in getattr(task, key):
            held[text] |= 1 << task.index
    return dict(held)


def _clashes(texts: list[str]) -> Iterator[tuple[str, str]]:
    """Patterns that share a path: each with itself, and the pairs among them."""
    yield from zip(texts, texts, strict=True)
    yield from ((texts[i], texts[j]) for i, j, _ in globs.Overlaps(map(globs.parse, texts)).pairs())


class _Tasks:
    """The tasks by their bits."""

    def __init__(self, graph: Graph) -> None:
        self.all = list(graph.tasks.values())
        self.fan: dict[str, int] = defaultdict(int)
        for task in self.all:
            self.fan[task.declared] |= 1 << task.index

    def unordered(self, ones: int, others: int, order: Order) -> Iterator[tuple[Task, Task]]:
        """Pairs that nothing orders, of each fan-out one member. A long chain over one pattern costs one AND per task."""
        for index in _bits(ones):
            loose = others & ~order.related[index]
            while loose:
                other = self.all[(loose & -loose).bit_length() - 1]
                yield self.all[index], other
                loose &= ~self.fan[other.declared]


def _bits(bits: int) -> Iterator[int]:
    while bits:
        low = bits & -bits
        yield low.bit_length() - 1
        bits ^= low


def stale_reads(graph: Graph, order: Order) -> Iterator[Problem]:
    """A warning where an unordered task may write what this one reads."""
    readers, writers = _holders(graph, "reads"), _holders(graph, "writes")
    tasks = _Tasks(graph)
    reported: set[tuple[str, str]] = set()
    for read, write in _crossings(readers, writers):
        for reader, writer in tasks.unordered(readers[read], writers[write], order):
            if (reader.declared, writer.declared) not in reported:
                reported.add((reader.declared, writer.declared))
                yield _stale(graph, reader, writer, _common(read, write))
            if len(reported) >= _REPORTED:
                return


def _stale(graph: Graph, reader: Task, writer: Task, path: str) -> Problem:
    text = f'"{reader.name}" reads {path}, which "{writer.name}" may be writing: add needs if it should see the change'
    return graph.plan.problem((*reader.at, "reads"), "stale-read", text, warning=True)


def _crossings(readers: Mapping[str, int], writers: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    """Pairs of a read and a written pattern that share a path."""
    texts = list(dict.fromkeys([*readers, *writers])) if readers else []
    for one, other in _clashes(texts):
        if one in readers and other in writers:
            yield one, other
        if one != other and other in readers and one in writers:
            yield other, one
