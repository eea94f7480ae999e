"""The desk: the only way in which an agent's program touches anything. What lies outside the scope is refused in a sentence.

It ends with its attempt: a thread that a time limit has left behind can no longer write through it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from swarm.errors import AttemptTimedOut, ScopeBreach
from swarm.plans.globs import Glob
from swarm.workspace.commands import Commands
from swarm.workspace.conversing import Conversation
from swarm.workspace.files import read_beneath, write_beneath
from swarm.workspace.processes import Outcome

__all__ = ["Desk"]

_SHORTEST_S: Final = 0.01


@dataclass(slots=True)
class Desk:
    """One attempt's hands.

    Attributes:
        root: the worktree.
        scope: the task's `writes`.
        listing: the files that count, those that were written since the beginning among them.
        plan_files: the plan's own files, by path relative to the plan.
        seconds: what one command may take.
        deadline: when the attempt's time is up, on the event loop's clock.
        variables: what every command of this attempt sees beside the run's environment.
        scratch: a folder outside the worktree for the attempt's own files.
        owner_of: the task that may write a path, if any.
    """

    root: Path
    scope: tuple[Glob, ...]
    listing: Callable[[], Awaitable[Iterable[str]]]
    plan_files: Mapping[str, bytes]
    commands: Commands
    seconds: float
    scratch: Path
    variables: Mapping[str, str] = field(default_factory=dict)
    owner_of: Callable[[str], str | None] = lambda path: None
    deadline: float | None = None
    notes: list[str] = field(default_factory=list)
    ended: bool = False

    async def list_files(self) -> list[str]:
        """Files of the base tree that are still there and those written since, sorted; neither ignored ones nor caches."""
        return sorted(await self.listing())

    def in_scope(self, path: str) -> bool:
        """Whether the task may write a path."""
        return any(glob.matches(path) for glob in self.scope)

    def read(self, path: str) -> bytes:
        """A file's content.

        Raises:
            FileNotFoundError: there is none.
            ScopeBreach: the path is no regular file inside the worktree.
        """
        return read_beneath(self.root, path)

    def write(self, path: str, content: bytes) -> bool:
        """Makes a file's content; says whether it changed.

        Raises:
            ScopeBreach: the path is outside the task's scope.
            AttemptTimedOut: the attempt is over.
        """
        if self.ended:
            raise AttemptTimedOut(f"the attempt is over; {path} was not written")
        if not self.in_scope(path):
            owner = self.owner_of(path)
            whose = f"it belongs to {owner}" if owner else "no task of this plan may write it"
            raise ScopeBreach(f"{path} is outside this task's scope ({', '.join(g.text for g in self.scope) or 'nothing'}): {whose}")
        return write_beneath(self.root, path, content)

    async def run(self, command: str | Sequence[str], seconds: float | None = None) -> Outcome:
        """Runs a command in the worktree's root, at most until the attempt's time is up; its output is kept then, too."""
        left = self.seconds if self.deadline is None else self.deadline - asyncio.get_running_loop().time()
        limit = max(_SHORTEST_S, min(left, self.seconds, self.seconds if seconds is None else seconds))
        return await self.commands.run(command, self.root, limit, writable=(self.scratch,), extras=self.variables)

    def converse(self, argv: Sequence[str]) -> AbstractAsyncContextManager[Conversation]:
        """A process in the worktree's root that is talked with, line by line, until the context is left; see `conversation`."""
        return self.commands.converse(argv, self.root, writable=(self.scratch,), extras=self.variables)

    def note(self, text: str) -> None:
        """Leaves a remark in the attempt's record."""
        self.notes.append(text)
