"""Performing an attempt in this process: a worktree, the task's specialist at its desk, and the worktree frozen."""

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from swarm.engine.ports import Assignment, Performance
from swarm.errors import AttemptTimedOut, EnvironmentFault, ProcedureFailed, SwarmError
from swarm.plans.graph import Task
from swarm.workspace.commands import Commands
from swarm.workspace.desk import Desk
from swarm.workspace.freeze import frozen_in_scope
from swarm.workspace.git import Git, paths_in
from swarm.workspace.pool import Pool, Worktree
from swarm.workspace.repository import is_there

__all__ = ["InProcessPerformer"]


_LAST_WORDS_S = 2.0
"""A command that is ended at the attempt's limit leaves its output as evidence; this is the time to read it."""


@dataclass(slots=True)
class InProcessPerformer:
    """Runs each attempt as a coroutine of the scheduler's loop.

    Attributes:
        seconds: how long an attempt may take.
        plan_files: the plan's own files, by path relative to the plan.
        scratch: where attempts get a folder of their own outside the worktree.
        owner_of: the task that may write a path, if any.
    """

    repository: Git
    pool: Pool
    commands: Commands
    seconds: float
    plan_files: Mapping[str, bytes]
    scratch: Path
    owner_of: Callable[[str], str | None] = lambda path: None

    async def perform(self, assignment: Assignment) -> Performance:
        async with self.pool.lease() as worktree:
            await worktree.checkout(assignment.base)
            async with self._desk(assignment, worktree) as desk:
                payload = await self._work(assignment, desk)
            frozen = await frozen_in_scope(worktree, assignment.base, assignment.task.scope)
        return Performance(payload=payload, tree=frozen.tree)

    async def _work(self, assignment: Assignment, desk: Desk) -> Any:
        import dspy

        specialist = _specialist(assignment.task)
        try:
            async with asyncio.timeout(self.seconds + _LAST_WORDS_S):
                with dspy.context(disable_history=True, trace=None):
                    prediction = await specialist.acall(brief=assignment.brief, inbox=assignment.inbox, desk=desk)
        except TimeoutError as error:
            raise AttemptTimedOut(f"the attempt took longer than {self.seconds:g} s and was ended") from error
        except (SwarmError, asyncio.CancelledError):
            raise
        except Exception as error:
            raise ProcedureFailed(f"{type(specialist).__name__} failed: {type(error).__name__}: {error}") from error
        return _payload(prediction, assignment)

    @asynccontextmanager
    async def _desk(self, assignment: Assignment, worktree: Worktree) -> AsyncIterator[Desk]:
        with tempfile.TemporaryDirectory(dir=self.scratch, prefix="attempt-") as folder:
            desk = Desk(
                root=worktree.path,
                scope=assignment.task.scope,
                listing=partial(_files, worktree),
                plan_files=self.plan_files,
                commands=self.commands,
                seconds=self.seconds,
                scratch=Path(folder),
                variables=_laid_out(assignment, Path(folder)),
                owner_of=self.owner_of,
                deadline=asyncio.get_running_loop().time() + self.seconds,
            )
            try:
                yield desk
            finally:
                desk.ended = True


async def _files(worktree: Worktree) -> set[str]:
    listed = paths_in(await worktree.git.run("ls-files", "-z", "--cached", "--others", "--exclude-standard"))
    return is_there(worktree.path, [path for path in listed if not worktree.is_from_setup(path)])


def _specialist(task: Task) -> Any:
    if not task.do:
        raise EnvironmentFault(f"{task.name} has no do: and needs a language model, which this release does not run")
    from swarm.agents.procedures import procedure

    return procedure(task.do)


def _payload(prediction: Any, assignment: Assignment) -> Any:
    try:
        return prediction["handoff"]
    except (KeyError, TypeError) as error:
        raise ProcedureFailed(f"the specialist of {assignment.task.name} returned no `handoff`") from error


def _laid_out(assignment: Assignment, folder: Path) -> dict[str, str]:
    """The variables of the attempt's commands; brief and inbox lie as JSON in the scratch folder."""
    brief, inbox, handoff = folder / "brief.json", folder / "inbox.json", folder / "handoff.json"
    brief.write_text(json.dumps(assignment.brief.as_json(), indent=2), encoding="ascii")
    inbox.write_text(json.dumps({name: dict(payload) for name, payload in assignment.inbox.items()}, indent=2), encoding="ascii")
    return {
        "SWARM_RUN": assignment.brief.run,
        "SWARM_TASK": assignment.task.name,
        "SWARM_ATTEMPT": str(assignment.brief.attempt),
        "SWARM_BRIEF": str(brief),
        "SWARM_INBOX": str(inbox),
        "SWARM_HANDOFF": str(handoff),
    }
