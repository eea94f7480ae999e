"""The only caller of models: record, budget, limits and retries around DSPy's client, as an engine pair for `dspy.LM`.

A question goes this way: the record, if it knows the answer; else budget, line, provider, account, record, and only then to whoever
asked. A retry is a new try with a reservation and a row of its own, so that budget and record see each request that left.

There is one path, and it is asynchronous. The synchronous engine runs it on a loop in a thread of its own, so both share gate, pace,
breaker and accounts. Streams are made of the whole answer: nothing of it may be seen before it is recorded.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import count
from typing import Any, Final

import dspy

from swarm.agents.lm.budget import Ledger
from swarm.agents.lm.connection import Connection, Endpoint, capabilities
from swarm.agents.lm.limits import Heard, Lines, ProviderBroken
from swarm.agents.lm.record import Caller, chained
from swarm.agents.lm.requests import (
    Request,
    Response,
    as_events,
    as_json,
    canonical,
    digest_of,
    error_again,
    price,
    price_ahead,
    public_error,
    response_as_json,
    response_from_json,
)
from swarm.agents.lm.retry import Policy, delay, meaning
from swarm.agents.lm.thread import LoopThread
from swarm.agents.lm.turns import my_turn
from swarm.engine.calls import CallRecord, CallRow, Spend, Tokens
from swarm.errors import Bug, EnvironmentFault, NotRecorded, SwarmError

__all__ = ["Mode", "Stopped", "close_lm", "open_lm", "reason_of"]

_CHARS_PER_TOKEN: Final = 3
"""On the safe side: English has about four."""
_NO_SUCH_MODEL: Final = 404
_MOST_TOKENS: Final = 10**9
_ANSWER_TOKENS: Final = 1000
"""Reserved for an answer whose length the request does not limit."""


class Mode(Enum):
    """Where answers come from."""

    RESUME = "resume"
    """From the record, and from the provider where it has none."""
    REPLAY = "replay"
    """From the record only."""
    LIVE = "live"
    """From the provider only."""


class ModelMissing(EnvironmentFault):
    """The provider knows no such model: name another."""


class Stopped(dspy.LMError):  # type: ignore[misc] # dspy is untyped
    """A call ended for a reason of ours, in a class that DSPy hands through unchanged. Look at `reason`, or use `reason_of`."""

    def __init__(self, reason: SwarmError) -> None:
        super().__init__(str(reason))
        self.reason = reason


def reason_of(error: BaseException | None) -> SwarmError | None:
    """The reason of ours behind an error, however a program wrapped it; None where there is none."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, Stopped):
            return error.reason
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return None


@dataclass(frozen=True, slots=True)
class _Question:
    """One request of an attempt."""

    request: Request
    said: dict[str, Any]
    """The request as JSON."""
    chars: int
    """Of that as text."""
    caller: Caller
    key: str
    number: int
    occurrence: int


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What became of one try."""

    spent: Spend
    seconds: float
    response: Response | None = None
    error: BaseException | None = None
    public: BaseException | None = None
    """The error in DSPy's public tree."""


class _Calls:
    """The path of a question; what both engines share."""

    def __init__(
        self, connection: Connection, model: str, record: CallRecord, ledger: Ledger, lines: Lines, mode: Mode, policy: Policy
    ) -> None:
        self.connection = connection
        self.thread = LoopThread()
        self._model = model
        self._record = record
        self._ledger = ledger
        self._line = lines.line(connection.provider)
        self._world = lines.world
        self._mode = mode
        self._policy = policy

    async def answer(self, request: Request, caller: Caller | None) -> Response:
        try:
            question = self._question(request, caller)
            known = self._known(question)
            return known if known is not None else await self._ask(question)
        except SwarmError as reason:
            raise Stopped(reason) from reason

    def _question(self, request: Request, caller: Caller | None) -> _Question:
        if caller is None:
            raise Bug("a model was called outside an attempt: give dspy.context(swarm_call=Caller(…))")
        said = as_json(request)
        text = canonical(said)
        key = digest_of(text)
        return _Question(request, said, len(text), caller, key, *caller.asks(key))

    def _estimate(self, question: _Question) -> Spend:
        tokens_in = question.chars // _CHARS_PER_TOKEN
        tokens_out = question.request.config.max_tokens or _ANSWER_TOKENS
        usd = price_ahead(self.connection.provider, self.connection.wire_model, tokens_in, tokens_out)
        return _spend(tokens_in + tokens_out, usd)

    def _known(self, question: _Question) -> Response | None:
        """The recorded answer.

        Raises:
            NotRecorded: there is none, and nobody else may be asked.
            dspy.lm15.LM15Error: the recorded answer was this error.
        """
        if self._mode is Mode.LIVE:
            return None
        caller = question.caller
        row = self._record.recorded(caller.task, caller.attempt, question.key, question.occurrence)
        if row is not None and row.response is not None:
            return response_from_json(json.loads(self._record.text(row.response)))
        if row is not None and (error := self._known_error(row)):
            raise error
        if self._mode is Mode.REPLAY:
            raise _not_recorded(caller, question.number)
        return None

    def _known_error(self, row: CallRow) -> Exception | None:
        """What a program was told, and goes on from. Resuming, only a too long prompt stays: it is true of the request for ever.

        A fault of provider or model was never told to a program: it parked the run.
        """
        lasting = self._mode is Mode.REPLAY or row.error == dspy.ContextWindowExceededError.__name__
        error = error_again(row.error, row.status) if row.error and lasting else None
        return None if error is None or self._parks(public_error(error, self._model)) else error

    async def _ask(self, question: _Question) -> Response:
        """Until it is answered, the question stands among those that its attempt waits for; one that is cancelled stays there."""
        question.caller.unanswered[question.number] = self._world.clock()
        try:
            answer = await self._tried(question)
        except Exception:
            del question.caller.unanswered[question.number]
            raise
        del question.caller.unanswered[question.number]
        return answer

    async def _tried(self, question: _Question) -> Response:
        for tried in count(1):
            outcome = await self._try(question, tried)
            if outcome.error is None:
                return outcome.response
            wait_s = self._wait_s(outcome, tried)
            if wait_s is None:
                raise self._given_up(outcome) from outcome.error
            await self._world.sleep(wait_s)
        raise AssertionError("count ends")

    def _given_up(self, outcome: _Outcome) -> BaseException:
        """The error itself, where it is an answer to this request; a fault of provider or model parks the run, and costs no attempt."""
        assert outcome.error is not None
        if outcome.public is None or not self._parks(outcome.public):
            return outcome.error
        provider = self.connection.provider
        if getattr(outcome.public, "status", None) == _NO_SUCH_MODEL:
            return ModelMissing(f"{provider} knows no model {self._model}: name another by --lm, then `swarm resume`")
        said = f"did not answer {self._policy.tries} times ({type(outcome.public).__name__})"
        return ProviderBroken(f"the model provider {provider} {said}: let it rest, then `swarm resume`")

    @staticmethod
    def _parks(public: BaseException) -> bool:
        return getattr(public, "status", None) == _NO_SUCH_MODEL or (isinstance(public, Exception) and meaning(public).again)

    def _wait_s(self, outcome: _Outcome, tried: int) -> float | None:
        return delay(outcome.public, tried, self._world.chance(), self._policy) if isinstance(outcome.public, Exception) else None

    async def _try(self, question: _Question, tried: int) -> _Outcome:
        """One try, accounted for and recorded whatever becomes of it.

        Raises:
            BudgetSpent: there is no budget for it.
            ProviderBroken: the provider is held for broken, by this try or before it.
        """
        hold = self._ledger.reserve(question.caller.task, question.caller.category, self._estimate(question))
        spent = Spend()  # nothing, for as long as nothing was sent
        try:
            async with self._line.entered():
                outcome, broken = await self._send(question)
                spent = outcome.spent
        finally:
            self._ledger.settle(hold, spent)
        # Shielded: a call that is cancelled now was still made.
        await asyncio.shield(self._put(question, tried, outcome))
        if broken:
            raise self._line.breaker.broken() from outcome.error
        return outcome

    async def _send(self, question: _Question) -> tuple[_Outcome, bool]:
        """What became of it, and whether the provider is now held for broken. The breaker hears it before the next is let in."""
        began = self._world.clock()
        try:
            response = await self.connection.send(question.request)
        except asyncio.CancelledError as error:
            self._line.breaker.heard(Heard.LET_GO)
            return _Outcome(_lost(), self._world.clock() - began, error=error, public=error), False
        except Exception as error:  # noqa: BLE001 # it is written down, weighed, and raised again
            return self._failed(question, error, began)
        self._line.breaker.heard(Heard.SUCCEEDED)
        return _Outcome(self._spent(question, response), self._world.clock() - began, response), False

    def _failed(self, question: _Question, error: Exception, began: float) -> tuple[_Outcome, bool]:
        public = public_error(error, self._model)
        means = meaning(public)
        broken = self._line.breaker.heard(means.heard, began if means.again else None) and means.heard is not Heard.LET_GO
        return _Outcome(_lost() if means.charged else Spend(), self._world.clock() - began, error=error, public=public), broken

    def _spent(self, question: _Question, response: Response) -> Spend:
        usage = response.usage
        total = _believed(usage.total_tokens)
        tokens = total if total is not None else self._estimate(question).tokens
        return _spend(tokens, price(question.request, response, self.connection.provider, self.connection.wire_model))

    async def _put(self, question: _Question, tried: int, outcome: _Outcome) -> None:
        await my_turn()  # answers come in crowds
        said = "" if outcome.response is None else canonical(response_as_json(outcome.response))
        digest = digest_of(said) if said else None
        last, texts = chained(question.said)
        if digest:
            texts[digest] = said
        await self._record.put(self._row(question, tried, outcome, last, digest), texts)

    def _row(self, question: _Question, tried: int, outcome: _Outcome, last_link: str, response: str | None) -> CallRow:
        caller = question.caller
        return CallRow(
            task=caller.task,
            category=caller.category,
            attempt=caller.attempt,
            number=question.number,
            key=question.key,
            occurrence=question.occurrence,
            tried=tried,
            provider=self.connection.provider,
            model=self._model,
            request=last_link,
            response=response,
            tokens=_tokens(outcome.response),
            spent=outcome.spent,
            seconds=outcome.seconds,
            error=type(outcome.public).__name__ if outcome.public else None,
            status=getattr(outcome.public, "status", None),
        )


class _Engine:
    """What both engines of a pair are: capabilities to look at, and one path."""

    def __init__(self, calls: _Calls, abilities: dict[str, Any]) -> None:
        self.calls = calls
        vars(self).update(abilities)

    def __deepcopy__(self, memo: Any) -> Any:
        """Itself: optimisers copy programs together with their models, and there is one account and one line."""
        return self


class SyncEngine(_Engine):
    """For programs without `aforward`, in threads. On a loop's own thread it would hold up everything there."""

    def complete(self, request: Request) -> Response:
        return self.calls.thread.run(self.calls.answer(request, _caller()))

    def stream(self, request: Request) -> Iterator[Any]:
        yield from as_events(self.complete(request))


class AsyncEngine(_Engine):
    """For programs with `aforward`."""

    async def complete(self, request: Request) -> Response:
        return await self.calls.answer(request, _caller())

    async def stream(self, request: Request) -> AsyncIterator[Any]:
        for event in as_events(await self.complete(request)):
            yield event


def open_lm(
    endpoint: Endpoint,
    record: CallRecord,
    ledger: Ledger,
    lines: Lines | None = None,
    *,
    mode: Mode = Mode.RESUME,
    policy: Policy | None = None,
    **settings: Any,
) -> Any:
    """A `dspy.LM` whose every call passes record, budget and limits. Close it with `close_lm`.

    Calls are made inside `dspy.context(swarm_call=Caller(…))`. They raise DSPy's own errors, and `Stopped` for `BudgetSpent`,
    `ProviderBroken`, `NotRecorded` and faults of the record.

    Args:
        endpoint: the model.
        record: where answers are looked for and written down.
        ledger: the accounts of the run.
        lines: the limits of the run's providers; models of one run share them.
        mode: where answers come from.
        policy: how failures are tried again.
        settings: of `dspy.LM`, such as `temperature` and `max_tokens`.

    Raises:
        UsageError: no provider is known for the model's name.
    """
    shared = lines or Lines()
    connection = _connected(endpoint, shared)
    calls = _Calls(connection, endpoint.model, record, ledger, shared, mode, policy or Policy())
    able = capabilities(endpoint)
    pair = {"engine": SyncEngine(calls, able), "async_engine": AsyncEngine(calls, able)}
    return dspy.LM(endpoint.model, model_type=endpoint.model_type, cache=False, num_retries=0, **pair, **settings)


async def close_lm(lm: Any) -> None:
    """Closes the connections that a model of `open_lm` has on this loop and on its thread. DSPy closes no engine of others."""
    calls: _Calls = lm.engine.calls
    await calls.connection.aclose()
    if calls.thread.started:
        await asyncio.to_thread(_end, calls)


def _end(calls: _Calls) -> None:
    calls.thread.run(calls.connection.aclose())
    calls.thread.close()


def _connected(endpoint: Endpoint, lines: Lines) -> Connection:
    """As many connections as the gate lets in, so that none ever waits, or fails, for want of one."""
    return Connection(endpoint, lambda provider: lines.limits(provider).at_once)


def _caller() -> Caller | None:
    """Read in the thread of the program: DSPy carries its settings into the threads that it starts, and nothing else."""
    caller: Caller | None = dspy.settings.get("swarm_call")
    return caller


def _not_recorded(caller: Caller, number: int) -> NotRecorded:
    what = f"call {number} of task {caller.task}, attempt {caller.attempt}"
    return NotRecorded(f"{what}, is not in the record: up to there the replay was the same")


def _spend(tokens: int, usd: float | None) -> Spend:
    return Spend(1, tokens, usd or 0.0, int(usd is None))


def _lost() -> Spend:
    """A call whose answer we never saw: made, and its price unknown."""
    return Spend(calls=1, unpriced=1)


def _tokens(response: Response | None) -> Tokens:
    if response is None:
        return Tokens()
    usage = response.usage
    return Tokens(_believed(usage.input_tokens), _believed(usage.output_tokens), _believed(usage.cache_read_tokens))


def _believed(count: int | None) -> int | None:
    """A provider's count of tokens; None for one that cannot be, which would spoil every sum."""
    return count if count is not None and 0 <= count <= _MOST_TOKENS else None
