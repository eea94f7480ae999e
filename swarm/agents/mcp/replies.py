"""What a server answered to a call, as a short text."""

import json
from collections import Counter
from typing import TYPE_CHECKING, Final

from swarm.agents.tools.answers import LIMIT, cut, harmless

if TYPE_CHECKING:
    from mcp_types import CallToolResult

__all__ = ["brief", "text_of"]

_REMARKS: Final = 200
"""Room for what is said beside the text."""


def text_of(result: "CallToolResult") -> str:
    """Its text, or its structured content as JSON where it has no text, and what was left out."""
    texts = [part.text for part in result.content if part.type == "text"]
    others = Counter(part.type for part in result.content if part.type != "text")
    if not texts and result.structured_content is not None:
        texts = [json.dumps(result.structured_content, ensure_ascii=False, sort_keys=True)]
    said = brief("\n".join(texts), LIMIT - _REMARKS) or "(no text)"
    missing = ", ".join(f"{number} {kind}" for kind, number in sorted(others.items()))
    return ("failed: " if result.is_error else "") + said + (f"\n[left out, since only text can be shown: {missing}]" if missing else "")


def brief(text: str, limit: int) -> str:
    """Harmless and short. Cut first, since what hides is written out at length."""
    return cut(harmless(cut(text, limit)), limit)
