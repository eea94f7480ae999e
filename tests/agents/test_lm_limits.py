"""One line to each provider: how many, how fast, and when none."""

import asyncio
import os

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "true")

import dspy
import pytest
from dspy.utils import exceptions

from swarm.agents.lm.limits import Breaker, Gate, Heard, Limits, Lines, Pace, ProviderBroken, State, World
from swarm.agents.lm.retry import Policy, delay, meaning
from swarm.errors import EXIT_PAUSED


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now_s += seconds
        await asyncio.sleep(0)


@pytest.mark.asyncio
async def test_the_gate_lets_in_so_many_and_the_longest_waiting_first() -> None:
    gate, order, leave = Gate(2), list[int](), [asyncio.Event() for _ in range(5)]

    async def visit(number: int) -> None:
        async with gate.entered():
            order.append(number)
            await leave[number].wait()

    async with asyncio.TaskGroup() as group:
        visits = [group.create_task(visit(number)) for number in range(5)]
        await _settled()
        assert order == [0, 1]
        leave[1].set()
        await _settled()
        assert order == [0, 1, 2]
        for event in leave:
            event.set()
    assert order == [0, 1, 2, 3, 4]
    assert all(task.done() for task in visits)
    assert gate.free == 2


@pytest.mark.asyncio
async def test_who_gives_up_waiting_is_passed_over_and_nothing_leaks() -> None:
    gate = Gate(1)
    inside = asyncio.Event()

    async def visit() -> None:
        async with gate.entered():
            await inside.wait()

    tasks = [asyncio.create_task(visit()) for _ in range(3)]
    await _settled()
    tasks[1].cancel()
    tasks[0].cancel()
    await _settled()
    assert not tasks[2].done()
    inside.set()
    await tasks[2]
    assert gate.free == 1


@pytest.mark.asyncio
async def test_a_place_that_comes_together_with_the_cancellation_is_passed_on() -> None:
    gate, leave = Gate(1), asyncio.Event()

    async def visit() -> None:
        async with gate.entered():
            await leave.wait()

    holder, waiter = asyncio.create_task(visit()), asyncio.create_task(visit())
    await _settled()
    holder.cancel()
    await asyncio.sleep(0)  # the holder has left and the place is given, but the waiter has not run
    waiter.cancel()
    await _settled()
    assert gate.free == 1


@pytest.mark.asyncio
async def test_the_gate_holds_across_event_loops() -> None:
    gate, order = Gate(1), list[str]()

    async def visit() -> None:
        async with gate.entered():
            order.append("other")

    async with gate.entered():
        other = asyncio.create_task(asyncio.to_thread(asyncio.run, visit()))
        while not gate._waiting:
            await asyncio.sleep(0)
        order.append("first")
    await other
    assert order == ["first", "other"]


async def _settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def test_the_pace_lets_a_burst_go_and_then_one_at_a_time() -> None:
    clock = Clock()
    pace = Pace(per_minute=60, burst=3, clock=clock)
    assert [pace.wait_s() for _ in range(5)] == [0, 0, 0, 1, 2]
    clock.now_s += 3.5
    assert [pace.wait_s() for _ in range(2)] == [0, 0.5]


def test_a_long_rest_earns_no_more_than_the_burst() -> None:
    clock = Clock()
    pace = Pace(per_minute=60, burst=2, clock=clock)
    clock.now_s += 1000
    assert [pace.wait_s() for _ in range(4)] == [0, 0, 1, 2]


def test_without_a_rate_nobody_waits() -> None:
    pace = Pace(None, 1, Clock())
    assert {pace.wait_s() for _ in range(100)} == {0}


@pytest.mark.asyncio
async def test_a_line_keeps_its_rate() -> None:
    clock = Clock()
    lines = Lines({"p": Limits(per_minute=30)}, world=World(clock, clock.sleep))
    for _ in range(3):
        async with lines.line("p").entered():
            pass
    assert clock.slept == [2, 2]
    assert lines.line("p") is lines.line("p")


def broken_after(failures: int, clock: Clock) -> Breaker:
    breaker = Breaker("p", failures=failures, rest_s=30, clock=clock)
    for _ in range(failures):
        breaker.admit()
        breaker.heard(Heard.FAILED)
    return breaker


def test_the_breaker_opens_after_so_many_failures_in_a_row() -> None:
    breaker = Breaker("p", failures=3, rest_s=30, clock=Clock())
    told = [breaker.heard(what) for what in (Heard.FAILED, Heard.FAILED, Heard.SUCCEEDED, Heard.FAILED, Heard.FAILED, Heard.FAILED)]
    assert told == [False, False, False, False, False, True]
    with pytest.raises(ProviderBroken, match="the model provider p does not answer: look whether it is up, then `swarm resume`") as caught:
        breaker.admit()
    assert caught.value.exit_status == EXIT_PAUSED


def test_a_refused_key_opens_it_at_once() -> None:
    breaker = Breaker("p", failures=3, rest_s=30, clock=Clock())
    assert breaker.heard(Heard.KEY_REFUSED)
    with pytest.raises(ProviderBroken, match=r"p refuses the key: check its key .`swarm doctor"):
        breaker.admit()


def test_after_the_rest_one_call_may_look_and_no_other() -> None:
    clock = Clock()
    breaker = broken_after(2, clock)
    clock.now_s += 30
    breaker.admit()
    assert breaker.state is State.HALF_OPEN
    with pytest.raises(ProviderBroken):
        breaker.admit()


def test_a_good_look_closes_it_and_a_bad_one_rests_again() -> None:
    clock = Clock()
    breaker = broken_after(2, clock)
    clock.now_s += 30
    breaker.admit()
    assert breaker.heard(Heard.FAILED)
    clock.now_s += 29
    with pytest.raises(ProviderBroken):
        breaker.admit()
    clock.now_s += 1
    breaker.admit()
    assert not breaker.heard(Heard.SUCCEEDED)
    assert breaker.state is State.CLOSED
    assert not breaker.heard(Heard.FAILED), "old failures are forgotten"


def test_a_look_that_was_cancelled_leaves_the_next_free_to_look() -> None:
    clock = Clock()
    breaker = broken_after(2, clock)
    clock.now_s += 30
    breaker.admit()
    breaker.heard(Heard.LET_GO)
    breaker.admit()
    assert breaker.state is State.HALF_OPEN


RETRIED = [dspy.LMRateLimitError, dspy.LMServerError, dspy.LMTimeoutError, dspy.LMTransportError]
NEVER = [dspy.LMAuthError, dspy.LMBillingError, dspy.LMInvalidRequestError, dspy.LMNotConfiguredError, dspy.LMUnexpectedError]


@pytest.mark.parametrize("kind", RETRIED)
def test_waits_double_up_to_the_longest_and_end(kind: type[Exception]) -> None:
    policy = Policy(tries=6, first_s=1, most_s=5)
    assert [delay(kind("x"), tries, 0.0, policy) for tries in range(1, 7)] == [0.5, 1, 2, 2.5, 2.5, None]
    assert [delay(kind("x"), tries, 0.999999, policy) for tries in range(1, 4)] == pytest.approx([1, 2, 4], rel=1e-3)


@pytest.mark.parametrize("kind", NEVER)
def test_what_the_same_request_cannot_mend_is_not_tried_again(kind: type[Exception]) -> None:
    assert delay(kind("x"), 1, 0.5) is None


def test_a_provider_that_says_when_is_obeyed_up_to_the_cap() -> None:
    policy = Policy(first_s=1, most_asked_s=60)
    assert delay(dspy.LMRateLimitError("x", retry_after=7.0), 1, 0.0, policy) == 7
    assert delay(dspy.LMRateLimitError("x", retry_after=7.0), 1, 0.5, policy) == 7.5
    assert delay(dspy.LMRateLimitError("x", retry_after=86400.0), 1, 0.0, policy) == 60
    assert delay(dspy.LMRateLimitError("x", retry_after=-1.0), 1, 0.0, policy) == 0


def test_we_try_again_exactly_what_dspy_holds_for_transient() -> None:
    kinds = [kind for kind in vars(exceptions).values() if isinstance(kind, type) and issubclass(kind, dspy.LMError)]
    assert len(kinds) > 12
    assert {kind for kind in kinds if meaning(kind()).again} == {kind for kind in kinds if exceptions.is_retryable_lm_error(kind())}


def test_an_error_status_costs_nothing_and_a_lost_answer_may() -> None:
    assert not meaning(dspy.LMServerError()).charged
    assert meaning(dspy.LMTransportError()).charged
