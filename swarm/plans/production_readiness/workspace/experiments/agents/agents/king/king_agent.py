"""The king: decides which adviser hears a request."""

import logging
import re
from collections import Counter
from typing import Any, ClassVar

from experiments.agents.agents.unified_base_agent import UnifiedBaseAgent, success

logger = logging.getLogger(__name__)

ADVISERS = {
    "sage": frozenset({"explain", "know", "summarise", "true", "why", "what"}),
    "magi": frozenset({"build", "code", "fix", "refactor", "test"}),
    "king": frozenset({"decide", "plan", "prioritise", "resource"}),
}


class KingAgent(UnifiedBaseAgent):
    """Sends each request to the adviser whose words it speaks; to the king where nobody's words are heard."""

    EXAMPLE: ClassVar[dict[str, Any]] = {"content": "Please fix the code of the gate"}

    def __init__(self, name: str = "king") -> None:
        super().__init__(name)
        self.decisions: Counter[str] = Counter()

    async def _process_task(self, task: dict[str, Any]) -> dict[str, Any]:
        adviser = self.decide(task["content"])
        return success({"adviser": adviser, "decisions": self.decisions.total()})

    def decide(self, request: str) -> str:
        """The adviser for a request; among equals, the first by name.

        Raises:
            ValueError: the request says nothing.
        """
        words = frozenset(re.findall(r"[a-z]+", request.lower()))
        if not words:
            raise ValueError("a request needs words")
        adviser = min(ADVISERS, key=lambda name: (-len(words & ADVISERS[name]), name))
        chosen = adviser if words & ADVISERS[adviser] else "king"
        self.decisions[chosen] += 1
        logger.info("a request goes to %s", chosen)
        return chosen
