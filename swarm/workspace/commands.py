"""A run's commands: one way to start them, with the run's environment, sandbox and mark."""

import itertools
import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from swarm.errors import EnvironmentFault
from swarm.workspace.conversing import Conversation, conversation
from swarm.workspace.processes import CANNOT_RUN, NOT_FOUND, Outcome, run, shell
from swarm.workspace.sandbox import Sandbox

__all__ = ["Commands", "command_text", "require_runnable"]

_PLAN_DIR: Final = ("$SWARM_PLAN_DIR/", "${SWARM_PLAN_DIR}/")
_SHOWN: Final = 2000


@dataclass(frozen=True, slots=True)
class Commands:
    """Starts commands.

    Attributes:
        environment: what every command sees.
        plan_folder: where the plan's own files are; `SWARM_PLAN_DIR`.
        mark: prefix of the marks by which leftovers of this run are found.
    """

    sandbox: Sandbox
    environment: Mapping[str, str]
    plan_folder: Path
    mark: str
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    async def run(
        self,
        command: str | Sequence[str],
        folder: Path,
        seconds: float,
        *,
        writable: tuple[Path, ...] = (),
        extras: Mapping[str, str] | None = None,
    ) -> Outcome:
        """Runs shell text or a list of words in a folder.

        Args:
            seconds: how long it may take.
            writable: further places that it may write.
            extras: variables of this command alone.
        """
        argv = self.sandbox.wrap(self._argv(command), worktree=folder, writable=writable)
        return await run(argv, cwd=folder, environment=self._environment(extras), timeout=seconds, mark=self._mark())

    def converse(
        self, argv: Sequence[str], folder: Path, *, writable: tuple[Path, ...] = (), extras: Mapping[str, str] | None = None
    ) -> AbstractAsyncContextManager[Conversation]:
        """A process in a folder that is talked with, line by line, until the context is left; see `conversation`.

        Args:
            writable: further places that it may write.
            extras: variables of this process alone.
        """
        wrapped = self.sandbox.wrap(self._argv(argv), worktree=folder, writable=writable)
        return conversation(wrapped, cwd=folder, environment=self._environment(extras), mark=self._mark())

    def _environment(self, extras: Mapping[str, str] | None) -> dict[str, str]:
        return {**self.environment, "SWARM_PLAN_DIR": str(self.plan_folder), **(extras or {})}

    def _mark(self) -> str:
        return f"{self.mark}:{os.getpid()}-{next(self._numbers)}"

    def _argv(self, command: str | Sequence[str]) -> list[str]:
        """No shell expands a list; `$SWARM_PLAN_DIR/…` at the beginning of a word is meant all the same."""
        if isinstance(command, str):
            return shell(command)
        return [self._expanded(word) for word in command]

    def _expanded(self, word: str) -> str:
        prefix = next((prefix for prefix in _PLAN_DIR if word.startswith(prefix)), None)
        return word if prefix is None else str(self.plan_folder / word.removeprefix(prefix))


def command_text(command: str | Sequence[str]) -> str:
    """A command as a person would type it."""
    return command if isinstance(command, str) else shlex.join(command)


def require_runnable(command: str | Sequence[str], outcome: Outcome) -> None:
    """Refuses the outcome of a command that could not run at all.

    Raises:
        EnvironmentFault: it ended with 126 or 127; the text names it.
    """
    if outcome.status in (CANNOT_RUN, NOT_FOUND) and not outcome.timed_out:
        what = "was not found" if outcome.status == NOT_FOUND else "cannot be run"
        raise EnvironmentFault(f"`{command_text(command)}` {what} (status {outcome.status}): {outcome.output.strip()[-_SHOWN:]}")
