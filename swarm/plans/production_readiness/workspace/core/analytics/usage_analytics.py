"""Who uses what in the village, and when."""

import time
from collections.abc import Callable

from king.analytics.base_analytics import BaseAnalytics

USE = "use:"  # metrics of this beginning count the uses of a component


class UsageAnalytics(BaseAnalytics):
    """Counts uses. What the retention policy drops is not counted any more.

    Args:
        clock: seconds since the epoch; given from outside so that tests decide the time.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        super().__init__(clock=clock)

    def record_use(self, component: str) -> None:
        """A component was used, now."""
        self.record_metric(f"{USE}{component}", 1)

    def usage_by_component(self) -> dict[str, int]:
        """How often each component was used, the most used first, and by name among equals."""
        ...

    def busiest_hours(self, limit: int = 3) -> list[int]:
        """The hours of the day, 0 to 23 in UTC, with the most uses; the busiest first, and the earlier among equals."""
        ...
