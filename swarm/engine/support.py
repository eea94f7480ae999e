"""What a plan asks for that this release does not have. Said before a run begins, so that nothing is spent on it."""

from collections.abc import Iterator

from swarm.plans.checks import FlagSet, Judge, MetricHolds
from swarm.plans.graph import Graph

__all__ = ["unsupported"]

_NAMED = 5


def unsupported(graph: Graph, selected: set[str] | None) -> tuple[str, ...]:
    """One sentence for each part that is missing; empty when the plan can run.

    Args:
        selected: the tasks to run, or None for all.
    """
    return (*_programs(graph, selected), *_measures(graph, selected))


def _programs(graph: Graph, selected: set[str] | None) -> Iterator[str]:
    thinking = [name for name, task in graph.tasks.items() if not task.do and (selected is None or name in selected)]
    if thinking:
        more = f" and {len(thinking) - _NAMED} more" if len(thinking) > _NAMED else ""
        need, them = ("needs", "it") if len(thinking) == 1 else ("need", "them")
        yield f"{', '.join(thinking[:_NAMED])}{more} {need} a language model, which this release does not run yet: give {them} a do:"


def _measures(graph: Graph, selected: set[str] | None) -> Iterator[str]:
    conditions = [condition for phase in graph.phases for condition in phase.gate]
    spec = graph.plan.spec
    checks = [*spec.success, *(check for body in spec.categories.values() for check in body.success)]
    for name, task in graph.tasks.items():
        if selected is None or name in selected:
            checks += [*task.done_when, *task.keep]
    for one in dict.fromkeys(map(str, (one for one in (*conditions, *checks) if isinstance(one, (MetricHolds, FlagSet))))):
        yield f"`{one}` needs the analytics core, which this release does not have yet"
    for one in dict.fromkeys(map(str, (one for one in checks if isinstance(one, Judge)))):
        yield f"`{one}` needs a language model, which this release does not run yet"
