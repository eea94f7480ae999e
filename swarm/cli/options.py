"""Options that many commands share."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from swarm.wiring.site import Site

__all__ = [
    "BudgetOption",
    "HomeOption",
    "JsonOption",
    "LmOption",
    "OptionalRun",
    "PlanArgument",
    "RunAndTask",
    "RunArgument",
    "SandboxOption",
    "limits_of",
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
LmOption = Annotated[
    str | None,
    typer.Option("--lm", metavar="MODEL", help="The model of all agents: provider/model, or provider/model@URL. Else SWARM_LM."),
]
BudgetOption = Annotated[
    str | None,
    typer.Option("--budget", metavar="LIMITS", help="Such as usd=5,calls=200,CATEGORY.tokens=1000000, in place of the plan's."),
]
SandboxOption = Annotated[str, typer.Option("--sandbox", metavar="MODE", help="auto or none: how commands are confined.")]


def site_at(home: str | None) -> "Site":
    """Where this command works."""
    from swarm.home import find_home
    from swarm.wiring.site import Site, SystemClock

    folder = Path.cwd()
    return Site(find_home(folder, home), folder, os.environ, SystemClock())


def limits_of(budget: str | None) -> dict[str, float] | None:
    """`usd=5,docs.calls=200`, as numbers by unit, or category and unit."""
    if budget is None:
        return None
    limits = [_limit(part) for part in budget.split(",")]
    if len(dict(limits)) < len(limits):
        raise typer.BadParameter(f"{budget!r} says one limit twice")
    return dict(limits)


def _limit(text: str) -> tuple[str, float]:
    name, _, amount = text.strip().partition("=")
    unit = name.rpartition(".")[2]
    try:
        value = float(amount) if unit == "usd" else int(amount)
    except ValueError:
        value = 0
    if unit not in ("usd", "calls", "tokens") or not 0 < value < float("inf"):
        wanted = "usd=5, calls=200, tokens=1000000, or CATEGORY.calls=50 for a category; several with commas between"
        raise typer.BadParameter(f"{text!r} is no limit: write {wanted}")
    return name, value


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
