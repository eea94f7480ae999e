"""Scenarios: steps in an order, each with what is expected of it."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

logger = logging.getLogger(__name__)

Action = Callable[[dict[str, Any]], Awaitable[Any]]
Expectation = Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class Step:
    """One step.

    Attributes:
        action: does it; it is given what the earlier steps came to, by step name.
        expectation: whether what it came to is right.
    """

    name: str
    action: Action
    expectation: Expectation


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """What became of a step: `passed`, or the reason why not."""

    name: str
    passed: bool
    reason: str = ""


class ScenarioRunner:
    """Runs scenarios. The first step that does not come out as expected ends its scenario: the later ones build on it."""

    def __init__(self) -> None:
        self.passed = 0
        self.failed = 0

    async def run(self, steps: Sequence[Step]) -> list[StepOutcome]:
        """Runs a scenario; the outcomes of the steps that were tried, in order."""
        results: dict[str, Any] = {}
        outcomes: list[StepOutcome] = []
        for step in steps:
            outcomes.append(await _outcome(step, results))
            if not outcomes[-1].passed:
                self.failed += 1
                logger.warning("the scenario ends at %s: %s", step.name, outcomes[-1].reason)
                return outcomes
        self.passed += 1
        return outcomes

    async def self_check(self) -> bool:
        """Whether a scenario of one step passes."""
        counted = self.passed, self.failed
        outcomes = await self.run([Step("self-check", _nothing, lambda result: result == {})])
        self.passed, self.failed = counted
        return [outcome.passed for outcome in outcomes] == [True]


async def _nothing(results: dict[str, Any]) -> dict[str, Any]:
    return dict(results)


async def _outcome(step: Step, results: dict[str, Any]) -> StepOutcome:
    try:
        result = results[step.name] = await step.action(results)
        if step.expectation(result):
            return StepOutcome(step.name, True)
    except Exception as error:
        return StepOutcome(step.name, False, f"{type(error).__name__}: {error}")
    return StepOutcome(step.name, False, f"{result!r} was not expected")
