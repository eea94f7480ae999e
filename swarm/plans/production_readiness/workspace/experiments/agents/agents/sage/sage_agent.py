"""The sage: answers a question with the passage that speaks of it most."""

import logging
import math
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, ClassVar

from experiments.agents.agents.unified_base_agent import UnifiedBaseAgent, success

logger = logging.getLogger(__name__)

WISDOM = (
    "The mill grinds corn when the river is high.",
    "The gate is closed at night, and the watch keeps its key.",
    "A bridge of stone outlives a bridge of wood.",
    "The well behind the mill never runs dry.",
)


class SageAgent(UnifiedBaseAgent):
    """Knows some passages and quotes the best one, with how much of the question it covers."""

    EXAMPLE: ClassVar[dict[str, Any]] = {"content": "Who keeps the key of the gate?"}

    def __init__(self, name: str = "sage", passages: Sequence[str] = WISDOM) -> None:
        super().__init__(name)
        self.passages = tuple(passages)

    async def _process_task(self, task: dict[str, Any]) -> dict[str, Any]:
        return success(self.answer(task["content"]))

    def answer(self, question: str) -> dict[str, Any]:
        """The passage to quote, and its coverage of the question from 0 to 1, rare words counting more.

        Raises:
            LookupError: no passage speaks of it.
        """
        rarity = _rarity(self.passages)
        asked = _words(question)
        scores = {passage: sum(rarity[word] for word in asked & _words(passage)) for passage in self.passages}
        best = max(self.passages, key=lambda passage: scores[passage], default="")
        if not scores.get(best):
            raise LookupError(f"the sage knows nothing about: {question}")
        coverage = scores[best] / sum(rarity.get(word, max(rarity.values())) for word in asked)
        logger.debug("a passage covers %.0f%% of a question", 100 * coverage)
        return {"quote": best, "coverage": round(coverage, 3)}


def _rarity(passages: Sequence[str]) -> dict[str, float]:
    """A word's weight: the fewer passages have it, the more it says."""
    known = Counter(word for passage in passages for word in _words(passage))
    return {word: math.log((len(passages) + 1) / times) for word, times in known.items()}


def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", text.lower()))
