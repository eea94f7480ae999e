"""Every handoff fits its contract: what is taken is handed over, what is handed over can be supplied."""

from collections.abc import Iterator
from typing import Any

from swarm.errors import ContractBreach
from swarm.plans.graph import Graph, Task, declared_by
from swarm.plans.load import Location, Plan
from swarm.plans.problems import Problem
from swarm.plans.schema import Codemod, Command, TaskEntry, Template
from swarm.plans.vocabulary import RESERVED_FIELDS
from swarm.signatures.contracts import check_payload

__all__ = ["payloads"]


def payloads(graph: Graph) -> Iterator[Problem]:
    """All problems of the code `contract`."""
    yield from _fields(graph.plan)
    yield from _types(graph.plan)
    if not graph.plan.contracts.problems:
        yield from _defaults(graph.plan)
        yield from _tasks(graph)


def _fields(plan: Plan) -> Iterator[Problem]:
    for contract, fields in plan.contracts.declared.items():
        for name in fields:
            at: Location = ("contracts", contract, name)
            if name in RESERVED_FIELDS or name.startswith("_"):
                text = f'the field name "{name}" is reserved: it means something else to the agents\' programs'
                yield plan.problem(at, "contract", text, key=True)
            elif not name.isidentifier():
                yield plan.problem(at, "contract", f'"{name}" is no field name: letters, digits and "_"', key=True)


def _types(plan: Plan) -> Iterator[Problem]:
    for problem in plan.contracts.problems:
        yield plan.problem(("contracts", problem.contract, problem.field, problem.key), "contract", str(problem))


def _defaults(plan: Plan) -> Iterator[Problem]:
    for contract, fields in plan.contracts.declared.items():
        for name, spec in fields.items():
            if not spec.required and not plan.contracts.accepts(contract, name, spec.default):
                text = f"the default {spec.default!r} does not fit {spec.type}"
                yield plan.problem(("contracts", contract, name, "default"), "contract", text)


def _tasks(graph: Graph) -> Iterator[Problem]:
    for category, body in graph.plan.spec.categories.items():
        for name, entry in body.tasks.items():
            yield from _takes(graph, category, name, entry)
            for member in graph.members[f"{category}.{name}"][:1]:
                yield from _supplies(graph, graph.tasks[member])


def _takes(graph: Graph, category: str, name: str, entry: TaskEntry) -> Iterator[Problem]:
    """Checked against the declared tasks: an empty fan-out hands over nothing and is no error."""
    for position, contract in enumerate(entry.takes):
        if contract in graph.plan.spec.contracts and not _handed(graph, category, entry.needs, contract):
            text = f'"{category}.{name}" takes {contract}, but none of the tasks it needs hands it over'
            yield graph.plan.problem(("categories", category, "tasks", name, "takes", position), "contract", text)


def _handed(graph: Graph, category: str, needs: tuple[str, ...], contract: str) -> bool:
    spec = graph.plan.spec
    for text in needs:
        base = text.split("[", 1)[0]
        for name in _declared(graph, base, category):
            owner, short = name.split(".", 1)
            if spec.categories[owner].tasks[short].hands == contract:
                return True
    return False


def _declared(graph: Graph, base: str, category: str) -> tuple[str, ...]:
    for name in (f"{category}.{base}", base):
        found = (name,) if name in graph.members else declared_by(name, graph.members) if "*" in name else ()
        if found:
            return found
    return ()


def _supplies(graph: Graph, task: Task) -> Iterator[Problem]:
    """Templates and codemods hand over `files` and their `with:`; a command writes its payload itself."""
    if task.hands is None or task.hands not in graph.plan.contracts.declared or not task.do or task.program:
        return
    if any(isinstance(step, Command) for step in task.do):
        return
    offered: dict[str, Any] = {key: value for step in task.do for key, value in getattr(step, "with_", {}).items()}
    at: Location = (*task.at, "hands")
    fields = graph.plan.contracts.declared[task.hands]
    missing = [name for name, spec in fields.items() if spec.required and name not in offered and name != "files"]
    if missing:
        text = f"{_kind(task)} cannot supply {', '.join(missing)} of {task.hands}: add it under with:, give it a default, or use a command"
        yield graph.plan.problem(at, "contract", text)
        return
    yield from _offer_fits(graph, task, at, offered)


def _offer_fits(graph: Graph, task: Task, at: Location, offered: dict[str, Any]) -> Iterator[Problem]:
    assert task.hands is not None
    payload = {"files": _files(graph, task)} | offered
    try:
        check_payload(graph.plan.contracts, task.hands, payload, drop_extra=True)
    except ContractBreach as breach:
        yield graph.plan.problem(at, "contract", f"what {_kind(task)} hands over cannot fit: {breach}")


def _files(graph: Graph, task: Task) -> list[str]:
    """As many as could be changed: what templates write, and with a codemod whatever number the contract asks for."""
    assert task.hands is not None
    made = list(dict.fromkeys(step.to for step in task.do if isinstance(step, Template)))
    spec = graph.plan.contracts.declared[task.hands].get("files")
    asked = int(dict(spec.constraints).get("min_length", 1)) if spec else 1
    rewritten = max(1, asked - len(made)) if any(isinstance(step, Codemod) for step in task.do) else 0
    return [*made, *(f"some/path/{number}" for number in range(rewritten))]


def _kind(task: Task) -> str:
    return "a template" if any(isinstance(step, Template) for step in task.do) else "a codemod" if isinstance(task.do[0], Codemod) else "it"
