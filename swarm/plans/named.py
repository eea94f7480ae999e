"""The files of its own that a plan names: what a run stores, and what a task's definition depends on. Reads no disk."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from swarm.plans.problems import Location
from swarm.plans.programs import program_class
from swarm.plans.schema import Codemod, Command, PlanFile, Template

__all__ = ["NamedFile", "named_files", "task_files"]

_IN_PLAN_DIR: Final = re.compile(r"\$(?:SWARM_PLAN_DIR|\{SWARM_PLAN_DIR\})/([A-Za-z0-9_@%+=:,./-]+)")


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A file that the plan names, relative to the plan's folder.

    Attributes:
        tree: the whole folder it stands in goes with it.
        folder: it may be a folder, and then goes whole.
        template: what it includes or extends goes with it.
        perhaps: it is a file of the plan's only if there is one of this name.
    """

    path: str
    at: Location
    tree: bool = False
    folder: bool = False
    template: bool = False
    perhaps: bool = False


def named_files(spec: PlanFile) -> Iterator[NamedFile]:
    """Every file of the plan's own that it names."""
    for name, agent in spec.agents.items():
        at: Location = ("agents", name)
        yield from _program_file(agent.program, (*at, "program"))
        if agent.state:
            yield NamedFile(agent.state, (*at, "state"))
    for name, server in spec.mcp.items():
        yield from _in_argv(server.command, ("mcp", name, "command"))
    for name, gap in spec.gaps.items():
        yield from _in_command(getattr(gap, "listed_by", None), ("gaps", name, "listed_by"))
    for category, body in spec.categories.items():
        for task in body.tasks:
            yield from task_files(spec, category, task)
    yield from _check_files(spec)


def task_files(spec: PlanFile, category: str, task: str) -> Iterator[NamedFile]:
    """The files that one task's `do:`, `program:` and checks name."""
    entry, at = spec.categories[category].tasks[task], ("categories", category, "tasks", task)
    yield from _program_file(entry.program, (*at, "program"))
    for position, step in enumerate(entry.do):
        yield from _step_files(step, (*at, "do", position))
    for key, checks in (("done_when", entry.done_when), ("keep", entry.keep)):
        for position, check in enumerate(checks):
            yield from _in_command(getattr(check, "run", None), (*at, key, position, "run"))


def _step_files(step: Command | Template | Codemod, at: Location) -> Iterator[NamedFile]:
    match step:
        case Template():
            yield NamedFile(step.template, (*at, "template"), template=True)
        case Codemod():
            yield NamedFile(step.codemod, (*at, "codemod"))
        case Command():
            yield from _in_command(step.command, (*at, "command"))


def _check_files(spec: PlanFile) -> Iterator[NamedFile]:
    places: list[tuple[Location, Any]] = [(("success",), spec.success)]
    places += [(("categories", name, "success"), body.success) for name, body in spec.categories.items()]
    places += [
        (("phases", position, name, "gate"), phase.gate) for position, entry in enumerate(spec.phases) for name, phase in entry.items()
    ]
    for at, checks in places:
        for position, check in enumerate(checks):
            yield from _in_command(getattr(check, "run", None), (*at, position, "run"))


def _program_file(program: str | None, at: Location) -> Iterator[NamedFile]:
    named = program_class(program)
    if named and named.in_file:
        yield NamedFile(named.source, at)


def _in_command(command: str | list[str] | None, at: Location) -> Iterator[NamedFile]:
    """`$SWARM_PLAN_DIR/tools/x.py` names the folder `tools` whole, since x.py may use what stands beside it."""
    for word in [command] if isinstance(command, str) else command or []:
        for found in _IN_PLAN_DIR.finditer(word):
            path = _without_dots(found[1])
            yield NamedFile(path, at, tree="/" in path, folder=True)


def _in_argv(words: tuple[str, ...], at: Location) -> Iterator[NamedFile]:
    """A server's words: as in any command, and also what is the path of a file beside the plan, where servers are started."""
    yield from _in_command(list(words), at)
    for word in words:
        path = _without_dots(word)
        if path and not word.startswith(("/", "-", "$")) and ".." not in path.split("/"):
            yield NamedFile(path, at, tree="/" in path, perhaps=True)


def _without_dots(path: str) -> str:
    """Without `./`. Steps upward stay: they are refused."""
    return "/".join(part for part in path.split("/") if part not in ("", "."))
