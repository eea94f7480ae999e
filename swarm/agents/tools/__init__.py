"""The tools of agents that work with a language model, all on the desk.

Each is an `async` method with types and a docstring, which is what the model reads. It always answers with a short text, errors included;
raised are only the end of the attempt and what nobody in the conversation could mend. DSPy is not needed to have or describe them.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from swarm.agents.tools.answers import LIMIT
from swarm.agents.tools.calling import ToolDescription, described
from swarm.agents.tools.editing import Checks, Edit, Editing
from swarm.agents.tools.offer import Offer
from swarm.agents.tools.reading import Reading
from swarm.agents.tools.recording import Recording
from swarm.agents.tools.running import Running
from swarm.agents.tools.searching import Searching
from swarm.errors import UsageError
from swarm.workspace.desk import Desk

__all__ = ["LIMIT", "TOOLS", "Checks", "Edit", "Offer", "Tool", "ToolDescription", "Toolbox"]

Tool = Callable[..., Awaitable[str]]
"""A tool of ours; its `__name__` is what a model calls it."""

_IN_ORDER: Final[Sequence[Callable[..., Any]]] = (
    Reading.list_files,
    Reading.read_file,
    Searching.search,
    Editing.edit_file,
    Editing.write_file,
    Running.run,
    Recording.record_metric,
    Recording.note,
)

TOOLS: Final[Mapping[str, ToolDescription]] = {description.name: description for description in map(described, _IN_ORDER)}
"""Every tool by name, in the order in which a model is told of them."""


_ONLY_LOOK: Final = frozenset({"list_files", "read_file", "search"})


@dataclass(slots=True)
class Toolbox:
    """One attempt's tools.

    Attributes:
        desk: where they work.
        checks: runs the task's checks and says how they came out; None where there are none.
        metrics: what `record_metric` was given, in order.
    """

    desk: Desk
    checks: Checks | None = None
    metrics: list[tuple[str, float]] = field(default_factory=list)

    def named(self, names: Sequence[str]) -> list[Tool]:
        """The tools of these names, each once and in the order of `TOOLS`: a prompt shall not depend on how a plan lists them.

        Raises:
            UsageError: there is no such tool.
        """
        unknown = [name for name in names if name not in TOOLS]
        if unknown:
            raise UsageError(f'there is no tool "{unknown[0]}"; the tools are {", ".join(TOOLS)}')
        tools = self._tools()
        return [tools[name] for name in TOOLS if name in names]

    def offers(self, names: Sequence[str]) -> list[Offer]:
        """The same as offers to an agent. Whatever does not only look is performed again when an attempt starts anew."""
        tools = self.named(names)
        return [Offer(TOOLS[tool.__name__], _called_with(tool), changes=tool.__name__ not in _ONLY_LOOK) for tool in tools]

    def _tools(self) -> dict[str, Tool]:
        reading, editing, recording = Reading(self.desk), Editing(self.desk, self.checks), Recording(self.desk, self.metrics)
        return {
            "list_files": reading.list_files,
            "read_file": reading.read_file,
            "search": Searching(self.desk).search,
            "edit_file": editing.edit_file,
            "write_file": editing.write_file,
            "run": Running(self.desk).run,
            "record_metric": recording.record_metric,
            "note": recording.note,
        }


def _called_with(tool: Tool) -> Callable[[Mapping[str, Any]], Awaitable[str]]:
    return lambda arguments: tool(**arguments)
