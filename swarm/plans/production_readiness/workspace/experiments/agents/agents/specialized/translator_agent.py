"""The translator: puts English into French, word by word."""

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from experiments.agents.agents.unified_base_agent import UnifiedBaseAgent

PHRASEBOOK = {"bread": "pain", "good": "bon", "is": "est", "the": "le", "village": "village", "water": "eau", "wine": "vin"}


class TranslatorAgent(UnifiedBaseAgent):
    """Translates the words it knows and leaves the others, and all punctuation, as they are."""

    EXAMPLE: ClassVar[dict[str, Any]] = {"content": "The bread is good."}

    def __init__(self, name: str = "translator", phrasebook: Mapping[str, str] | None = None) -> None:
        super().__init__(name)
        self.phrasebook = dict(PHRASEBOOK if phrasebook is None else phrasebook)

    async def _process_task(self, task: dict[str, Any]) -> dict[str, Any]:
        raise NotImplementedError("the translator takes no tasks yet")

    def translate(self, text: str) -> str:
        """The text in French; a word that began with a capital letter still does.

        Raises:
            ValueError: there is nothing to translate.
        """
        if not text.strip():
            raise ValueError("a translation needs a text")
        return re.sub(r"\w+", self._word, text)

    def _word(self, found: re.Match[str]) -> str:
        word = found[0]
        known = self.phrasebook.get(word.lower(), word)
        return known.capitalize() if word[0].isupper() and known != word else known
