"""The commands as functions, for programs. Each runs an event loop of its own, so call them outside of one."""

import asyncio
import os
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from swarm.engine.events import Entry
from swarm.engine.state import State
from swarm.home import find_home
from swarm.replay import Replayed
from swarm.runner.loop import Outcome
from swarm.wiring import execution, replaying
from swarm.wiring.execution import Options, Watch, exit_status
from swarm.wiring.site import Site, SystemClock

__all__ = ["Replay", "Result", "execute", "replay", "resume"]

_StrPath = str | os.PathLike[str]


@dataclass(frozen=True, slots=True)
class Result:
    """How a run ended or stopped.

    Attributes:
        run: its id.
        outcome: `RunEnded`, `RunPaused` or `Interrupted`.
        exit_status: what the command line would end with.
    """

    run: str
    outcome: Outcome
    exit_status: int


@dataclass(frozen=True, slots=True)
class Replay:
    """Recorded handoffs, performed again and compared."""

    run: str
    handoffs: tuple[Replayed, ...]

    @property
    def same(self) -> bool:
        return all(one.same for one in self.handoffs)


def execute(
    plan: _StrPath,
    *,
    workspace: str | None = None,
    run: str | None = None,
    parallel: int | None = None,
    only: tuple[str, ...] = (),
    sandbox: str = "auto",
    lm: str | None = None,
    budget: Mapping[str, float] | None = None,
    home: str | None = None,
    on_event: Callable[[Entry], None] | None = None,
) -> Result:
    """Proves a plan and runs it, as `swarm execute` does.

    Args:
        lm: the model of all agents, in the place of those that the plan names; `SWARM_LM` unless given.
        budget: limits (`usd`, `calls`, `tokens`) in the place of the plan's.
        on_event: told of each entry once it is durable; must not raise.

    Raises:
        CallerError, EnvironmentFault, RunOwned, RecordFault: as `swarm.errors` says.
    """
    site = _site(home)
    options = Options(workspace, run, parallel, only, sandbox, lm, budget)
    return _followed(lambda watch: execution.execute(site, Path(plan), options, watch), on_event)


def resume(
    run: str,
    *,
    lm: str | None = None,
    budget: Mapping[str, float] | None = None,
    home: str | None = None,
    on_event: Callable[[Entry], None] | None = None,
) -> Result:
    """Goes on with a run, as `swarm resume` does; a model or budget given here counts from now on."""
    site = _site(home)
    return _followed(lambda watch: execution.resume(site, run, watch, lm, budget), on_event)


def replay(
    run: str | None = None,
    task: str | None = None,
    *,
    plan: _StrPath | None = None,
    live: bool = False,
    lm: str | None = None,
    home: str | None = None,
) -> Replay:
    """Performs recorded handoffs again and compares, as `swarm replay` does; the latest run unless named."""
    how = replaying.How(Path(plan) if plan is not None else None, live, lm)
    name, replayed = asyncio.run(replaying.replay(_site(home), run, task, how))
    return Replay(name, replayed)


def _site(home: str | None) -> Site:
    folder = Path.cwd()
    return Site(find_home(folder, home or os.environ.get("SWARM_HOME")), folder, os.environ, SystemClock())


def _followed(start: Callable[[Watch], Coroutine[Any, Any, Outcome]], on_event: Callable[[Entry], None] | None) -> Result:
    begun: list[str] = []

    def following(state: State) -> Callable[[Entry], None]:
        return on_event or (lambda entry: None)

    outcome = asyncio.run(start(Watch(begun.append, following, lambda text: None)))
    return Result(begun[0], outcome, exit_status(outcome))
