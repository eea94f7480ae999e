"""Which of the things that are kept may go."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that is kept: its name, and when it was made (with a time zone)."""

    name: str
    made_at: datetime


class RetentionPolicy(ABC):
    """Decides about a collection of entries as a whole."""

    @abstractmethod
    def expired(self, entries: Sequence[Entry], now: datetime) -> list[Entry]:
        """The entries that may go, oldest first."""


class KeepFor(RetentionPolicy):
    """Keeps each entry for a while."""

    def __init__(self, period: timedelta) -> None:
        self.period = period

    def expired(self, entries: Sequence[Entry], now: datetime) -> list[Entry]:
        return sorted((entry for entry in entries if now - entry.made_at > self.period), key=lambda entry: entry.made_at)


class KeepNewest(RetentionPolicy):
    """Keeps so many entries, the newest."""

    def __init__(self, count: int) -> None:
        self.count = count


class KeepRotation(RetentionPolicy):
    """Keeps the newest entry of each of the last days, weeks and months: close together near now, far apart long ago."""

    def __init__(self, days: int = 7, weeks: int = 4, months: int = 12) -> None:
        self.days = days
        self.weeks = weeks
        self.months = months
