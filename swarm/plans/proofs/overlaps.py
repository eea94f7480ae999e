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


@dataclass(frozen=True, slots=True)
class _Clash:
    """Two patterns that share a path."""

    one: str
    other: str
    path: str


def overlaps(graph: Graph, order: Order) -> Iterator[Problem]:
    """Two tasks without an order between them that may write the same path: both places, and a path that both match."""
    writers = _holders(graph, "writes")
    tasks = list(graph.tasks.values())
    reported: set[tuple[object, object]] = set()
    for clash in _clashes(list(writers)):
        for one, other in _unordered(writers[clash.one], writers[clash.other], order, tasks):
            key = tuple(sorted((one.declared, other.declared)))
            if one.index != other.index and key not in reported:
                reported.add(key)  # type: ignore[arg-type] # sorted gives two names
                yield _overlap(graph, one, other, clash)
        if len(reported) >= _REPORTED:
            return


def _overlap(graph: Graph, one: Task, other: Task, clash: _Clash) -> Problem:
    first, second = (one, other) if one.index < other.index else (other, one)
    patterns = {one.index: clash.one, other.index: clash.other}
    line = graph.plan.source.mark((*first.at, "writes")).line
    text = (
        f'"{first.name}" and "{second.name}" may both write {clash.path} ({patterns[first.index]} on line {line}, '
        f"{patterns[second.index]} here) and nothing orders them: add needs, or narrow writes"
    )
    return graph.plan.problem((*second.at, "writes"), "overlap", text)


def _holders(graph: Graph, key: str) -> dict[str, int]:
    """Pattern to the bits of the tasks that hold it."""
    held: dict[str, int] = defaultdict(int)
    for task in graph.tasks.values():
        for text in getattr(task, key):
            held[text] |= 1 << task.index
    return dict(held)


def _clashes(texts: list[str]) -> Iterator[_Clash]:
    parsed = [globs.parse(text) for text in texts]
    for text, glob in zip(texts, parsed, strict=True):
        yield _Clash(text, text, globs.witness(glob, glob) or text)
    for i, j, path in globs.Overlaps(parsed).pairs():
        yield _Clash(texts[i], texts[j], path)


def _unordered(ones: int, others: int, order: Order, tasks: list[Task]) -> Iterator[tuple[Task, Task]]:
    """Pairs that nothing orders. A long chain over one pattern costs one AND per task."""
    for index in _bits(ones):
        loose = others & ~order.related[index]
        for other in _bits(loose):
            yield tasks[index], tasks[other]
            break


def _bits(bits: int) -> Iterator[int]:
    while bits:
        low = bits & -bits
        yield low.bit_length() - 1
        bits ^= low


def stale_reads(graph: Graph, order: Order) -> Iterator[Problem]:
    """A warning where an unordered task may write what this one reads."""
    readers, writers = _holders(graph, "reads"), _holders(graph, "writes")
    tasks = list(graph.tasks.values())
    reported: set[tuple[str, str]] = set()
    for read, write, path in _crossings(readers, writers):
        for reader, writer in _unordered(readers[read], writers[write], order, tasks):
            if (reader.declared, writer.declared) not in reported:
                reported.add((reader.declared, writer.declared))
                text = f'"{reader.name}" reads {path}, which "{writer.name}" may be writing: add needs if it should see the change'
                yield graph.plan.problem((*reader.at, "reads"), "stale-read", text, warning=True)
        if len(reported) >= _REPORTED:
            return


def _crossings(readers: Mapping[str, int], writers: Mapping[str, int]) -> Iterator[tuple[str, str, str]]:
    """Pairs of a read and a written pattern that share a path."""
    texts = list(dict.fromkeys([*readers, *writers]))
    for text in texts:
        if text in readers and text in writers:
            yield text, text, globs.witness(globs.parse(text), globs.parse(text)) or text
    for i, j, path in globs.Overlaps([globs.parse(text) for text in texts]).pairs():
        for read, write in ((texts[i], texts[j]), (texts[j], texts[i])):
            if read in readers and write in writers:
                yield read, write, path
