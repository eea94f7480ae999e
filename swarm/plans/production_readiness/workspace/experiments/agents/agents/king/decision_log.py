"""The decision log: what was decided, why, and what has replaced it since."""

import logging
import re
from collections import deque
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from experiments.agents.agents.unified_base_agent import UnifiedBaseAgent, success

logger = logging.getLogger(__name__)

KEPT = 1000  # decisions; the oldest is forgotten first


@dataclass(frozen=True, slots=True)
class Decision:
    """One entry; numbers count from 1 and are never used again."""

    number: int
    text: str
    reason: str
    replaces: int | None = None


class DecisionLog(UnifiedBaseAgent):
    """Remembers decisions and finds them by their words."""

    EXAMPLE: ClassVar[dict[str, Any]] = {"content": "Build the bridge of stone", "reason": "wood rots"}

    def __init__(self, name: str = "decision-log") -> None:
        super().__init__(name)
        self.decisions: deque[Decision] = deque(maxlen=KEPT)

    async def _process_task(self, task: dict[str, Any]) -> dict[str, Any]:
        number = self.record(task["content"], task["reason"], task.get("replaces"))
        return success({"number": number, "related": [asdict(decision) for decision in self.search(task["content"], limit=3)]})

    def record(self, text: str, reason: str, replaces: int | None = None) -> int:
        """The number of a decision, which is added unless it stands already.

        Raises:
            ValueError: it says nothing, gives no reason, or replaces an unknown one.
        """
        if not text.strip() or not reason.strip():
            raise ValueError("a decision needs a text and a reason")
        if replaces is not None and all(decision.number != replaces for decision in self.decisions):
            raise ValueError(f"there is no decision {replaces} to replace")
        known = next((decision.number for decision in self.standing() if (decision.text, decision.reason) == (text, reason)), None)
        if known is not None:
            return known
        number = self.decisions[-1].number + 1 if self.decisions else 1
        self.decisions.append(Decision(number, text, reason, replaces))
        logger.info("decision %d is recorded", number)
        return number

    def search(self, query: str, limit: int = 10) -> list[Decision]:
        """Decisions that share words with a query: most words first, then the newest."""
        wanted = _words(query)
        shared = {decision: len(wanted & _words(f"{decision.text} {decision.reason}")) for decision in self.decisions}
        found = [decision for decision, words in shared.items() if words]
        return sorted(found, key=lambda decision: (-shared[decision], -decision.number))[:limit]

    def standing(self) -> list[Decision]:
        """Decisions that no later one has replaced, oldest first."""
        replaced = {decision.replaces for decision in self.decisions}
        return [decision for decision in self.decisions if decision.number not in replaced]


def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", text.lower()))
