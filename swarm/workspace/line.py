"""A run's line of commits: what lands, one after the other."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from swarm.engine.ports import Candidate
from swarm.plans.graph import Task
from swarm.workspace.landing import Heads, head_ref

__all__ = ["RunLine"]

_SUBJECT = 72


@dataclass(slots=True)
class RunLine:
    """The line of one run, on `refs/swarm/RUN/head`."""

    heads: Heads
    run: str
    now: Callable[[], datetime]
    _trees: dict[str, str] = field(default_factory=dict)

    async def tree(self, commit: str) -> str:
        """The tree of a commit; asked of git once."""
        if commit not in self._trees:
            self._trees[commit] = await self.heads.tree(commit)
        return self._trees[commit]

    async def propose(self, task: Task, attempt: int, tree: str, base: str, head: str) -> Candidate:
        """A commit of the attempt's tree on its base; where the head has moved since, merged with it in memory."""
        message = f"{task.name}: {' '.join(task.goal.split())}"[:_SUBJECT]
        trailers = {"Swarm-Run": self.run, "Swarm-Task": task.name, "Swarm-Attempt": str(attempt), "Swarm-Agent": task.agent}
        own = await self.heads.commit(tree, [base], message, trailers, self.now())
        if head == base:
            return Candidate(own, tree)
        merged = await self.heads.merge(head, own)
        return Candidate(await self.heads.commit(merged, [head, own], message, trailers, self.now()), merged)

    async def advance(self, new: str, old: str) -> None:
        """Moves the run's head by compare-and-swap."""
        await self.heads.advance(head_ref(self.run), new, old)
