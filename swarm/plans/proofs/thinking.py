"""What agents think with: programs that there are, saved state that is safe to load, and work that a program could do."""

import json
from collections.abc import Iterator
from typing import Final

from swarm.plans.graph import Graph, Task
from swarm.plans.load import Location, Plan
from swarm.plans.problems import Problem, did_you_mean, one_of
from swarm.plans.programs import BUILT_IN, USES_TOOLS, is_program
from swarm.plans.schema import Agent
from swarm.plans.vocabulary import READ_ONLY

__all__ = ["thinking"]

_FORMS: Final = (*BUILT_IN, "package.module:Class", "path/file.py:Class")
_PICKLES: Final = (".pkl", ".pickle")


def thinking(graph: Graph) -> Iterator[Problem]:
    """Programs that do not exist, state that is not JSON, and a warning for each task that its agent could never do."""
    yield from _programs(graph.plan)
    yield from _states(graph.plan)
    yield from _idle_hands(graph)


def _programs(plan: Plan) -> Iterator[Problem]:
    for at, program in _named(plan):
        if program is not None and not is_program(program):
            hint = did_you_mean(program, BUILT_IN) or f"; write {one_of(_FORMS)}"
            yield plan.problem((*at, "program"), "unknown-name", f'there is no program "{program}"{hint}')


def _named(plan: Plan) -> Iterator[tuple[Location, str | None]]:
    for name, agent in plan.spec.agents.items():
        yield ("agents", name), agent.program
    for category, body in plan.spec.categories.items():
        for task, entry in body.tasks.items():
            yield ("categories", category, "tasks", task), entry.program


def _states(plan: Plan) -> Iterator[Problem]:
    for name, agent in plan.spec.agents.items():
        fault = _state_fault(agent.state, plan.files.get(agent.state)) if agent.state else None
        if fault:
            yield plan.problem(("agents", name, "state"), "wrong-type", fault)


def _state_fault(path: str, content: bytes | None) -> str | None:
    """Why saved state is refused. That it is missing is said where the files are read."""
    if path.lower().endswith(_PICKLES):
        return f"{path} is a pickle, and loading one runs what stands in it: save the module as JSON, `module.save('state.json')`"
    if content is not None and not _is_object(content):
        return f"{path} is no state of a module: it is JSON that begins with {{, as `module.save('state.json')` writes it"
    return None


def _is_object(content: bytes) -> bool:
    try:
        return isinstance(json.loads(content), dict)
    except (ValueError, RecursionError):
        return False


def _idle_hands(graph: Graph) -> Iterator[Problem]:
    """Tasks that are to change files, by a program or with tools that change none."""
    agents = graph.plan.agents
    for members in graph.members.values():
        for task in (graph.tasks[name] for name in members[:1]):
            trouble = _trouble(task, agents[task.agent]) if task.agent in agents and _is_to_write(task) else None
            if trouble:
                text = f'"{task.declared}" is to change files, and {trouble}'
                yield graph.plan.problem((*task.at, "writes"), "cannot-write", text, warning=True)


def _is_to_write(task: Task) -> bool:
    return bool(task.writes and task.measurable and not task.do)


def _trouble(task: Task, agent: Agent) -> str | None:
    if task.thinks in BUILT_IN and task.thinks != USES_TOOLS:
        return f"{task.thinks} has no tools to do it with: give it program: {USES_TOOLS}, or a do:"
    if task.thinks == USES_TOOLS and READ_ONLY.issuperset(agent.tools or ()):
        return f"no tool of {task.agent} changes any: give it edit_file, write_file or run, or the task a do:"
    return None
