"""The question router: learns from examples which topic a question belongs to (naive Bayes with add-one smoothing)."""

import logging
import math
import re
from collections import Counter, defaultdict
from typing import Any, ClassVar

from experiments.agents.agents.unified_base_agent import UnifiedBaseAgent, success

logger = logging.getLogger(__name__)

LESSONS = (
    ("Where does the river run", "places"),
    ("Where is the old mill", "places"),
    ("When does the market open", "times"),
    ("When was the bridge built", "times"),
    ("Who guards the gate", "people"),
    ("Who owns the forge", "people"),
)


class QuestionRouter(UnifiedBaseAgent):
    """Sends each question to the topic that most likely asks it."""

    EXAMPLE: ClassVar[dict[str, Any]] = {"content": "When does the gate open?"}

    def __init__(self, name: str = "question-router") -> None:
        super().__init__(name)
        self.words_of: dict[str, Counter[str]] = defaultdict(Counter)
        self.questions_of: Counter[str] = Counter()
        for question, topic in LESSONS:
            self._learn(question, topic)

    async def _process_task(self, task: dict[str, Any]) -> dict[str, Any]:
        return success({"topic": self.route(task["content"]), "topics": sorted(self.words_of)})

    def teach(self, question: str, topic: str) -> None:
        """Adds an example of a topic's questions.

        Raises:
            ValueError: the question has no words, or the topic no name.
        """
        if not topic or not _words(question):
            raise ValueError("a lesson needs a question with words and a topic")
        self._learn(question, topic)

    def route(self, question: str) -> str:
        """The most likely topic; among equals, the first by name.

        Raises:
            ValueError: the question has no words.
        """
        words = _words(question)
        if not words:
            raise ValueError("a question needs words")
        topic = min(self.words_of, key=lambda topic: (-self._likelihood(words, topic), topic))
        logger.debug("a question goes to %s", topic)
        return topic

    def _learn(self, question: str, topic: str) -> None:
        self.words_of[topic].update(_words(question))
        self.questions_of[topic] += 1

    def _likelihood(self, words: list[str], topic: str) -> float:
        known = self.words_of[topic]
        vocabulary = len(set().union(*self.words_of.values()))
        prior = math.log(self.questions_of[topic] / self.questions_of.total())
        return prior + sum(math.log((known[word] + 1) / (known.total() + vocabulary)) for word in words)


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())
