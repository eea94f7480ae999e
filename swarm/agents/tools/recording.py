"""What an agent leaves in the attempt's record: measured numbers, and remarks."""

from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import Field, FiniteFloat

from swarm.agents.tools.answers import harmless
from swarm.agents.tools.calling import Declined, answering
from swarm.plans.fields import Identifier
from swarm.workspace.desk import Desk

__all__ = ["MOST_METRICS", "MOST_NOTES", "Recording"]

MOST_METRICS: Final = 1_000
MOST_NOTES: Final = 100
"""How many one attempt may leave."""


@dataclass(frozen=True, slots=True)
class Recording:
    """The tools that leave something in the record."""

    desk: Desk
    metrics: list[tuple[str, float]]

    @answering
    async def record_metric(self, name: Annotated[Identifier, Field(max_length=100)], value: FiniteFloat) -> str:
        """Records a number that you have measured, under a name, such as test_seconds. At most 1,000 in one attempt.

        Args:
            name: letters, digits and underscores, a letter first.
            value: a finite number.
        """
        if len(self.metrics) >= MOST_METRICS:
            raise Declined(f"{MOST_METRICS:,} numbers are recorded, the most that one attempt may leave")
        self.metrics.append((name, value))
        return f"recorded: {name} = {value}"

    @answering
    async def note(self, text: Annotated[str, Field(min_length=1, max_length=2_000)]) -> str:
        """Leaves a remark for whoever reads the record: a decision, a doubt, something found by the way. It changes nothing.

        At most 2,000 characters, and 100 remarks in one attempt.

        Args:
            text: the remark.
        """
        if len(self.desk.notes) >= MOST_NOTES:
            raise Declined(f"{MOST_NOTES} remarks are left, the most that one attempt may leave")
        self.desk.note(harmless(text))
        return "noted"
