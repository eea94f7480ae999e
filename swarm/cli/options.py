"""Options that many commands share."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from swarm.wiring.site import Site

__all__ = [
    "HomeOption",
    "JsonOption",
    "OptionalRun",
    "PlanArgument",
    "RunAndTask",
    "RunArgument",
    "SandboxOption",
    "run_and_task",
    "run_or_task",
    "site_at",
]

HomeOption = Annotated[
    str | None,
    typer.Option("--home", envvar="SWARM_HOME", metavar="DIR", help="Where runs are kept; the nearest .swarm upward unless given."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on standard output, nothing else.")]
RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="The run's id, as `swarm runs` lists it.")]
OptionalRun = Annotated[str | None, typer.Argument(metavar="[RUN]", help="The run's id; the latest unless given.")]
RunAndTask = Annotated[list[str], typer.Argument(metavar="[RUN] TASK", help="The latest run unless named.")]
PlanArgument = Annotated[Path, typer.Argument(metavar="PLAN", help="The plan's YAML file.")]
SandboxOption = Annotated[str, typer.Option("--sandbox", metavar="MODE", help="auto or none: how commands are confined.")]


def site_at(home: str | None) -> "Site":
    """Where this command works."""
    from swarm.home import find_home
    from swarm.wiring.site import Site, SystemClock

    folder = Path.cwd()
    return Site(find_home(folder, home), folder, os.environ, SystemClock())


def run_and_task(words: list[str]) -> tuple[str | None, str]:
    """`[RUN] TASK`."""
    if len(words) > 2:
        raise typer.BadParameter("one run and one task at most")
    return (None, words[0]) if len(words) == 1 else (words[0], words[1])


def run_or_task(words: list[str]) -> tuple[str | None, str | None]:
    """`[RUN] [TASK]`: run ids hold no dot and task names do, so a lone name with a dot is a task."""
    if len(words) > 2:
        raise typer.BadParameter("one run and one task at most")
    if len(words) == 1 and "." in words[0]:
        return None, words[0]
    first, second = [*words, None, None][:2]
    return first, second
