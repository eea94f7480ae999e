"""What an agent is sent: the assignment at first, then the results of each turn. Every text here is deterministic and bounded."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from swarm.agents.programs.turns import sendable
from swarm.agents.tools.answers import cut
from swarm.agents.tools.calling import ToolDescription
from swarm.signatures.brief import Brief, Inbox
from swarm.signatures.programmed import brief_text, inputs_of

__all__ = ["LAST_TURN", "RESULTS_LIMIT", "assignment", "results"]

RESULTS_LIMIT: Final = 24_000
"""Characters of all results of one turn together."""

LAST_TURN: Final = "The next turn is the last: it must call finish."

_INBOX_LIMIT: Final = 60_000


def assignment(tools: Iterable[ToolDescription], brief: Brief, inbox: Inbox, situation: str, turns: int) -> str:
    """The first message: the tools, which all tasks of an agent share, stand first; what may change between attempts, last."""
    given = inputs_of(brief, inbox)["inbox"]
    sections = (
        "## Tools",
        *map(_tool, tools),
        f"## Task\n\n{brief_text(brief)}",
        f"## What the needed tasks handed over\n\n{cut(json.dumps(given, ensure_ascii=False), _INBOX_LIMIT)}" if given else "",
        f"## Situation\n\n{situation}" if situation else "",
        LAST_TURN if turns == 1 else f"You have {turns} turns.",
    )
    return sendable("\n\n".join(section for section in sections if section))


def _tool(tool: ToolDescription) -> str:
    schema = json.dumps(_brief(tool.parameters), ensure_ascii=False, separators=(",", ":"))
    return f"### {tool.name}\n{tool.description}\nargs: {schema}"


def _brief(schema: Any) -> Any:
    """Without saying of each object that it takes nothing else: that is told to whoever tries."""
    if isinstance(schema, list):
        return [_brief(each) for each in schema]
    if not isinstance(schema, Mapping):
        return schema
    return {key: _brief(value) for key, value in schema.items() if not (key == "additionalProperties" and value is False)}


def results(told: Sequence[tuple[str, str]], remarks: Iterable[str]) -> str:
    """The message after a turn.

    Args:
        told: each call's tool and what it answered.
        remarks: of ours, each on a line of its own.
    """
    room = _level([len(text) for _, text in told], RESULTS_LIMIT)
    blocks = [f"[{number}] {tool}\n{cut(text, room)}" for number, (tool, text) in enumerate(told, 1)]
    return sendable("\n\n".join([*blocks, "\n".join(remarks)]))


def _level(lengths: Sequence[int], limit: int) -> int:
    """The most characters that each may keep for all together to keep within the limit: short ones leave their room to the others."""
    left = limit
    for position, length in enumerate(sorted(lengths)):
        share = left // (len(lengths) - position)
        if length > share:
            return share
        left -= length
    return limit
