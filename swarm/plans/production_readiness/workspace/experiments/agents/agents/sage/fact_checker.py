"""The fact checker: holds a claim against what its sources say, and shows the evidence."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar

from experiments.agents.agents.unified_base_agent import UnifiedBaseAgent, success

logger = logging.getLogger(__name__)

Source = Callable[[str], Awaitable[str | None]]  # what it says of a subject, or None
ALMANAC = {"the bridge": "made of stone", "the gate": "closed at night", "the river": "high in spring", "water": "wet"}
CLAIM = re.compile(r"(?P<subject>.+?) (?:is|are) (?P<denied>not )?(?P<value>.+?)[.!]?")


async def _almanac(subject: str) -> str | None:
    return ALMANAC.get(subject)


class FactChecker(UnifiedBaseAgent):
    """Checks claims of the form `the gate is closed at night`, or `is not`; sources that disagree are both shown."""

    EXAMPLE: ClassVar[dict[str, Any]] = {"content": "The gate is closed at night."}

    def __init__(self, name: str = "fact-checker", sources: Mapping[str, Source] | None = None) -> None:
        super().__init__(name)
        self.sources = dict(sources or {"almanac": _almanac})

    async def _process_task(self, task: dict[str, Any]) -> dict[str, Any]:
        return success(await self.check(task["content"]))

    async def check(self, claim: str) -> dict[str, Any]:
        """The verdict on a claim (`supported`, `contradicted`, `disputed` or `unknown`) and each source's words as evidence.

        Raises:
            ValueError: it is no claim of that form.
        """
        parts = CLAIM.fullmatch(" ".join(claim.lower().split()))
        if parts is None:
            raise ValueError(f"a claim says what something is: {claim!r}")
        evidence = await self.evidence(parts["subject"])
        verdict = _verdict({(says == parts["value"]) is (parts["denied"] is None) for says in evidence.values()})
        return {"verdict": verdict, "evidence": evidence}

    async def evidence(self, subject: str) -> dict[str, str]:
        """What each source says of a subject; those that know nothing, or fail, are left out."""
        answers = await asyncio.gather(*(source(subject) for source in self.sources.values()), return_exceptions=True)
        found = {name: says for name, says in zip(self.sources, answers, strict=True) if isinstance(says, str)}
        logger.debug("%d of %d sources know about %s", len(found), len(answers), subject)
        return found


def _verdict(agreements: set[bool]) -> str:
    if len(agreements) != 1:
        return "disputed" if agreements else "unknown"
    return "supported" if True in agreements else "contradicted"
