"""The glossary: says what the village's words mean."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, ClassVar

from experiments.agents.agents.unified_base_agent import UnifiedBaseAgent

GLOSSARY = {
    "king": "decides what is done, and by whom",
    "magi": "build and mend",
    "sage": "knows, and says how it knows",
    "village": "everybody who lives between the gate and the mill",
}


class GlossaryAgent(UnifiedBaseAgent):
    """Looks words up whatever their case, and offers what was perhaps meant."""

    EXAMPLE: ClassVar[dict[str, Any]] = {"content": "Sage"}

    def __init__(self, name: str = "glossary", meanings: Mapping[str, str] | None = None) -> None:
        super().__init__(name)
        self.meanings = dict(GLOSSARY if meanings is None else meanings)

    async def _process_task(self, task: dict[str, Any]) -> dict[str, Any]:
        raise NotImplementedError("the glossary takes no tasks yet")

    def look_up(self, term: str) -> str:
        """What a term means.

        Raises:
            LookupError: it is not in the glossary; the message offers the terms that are most like it.
        """
        meaning = self.meanings.get(term.strip().lower())
        if meaning is None:
            close = get_close_matches(term.strip().lower(), self.meanings)
            raise LookupError(f"{term!r} is not in the glossary" + (f"; did you mean {' or '.join(close)}?" if close else ""))
        return meaning
