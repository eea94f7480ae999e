"""A run in which every task succeeds at once: the same `decide`, with a doer that only writes down.

It proves that no gate can deadlock, and it is what `--dry-run` prints. `run`, `metric`, `approval` and `flag` conditions
are taken to hold; a `gap` condition holds once the tasks that close the gap are verified.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from swarm.engine import events as ev
from swarm.engine.events import Entry, Event, Measured
from swarm.engine.gates import read_gate
from swarm.engine.schedule import Decision, MeasureGate, OpenPhase, Room, StartAttempt, decide, describe
from swarm.engine.state import State
from swarm.plans import globs
from swarm.plans.checks import Approval, Condition, FlagSet, GapClosed, MetricHolds, PhaseDone
from swarm.plans.graph import Graph, PhaseNode
from swarm.plans.problems import Problem
from swarm.signatures.handoff import Handoff

__all__ = ["Rehearsal", "deadlocks", "rehearse"]

_NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
_UNBOUNDED: Final = 1_000_000


@dataclass(slots=True)
class Rehearsal:
    """A rehearsed run: the state it ended in, and every decision in rounds of what happens at once."""

    state: State
    rounds: list[tuple[Decision, ...]]


def rehearse(graph: Graph, parallel: int = _UNBOUNDED, only: tuple[str, ...] = ()) -> Rehearsal:
    """Runs the graph to where nothing more happens.

    Args:
        parallel: attempts at a time.
        only: as of `--only`.
    """
    state = State(_without_metrics(graph))
    if only:
        state.selected = graph.select(only)
    _assume(state)
    rounds: list[tuple[Decision, ...]] = []
    while decisions := decide(state, Room(slots=parallel)):
        rounds.append(decisions)
        for decision in decisions:
            for event in _succeed(state, decision):
                state.apply(Entry(seq=state.seq + 1, at=_NEVER, event=event))
    return Rehearsal(state, rounds)


def _assume(state: State) -> None:
    for phase in state.graph.phases:
        if any(isinstance(condition, Approval) for condition in phase.gate):
            state.approved[phase.id] = "rehearsal"


def _succeed(state: State, decision: Decision) -> Iterator[Event]:
    match decision:
        case OpenPhase():
            yield ev.PhaseOpened(phase=decision.phase, gate=decision.gate, debt=decision.debt)
        case StartAttempt():
            yield from _attempt(state, decision)
        case MeasureGate():
            yield _measurement(state, decision)
        case _:
            return


def _attempt(state: State, decision: StartAttempt) -> Iterator[Event]:
    head = str(len(state.landings) + 1)
    handoff = Handoff(task=decision.task, contract=None, payload={}, evidence=(), base_tree="", result_tree="", inputs=(), definition="")
    yield ev.AttemptStarted(task=decision.task, attempt=decision.attempt, agent="", base=state.head, sandbox="")
    yield ev.Landing(
        task=decision.task, attempt=decision.attempt, handoff=handoff, old=state.head, new=head, new_tree="", landed=(), seconds=0.0
    )
    yield ev.Landed(task=decision.task, commit=head)


def _measurement(state: State, decision: MeasureGate) -> Event:
    phase = next(phase for phase in state.graph.phases if phase.id == decision.phase)
    conditions = {str(position): _measured(state, phase.gate[position]) for position in decision.conditions}
    return ev.GateMeasured(phase=phase.id, head=state.head, conditions=conditions)


def _measured(state: State, condition: Condition) -> Measured:
    met = not isinstance(condition, GapClosed) or all(state.finished(name) for name in _closers(state, condition))
    return Measured(condition=str(condition), value=None, threshold=None, met=met)


def _closers(state: State, condition: GapClosed) -> Iterator[str]:
    """The tasks that may close something of what the condition asks about."""
    asked = [globs.parse(text) for text in condition.in_ or ("**",)]
    for name, task in state.graph.tasks.items():
        paths = [globs.parse(text) for closing in task.closes if closing.gap == condition.gap for text in closing.paths]
        if any(globs.witness(path, one) is not None for path in paths for one in asked):
            yield name


def deadlocks(graph: Graph) -> Iterator[Problem]:
    """A problem for each task that would never start though every other succeeds, and why; fan-outs are named once."""
    state = rehearse(graph).state
    named: set[str] = set()
    for name, task in graph.tasks.items():
        if not state.finished(name) and task.declared not in named:
            named.add(task.declared)
            text = f'"{name}" would never start: {_reason(state, name)}'
            yield graph.plan.problem(task.at, "deadlock", text, key=True)


def _without_metrics(graph: Graph) -> Graph:
    """As if no gate asked for a metric or a flag: they are taken to hold."""
    phases = tuple(_plain(phase) for phase in graph.phases)
    return Graph(graph.plan, graph.tasks, phases, graph.gaps, graph.members)


def _plain(phase: PhaseNode) -> PhaseNode:
    kept = [i for i, condition in enumerate(phase.gate) if not isinstance(condition, (MetricHolds, FlagSet))]
    gate, must = tuple(phase.gate[i] for i in kept), tuple(phase.must[i] for i in kept)
    return PhaseNode(phase.id, gate, must, phase.days, phase.at)


def _reason(state: State, name: str) -> str:
    task = state.graph.tasks[name]
    waits = [need for need in task.needs if not state.finished(need)]
    if waits:
        return f"it needs {waits[0]}" + (f" and {len(waits) - 1} more that never finish" if len(waits) > 1 else ", which never finishes")
    phase = next((phase for phase in state.graph.phases if phase.id == task.phase), None)
    if phase is None:
        return f'there is no phase "{task.phase}"'
    return _shut(state, phase)


def _shut(state: State, phase: PhaseNode) -> str:
    reading = read_gate(state, phase)
    reasons = []
    for position in reading.waits_for:
        condition = phase.gate[position]
        text = describe(state, phase, position, reading.measured[position])
        waiting = (
            [n for n in state.graph.in_phase.get(condition.phase, ()) if not state.finished(n)][:3]
            if isinstance(condition, PhaseDone)
            else []
        )
        reasons.append(text + (f" (waits for {', '.join(waiting)})" if waiting else ""))
    return f'phase "{phase.id}" never opens: {"; ".join(reasons)}'
