"""What an error of a model call means, by DSPy's error classes, and when to try again. Pure.

DSPy's own retries are off: they have no jitter, no cap on `Retry-After`, and each would be hidden from record and budget.
"""

from dataclasses import dataclass
from typing import Final

import dspy
from dspy.utils.exceptions import LMCollectionLimitError, LMLockTimeoutError, LMStreamAssemblyError

from swarm.agents.lm.limits import Heard

__all__ = ["Meaning", "Policy", "delay", "meaning"]


@dataclass(frozen=True, slots=True)
class Meaning:
    """What follows from an error."""

    again: bool
    """The same request may succeed later."""
    heard: Heard
    """For the provider's breaker."""
    charged: bool
    """The provider may have worked, and want its money, for an answer that we never saw."""


_DOWN: Final = Meaning(again=True, heard=Heard.FAILED, charged=False)
_LOST: Final = Meaning(again=True, heard=Heard.FAILED, charged=True)
_BUSY: Final = Meaning(again=True, heard=Heard.SUCCEEDED, charged=False)
_KEY: Final = Meaning(again=False, heard=Heard.KEY_REFUSED, charged=False)
_OURS: Final = Meaning(again=False, heard=Heard.SUCCEEDED, charged=False)
_ODD: Final = Meaning(again=False, heard=Heard.FAILED, charged=True)

# The more special classes first. An error status is sent instead of an answer, so nothing was generated and nothing is owed.
_MEANINGS: Final = (
    (dspy.LMRateLimitError, _BUSY),
    (dspy.LMServerError, _DOWN),
    (dspy.LMTimeoutError, _LOST),
    (dspy.LMTransportError, _LOST),
    (dspy.LMAuthError, _KEY),
    (dspy.LMBillingError, _KEY),
    (dspy.LMConfigurationError, _KEY),
    (LMLockTimeoutError, Meaning(again=True, heard=Heard.LET_GO, charged=False)),
    (dspy.LMInvalidRequestError, _OURS),
    (dspy.LMUnsupportedFeatureError, Meaning(again=False, heard=Heard.LET_GO, charged=False)),
    (LMStreamAssemblyError, _ODD),
    (LMCollectionLimitError, _ODD),
)


def meaning(error: BaseException) -> Meaning:
    """What an error of DSPy's public tree means; an unknown one ends the call and is no verdict on the provider's key."""
    return next((means for kind, means in _MEANINGS if isinstance(error, kind)), _ODD)


@dataclass(frozen=True, slots=True)
class Policy:
    """How often and how long. Times in seconds."""

    tries: int = 6
    """The first one included."""
    first_s: float = 1.0
    """Doubled for each further wait."""
    most_s: float = 30.0
    """The longest wait of our own."""
    most_asked_s: float = 120.0
    """The longest that a provider's `Retry-After` is obeyed."""


def delay(error: BaseException, tries: int, chance: float, policy: Policy | None = None) -> float | None:
    """Seconds until the next try; None to give up.

    Args:
        error: of DSPy's public tree, with the provider's `retry_after` if it sent one.
        tries: how many were made.
        chance: from 0 up to 1, so that those who failed together do not come back together.
        policy: how often and how long.
    """
    rule = policy or Policy()
    if tries >= rule.tries or not meaning(error).again:
        return None
    asked = getattr(error, "retry_after", None)
    if asked is not None:
        return min(max(float(asked), 0.0), rule.most_asked_s) + chance * rule.first_s
    return float(min(rule.first_s * 2.0 ** (tries - 1), rule.most_s) * (0.5 + chance / 2))
