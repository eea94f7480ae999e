"""What a run looks like from outside: the documents behind `--json`. Pure; the fields are fixed."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from swarm.engine.calls import Spend
from swarm.engine.events import Entry, Landing, Measured
from swarm.engine.gates import debt_of, read_gate, share_done
from swarm.engine.schedule import blocked, obstacles, shown_state
from swarm.engine.state import Stage, State
from swarm.plans.found import Found
from swarm.plans.graph import PhaseNode
from swarm.plans.proofs.coverage import owners

__all__ = [
    "explain_view",
    "gaps_view",
    "handoff_views",
    "iso",
    "open_gaps",
    "phase_paces",
    "phase_views",
    "run_state",
    "run_view",
    "status_view",
    "unclosed_gaps",
    "usage_view",
]


def iso(at: datetime | None) -> str | None:
    """ISO 8601 in UTC."""
    return None if at is None else at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def run_state(state: State, live: bool) -> str:
    """running, complete, incomplete, stalled, paused, cancelled or interrupted. Without a living scheduler nothing is running."""
    if live:
        return "running"
    if state.ended is not None:
        return state.ended.state
    return "paused" if state.paused is not None else "interrupted"


def run_view(state: State, live: bool, now: datetime) -> dict[str, Any]:
    """A row of `swarm runs`."""
    assert state.started is not None
    assert state.started_at is not None
    ended = state.ended_at if not live else None
    until = now if live else (state.ended_at or state.last_at or now)
    return {
        "run": state.started.run,
        "plan": state.started.plan,
        "state": run_state(state, live),
        "started_at": iso(state.started_at),
        "ended_at": iso(ended),
        "seconds": round(max(0.0, (until - state.started_at).total_seconds()), 3),
    }


def status_view(state: State, live: bool, now: datetime, spent: Spend | None = None) -> dict[str, Any]:
    """`swarm status --json`.

    Args:
        spent: on models, by the whole run; nothing unless given.
    """
    return {
        **run_view(state, live, now),
        "phases": phase_views(state),
        "tasks": _tasks(state, live, now),
        "gaps": gaps_view(state),
        "success": _success(state),
        "usage": usage_view(spent or Spend()),
    }


def phase_views(state: State) -> list[dict[str, Any]]:
    """`swarm phases --json`."""
    return [_phase(state, phase) for phase in state.graph.phases]


def phase_paces(state: State, entries: Sequence[Entry], now: datetime) -> dict[str, tuple[str | None, float | None]]:
    """Per phase the days that the plan estimates, as it writes them, and the seconds from its opening to its last finished task.

    The seconds of a phase that is not done run until now, or to the run's end; None for one that has not opened.
    """
    opened = {entry.event.phase: entry.at for entry in entries if entry.event.kind == "phase_opened"}
    end = entries[-1].at if entries and state.ended is not None else now
    finished = _times(entries)

    def took(phase: str) -> float | None:
        tasks = state.graph.in_phase.get(phase, ())
        last = max((finished[name][1] for name in tasks), default=opened.get(phase, end)) if all(map(state.finished, tasks)) else end
        return (last - opened[phase]).total_seconds() if phase in opened else None

    return {phase.id: (phase.days, took(phase.id)) for phase in state.graph.phases}


def _phase(state: State, phase: PhaseNode) -> dict[str, Any]:
    tasks = state.graph.in_phase.get(phase.id, ())
    verified = sum(map(state.finished, tasks))
    opened = state.opened.get(phase.id)
    word = "waiting" if opened is None else "done" if verified == len(tasks) else "open"
    return {
        "id": phase.id,
        "state": word,
        "done": round(share_done(state, phase.id), 6),
        "tasks": len(tasks),
        "verified": verified,
        "gate": [_condition(one) for one in (opened.gate if opened else read_gate(state, phase).measured)],
        "debt": list(debt_of(state, phase.id)),
    }


def _condition(measured: Measured) -> dict[str, Any]:
    return {"condition": measured.condition, "value": measured.value, "threshold": measured.threshold, "met": measured.met}


def _tasks(state: State, live: bool, now: datetime) -> list[dict[str, Any]]:
    held = blocked(state)
    return [_task(state, name, held, live, now) for name in state.graph.tasks]


def _task(state: State, name: str, held: set[str], live: bool, now: datetime) -> dict[str, Any]:
    record, node = state.tasks[name], state.graph.tasks[name]
    dead = record.stage is Stage.RUNNING and not live  # it ended with its scheduler, and the next one starts it again
    running = record.stage in (Stage.RUNNING, Stage.LANDING) and live
    seconds = (now - record.since).total_seconds() if running and record.since else record.seconds
    return {
        "id": name,
        "category": node.category,
        "phase": node.phase,
        "agent": node.agent,
        "state": "ready" if dead else shown_state(state, name, held),
        "attempts": record.spent if dead else record.attempts,
        "seconds": round(max(0.0, seconds), 3),
        "handoff": record.handoff.id if record.handoff and state.finished(name) else None,
        "commit": record.commit,
        "reason": record.reason or None,
    }


def gaps_view(state: State) -> dict[str, Any]:
    """`swarm gaps --json`. Before the end a gap counts as closed once its task is finished; at the end it is measured."""
    left = open_gaps(state)
    return {
        "found": len(state.graph.gaps),
        "closed": len(set(state.graph.gaps) - set(left)) if state.ended is None else len(_gone(state, left)),
        "open": [{"gap": gap.gap, "path": gap.path, "lines": gap.lines} for gap in left],
    }


def _gone(state: State, left: Sequence[Found]) -> set[tuple[str, str | None, str]]:
    """Found gaps that are closed on the final tree; their lines may have moved."""
    still = {(gap.gap, gap.path, gap.text) for gap in left}
    return {(gap.gap, gap.path, gap.text) for gap in state.graph.gaps} - still


def open_gaps(state: State) -> tuple[Found, ...]:
    """The gaps that are left, as measured at the end, or as the finished tasks leave them."""
    if state.ended is not None and state.ended.state != "cancelled":
        return state.ended.gaps
    return unclosed_gaps(state)


def unclosed_gaps(state: State) -> tuple[Found, ...]:
    """The found gaps whose tasks are not finished."""
    return tuple(gap for gap, tasks in owners(state.graph).items() if not any(state.finished(task.name) for task in tasks))


def _success(state: State) -> list[dict[str, Any]]:
    if state.ended is not None and state.ended.success:
        return [{"check": verdict.check, "met": verdict.green} for verdict in state.ended.success]
    spec = state.graph.plan.spec
    checks = [*spec.success, *(check for body in spec.categories.values() for check in body.success)]
    return [{"check": str(check), "met": None} for check in checks]


def explain_view(state: State, task: str) -> dict[str, Any]:
    """`swarm explain --json`."""
    return {"task": task, "state": shown_state(state, task, blocked(state)), "reasons": list(obstacles(state, task))}


def usage_view(spent: Spend) -> dict[str, Any]:
    """Calls, tokens and dollars; the dollars are None where a part of them is unknown."""
    return {"calls": spent.calls, "tokens": spent.tokens, "usd": None if spent.usd is None else round(spent.usd, 9)}


def handoff_views(state: State, entries: Sequence[Entry], spent: Callable[[str], Spend] | None = None) -> list[dict[str, Any]]:
    """`swarm handoffs --json`, in the order in which they were made; what was rolled back is left out.

    Args:
        spent: on models, by a task's last attempt; nothing unless given.
    """
    at = _times(entries)
    finished = [name for name in state.graph.tasks if state.finished(name)]
    cost = spent or (lambda task: Spend())
    return [_handoff(state, name, at[name], cost(name)) for name in sorted(finished, key=lambda name: at[name][0])]


def _times(entries: Sequence[Entry]) -> Mapping[str, tuple[int, datetime]]:
    times: dict[str, tuple[int, datetime]] = {}
    for entry in entries:
        if entry.event.kind in ("landed", "task_satisfied"):
            times[entry.event.task] = (entry.seq, entry.at)
    return times


def _handoff(state: State, name: str, at: tuple[int, datetime], spent: Spend) -> dict[str, Any]:
    record, handoff = state.tasks[name], state.tasks[name].handoff
    assert handoff is not None
    assert state.started is not None
    return {
        "id": handoff.id,
        "run": state.started.run,
        "task": name,
        "attempt": record.begun,
        "agent": state.graph.tasks[name].agent,
        "contract": handoff.contract,
        "payload": dict(handoff.payload),
        "evidence": [
            {"check": one.check, "before": one.before, "after": one.after, "landed": landed}
            for one, landed in zip(handoff.evidence, _landed(record.landing, len(handoff.evidence)), strict=True)
        ],
        "base": record.base,
        "commit": record.commit,
        "inputs": list(handoff.inputs),
        "seconds": record.seconds,
        "usage": usage_view(spent),
        "at": iso(at[1]),
    }


def _landed(landing: Landing | None, count: int) -> list[bool | None]:
    return [verdict.green for verdict in landing.landed] if landing is not None else [None] * count
