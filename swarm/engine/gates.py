"""What a phase's gate asks, and how far it is met. Pure: a condition that needs the code base is read from its last measurement."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, assert_never

from swarm.engine.events import Measured
from swarm.engine.state import State
from swarm.plans.checks import Approval, Condition, FlagSet, GapClosed, MetricHolds, PhaseDone, Run
from swarm.plans.graph import PhaseNode

__all__ = ["GateReading", "debt_of", "enough", "read_gate", "share_done", "share_reachable", "unverified"]

_EPSILON: Final = 1e-9


@dataclass(frozen=True, slots=True)
class GateReading:
    """A phase's gate, read now.

    Attributes:
        measured: one per condition, in the plan's order.
        waits_for: positions of the conditions that are not met.
        measurable: positions of those that a measurement on the head decides (`run`, `gap`).
    """

    phase: str
    measured: tuple[Measured, ...]
    waits_for: tuple[int, ...]
    measurable: tuple[int, ...]

    @property
    def holds(self) -> bool:
        return not self.waits_for

    @property
    def wants_measurement(self) -> bool:
        """Whether only conditions that have to be measured are missing."""
        return bool(self.waits_for) and set(self.waits_for) <= set(self.measurable)


def read_gate(state: State, phase: PhaseNode) -> GateReading:
    """Every condition of a phase's gate."""
    measured = tuple(_read(state, phase, position) for position in range(len(phase.gate)))
    return GateReading(
        phase=phase.id,
        measured=measured,
        waits_for=tuple(position for position, one in enumerate(measured) if not one.met),
        measurable=tuple(position for position, one in enumerate(phase.gate) if isinstance(one, (Run, GapClosed))),
    )


def _read(state: State, phase: PhaseNode, position: int) -> Measured:
    condition: Condition = phase.gate[position]
    match condition:
        case PhaseDone():
            return _phase_done(state, condition, phase.must[position])
        case Run() | GapClosed():
            taken = state.measured.get(phase.id)
            missing = Measured(condition=str(condition), value=None, threshold=None, met=False)
            return taken.conditions.get(str(position), missing) if taken else missing
        case Approval():
            return Measured(condition=str(condition), value=None, threshold=None, met=phase.id in state.approved)
        case MetricHolds():
            return Measured(condition=str(condition), value=None, threshold=condition.bound[1], met=False)
        case FlagSet():
            return Measured(condition=str(condition), value=None, threshold=None, met=False)
        case _:
            assert_never(condition)


def _phase_done(state: State, condition: PhaseDone, must: tuple[str, ...]) -> Measured:
    share = share_done(state, condition.phase)
    met = enough(state, condition) and condition.phase in state.opened and all(map(state.finished, must))
    return Measured(condition=str(condition), value=share, threshold=condition.threshold, met=met)


def enough(state: State, condition: PhaseDone) -> bool:
    """Whether the share is reached. 100% means every task, however little one weighs: the proofs take such a gate for an order."""
    if share_done(state, condition.phase) < condition.threshold - _EPSILON:
        return False
    return condition.threshold < 1.0 - _EPSILON or not any(unverified(state, condition.phase))


def share_done(state: State, phase: str) -> float:
    """The weighted share of a phase's tasks that are verified or satisfied, 0 to 1; of nothing it is 1."""
    return _share(state, phase, state.done_weight.get(phase, 0.0))


def share_reachable(state: State, phase: str, dead: set[str]) -> float:
    """The share that could still be reached, when the tasks in `dead` will never be verified."""
    tasks = state.graph.tasks
    alive = sum(tasks[name].weight for name in state.graph.in_phase.get(phase, ()) if name not in dead)
    return _share(state, phase, alive)


def _share(state: State, phase: str, weight: float) -> float:
    whole = state.whole_weight.get(phase, 0.0)
    return min(1.0, weight / whole) if whole else 1.0


def unverified(state: State, phase: str) -> Iterator[str]:
    """The phase's tasks that are not finished."""
    return (name for name in state.graph.in_phase.get(phase, ()) if not state.finished(name))


def debt_of(state: State, phase: str) -> tuple[str, ...]:
    """What a phase left unverified when one that asks about it opened, or lost by a rollback since."""
    return tuple(unverified(state, phase)) if _passed(state, phase) else ()


def _passed(state: State, phase: str) -> bool:
    conditions = (condition for later in state.graph.phases if later.id in state.opened for condition in later.gate)
    return any(isinstance(condition, PhaseDone) and condition.phase == phase for condition in conditions)
