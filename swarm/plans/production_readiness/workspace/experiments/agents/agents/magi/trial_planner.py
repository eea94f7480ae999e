"""The trial planner: few trials that still try each two settings together (pairwise testing)."""

import logging
from collections.abc import Mapping, Sequence
from itertools import combinations, product
from typing import Any, ClassVar

from experiments.agents.agents.unified_base_agent import UnifiedBaseAgent, success

logger = logging.getLogger(__name__)

Setting = tuple[str, int]  # a parameter, and the place of one of its values
Pair = frozenset[Setting]


class TrialPlanner(UnifiedBaseAgent):
    """Plans trials greedily: most faults show when two settings meet, hardly any need three."""

    EXAMPLE: ClassVar[dict[str, Any]] = {"content": {"weather": ["sun", "rain"], "cart": ["one", "two"], "gate": ["open", "closed"]}}

    def __init__(self, name: str = "trial-planner") -> None:
        super().__init__(name)

    async def _process_task(self, task: dict[str, Any]) -> dict[str, Any]:
        return success({"trials": self.plan(task["content"])})

    def plan(self, parameters: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
        """Trials in which each value of each parameter meets each value of every other one.

        Raises:
            ValueError: there are fewer than two parameters, or one has no values.
        """
        if len(parameters) < 2 or not all(parameters.values()):
            raise ValueError("trials need two parameters or more, each with values")
        untried, trials = _pairs(parameters), []
        while untried:
            trial = _trial(parameters, untried)
            for pair in combinations(trial.items(), 2):
                untried.pop(frozenset(pair), None)
            trials.append({name: parameters[name][trial[name]] for name in parameters})
        logger.debug("%d trials", len(trials))
        return trials


def _pairs(parameters: Mapping[str, Sequence[Any]]) -> dict[Pair, None]:
    """Every pair, in order: a dict, since the order of a set changes from run to run."""
    settings = [[(name, place) for place in range(len(values))] for name, values in parameters.items()]
    return {frozenset(pair): None for one, other in combinations(settings, 2) for pair in product(one, other)}


def _trial(parameters: Mapping[str, Sequence[Any]], untried: Mapping[Pair, None]) -> dict[str, int]:
    """Begins with the first untried pair; each further setting is the one that meets the most others for the first time."""
    trial = dict(next(iter(untried)))
    for name in parameters:
        if name not in trial:
            new = [sum(frozenset({(name, place), one}) in untried for one in trial.items()) for place in range(len(parameters[name]))]
            trial[name] = new.index(max(new))
    return trial
