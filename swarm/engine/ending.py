"""How a run ends, once nothing can start and nothing is in flight. In this order: paused, complete, stalled, incomplete.

(Cancelled comes before all of these and is decided by whoever cancels.)
"""

from collections.abc import Iterator, Sequence

from swarm.engine.events import RunEnded, RunPaused
from swarm.engine.gates import enough, read_gate, share_reachable, unverified
from swarm.engine.schedule import blocked, describe
from swarm.engine.state import Stage, State
from swarm.plans.checks import Approval, PhaseDone
from swarm.plans.fields import percent
from swarm.plans.found import Found
from swarm.plans.graph import PhaseNode
from swarm.signatures.evidence import Verdict

__all__ = ["EXIT_OF", "conclude", "pause_for_approval", "stall_reasons"]

EXIT_OF = {"complete": 0, "incomplete": 1, "stalled": 1, "cancelled": 1}
_NAMED = 10


def pause_for_approval(state: State) -> RunPaused | None:
    """The pause of a run that could go on once somebody approves, or None."""
    waiting = [phase for phase in state.graph.phases if phase.id not in state.opened and _only_approval_missing(state, phase)]
    if not waiting or not _could_go_on(state):
        return None
    words = [f'phase "{phase.id}" waits for the approval of {_approvers(phase)}: swarm approve RUN {phase.id}' for phase in waiting]
    return RunPaused(reason="; ".join(words), missing=False)


def _could_go_on(state: State) -> bool:
    """Whether a shut phase holds work that no failure blocks and `--only` did not leave out."""
    held = blocked(state)
    return any(not held.issuperset(_wanted(state, phase)) for phase in state.graph.phases if phase.id not in state.opened)


def _wanted(state: State, phase: PhaseNode) -> Iterator[str]:
    """The phase's tasks that this run is to do and has not done."""
    return (name for name in unverified(state, phase.id) if state.selected is None or name in state.selected)


def _only_approval_missing(state: State, phase: PhaseNode) -> bool:
    """`run` and `gap` conditions are measured once the approval is there."""
    reading = read_gate(state, phase)
    shut = [position for position in reading.waits_for if position not in reading.measurable]
    return bool(shut) and all(isinstance(phase.gate[position], Approval) for position in shut)


def _approvers(phase: PhaseNode) -> str:
    return ", ".join(condition.approval for condition in phase.gate if isinstance(condition, Approval))


def conclude(state: State, gaps: Sequence[Found], success: Sequence[Verdict]) -> RunEnded:
    """The end of a run.

    Args:
        gaps: what the detectors found on the final tree.
        success: the plan's and the categories' success checks on the final tree.
    """
    stalled = tuple(stall_reasons(state))
    missing = tuple(_missing(state, gaps, success))
    if not stalled and not missing:
        return RunEnded(state="complete", gaps=(), success=tuple(success))
    ending = "stalled" if stalled else "incomplete"
    return RunEnded(state=ending, reasons=(*stalled, *missing), gaps=tuple(gaps), success=tuple(success))  # type: ignore[arg-type] # mypy widens the two literals to str


def stall_reasons(state: State) -> Iterator[str]:
    """For each phase that cannot open any more while work waits in it: the conditions, the tasks that keep it shut, the reachable share."""
    for phase in state.graph.phases:
        if phase.id in state.opened or not any(_wanted(state, phase)):
            continue
        reading = read_gate(state, phase)
        for position in reading.waits_for:
            text = describe(state, phase, position, reading.measured[position])
            yield f'phase "{phase.id}" stays shut: {_shut_by(state, phase, position, text)}'


def _shut_by(state: State, phase: PhaseNode, position: int, text: str) -> str:
    condition = phase.gate[position]
    if not isinstance(condition, PhaseDone):
        return text
    # At the end, whatever is not finished will not be, without a person.
    dead = {name for name in state.tasks if not state.finished(name)}
    reachable = share_reachable(state, condition.phase, dead)
    keepers = _keepers(state, condition, phase.must[position])
    by = f"; {_some(keepers)} keep{'s' if len(keepers) == 1 else ''} it shut" if keepers else ""
    return f"{text}; {percent(reachable)} can still be reached{by}"


def _keepers(state: State, condition: PhaseDone, must: Sequence[str]) -> list[str]:
    """What is missing of the share, if it is short, and of what must be there: first what failed, since the rest mostly waits for that."""
    short = [] if enough(state, condition) else unverified(state, condition.phase)
    missing = dict.fromkeys([*short, *(name for name in must if not state.finished(name))])
    return sorted(missing, key=lambda name: state.tasks[name].stage is not Stage.FAILED)


def _missing(state: State, gaps: Sequence[Found], success: Sequence[Verdict]) -> Iterator[str]:
    names = {stage: [n for n, r in state.tasks.items() if r.stage is stage] for stage in (Stage.FAILED, Stage.WAITING)}
    left_out = [n for n in names[Stage.WAITING] if state.selected is not None and n not in state.selected]
    held = [n for n in names[Stage.WAITING] if n not in set(left_out)]
    if names[Stage.FAILED]:
        yield f"failed: {_some(names[Stage.FAILED])}"
    if held:
        yield f"not begun: {_some(held)}"
    if left_out:
        yield f"left out by --only: {_some(left_out)}"
    if gaps:
        yield f"gaps left: {_some([str(gap) for gap in gaps])}"
    red = [verdict.check for verdict in success if not verdict.green]
    if red:
        yield f"success checks not met: {_some(red)}"


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMED])
    return shown + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
