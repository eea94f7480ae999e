"""A tool as an agent is offered it, whoever performs it: the desk, or a server outside."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from swarm.agents.tools.calling import ToolDescription

__all__ = ["Offer"]


@dataclass(frozen=True, slots=True)
class Offer:
    """One tool.

    Attributes:
        call: performs it with the arguments that a model gave, whatever they are; answers with a short text, errors included.
        changes: whether it may change the worktree. Such a tool is performed again when an interrupted attempt starts anew, for
            what it does; what it answered is taken from the record. Other tools are not performed again.
        outside: whether it acts outside of the worktree: a replay never performs it.
    """

    description: ToolDescription
    call: Callable[[Mapping[str, Any]], Awaitable[str]]
    changes: bool = False
    outside: bool = False

    @property
    def name(self) -> str:
        return self.description.name
