"""The calendar: finds time between the entries of a day."""

from collections.abc import Mapping
from typing import Any, ClassVar

from experiments.agents.agents.unified_base_agent import UnifiedBaseAgent

OPENS, CLOSES = "08:00", "18:00"


class CalendarAgent(UnifiedBaseAgent):
    """Knows when the village works; who is busy when stands in each request."""

    EXAMPLE: ClassVar[dict[str, Any]] = {"content": {"minutes": 45, "busy": [["08:00", "09:30"], ["10:00", "11:00"]]}}

    def __init__(self, name: str = "calendar", opens: str = OPENS, closes: str = CLOSES) -> None:
        super().__init__(name)
        self.opens, self.closes = _minutes(opens), _minutes(closes)

    async def _process_task(self, task: dict[str, Any]) -> dict[str, Any]:
        raise NotImplementedError("the calendar takes no tasks yet")

    def next_free_slot(self, request: Mapping[str, Any]) -> str:
        """When the first slot of `minutes` begins that touches no entry of `busy` (pairs of times of day, `HH:MM`).

        Raises:
            ValueError: the slot has no length, or a time is none.
            LookupError: the day has no such slot left.
        """
        wanted = request["minutes"]
        if wanted < 1:
            raise ValueError("a slot needs at least one minute")
        free = self.opens
        for begin, end in sorted((_minutes(begin), _minutes(end)) for begin, end in request.get("busy", ())):
            if begin - free >= wanted:
                break
            free = max(free, end)
        if self.closes - free < wanted:
            raise LookupError(f"the day has no {wanted} minutes left")
        return f"{free // 60:02}:{free % 60:02}"


def _minutes(time: str) -> int:
    """Minutes since midnight."""
    hours, colon, minutes = time.partition(":")
    if not (colon and hours.isdigit() and minutes.isdigit() and int(hours) < 24 and int(minutes) < 60):
        raise ValueError(f"a time of day is HH:MM, not {time!r}")
    return int(hours) * 60 + int(minutes)
