"""The task's checks while its attempt is under way: judged as they will be at its end, on the frozen worktree.

An agent is told the same verdicts by which it will be judged, so it never has to guess what "done" means.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from swarm.engine.ports import Judge
from swarm.errors import ScopeBreach
from swarm.plans.checks import Check
from swarm.plans.globs import Glob
from swarm.signatures.evidence import Evidence, Verdict
from swarm.workspace.freeze import freeze, frozen_in_scope
from swarm.workspace.pool import Worktree

__all__ = ["Checking"]

_OUTPUT = 4000


@dataclass(frozen=True, slots=True)
class Checking:
    """Judges an attempt that has not ended.

    Attributes:
        base: the commit that it started from.
        scope: what it may change.
        checks: all by which the task is judged.
        before: what they said of the base.
    """

    worktree: Worktree
    base: str
    scope: Sequence[Glob]
    judge: Judge
    checks: Sequence[Check]
    before: Sequence[Evidence] = ()

    async def changed(self) -> list[str]:
        """The paths that differ from the base, sorted.

        Raises:
            ScopeBreach: the worktree holds something that can never land.
        """
        return sorted({change.path for change in (await freeze(self.worktree, self.base)).changes})

    async def verdicts(self) -> tuple[Verdict, ...]:
        """What the checks say now.

        Raises:
            ScopeBreach: something has changed that may not.
        """
        frozen = await frozen_in_scope(self.worktree, self.base, self.scope)
        return await self.judge.verdicts(frozen.tree, self.checks)

    async def red(self) -> str:
        """What keeps the attempt from being done, in words; empty where nothing does. A `keep` check that was red before does not."""
        held = {one.key for one in self.before if one.kind == "keep" and not one.before}
        try:
            return "\n".join(_told(verdict) for verdict in await self.verdicts() if not verdict.green and verdict.key not in held)
        except ScopeBreach as breach:
            return str(breach)

    async def text(self) -> str:
        """What the checks say now, in words."""
        if not self.checks:
            return "this task has no checks: what counts is what it hands over"
        try:
            return "\n".join(_told(verdict) for verdict in await self.verdicts())
        except ScopeBreach as breach:
            return f"not judged, since this attempt would be refused: {breach}"


def _told(verdict: Verdict) -> str:
    output = verdict.output.strip()
    if verdict.green or not output:
        return f"{'green' if verdict.green else 'red'}: {verdict.check}"
    return f"red: {verdict.check}\n{output[-_OUTPUT:]}"
