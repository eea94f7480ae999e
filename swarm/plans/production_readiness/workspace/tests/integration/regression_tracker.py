"""Regressions: figures of today beside figures that were accepted before. Smaller is better (seconds, errors, megabytes)."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

logger = logging.getLogger(__name__)

PROBE = ".self-check"


@dataclass(frozen=True, slots=True)
class Regression:
    """A figure that is worse than it may be; `now` is None where it was not measured any more."""

    name: str
    accepted: float
    now: float | None


class RegressionTracker:
    """Compares named figures with a baseline.

    Args:
        baseline: the accepted figures.
        tolerance: the share by which a figure may exceed its baseline; 0.1 allows a tenth.
    """

    def __init__(self, baseline: Mapping[str, float] | None = None, tolerance: float = 0.1) -> None:
        self.baseline = dict(baseline or {})
        self.tolerance = tolerance

    def compare(self, figures: Mapping[str, float]) -> list[Regression]:
        """The figures that regressed, by name. One that the baseline does not know cannot regress; one that is missing has."""
        found = [
            Regression(name, accepted, figures.get(name))
            for name, accepted in sorted(self.baseline.items())
            if name not in figures or figures[name] > accepted * (1 + self.tolerance)
        ]
        for regression in found:
            logger.info("%s: %s was accepted, now %s", regression.name, regression.accepted, regression.now)
        return found

    def accept(self, figures: Mapping[str, float]) -> None:
        """Makes figures the baseline, beside those of other names."""
        self.baseline |= figures

    def as_document(self) -> dict[str, Any]:
        """The baseline and the tolerance, to be stored as JSON."""
        return {"baseline": dict(self.baseline), "tolerance": self.tolerance}

    async def self_check(self) -> bool:
        """Whether a figure that rose by more than the tolerance is found."""
        kept = self.baseline
        self.baseline = {PROBE: 1.0}
        found = self.compare({PROBE: 2.0 + self.tolerance})
        self.baseline = kept
        return [regression.name for regression in found] == [PROBE]
