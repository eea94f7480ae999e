"""The document summarizer: keeps the sentences that carry the most of a document's frequent words."""

import logging
import re
from collections import Counter
from typing import Any, ClassVar

from experiments.agents.agents.unified_base_agent import UnifiedBaseAgent, success

logger = logging.getLogger(__name__)

COMMON = frozenset({"a", "an", "and", "are", "as", "by", "for", "in", "is", "it", "of", "on", "or", "that", "the", "to", "was", "with"})


class DocumentSummarizer(UnifiedBaseAgent):
    """Summarises by extraction: every sentence of a summary stands in the document, in the same order."""

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "content": "The river feeds the mill. The mill feeds the village. A dog barked. The village guards the river and the mill."
    }

    def __init__(self, name: str = "document-summarizer") -> None:
        super().__init__(name)

    async def _process_task(self, task: dict[str, Any]) -> dict[str, Any]:
        summary = self.summarize(task["content"], task.get("sentences", 2))
        return success({"summary": summary, "keywords": self.keywords(task["content"])})

    def summarize(self, text: str, sentences: int = 2) -> str:
        """The weightiest sentences of a text.

        Raises:
            ValueError: the text says nothing, or less than one sentence is asked for.
        """
        found = _sentences(text)
        if not found or sentences < 1:
            raise ValueError("a summary needs a text and at least one sentence")
        weights = Counter(_words(text))
        ranked = sorted(range(len(found)), key=lambda number: (-_weight(found[number], weights), number))
        kept = sorted(ranked[:sentences])
        logger.debug("%d of %d sentences are kept", len(kept), len(found))
        return " ".join(found[number] for number in kept)

    def keywords(self, text: str, limit: int = 5) -> list[str]:
        """The words that a text uses most; among equals, by the alphabet."""
        counts = Counter(_words(text))
        return sorted(counts, key=lambda word: (-counts[word], word))[:limit]


def _weight(sentence: str, weights: Counter[str]) -> float:
    """The mean weight of a sentence's words: a sum would prefer whatever is long."""
    words = _words(sentence)
    return sum(weights[word] for word in words) / len(words) if words else 0.0


def _sentences(text: str) -> list[str]:
    return [sentence for sentence in re.split(r"(?<=[.!?])\s+", text.strip()) if sentence]


def _words(text: str) -> list[str]:
    return [word for word in re.findall(r"[^\W\d_]+", text.lower()) if word not in COMMON]
