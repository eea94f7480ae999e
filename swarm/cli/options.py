"""Options that many commands share."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from swarm.wiring.site import Site

__all__ = ["HomeOption", "JsonOption", "OptionalRun", "PlanArgument", "RunArgument", "SandboxOption", "site_at", "split_run"]

HomeOption = Annotated[
    str | None,
    typer.Option("--home", envvar="SWARM_HOME", metavar="DIR", help="Where runs are kept; the nearest .swarm upward unless given."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on standard output, nothing else.")]
RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="The run's id, as `swarm runs` lists it.")]
OptionalRun = Annotated[str | None, typer.Argument(metavar="[RUN]", help="The run's id; the latest unless given.")]
PlanArgument = Annotated[Path, typer.Argument(metavar="PLAN", help="The plan's YAML file.")]
SandboxOption = Annotated[str, typer.Option("--sandbox", metavar="MODE", help="auto or none: how commands are confined.")]


def site_at(home: str | None) -> "Site":
    """Where this command works."""
    from swarm.home import find_home
    from swarm.wiring.site import Site, SystemClock

    folder = Path.cwd()
    return Site(find_home(folder, home), folder, os.environ, SystemClock())


def split_run(first: str | None, second: str | None) -> tuple[str | None, str | None]:
    """`[RUN] [TASK]`: run ids hold no dot and task names do, so a lone argument with a dot is a task."""
    if first is not None and second is None and "." in first:
        return None, first
    return first, second
