"""The magi: three who judge a proposal apart from each other, and decide by majority."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar

from experiments.agents.agents.unified_base_agent import UnifiedBaseAgent, success

logger = logging.getLogger(__name__)

Judge = Callable[[str], Awaitable[bool]]
AT_ONCE = 40  # words; a proposal of more wants too much at once


async def _melchior(proposal: str) -> bool:
    """Wants a reason."""
    return re.search(r"\b(because|so that)\b", proposal.lower()) is not None


async def _balthasar(proposal: str) -> bool:
    """Wants a proof."""
    return re.search(r"\b(check|measure|prove|test)", proposal.lower()) is not None


async def _caspar(proposal: str) -> bool:
    """Wants a small step."""
    return len(proposal.split()) <= AT_ONCE


class MagiAgent(UnifiedBaseAgent):
    """Accepts what more than half of all judges accept; a judge who fails has not accepted."""

    EXAMPLE: ClassVar[dict[str, Any]] = {"content": "Rebuild the gate so that carts can pass; test it with two carts."}

    def __init__(self, name: str = "magi", judges: Mapping[str, Judge] | None = None) -> None:
        super().__init__(name)
        self.judges = dict(judges or {"melchior": _melchior, "balthasar": _balthasar, "caspar": _caspar})

    async def _process_task(self, task: dict[str, Any]) -> dict[str, Any]:
        return success(await self.deliberate(task["content"]))

    async def deliberate(self, proposal: str) -> dict[str, Any]:
        """Whether a proposal is accepted, and who accepted it.

        Raises:
            ValueError: it says nothing.
        """
        if not proposal.strip():
            raise ValueError("a proposal needs words")
        votes = await asyncio.gather(*(judge(proposal) for judge in self.judges.values()), return_exceptions=True)
        accepting = [name for name, vote in zip(self.judges, votes, strict=True) if vote is True]
        logger.info("%d of %d judges accept a proposal", len(accepting), len(votes))
        return {"accepted": len(accepting) * 2 > len(votes), "accepting": accepting}
