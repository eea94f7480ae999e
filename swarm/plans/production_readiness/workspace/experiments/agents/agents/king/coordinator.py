"""The coordinator: asks several advisers at once and gathers what they say."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar

from experiments.agents.agents.unified_base_agent import UnifiedBaseAgent, success

logger = logging.getLogger(__name__)

Adviser = Callable[[str], Awaitable[str]]
PATIENCE = 5.0  # seconds that an adviser has for an answer


async def _echo(question: str) -> str:
    return f"I heard: {question}"


class Coordinator(UnifiedBaseAgent):
    """Asks every adviser at the same time; one that fails or is late leaves the others' answers alone."""

    EXAMPLE: ClassVar[dict[str, Any]] = {"content": "Is the gate safe?"}

    def __init__(self, name: str = "coordinator", advisers: Mapping[str, Adviser] | None = None) -> None:
        super().__init__(name)
        self.advisers = dict(advisers or {"echo": _echo})

    async def _process_task(self, task: dict[str, Any]) -> dict[str, Any]:
        return success(await self.consult(task["content"]))

    async def consult(self, question: str) -> dict[str, str]:
        """Each adviser's answer, by name; the silent ones are left out.

        Raises:
            LookupError: nobody answered.
        """
        answers = await asyncio.gather(*(self._ask(adviser, question) for adviser in self.advisers.values()), return_exceptions=True)
        heard = {name: answer for name, answer in zip(self.advisers, answers, strict=True) if isinstance(answer, str)}
        logger.info("%d of %d advisers answered", len(heard), len(answers))
        if not heard:
            raise LookupError("no adviser answered")
        return heard

    async def _ask(self, adviser: Adviser, question: str) -> str:
        return await asyncio.wait_for(adviser(question), PATIENCE)
