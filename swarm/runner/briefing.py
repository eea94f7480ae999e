"""What an attempt is told, put together from the state. Pure."""

from collections.abc import Callable
from typing import Any

from swarm.engine.state import State
from swarm.plans.found import Found
from swarm.plans.graph import Task
from swarm.signatures.brief import Brief, Inbox

__all__ = ["brief_for", "inbox_for"]


def brief_for(state: State, task: Task, attempt: int, checks: Callable[[Any], tuple[str, ...]]) -> Brief:
    """The brief of a task's attempt.

    Args:
        checks: the task's checks of a kind, in the plan's words.
    """
    plan = state.graph.plan
    refusals = state.tasks[task.name].refusals
    agent = plan.agents.get(task.agent)
    schema = plan.contracts.model(task.hands).model_json_schema() if task.hands else {}
    return Brief(
        run=state.started.run if state.started else "",
        task=task.name,
        attempt=attempt,
        agent=task.agent,
        role=(agent.role if agent else None) or task.agent,
        goal=task.goal,
        contract=task.hands,
        contract_schema=schema,
        writes=task.writes,
        reads=task.reads,
        closes=tuple(_as_json(gap) for gap in state.graph.gaps if any(closing.closes(gap) for closing in task.closes)),
        done_when=checks("done_when"),
        keep=checks("keep"),
        refused=refusals[-1] if refusals else None,
        turns=plan.spec.limits.turns,
    )


def _as_json(gap: Found) -> dict[str, Any]:
    return {"gap": gap.gap, "path": gap.path, "lines": gap.lines, "text": gap.text}


def inbox_for(state: State, task: Task) -> Inbox:
    """The payloads of the tasks that it needed, by full name."""
    handoffs = {need: state.tasks[need].handoff for need in task.needs}
    return {need: dict(handoff.payload) for need, handoff in handoffs.items() if handoff is not None}
