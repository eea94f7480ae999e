"""Which of several targets a request goes to."""

import itertools
from abc import ABC, abstractmethod
from collections.abc import Sequence


class RouteStrategy(ABC):
    """Chooses a target for a key (a session, a client, a document)."""

    @abstractmethod
    def choose(self, key: str, targets: Sequence[str]) -> str:
        """One of the targets.

        Raises:
            ValueError: there are no targets.
        """


class RoundRobin(RouteStrategy):
    """Each target in turn, whatever the key."""

    def __init__(self) -> None:
        self._turns = itertools.count()

    def choose(self, key: str, targets: Sequence[str]) -> str:
        if not targets:
            raise ValueError("no targets to choose from")
        return targets[next(self._turns) % len(targets)]


class StickyRoute(RouteStrategy):
    """The same target for the same key, and as few moves as possible when a target comes or goes."""


class LeastLoaded(RouteStrategy):
    """The target with the fewest requests under way."""

    def __init__(self) -> None:
        self.under_way: dict[str, int] = {}

    def started(self, target: str) -> None:
        """A request to a target began."""
        self.under_way[target] = self.under_way.get(target, 0) + 1

    def finished(self, target: str) -> None:
        """A request to a target ended."""
        self.under_way[target] = max(0, self.under_way.get(target, 0) - 1)
