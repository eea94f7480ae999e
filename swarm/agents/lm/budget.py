"""What model calls may cost, reserved before a call and settled after it. Pure: no clock, no IO, no dspy.

A limit holds over what is settled and what is reserved, so calls in flight cannot pass it together. What a call will take is an
estimate for tokens and dollars (exact for calls): a limit is passed by at most what the calls in flight took beyond their estimates.

A call without a known price counts in calls and tokens; the cost of everything it is part of is then unknown, never zero. A limit
in dollars bounds the part that is known.
"""

import math
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Final, Protocol

from swarm.engine.calls import Spend
from swarm.errors import Bug, Parked

__all__ = ["PLAN", "Budget", "BudgetSpent", "Charged", "Ledger", "Reservation", "Scope"]

_NANOS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that may be spent; None = unlimited."""

    usd: float | None = None
    calls: int | None = None
    tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Scope:
    """What a budget is for: the plan, a category or a task."""

    kind: str
    name: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.name}".rstrip()


PLAN: Final = Scope("plan")


class BudgetSpent(Parked):
    """The next call may pass a limit; it was not made. Give `scope` a larger budget, then resume."""

    def __init__(self, scope: Scope, unit: str, limit: float, used: float, reserved: float, wanted: float) -> None:
        held = f", {reserved:g} reserved by calls in flight" if reserved else ""
        name = f"{scope.name}.{unit}" if scope.kind == "category" else unit
        more = (
            f"raise its `budget: {{{unit}: …}}` in the plan and execute it again"
            if scope.kind == "task"
            else f"`swarm resume RUN --budget {name}=…`"
        )
        super().__init__(
            f"the budget of the {scope} is spent: {used:g} of {limit:g} {unit} used{held}, and the next call may take {wanted:g}: {more}"
        )
        self.scope = scope
        self.unit = unit


@dataclass(frozen=True, slots=True)
class Reservation:
    """A hold on the budget for one call, to be settled exactly once."""

    number: int
    task: str
    category: str
    estimate: Spend

    @property
    def scopes(self) -> tuple[Scope, ...]:
        return _scopes(self.task, self.category)


class Charged(Protocol):
    """A recorded call, as far as a ledger is concerned."""

    @property
    def task(self) -> str: ...
    @property
    def category(self) -> str: ...
    @property
    def spent(self) -> Spend: ...


class Ledger:
    """The accounts of one run. Safe to share between threads.

    Args:
        plan: the limits of the whole run.
        categories: limits by category.
        tasks: limits by task.
        recorded: the calls of earlier sessions of this run.
    """

    def __init__(
        self,
        plan: Budget | None = None,
        categories: Mapping[str, Budget] | None = None,
        tasks: Mapping[str, Budget] | None = None,
        recorded: Iterable[Charged] = (),
    ) -> None:
        self._limits = {PLAN: plan or Budget()}
        self._limits |= {Scope("category", name): budget for name, budget in (categories or {}).items()}
        self._limits |= {Scope("task", name): budget for name, budget in (tasks or {}).items()}
        self._settled: defaultdict[Scope, Spend] = defaultdict(Spend)
        self._held: defaultdict[Scope, tuple[int, int, int]] = defaultdict(lambda: (0, 0, 0))
        self._open: set[int] = set()
        self._numbers = count(1)
        self._lock = threading.Lock()
        for row in recorded:
            self._charge(row.task, row.category, row.spent)

    def reserve(self, task: str, category: str, estimate: Spend) -> Reservation:
        """Holds the estimate until it is settled.

        Raises:
            BudgetSpent: it might pass a limit of the task, its category or the plan. Nothing is held.
        """
        with self._lock:
            for scope in _scopes(task, category):
                self._refuse_beyond(scope, estimate)
            reservation = Reservation(next(self._numbers), task, category, estimate)
            self._open.add(reservation.number)
            self._hold(reservation, 1)
        return reservation

    def settle(self, reservation: Reservation, actual: Spend) -> None:
        """Puts what the call took in the place of what was held for it. `Spend()` where it was not made.

        Raises:
            Bug: it was settled before.
        """
        with self._lock:
            if reservation.number not in self._open:
                raise Bug(f"reservation {reservation.number} of task {reservation.task} was settled twice")
            self._open.remove(reservation.number)
            self._hold(reservation, -1)
            self._charge(reservation.task, reservation.category, actual)

    def spent(self, scope: Scope = PLAN) -> Spend:
        """What is settled; calls in flight are not in it."""
        with self._lock:
            return self._settled.get(scope, Spend())

    def left(self, task: str, category: str) -> Iterator[tuple[Scope, str, float]]:
        """What the limits of a task, its category and the plan leave it: scope, unit, amount. Nothing where there is no limit."""
        with self._lock:
            for scope in _scopes(task, category):
                limit = self._limits.get(scope, Budget())
                compared = _compared(limit, self._settled[scope], self._held[scope], Spend())
                yield from ((scope, unit, max(0, most - used - held)) for unit, most, used, held, _ in compared)

    def _charge(self, task: str, category: str, actual: Spend) -> None:
        for scope in _scopes(task, category):
            self._settled[scope] += actual

    def _refuse_beyond(self, scope: Scope, estimate: Spend) -> None:
        limit = self._limits.get(scope)
        if limit is None:
            return
        for unit, most, spent, reserved, wanted in _compared(limit, self._settled[scope], self._held[scope], estimate):
            # Equality refuses as well: an estimate of nothing (an unknown price) must not slip past a spent budget.
            if spent + reserved >= most or spent + reserved + wanted > most:
                raise BudgetSpent(scope, unit, most, spent, reserved, wanted)

    def _hold(self, reservation: Reservation, sign: int) -> None:
        """Dollars are held in whole billionths: taking floats off a sum would leave their rounding errors behind."""
        estimate = reservation.estimate
        for scope in reservation.scopes:
            calls, tokens, nanos = self._held[scope]
            more = math.ceil(estimate.usd_known * _NANOS)
            self._held[scope] = (calls + sign * estimate.calls, tokens + sign * estimate.tokens, nanos + sign * more)


def _scopes(task: str, category: str) -> tuple[Scope, ...]:
    return Scope("task", task), Scope("category", category), PLAN


def _compared(limit: Budget, used: Spend, held: tuple[int, int, int], estimate: Spend) -> Iterator[tuple[str, float, float, float, float]]:
    if limit.calls is not None:
        yield "calls", limit.calls, used.calls, held[0], estimate.calls
    if limit.tokens is not None:
        yield "tokens", limit.tokens, used.tokens, held[1], estimate.tokens
    if limit.usd is not None:
        yield "usd", limit.usd, used.usd_known, held[2] / _NANOS, estimate.usd_known
