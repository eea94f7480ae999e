"""Every gap that was found is closed by exactly one task, which may write there."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from swarm.plans.found import Found
from swarm.plans.graph import Graph, Task
from swarm.plans.problems import Problem

__all__ = ["coverage", "owners"]

_LISTED: Final = 20


def owners(graph: Graph) -> dict[Found, tuple[Task, ...]]:
    """Each gap with the tasks that close it."""
    closers: dict[str, list[Task]] = defaultdict(list)
    members: dict[tuple[str, str], list[Task]] = defaultdict(list)
    for task in graph.tasks.values():
        for position, closing in enumerate(task.closes):
            if task.member is not None and position == 0:
                members[closing.gap, task.member].append(task)
            elif task not in closers[closing.gap]:
                closers[closing.gap].append(task)
    return {gap: _owners(gap, members[gap.gap, gap.path or ""], closers[gap.gap]) for gap in graph.gaps}


def _owners(gap: Found, members: Sequence[Task], closers: Sequence[Task]) -> tuple[Task, ...]:
    declared = [task for task in closers if task not in members and any(closing.closes(gap) for closing in task.closes)]
    return (*members, *declared)


def coverage(graph: Graph) -> Iterator[Problem]:
    """Gaps that no task closes or may write (`uncovered`), and gaps that two close (`covered-twice`)."""
    alone: dict[str, list[Found]] = defaultdict(list)
    unwritable: dict[Task, list[Found]] = defaultdict(list)
    twice: dict[tuple[Task, ...], list[Found]] = defaultdict(list)
    for gap, tasks in owners(graph).items():
        if not tasks:
            alone[gap.gap].append(gap)
        elif len(tasks) > 1:
            twice[tasks].append(gap)
        elif gap.path is not None and not any(glob.matches(gap.path) for glob in tasks[0].scope):
            unwritable[tasks[0]].append(gap)
    yield from (_uncovered(graph, name, gaps) for name, gaps in alone.items())
    yield from (_unwritable(graph, task, gaps) for task, gaps in unwritable.items())
    yield from (_twice(graph, tasks, gaps) for tasks, gaps in _by_place(twice).items())


def _uncovered(graph: Graph, name: str, gaps: list[Found]) -> Problem:
    text = f'no task closes {len(gaps)} of gap "{name}": {_paths(gaps)}'
    return graph.plan.problem(("gaps", name), "uncovered", text, key=True)


def _unwritable(graph: Graph, task: Task, gaps: list[Found]) -> Problem:
    text = f'"{task.name}" closes gap "{gaps[0].gap}" but may not write {_paths(gaps)}: widen its writes'
    return graph.plan.problem(task.at, "uncovered", text, key=True)


def _by_place(twice: dict[tuple[Task, ...], list[Found]]) -> dict[tuple[Task, ...], list[Found]]:
    """One problem per pair of declarations, however far they fan out."""
    merged: dict[tuple[str, ...], tuple[tuple[Task, ...], list[Found]]] = {}
    for tasks, gaps in twice.items():
        key = tuple(task.declared for task in tasks)
        merged.setdefault(key, (tasks, []))[1].extend(gaps)
    return dict(merged.values())


def _twice(graph: Graph, tasks: tuple[Task, ...], gaps: list[Found]) -> Problem:
    names = " and ".join(f'"{task.name}"' for task in tasks[:2])
    text = f'{names} both close gap "{gaps[0].gap}" of {_paths(gaps)}: let one of them'
    return graph.plan.problem(tasks[1].at, "covered-twice", text, key=True)


def _paths(gaps: Sequence[Found]) -> str:
    shown = ", ".join(gap.path if gap.path is not None else f'"{gap.text}"' for gap in gaps[:_LISTED])
    return shown + (f" and {len(gaps) - _LISTED} more" if len(gaps) > _LISTED else "")
