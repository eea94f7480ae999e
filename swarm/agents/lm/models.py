"""The models of a run: named by the plan or the operator, opened once each, on one account and one line to each provider.

What the operator chose (`--lm`, `SWARM_LM`) is used in the place of every model that plan or agents name.
"""

import asyncio
import gc
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from swarm.agents.lm.access import endpoint_for, nowhere
from swarm.agents.lm.budget import Budget, Charged, Ledger
from swarm.agents.lm.connection import Endpoint, resolved
from swarm.agents.lm.engine import Mode, close_lm, open_lm
from swarm.agents.lm.limits import Lines
from swarm.agents.lm.names import ModelName, parse_model
from swarm.agents.lm.requests import price_ahead
from swarm.agents.lm.retry import Policy
from swarm.agents.lm.trial import Trial, try_model
from swarm.engine.calls import CallRecord
from swarm.plans import schema
from swarm.plans.graph import Graph
from swarm.plans.load import Plan

__all__ = ["ModelName", "Models", "Trial", "endpoint_for", "ledger_for", "parse_model", "roomy", "try_model"]

_THREADS: Final = 32
_GARBAGE: Final = (10_000, 20, 50)
"""Allocations between collections of the young, and how many of these between those of the older."""
_SAMPLE_TOKENS: Final = 1000


class Models:
    """The models of one run. Use it on one event loop, and `close` it there.

    Args:
        environment: variables with keys and URLs.
        record: where answers are looked for and written down.
        ledger: the accounts of the run.
        override: the model that the operator chose for everything.
        lines: the limits of the run's providers.
        mode: where answers come from. In a replay no key is needed and nothing connects.
        policy: how failures are tried again.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        record: CallRecord,
        ledger: Ledger,
        *,
        override: str | None = None,
        lines: Lines | None = None,
        mode: Mode = Mode.RESUME,
        policy: Policy | None = None,
    ) -> None:
        self._environment = environment
        self._record = record
        self._ledger = ledger
        self._override = override
        self._lines = lines or Lines()
        self._mode = mode
        self._policy = policy
        self._opened: dict[ModelName, Any] = {}

    def lm(self, name: str | None) -> Any | None:
        """The `dspy.LM` for who names this model, or none; None where the operator has not chosen one either.

        Raises:
            UsageError: the name is none, or no such provider is known.
            EnvironmentFault: its key is missing; the variable is named.
        """
        chosen = self._chosen(name)
        if chosen is None:
            return None
        if chosen not in self._opened:
            self._opened[chosen] = self._open(chosen)
        return self._opened[chosen]

    def names(self, name: str | None) -> bool:
        """Whether a model is named, here or by the operator; none is opened."""
        return bool(self._override or name)

    def unpriced(self, name: str | None) -> bool:
        """Whether what this model costs is unknown, so that no budget in dollars can bound it.

        Raises:
            UsageError: the name is none, or no such provider is known.
        """
        chosen = self._chosen(name)
        return chosen is not None and price_ahead(*resolved(nowhere(chosen)), _SAMPLE_TOKENS, _SAMPLE_TOKENS) is None

    async def close(self) -> None:
        """Closes what was opened. Harmless when called twice."""
        while self._opened:
            await close_lm(self._opened.popitem()[1])

    def _chosen(self, name: str | None) -> ModelName | None:
        text = self._override or name
        return parse_model(text) if text else None

    def _open(self, name: ModelName) -> Any:
        return open_lm(self._endpoint(name), self._record, self._ledger, self._lines, mode=self._mode, policy=self._policy)

    def _endpoint(self, name: ModelName) -> Endpoint:
        if self._mode is Mode.REPLAY:
            return nowhere(name)
        return endpoint_for(name, self._environment, trusted=self._override is not None)


def ledger_for(
    plan: Plan,
    graph: Graph,
    rows: Iterable[Charged],
    budget: schema.Budget | None = None,
    of_categories: Mapping[str, schema.Budget] | None = None,
) -> Ledger:
    """The accounts of a run of a plan, with what earlier sessions spent.

    Args:
        rows: the recorded calls.
        budget, of_categories: of the command line; each limit of them takes the place of the plan's.
    """
    given = of_categories or {}
    categories = {name: _limits(each.budget, given.get(name)) for name, each in plan.spec.categories.items()}
    tasks = {name: _limits(each.budget) for name, each in graph.tasks.items()}
    return Ledger(_limits(plan.spec.limits.budget, budget), categories, tasks, rows)


def _limits(planned: schema.Budget, given: schema.Budget | None = None) -> Budget:
    """Unit by unit: whoever gives more calls has not taken the limit off the dollars."""
    own = given or schema.Budget()
    return Budget(own.usd or planned.usd, own.calls or planned.calls, own.tokens or planned.tokens)


def roomy(loop: asyncio.AbstractEventLoop) -> None:
    """Makes room for many agents on a loop. Call it once, before the first agent starts and after dspy is imported.

    Threads: DSPy passes each call through two, and with as many as asyncio starts a few slow ones elsewhere hold up every model call.
    And what is imported stays: looking through DSPy's half a million objects for garbage stops everything for a tenth of a second.
    """
    loop.set_default_executor(ThreadPoolExecutor(_THREADS, thread_name_prefix="swarm"))
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GARBAGE)
