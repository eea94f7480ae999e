"""Every gap that was found is closed by exactly one task, which may write there."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from swarm.plans import globs
from swarm.plans.found import Found
from swarm.plans.graph import Closing, Graph, Task
from swarm.plans.problems import Problem
from swarm.plans.schema import AstGap, TextGap

__all__ = ["blind_detectors", "coverage", "owners"]

_LISTED: Final = 20


def owners(graph: Graph) -> dict[Found, tuple[Task, ...]]:
    """Each gap with the tasks that close it."""
    exact: dict[tuple[str, str | None], list[Task]] = defaultdict(list)
    patterns: dict[str, list[tuple[Task, Closing]]] = defaultdict(list)
    for task in graph.tasks.values():
        for closing in task.closes:
            for text in closing.paths:
                path = globs.parse(text).literal
                if path is None:
                    patterns[closing.gap].append((task, Closing(closing.gap, (text,))))
                else:
                    exact[closing.gap, path].append(task)
    return {gap: _once([*exact[gap.gap, gap.path], *(t for t, one in patterns[gap.gap] if one.closes(gap))]) for gap in graph.gaps}


def _once(tasks: list[Task]) -> tuple[Task, ...]:
    """In plan order, each task one time."""
    return tuple({task.index: task for task in sorted(tasks, key=lambda task: task.index)}.values())


def coverage(graph: Graph) -> Iterator[Problem]:
    """Gaps that no task closes or may write (`uncovered`), and gaps that two close (`covered-twice`)."""
    alone: dict[str, list[Found]] = defaultdict(list)
    unwritable: dict[tuple[str, str], list[tuple[Task, Found]]] = defaultdict(list)
    twice: dict[tuple[str, ...], list[tuple[Task, Task, Found]]] = defaultdict(list)
    for gap, tasks in owners(graph).items():
        if not tasks:
            alone[gap.gap].append(gap)
        elif len(tasks) > 1:
            twice[gap.gap, *(task.declared for task in tasks)].append((tasks[0], tasks[1], gap))
        elif gap.path is not None and not any(glob.matches(gap.path) for glob in tasks[0].scope):
            unwritable[gap.gap, tasks[0].declared].append((tasks[0], gap))
    yield from (_uncovered(graph, name, gaps) for name, gaps in alone.items())
    yield from (_unwritable(graph, cases) for cases in unwritable.values())
    yield from (_twice(graph, cases) for cases in twice.values())


def blind_detectors(graph: Graph, paths: Sequence[str]) -> Iterator[Problem]:
    """A warning for each detector that looks at no file at all: it would hold every plan to be exhaustive."""
    for name, gap in graph.plan.spec.gaps.items():
        if isinstance(gap, (TextGap, AstGap)):
            wanted = [globs.parse(text) for text in gap.files]
            if not any(glob.matches(path) for path in paths for glob in wanted):
                text = f'the gap "{name}" looks at no file: nothing in the workspace matches {", ".join(gap.files)}'
                yield graph.plan.problem(("gaps", name, "files"), "uncovered", text, warning=True)


def _uncovered(graph: Graph, name: str, gaps: list[Found]) -> Problem:
    text = f'no task closes {len(gaps)} of gap "{name}": {_paths(gaps)}'
    return graph.plan.problem(("gaps", name), "uncovered", text, key=True)


def _unwritable(graph: Graph, cases: Sequence[tuple[Task, Found]]) -> Problem:
    task, gap = cases[0]
    text = f'"{task.name}" closes gap "{gap.gap}" but may not write {_paths([each for _, each in cases])}: widen its writes'
    return graph.plan.problem(task.at, "uncovered", text, key=True)


def _twice(graph: Graph, cases: Sequence[tuple[Task, Task, Found]]) -> Problem:
    """One problem for the same declarations, however far they fan out."""
    one, other, gap = cases[0]
    text = f'"{one.name}" and "{other.name}" both close gap "{gap.gap}" of {_paths([each for _, _, each in cases])}: let one of them'
    return graph.plan.problem(other.at, "covered-twice", text, key=True)


def _paths(gaps: Sequence[Found]) -> str:
    shown = ", ".join(gap.path if gap.path is not None else f'"{gap.text}"' for gap in gaps[:_LISTED])
    return shown + (f" and {len(gaps) - _LISTED} more" if len(gaps) > _LISTED else "")
