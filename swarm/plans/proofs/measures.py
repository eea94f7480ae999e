"""Gates that can be reached, and tasks that can be verified."""

from collections.abc import Iterator

from swarm.plans.checks import Judge, MetricHolds, PhaseDone
from swarm.plans.graph import Graph
from swarm.plans.load import Location
from swarm.plans.problems import Problem, did_you_mean
from swarm.plans.schema import TaskEntry
from swarm.plans.vocabulary import BUILT_IN_METRICS, METRIC_PREFIXES

__all__ = ["checkless", "unreachable_gates"]


def unreachable_gates(graph: Graph) -> Iterator[Problem]:
    """Thresholds outside 0 to 100%, conditions on phases without tasks, metrics that nothing records."""
    declared = {entry.phase for body in graph.plan.spec.categories.values() for entry in body.tasks.values()}
    known = {phase.id for phase in graph.phases}
    for phase in graph.phases:
        for position, condition in enumerate(phase.gate):
            at: Location = (*phase.at, "gate", position)
            if isinstance(condition, PhaseDone):
                yield from _phase_done(graph, at, condition, declared, known)
            elif isinstance(condition, MetricHolds):
                yield from _metric(graph, (*at, "metric"), condition)
    yield from _metrics_in_checks(graph)


def _phase_done(graph: Graph, at: Location, condition: PhaseDone, declared: set[str], known: set[str]) -> Iterator[Problem]:
    if not 0 <= condition.threshold <= 1:
        text = f"{condition.threshold * 100:g}% can never be: a share lies between 0% and 100%"
        yield graph.plan.problem((*at, "done"), "unreachable-gate", text)
    if condition.phase in known and condition.phase not in declared:
        text = f'phase "{condition.phase}" declares no tasks, so nothing of it can be done'
        yield graph.plan.problem((*at, "phase"), "unreachable-gate", text)


def _metric(graph: Graph, at: Location, holds: MetricHolds) -> Iterator[Problem]:
    known = (*BUILT_IN_METRICS, *graph.plan.spec.metrics)
    if holds.metric not in known and not holds.metric.startswith(METRIC_PREFIXES):
        text = f'nothing records the metric "{holds.metric}"{did_you_mean(holds.metric, known)}: declare it under metrics:'
        yield graph.plan.problem(at, "unreachable-gate", text)


def _metrics_in_checks(graph: Graph) -> Iterator[Problem]:
    spec = graph.plan.spec
    places: list[tuple[Location, tuple[object, ...]]] = [(("success",), spec.success)]
    for category, body in spec.categories.items():
        places.append((("categories", category, "success"), body.success))
        for task, entry in body.tasks.items():
            at: Location = ("categories", category, "tasks", task)
            places += [((*at, "done_when"), entry.done_when), ((*at, "keep"), entry.keep)]
    for at, checks in places:
        for position, check in enumerate(checks):
            if isinstance(check, MetricHolds):
                yield from _metric(graph, (*at, position, "metric"), check)


def checkless(graph: Graph) -> Iterator[Problem]:
    """Tasks that nothing could ever verify, and those that only a model's opinion could."""
    for category, body in graph.plan.spec.categories.items():
        for name, entry in body.tasks.items():
            at: Location = ("categories", category, "tasks", name)
            if not _measures(entry):
                text = f'nothing could ever verify "{category}.{name}": give it done_when, closes, for_each, keep or hands'
                yield graph.plan.problem(at, "no-check", text, key=True)
            elif _only_judged(entry):
                text = f'"{category}.{name}" is verified by a model\'s opinion alone: beside judge, add a check that measures, such as run'
                yield graph.plan.problem(at, "no-check", text, key=True)


def _measures(entry: TaskEntry) -> bool:
    return bool(entry.done_when or entry.closes or entry.for_each or entry.keep or entry.hands)


def _only_judged(entry: TaskEntry) -> bool:
    """A contract is no way out where a judge decides: its payload is a word of the agent's, not a measurement."""
    if entry.closes or entry.for_each or (entry.hands and not entry.done_when):
        return False
    return all(isinstance(check, Judge) for check in (*entry.done_when, *entry.keep))
