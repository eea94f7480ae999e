"""The operating system's sandbox, as a port.

This release ships none: what an agent does is judged on the frozen tree (`freeze`), which keeps stray edits out of what lands
but does not stop a command from writing elsewhere. So `auto` says so, and a mode that is not here is refused instead of
being quietly replaced by nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from swarm.errors import EnvironmentFault, UsageError

__all__ = ["Choice", "NoSandbox", "Sandbox", "choose"]


class Sandbox(Protocol):
    """A way to confine a command."""

    @property
    def name(self) -> str:
        """What is shown, and recorded with each attempt."""
        ...

    def wrap(self, argv: Sequence[str], *, worktree: Path, writable: tuple[Path, ...]) -> list[str]:
        """The command that runs `argv` confined.

        Args:
            worktree: the folder the command works in; it may write there.
            writable: further places it may write.
        """
        ...


@dataclass(frozen=True, slots=True)
class NoSandbox:
    """Runs the command as it is."""

    name: str = "none"

    def wrap(self, argv: Sequence[str], *, worktree: Path, writable: tuple[Path, ...]) -> list[str]:
        return list(argv)


@dataclass(frozen=True, slots=True)
class Choice:
    """A sandbox, and what the user should be told about it."""

    sandbox: Sandbox
    warning: str | None = None


_KNOWN: Final = ("bwrap", "landlock", "seatbelt", "container")
_WARNING: Final = "no sandbox: commands run with your rights; run swarm in a container if you do not trust the plan or its agents"


def choose(mode: str) -> Choice:
    """The sandbox of a `--sandbox` mode.

    Raises:
        UsageError: there is no such mode.
        EnvironmentFault: the mode is not part of this release.
    """
    if mode == "none":
        return Choice(NoSandbox())
    if mode == "auto":
        return Choice(NoSandbox(), _WARNING)
    if mode not in _KNOWN:
        raise UsageError(f"--sandbox {mode}: there is no such mode; the modes of this release are auto and none")
    raise EnvironmentFault(
        f"this release has no sandbox {mode!r}: use --sandbox auto or --sandbox none, and a container around swarm to confine it"
    )
