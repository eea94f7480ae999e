"""Is everything there that a run stands on? Checks with deadlines, asked all at once, none of which can hold up the rest.

Each check is asked apart: a plain callable in a daemon thread, because it may block; an async one as a task of the caller's loop,
because it may belong to that loop. A thread cannot be ended from outside. So a check that hangs keeps its one thread, is called
unhealthy from its deadline on, and is not started again before it has come back: asking a hundred times costs one thread, not a hundred.
For the same reason two callers who ask at the same time share one answer. (A check that comes back after its deadline was late,
whatever it says.)

What a check may answer: `True` or `False`; or a mapping with `healthy` (bool) or `status` ("healthy", "degraded", "unhealthy"), so that
a component's own `health_check` can be registered as it is. Of a mapping, `error` and a few plain values are kept, cut to size. Any
other answer, and any exception, means unhealthy: we do not guess.
"""

import asyncio
import contextvars
import inspect
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, Literal, TypedDict, TypeVar, get_args

__all__ = [
    "Check",
    "CheckReport",
    "HealthChecker",
    "HealthReport",
    "History",
    "Judged",
    "Remembered",
    "Status",
    "in_daemon_thread",
    "overall_status",
]

Status = Literal["healthy", "degraded", "unhealthy"]
Check = Callable[[], Any | Awaitable[Any]]
"""Answers as the module's text says. A plain one runs in a thread and may block; an async one must neither block nor outlive its
cancellation, which comes at its deadline."""
Plain = str | int | float | bool | None

MOST_CHECKS: Final = 200
"""How many checks may be registered: each may cost a thread."""
LONGEST_DEADLINE_S: Final = 3600.0
_NAME_LENGTH: Final = 100
_TEXT_LENGTH: Final = 300
_DETAILS: Final = 20
_LARGEST: Final = 2.0**63
_NO: Final = "the check said no"
_WORSE: Final[tuple[Status, ...]] = get_args(Status)

_T = TypeVar("_T")


class CheckReport(TypedDict):
    """One check's part of the report."""

    healthy: bool
    status: Status
    error: str
    """Why it is not healthy; empty where it is, or where it did not say."""
    seconds: float
    """How long the answer took, or is late already."""
    critical: bool
    redundancy: str | None
    details: dict[str, Plain]


class HealthReport(TypedDict):
    """The answer to "is everything there?". Plain data, ready for JSON; texts in it come from the checks and are not escaped."""

    status: Status
    timestamp: str
    """ISO 8601, UTC."""
    checks: dict[str, CheckReport]


@dataclass(frozen=True, slots=True)
class Remembered:
    """One earlier answer of a check; `at` is ISO 8601 in UTC."""

    at: str
    status: Status
    seconds: float
    error: str


@dataclass(frozen=True, slots=True)
class History:
    """What a check said lately, oldest first, and how often it changed its mind since it was registered."""

    results: tuple[Remembered, ...]
    flips: int


@dataclass(frozen=True, slots=True)
class Judged:
    """What counts of a check when the whole is judged."""

    status: Status
    critical: bool = True
    redundancy: str | None = None


def overall_status(checks: Iterable[Judged]) -> Status:
    """Judges the whole. Checks that name the same `redundancy` stand in for each other; any other stands alone.

    Unhealthy: something critical is down entirely, that is, all that stand in for each other there. Degraded: anything else is not
    as it should be. A group is critical if any of its members is.
    """
    groups = _groups(checks)
    if any(all(one.status == "unhealthy" for one in group) and any(one.critical for one in group) for group in groups):
        return "unhealthy"
    return "healthy" if all(one.status == "healthy" for group in groups for one in group) else "degraded"


def _groups(checks: Iterable[Judged]) -> list[list[Judged]]:
    groups: dict[object, list[Judged]] = {}
    for position, check in enumerate(checks):
        groups.setdefault(position if check.redundancy is None else check.redundancy, []).append(check)
    return list(groups.values())


class HealthChecker:
    """Knows the checks, asks them, remembers what they said. May be used from any thread.

    Args:
        remembered: how many results of each check are kept.
        clock: seconds that never go back.
        now: the wall clock in UTC; a label only.
    """

    def __init__(
        self,
        *,
        remembered: int = 50,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._remembered = remembered
        self._clock = clock
        self._now = now
        self._lock = threading.Lock()
        self._checks: dict[str, _Registered] = {}

    def register_check(
        self, name: str, check: Check, *, deadline_s: float = 5.0, critical: bool = True, redundancy: str | None = None
    ) -> None:
        """Adds a check.

        Args:
            check: what to ask; see the module's text for its answers.
            deadline_s: seconds after which no answer means unhealthy.
            critical: without it nothing works. Where only uncritical checks fail, the whole is degraded.
            redundancy: the name of a group whose members stand in for each other: the whole is unhealthy only when all are down.

        Raises:
            ValueError: the name is taken, empty, too long or unprintable; the deadline is out of range; there are too many checks.
        """
        _require_name(name)
        if redundancy is not None:
            _require_name(redundancy)
        if not 0 < deadline_s <= LONGEST_DEADLINE_S:  # refuses NaN too
            raise ValueError(f"the deadline of check {name} must be above 0 and at most {LONGEST_DEADLINE_S:g} seconds, not {deadline_s}")
        new = _Registered(name, check, deadline_s, critical, redundancy, deque(maxlen=self._remembered))
        with self._lock:
            self._add(new)

    def forget_check(self, name: str) -> None:
        """Takes a check out, with its history: its component is gone. Harmless where there is none of that name."""
        with self._lock:
            self._checks.pop(name, None)

    async def run_health_checks(self) -> HealthReport:
        """Asks all checks at the same time, and answers once each has answered or has run out of time."""
        with self._lock:
            checks = tuple(self._checks.values())
        flights = [self._under_way(check) for check in checks]  # all are on their way before one is waited for
        reports = await asyncio.gather(*(self._awaited(check, flight) for check, flight in zip(checks, flights, strict=True)))
        return {
            "status": overall_status(Judged(report["status"], report["critical"], report["redundancy"]) for report in reports),
            "timestamp": self._now().isoformat(),
            "checks": {check.name: report for check, report in zip(checks, reports, strict=True)},
        }

    def run_health_checks_now(self) -> HealthReport:
        """The same from a thread without an event loop.

        Raises:
            RuntimeError: there is a loop here; it would stand still meanwhile.
        """
        if _in_a_loop():
            raise RuntimeError("an event loop is running in this thread: await run_health_checks() instead")
        return asyncio.run(self.run_health_checks())

    def history(self, name: str) -> History:
        """What a check said lately.

        Raises:
            ValueError: there is no such check.
        """
        with self._lock:
            if name not in self._checks:
                raise ValueError(f"there is no check {name!r}; there are: {', '.join(self._checks) or 'none'}")
            check = self._checks[name]
            return History(tuple(check.past), check.flips)

    def _add(self, check: "_Registered") -> None:
        if check.name in self._checks:
            raise ValueError(f"there is a check {check.name!r} already: choose another name, or forget that one first")
        if len(self._checks) >= MOST_CHECKS:
            raise ValueError(f"there are {MOST_CHECKS} checks already: one more is too many")
        self._checks[check.name] = check

    def _under_way(self, check: "_Registered") -> "_Flight":
        """The question that is still open, else a new one."""
        loop = asyncio.get_running_loop()
        with self._lock:
            if check.flight is None or not check.flight.open_for(loop):
                check.flight = self._launched(check, loop)
            return check.flight

    def _launched(self, check: "_Registered", loop: asyncio.AbstractEventLoop) -> "_Flight":
        since = self._clock()
        flight = _Flight(_asked(check, loop), since)
        flight.asked.add_done_callback(lambda _: flight.note_end(self._clock()))
        return flight

    async def _awaited(self, check: "_Registered", flight: "_Flight") -> CheckReport:
        await flight.landed(check.deadline_s - (self._clock() - flight.since))
        seconds = (self._clock() if flight.ended is None else flight.ended) - flight.since
        answer = flight.answer if seconds <= check.deadline_s else None
        answer = answer or _Answer("unhealthy", _lateness(check, flight, seconds))
        self._remember(check, flight, answer, seconds)
        return check.report(answer, seconds)

    def _remember(self, check: "_Registered", flight: "_Flight", answer: "_Answer", seconds: float) -> None:
        """Once for each question, however many wait for its answer."""
        with self._lock:
            if not flight.told:
                flight.told = True
                check.remember(Remembered(self._now().isoformat(), answer.status, seconds, answer.error))


@dataclass(frozen=True, slots=True)
class _Answer:
    status: Status
    error: str = ""
    details: dict[str, Plain] = field(default_factory=dict)


@dataclass(slots=True)
class _Registered:
    name: str
    check: Check
    deadline_s: float
    critical: bool
    redundancy: str | None
    past: deque[Remembered]
    flips: int = 0
    flight: "_Flight | None" = None
    last: Status | None = None

    def remember(self, result: Remembered) -> None:
        self.flips += self.last not in (None, result.status)
        self.last = result.status
        self.past.append(result)

    def report(self, answer: _Answer, seconds: float) -> CheckReport:
        return {
            "healthy": answer.status == "healthy",
            "status": answer.status,
            "error": answer.error,
            "seconds": seconds,
            "critical": self.critical,
            "redundancy": self.redundancy,
            "details": answer.details,
        }


@dataclass(slots=True)
class _Flight:
    """A check that was asked: in a thread, or as a task of a loop."""

    asked: "Future[_Answer] | asyncio.Task[_Answer]"
    since: float
    ended: float | None = None
    told: bool = False

    def note_end(self, at: float) -> None:
        self.ended = at

    def open_for(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Whether a caller in this loop can and should wait for it. A task of another loop cannot be waited for."""
        return not self.asked.done() and (isinstance(self.asked, Future) or self.asked.get_loop() is loop)

    async def landed(self, seconds: float) -> None:
        """Waits for the answer, or until the time is up. It leaves the check alone, even when it is itself cancelled."""
        if seconds <= 0:
            return  # each wait leaves a trace in the future: a check that hangs for days must not gather them
        waiting = asyncio.wrap_future(self.asked) if isinstance(self.asked, Future) else self.asked
        try:
            await asyncio.wait([waiting], timeout=seconds)
        finally:
            if waiting is not self.asked:
                waiting.cancel()  # else, in early 3.11, a thread's late end would knock at a loop that is closed by then

    @property
    def answer(self) -> _Answer | None:
        """None where there is none, or it was cancelled for being late."""
        if not self.asked.done() or self.asked.cancelled():
            return None
        error = self.asked.exception()  # no thread could be had
        return self.asked.result() if error is None else _Answer("unhealthy", _named(error))


def _asked(check: _Registered, loop: asyncio.AbstractEventLoop) -> "Future[_Answer] | asyncio.Task[_Answer]":
    if not _is_async(check.check):
        return in_daemon_thread(partial(_called, check.check), f"swarm-health-{check.name}")
    task = loop.create_task(_awaited(check.check))
    # The deadline is kept by the loop and not by whoever waits: they may be cancelled, and share the task with others.
    ending = loop.call_later(check.deadline_s, task.cancel)
    task.add_done_callback(lambda _: ending.cancel())
    return task


def _in_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _is_async(check: Check) -> bool:
    return inspect.iscoroutinefunction(check) or inspect.iscoroutinefunction(getattr(type(check), "__call__", None))  # noqa: B004


def _called(check: Check) -> _Answer:
    try:
        return _read(check())
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a check raises is its answer
        return _Answer("unhealthy", _named(error))


async def _awaited(check: Check) -> _Answer:
    try:
        return _read(await check())
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a check raises is its answer
        return _Answer("unhealthy", _named(error))


def _lateness(check: _Registered, flight: _Flight, seconds: float) -> str:
    if seconds < check.deadline_s:
        return "it was cancelled"
    late = f"no answer within {check.deadline_s:g} s"
    return late if flight.asked.done() else f"{late}; it was asked {seconds:.1f} s ago, and is not asked again before it comes back"


def _read(answer: object) -> _Answer:
    """What an answer means. May raise whatever a strange answer raises."""
    if isinstance(answer, bool):
        return _Answer("healthy") if answer else _Answer("unhealthy", _NO)
    if isinstance(answer, Mapping):
        return _read_mapping(answer)
    if inspect.iscoroutine(answer):
        answer.close()
        return _Answer("unhealthy", "the check returned a coroutine: register the async function itself")
    return _Answer(
        "unhealthy", f"the check answered with {type(answer).__name__}: expected a bool, or a mapping with `healthy` or `status`"
    )


def _read_mapping(answer: Mapping[Any, Any]) -> _Answer:
    said: list[Status] = [status for status in _WORSE if answer.get("status") == status]
    if isinstance(answer.get("healthy"), bool):
        said.append("healthy" if answer["healthy"] else "unhealthy")
    if not said:
        return _Answer("unhealthy", "the check's answer has neither `healthy` (a bool) nor a known `status`")
    status = max(said, key=_WORSE.index)
    return _Answer(status, _clean(str(answer.get("error") or (_NO if status == "unhealthy" else ""))), _details(answer))


def _details(answer: Mapping[Any, Any]) -> dict[str, Plain]:
    kept: dict[str, Plain] = {}
    for key, value in answer.items():
        if len(kept) < _DETAILS and isinstance(key, str) and key not in ("healthy", "status", "error") and _is_plain(value):
            kept[_clean(key)] = _clean(value) if isinstance(value, str) else value
    return kept


def _is_plain(value: object) -> bool:
    """Small and fit for JSON, which has neither NaN nor numbers of a thousand digits."""
    if isinstance(value, int | float):
        return abs(value) < _LARGEST  # which NaN is not
    return value is None or isinstance(value, str)


def _named(error: BaseException) -> str:
    try:
        return _clean(f"{type(error).__name__}: {error}")
    except Exception:  # noqa: BLE001 - an error whose text cannot be had is still an error
        return type(error).__name__


def _clean(text: str) -> str:
    """One line of bounded length that every encoding can take."""
    line = " ".join(text[: 2 * _TEXT_LENGTH].split())[:_TEXT_LENGTH]
    return line.encode("utf-8", "replace").decode("utf-8")


def _require_name(name: str) -> None:
    if not (name.isprintable() and 0 < len(name) <= _NAME_LENGTH):
        raise ValueError(f"a check's or group's name must be 1 to {_NAME_LENGTH} printable characters, not {name[:_NAME_LENGTH]!r}")


def in_daemon_thread(call: Callable[[], _T], name: str) -> "Future[_T]":
    """Calls in a thread of its own that nobody waits for at the end of the program; pools do wait, for ever if it hangs.

    The caller's context variables (a run's ids in the log) go along. Where no thread can be had, the future says so.
    """
    future: Future[_T] = Future()
    future.set_running_or_notify_cancel()  # from here on, whoever waits can no longer cancel it
    fulfil = partial(contextvars.copy_context().run, _fulfil, future, call)
    try:
        threading.Thread(target=fulfil, name=name, daemon=True).start()
    except RuntimeError as error:
        future.set_exception(error)
    return future


def _fulfil(future: "Future[_T]", call: Callable[[], _T]) -> None:
    try:
        result = call()
    except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits
        future.set_exception(error)
    else:
        future.set_result(result)
