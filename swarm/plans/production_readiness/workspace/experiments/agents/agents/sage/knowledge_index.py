"""The knowledge index: keeps documents, each once, and finds them by their words."""

import logging
import re
from collections import Counter, defaultdict
from typing import Any, ClassVar

from experiments.agents.agents.unified_base_agent import UnifiedBaseAgent, success

logger = logging.getLogger(__name__)


class KnowledgeIndex(UnifiedBaseAgent):
    """An inverted index: for each word, the documents that have it."""

    EXAMPLE: ClassVar[dict[str, Any]] = {"content": "The well lies behind the mill", "query": "Where is the well?"}

    def __init__(self, name: str = "knowledge-index") -> None:
        super().__init__(name)
        self.documents: list[str] = []
        self.documents_of: dict[str, list[str]] = defaultdict(list)

    async def _process_task(self, task: dict[str, Any]) -> dict[str, Any]:
        new = self.add(task["content"])
        return success({"new": new, "documents": len(self.documents), "found": self.find(task.get("query", task["content"]))})

    def add(self, document: str) -> bool:
        """Adds a document; whether it was unknown before.

        Raises:
            ValueError: it has no words.
        """
        words = _words(document)
        if not words:
            raise ValueError("a document needs words")
        if document in self.documents:
            return False
        self.documents.append(document)
        for word in words:
            self.documents_of[word].append(document)
        logger.debug("a document of %d different words was added", len(words))
        return True

    def find(self, query: str, limit: int = 5) -> list[str]:
        """The documents that share the most words with a query, best first; among equals, by their text."""
        hits = Counter(document for word in _words(query) for document in self.documents_of.get(word, ()))
        return sorted(hits, key=lambda document: (-hits[document], document))[:limit]


def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", text.lower()))
