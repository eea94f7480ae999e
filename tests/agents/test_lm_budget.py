"""Budgets hold whatever happens at once."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm.agents.lm.budget import PLAN, Budget, BudgetSpent, Ledger, Reservation, Scope
from swarm.engine.calls import Spend
from swarm.errors import Bug, Parked

ONE = Spend(calls=1, tokens=100, usd_known=0.25)


def test_a_call_beyond_the_budget_is_refused_with_the_figures_and_the_mend() -> None:
    ledger = Ledger(Budget(calls=1))
    ledger.settle(ledger.reserve("t", "c", ONE), ONE)
    with pytest.raises(
        BudgetSpent,
        match=r"budget of the plan is spent: 1 of 1 calls used, and the next call may take 1: `swarm resume RUN --budget calls=…`",
    ) as caught:
        ledger.reserve("t", "c", ONE)
    assert caught.value.scope == PLAN
    assert isinstance(caught.value, Parked)


def test_calls_in_flight_count_as_much_as_those_made() -> None:
    ledger = Ledger(Budget(calls=2))
    ledger.reserve("t", "c", ONE)
    ledger.reserve("t", "c", ONE)
    with pytest.raises(BudgetSpent, match="2 reserved by calls in flight"):
        ledger.reserve("t", "c", ONE)


def test_a_call_that_was_not_made_gives_back_what_it_held() -> None:
    ledger = Ledger(Budget(calls=1, tokens=100, usd=0.25))
    ledger.settle(ledger.reserve("t", "c", ONE), Spend())
    assert ledger.spent() == Spend()
    ledger.reserve("t", "c", ONE)


@pytest.mark.parametrize(("category", "task"), [("narrow", "free"), ("wide", "held")])
def test_the_budgets_of_category_and_task_bind_theirs_only(category: str, task: str) -> None:
    ledger = Ledger(categories={"narrow": Budget(tokens=100)}, tasks={"held": Budget(usd=0.25)})
    ledger.reserve(task, category, ONE)
    with pytest.raises(BudgetSpent):
        ledger.reserve(task, category, ONE)
    ledger.reserve("free", "wide", ONE)


def test_a_refusal_by_one_scope_holds_nothing_of_another() -> None:
    ledger = Ledger(Budget(calls=1), tasks={"poor": Budget(tokens=1)})
    with pytest.raises(BudgetSpent, match="task poor"):
        ledger.reserve("poor", "c", ONE)
    ledger.reserve("rich", "c", ONE)


def test_an_unknown_price_counts_calls_and_tokens_and_makes_the_cost_unknown_not_zero() -> None:
    ledger = Ledger()
    ledger.settle(ledger.reserve("priced", "c", ONE), ONE)
    ledger.settle(ledger.reserve("local", "c", ONE), Spend(calls=1, tokens=7, unpriced=1))
    assert ledger.spent().usd is None
    assert (ledger.spent().calls, ledger.spent().tokens, ledger.spent().usd_known) == (2, 107, 0.25)
    assert ledger.spent(Scope("task", "priced")).usd == 0.25


def test_a_spent_budget_in_dollars_refuses_a_call_of_unknown_price_too() -> None:
    ledger = Ledger(Budget(usd=0.25))
    ledger.settle(ledger.reserve("t", "c", ONE), ONE)
    with pytest.raises(BudgetSpent, match="usd"):
        ledger.reserve("t", "c", Spend(calls=1, tokens=1, unpriced=1))


def test_settling_twice_is_a_bug() -> None:
    ledger = Ledger()
    hold = ledger.reserve("t", "c", ONE)
    ledger.settle(hold, ONE)
    with pytest.raises(Bug):
        ledger.settle(hold, ONE)


def test_eight_threads_cannot_pass_a_budget_together() -> None:
    ledger = Ledger(Budget(calls=9))

    def work(worker: int) -> int:
        return sum(_called(ledger, f"task-{worker}") for _ in range(50))

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(work, range(8))) == 9
    assert ledger.spent().calls == 9


def _called(ledger: Ledger, task: str) -> bool:
    try:
        ledger.settle(ledger.reserve(task, "c", ONE), ONE)
    except BudgetSpent:
        return False
    return True


TASKS = st.sampled_from([("a.1", "a"), ("a.2", "a"), ("b.1", "b")])
QUARTERS = st.integers(0, 8).map(lambda n: n / 4)  # exact in binary
SPENDS = st.builds(Spend, calls=st.just(1), tokens=st.integers(0, 50), usd_known=QUARTERS)
BUDGETS = st.builds(Budget, usd=st.none() | st.just(3.0), calls=st.none() | st.integers(1, 9), tokens=st.none() | st.integers(1, 200))
STEPS = st.lists(st.tuples(TASKS, SPENDS, st.floats(0, 1), st.booleans()), max_size=40)


@given(plan=BUDGETS, category=BUDGETS, task=BUDGETS, steps=STEPS)
def test_it_agrees_with_a_ten_line_model_and_never_passes_a_limit(plan: Budget, category: Budget, task: Budget, steps: list[Any]) -> None:
    ledger = Ledger(plan, {"a": category}, {"a.1": task})
    limits = {"": plan, "a": category, "a.1": task}
    rows: list[list[Any]] = []  # [task, category, amount, reservation]
    for (name, kind), wanted, share, settles in steps:
        fits = True
        for scope in ("", kind, name):
            limit = limits.get(scope, Budget())
            used = sum((row[2] for row in rows if scope in ("", row[0], row[1])), Spend())
            for most, have, more in ((limit.calls, used.calls, 1), (limit.tokens, used.tokens, wanted.tokens)):
                fits &= most is None or (have < most and have + more <= most)
            fits &= limit.usd is None or (used.usd_known < limit.usd and used.usd_known + wanted.usd_known <= limit.usd)
        hold = _reserved(ledger, name, kind, wanted)
        assert (hold is not None) == fits
        if hold is not None:
            rows.append([name, kind, wanted, hold])
        if settles and rows and (row := rows[int(share * (len(rows) - 1))])[3] is not None:
            took = Spend(1, row[2].tokens // 2, row[2].usd_known)
            ledger.settle(row[3], took)
            row[2:] = [took, None]
    settled = sum((row[2] for row in rows if row[3] is None), Spend())
    assert ledger.spent() == settled
    assert plan.tokens is None or settled.tokens <= plan.tokens
    again = Ledger(plan, recorded=[Row(row[0], row[1], row[2]) for row in rows if row[3] is None])
    assert all(again.spent(scope) == ledger.spent(scope) for scope in (PLAN, Scope("category", "a"), Scope("task", "b.1")))


@dataclass(frozen=True)
class Row:
    """A recorded call."""

    task: str
    category: str
    spent: Spend


def _reserved(ledger: Ledger, task: str, category: str, wanted: Spend) -> Reservation | None:
    try:
        return ledger.reserve(task, category, wanted)
    except BudgetSpent:
        return None
