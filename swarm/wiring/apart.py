"""The proof of a draft, in a process of its own: `python -m swarm.wiring.apart`.

What a model wrote may be well-formed and still never end: a regular expression that backtracks for ever holds the whole interpreter, so no
time limit in the same process would be noticed. A process can be ended, with all that it started and left on disk.
"""

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from swarm.agents.drafting.fitness import FILE
from swarm.agents.drafting.proposing import Proof
from swarm.engine.support import unsupported
from swarm.errors import SwarmError
from swarm.home import Home
from swarm.plans.problems import Problem
from swarm.wiring.proving import Proof as Proved
from swarm.wiring.proving import validate
from swarm.wiring.site import Site, SystemClock
from swarm.workspace.environment import command_environment
from swarm.workspace.processes import Outcome, run

__all__ = ["SECONDS", "prove_apart"]

SECONDS: Final = 120.0
"""What one proof may take."""

_ANSWER: Final = 16 * 1024 * 1024
_SHOWN: Final = 300
_TOO_SLOW: Final = (
    "proving this took longer than {:g} s and was ended: a regular expression or a glob of it is too slow, or it has far too many tasks; "
    "write plainer patterns"
)


async def prove_apart(site: Site, text: str, workspace: Path, scratch: Path, seconds: float = SECONDS) -> Proof:
    """Proves a plan that runs no commands when it is proved. Whatever goes wrong with it is a problem of the plan.

    Args:
        workspace: the code base.
        scratch: an empty folder of one's own, which the caller removes.
        seconds: until it is ended.
    """
    (scratch / FILE).write_text(text, encoding="utf-8")
    argv = (sys.executable, "-P", "-m", __name__, str(workspace), str(site.home.path))
    environment = {**command_environment(site.environment), **_more(site.environment, scratch)}
    outcome = await run(argv, cwd=scratch, environment=environment, timeout=seconds, mark=site.mark("draft"), output_limit=_ANSWER)
    return _failed(_TOO_SLOW.format(seconds)) if outcome.timed_out else _read(outcome)


def _more(environment: Mapping[str, str], scratch: Path) -> dict[str, str]:
    """Where temporary files go, and where the user's own ignore rules are."""
    settings = environment.get("XDG_CONFIG_HOME")
    return {"TMPDIR": str(scratch), **({"XDG_CONFIG_HOME": settings} if settings else {})}


def _read(outcome: Outcome) -> Proof:
    try:
        said = json.loads(outcome.output.splitlines()[-1])
        return Proof(tuple(Problem(*one) for one in said["problems"]), said["tasks"], said["phases"], said["gaps"])
    except (ValueError, LookupError, TypeError):
        last = outcome.output.strip().rpartition("\n")[2][-_SHOWN:]
        return _failed(f"proving this broke off with status {outcome.status}: {last}")


def _failed(text: str) -> Proof:
    return Proof((Problem(FILE, 0, 0, "wrong-type", text),))


def _main() -> None:
    workspace, home = sys.argv[1:]
    site = Site(Home(Path(home)), Path.cwd(), os.environ, SystemClock())
    sys.stdout.write(f"{json.dumps(_answer(site, workspace))}\n")


def _answer(site: Site, workspace: str) -> dict[str, Any]:
    try:
        return _said(asyncio.run(validate(site, Path(FILE), workspace)))
    except SwarmError as error:
        return {"problems": [_fields(problem) for problem in _failed(str(error)).problems], "tasks": 0, "phases": 0, "gaps": {}}


def _said(proved: Proved) -> dict[str, Any]:
    graph = proved.graph
    lacking = unsupported(graph, None) if graph else ()
    problems = [*proved.problems, *(Problem(FILE, 0, 0, "unreachable-gate", text) for text in lacking)]
    counts = (len(graph.tasks), len(graph.phases)) if graph else (0, 0)
    return {"problems": [_fields(one) for one in problems], "tasks": counts[0], "phases": counts[1], "gaps": proved.found}


def _fields(problem: Problem) -> list[Any]:
    return [problem.file, problem.line, problem.column, problem.code, problem.text, problem.severity]


if __name__ == "__main__":
    _main()
