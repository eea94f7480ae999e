"""Checks are asked all at once, none holds up the others, and what they say adds up to one word."""

import asyncio
import contextvars
import functools
import itertools
import json
import sys
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm.analytics.health import MOST_CHECKS, HealthChecker, HealthReport, Judged, Status, in_daemon_thread, overall_status

LONG_S = 30
"""How long a test waits for a signal that must come."""
SOON_S = 0.02
"""A deadline that is meant to pass."""
STATUSES: tuple[Status, ...] = get_args(Status)


class Door:
    """A check that hangs until the test opens it, and knows how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0
        self._open = threading.Event()

    def __call__(self) -> bool:
        self.asked += 1
        return self._open.wait(LONG_S)

    def open(self) -> None:
        self._open.set()


def asked(check: Callable[[], Any], **options: Any) -> Mapping[str, Any]:
    """What becomes of one check."""
    checker = HealthChecker()
    checker.register_check("it", check, **options)
    return checker.run_health_checks_now()["checks"]["it"]


def statuses(report: HealthReport) -> dict[str, str]:
    return {name: check["status"] for name, check in report["checks"].items()}


async def yes() -> bool:
    return True


def no() -> bool:
    return False


def broken() -> bool:
    raise OSError("no space left on device")


def test_where_all_is_well_it_says_so_with_the_time() -> None:
    checker = HealthChecker(now=lambda: datetime(2026, 11, 22, 10, 0, tzinfo=UTC))
    checker.register_check("journal", lambda: True)
    checker.register_check("models", yes)
    report = checker.run_health_checks_now()
    assert (report["status"], report["timestamp"]) == ("healthy", "2026-11-22T10:00:00+00:00")
    assert statuses(report) == {"journal": "healthy", "models": "healthy"}


def test_where_nothing_is_registered_nothing_is_wrong() -> None:
    assert HealthChecker().run_health_checks_now()["checks"] == {}
    assert HealthChecker().run_health_checks_now()["status"] == "healthy"


async def broken_async() -> bool:
    return broken()


@pytest.mark.parametrize("check", [broken, broken_async])
def test_an_exception_means_unhealthy_and_is_named(check: Callable[[], Any]) -> None:
    result = asked(check)
    assert (result["healthy"], result["status"], result["error"]) == (False, "unhealthy", "OSError: no space left on device")


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (True, "healthy"),
        (False, "unhealthy"),
        ({"healthy": True}, "healthy"),
        ({"healthy": False, "error": "gone"}, "unhealthy"),
        ({"status": "healthy", "timestamp": "2026-11-22"}, "healthy"),
        ({"status": "degraded"}, "degraded"),
        ({"status": "healthy", "healthy": False}, "unhealthy"),
        ({"status": "degraded", "healthy": True}, "degraded"),
        ({"status": "ok"}, "unhealthy"),
        ({"healthy": "yes"}, "unhealthy"),
        ({}, "unhealthy"),
        (None, "unhealthy"),
        (1, "unhealthy"),
        ("healthy", "unhealthy"),
    ],
)
def test_an_answer_is_believed_only_where_it_is_clear(answer: object, status: str) -> None:
    result = asked(lambda: answer)
    assert (result["status"], result["healthy"]) == (status, status == "healthy")
    assert bool(result["error"]) == (status == "unhealthy")


def test_another_checkers_report_is_an_answer() -> None:
    inner = HealthChecker()
    inner.register_check("part", no, critical=False)
    assert asked(inner.run_health_checks)["status"] == "degraded"


def test_a_function_that_hands_over_a_coroutine_is_told_what_to_do() -> None:
    assert "register the async function itself" in asked(lambda: yes())["error"]


class AsyncObject:
    async def __call__(self) -> bool:
        return True


@pytest.mark.parametrize("check", [functools.partial(yes), AsyncObject(), functools.partial(lambda answer: answer, True)])
def test_a_check_may_be_any_callable(check: Callable[[], Any]) -> None:
    assert asked(check)["healthy"]


def test_what_a_check_adds_is_kept_if_it_is_plain_and_cut_to_size() -> None:
    added = {"free_mb": 12, "path": "x" * 10_000, "share": float("nan"), "huge": 10**400, "object": object(), 7: "seven", "bad": "\ud800"}
    result = asked(lambda: {"healthy": True, "status": "healthy", "error": "", **added})
    assert result["details"] == {"free_mb": 12, "path": "x" * 300, "bad": "?"}
    many = asked(lambda: {"healthy": True} | {str(number): number for number in range(1000)})
    assert len(many["details"]) == 20


def test_a_report_is_json_in_utf_8_whatever_the_checks_say() -> None:
    def hostile() -> bool:
        raise ValueError("\ud800 <script>\n\n" + "x" * 10_000)

    result = asked(hostile)
    assert len(json.dumps(result, ensure_ascii=False, allow_nan=False).encode()) < 1000
    assert result["error"].startswith("ValueError: ? <script> x")


def test_an_error_without_a_text_and_an_exit_are_answers_too() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    def mute() -> bool:
        raise Mute

    async def leave() -> bool:
        sys.exit(3)

    assert asked(mute)["error"] == "Mute"
    assert asked(lambda: sys.exit("bye"))["error"] == "SystemExit: bye"
    assert asked(leave)["error"] == "SystemExit: 3"


def test_a_check_that_hangs_does_not_hold_the_others_and_is_not_started_twice(caplog: pytest.LogCaptureFixture) -> None:
    checker, door = HealthChecker(), Door()
    checker.register_check("hangs", door, deadline_s=SOON_S)
    checker.register_check("works", lambda: True)
    for _ in range(3):
        report = checker.run_health_checks_now()
        assert statuses(report) == {"hangs": "unhealthy", "works": "healthy"}
        assert "no answer within 0.02 s" in report["checks"]["hangs"]["error"]
        assert "not asked again" in report["checks"]["hangs"]["error"]
    assert door.asked == 1
    door.open()
    until(lambda: checker.run_health_checks_now()["status"] == "healthy")
    assert door.asked == 2
    assert not caplog.records  # its end was of no concern to the loops that are closed by now


def until(holds: Callable[[], bool]) -> None:
    """Asks until it holds; a thread that was let go needs a moment to end."""
    assert any(holds() for _ in range(100_000))


def test_an_async_check_that_hangs_is_ended_at_its_deadline() -> None:
    ended = []

    async def hangs() -> bool:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            ended.append(True)
        return True

    async def run() -> HealthReport:
        checker = HealthChecker()
        checker.register_check("hangs", hangs, deadline_s=SOON_S)
        checker.register_check("works", yes)
        report = await checker.run_health_checks()
        await asyncio.sleep(0)
        assert ended
        return report

    report = asyncio.run(run())
    assert statuses(report) == {"hangs": "unhealthy", "works": "healthy"}
    assert report["checks"]["hangs"]["error"] == "no answer within 0.02 s"


def test_checks_are_asked_at_the_same_time() -> None:
    """Two that wait for each other would wait for ever one after the other."""
    meeting = threading.Barrier(2)
    checker = HealthChecker()
    for name in ("one", "other"):
        checker.register_check(name, lambda: meeting.wait(LONG_S) >= 0, deadline_s=LONG_S)
    assert checker.run_health_checks_now()["status"] == "healthy"


def test_the_event_loop_runs_on_while_a_check_blocks() -> None:
    checker, door = HealthChecker(), Door()
    checker.register_check("blocks", door, deadline_s=LONG_S)

    async def run() -> HealthReport:
        checking = asyncio.create_task(checker.run_health_checks())
        await asyncio.sleep(0)
        door.open()  # only a loop that runs gets here
        return await checking

    assert asyncio.run(run())["status"] == "healthy"


def test_an_answer_after_the_deadline_is_late_whatever_it_says() -> None:
    now = [0.0]

    def slow() -> bool:
        now[0] += 6
        return True

    checker = HealthChecker(clock=lambda: now[0])
    checker.register_check("slow", slow, deadline_s=5)
    result = checker.run_health_checks_now()["checks"]["slow"]
    assert (result["status"], result["error"], result["seconds"]) == ("unhealthy", "no answer within 5 s", 6)


def test_two_who_ask_at_once_share_one_answer() -> None:
    for check in (Door(), AsyncDoor()):
        checker = HealthChecker()
        checker.register_check("it", check, deadline_s=LONG_S)

        async def both(checker: HealthChecker = checker, check: Any = check) -> list[HealthReport]:
            askers = [asyncio.create_task(checker.run_health_checks()) for _ in range(2)]
            await asyncio.sleep(0)
            check.open()
            return await asyncio.gather(*askers)

        assert [report["status"] for report in asyncio.run(both())] == ["healthy"] * 2
        assert check.asked == 1
        assert len(checker.history("it").results) == 1


class AsyncDoor:
    """The same as an async check; lives in one loop."""

    def __init__(self) -> None:
        self.asked = 0
        self._open = asyncio.Event()

    async def __call__(self) -> bool:
        self.asked += 1
        return await self._open.wait()

    def open(self) -> None:
        self._open.set()


def test_a_caller_that_gives_up_takes_nobodys_answer_away() -> None:
    async def run() -> None:
        door, checker = AsyncDoor(), HealthChecker()
        checker.register_check("it", door, deadline_s=LONG_S)
        leaving, staying = (asyncio.create_task(checker.run_health_checks()) for _ in range(2))
        await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.wait([leaving])
        door.open()
        assert (await staying)["status"] == "healthy"
        assert door.asked == 1

    asyncio.run(run())


def test_an_async_check_that_was_left_in_an_ended_loop_is_asked_anew() -> None:
    loops = []

    async def check() -> bool:
        loops.append(asyncio.get_running_loop())
        return len(loops) > 1 or await asyncio.get_running_loop().create_future()

    checker = HealthChecker()
    checker.register_check("it", check, deadline_s=LONG_S)

    async def leave() -> None:
        leaving = asyncio.create_task(checker.run_health_checks())
        while not loops:
            await asyncio.sleep(0)
        leaving.cancel()

    asyncio.run(leave())
    assert checker.run_health_checks_now()["status"] == "healthy"


def test_each_loop_asks_an_async_check_itself() -> None:
    """What one thread's loop waits for is nothing that another's could wait for."""
    entered, left, calls = threading.Event(), [], itertools.count()

    async def check() -> bool:
        if next(calls) == 0:
            left.append((asyncio.get_running_loop(), door := asyncio.Event()))
            entered.set()
            await door.wait()
        return True

    checker = HealthChecker()
    checker.register_check("it", check, deadline_s=LONG_S)
    first = in_daemon_thread(checker.run_health_checks_now, "first")
    assert entered.wait(LONG_S)
    assert checker.run_health_checks_now()["status"] == "healthy"
    [(loop, door)] = left
    loop.call_soon_threadsafe(door.set)
    assert first.result(LONG_S)["status"] == "healthy"


GROUP = functools.partial(Judged, redundancy="models")


@pytest.mark.parametrize(
    ("checks", "status"),
    [
        ([], "healthy"),
        ([Judged("healthy"), Judged("healthy")], "healthy"),
        ([Judged("unhealthy"), Judged("healthy")], "unhealthy"),
        ([Judged("degraded"), Judged("healthy")], "degraded"),
        ([Judged("unhealthy", critical=False), Judged("healthy")], "degraded"),
        ([Judged("unhealthy", critical=False), Judged("unhealthy")], "unhealthy"),
        ([GROUP("healthy"), GROUP("healthy")], "healthy"),
        ([GROUP("unhealthy"), GROUP("healthy")], "degraded"),
        ([GROUP("unhealthy"), GROUP("degraded")], "degraded"),
        ([GROUP("unhealthy"), GROUP("unhealthy")], "unhealthy"),
        ([GROUP("unhealthy", critical=False), GROUP("unhealthy", critical=False)], "degraded"),
        ([GROUP("unhealthy", critical=False), GROUP("unhealthy")], "unhealthy"),
        ([GROUP("unhealthy"), Judged("healthy", redundancy="disks")], "unhealthy"),
        ([GROUP("unhealthy"), Judged("healthy")], "unhealthy"),
    ],
)
def test_one_word_for_all(checks: list[Judged], status: Status) -> None:
    assert overall_status(checks) == status


judged = st.builds(Judged, st.sampled_from(STATUSES), st.booleans(), st.sampled_from([None, "a", "b"]))


@given(st.lists(judged, min_size=1), st.data())
def test_a_check_that_gets_worse_never_makes_the_whole_better(checks: list[Judged], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(checks) - 1))
    worse = data.draw(st.sampled_from(STATUSES[STATUSES.index(checks[at].status) :]))
    after = [*checks[:at], Judged(worse, checks[at].critical, checks[at].redundancy), *checks[at + 1 :]]
    assert STATUSES.index(overall_status(after)) >= STATUSES.index(overall_status(checks))


def test_the_report_applies_criticality_and_redundancy() -> None:
    checker = HealthChecker()
    checker.register_check("fast model", no, redundancy="models")
    checker.register_check("slow model", yes, redundancy="models")
    checker.register_check("pretty colours", no, critical=False)
    report = checker.run_health_checks_now()
    assert report["status"] == "degraded"
    assert report["checks"]["fast model"]["redundancy"] == "models"
    checker.forget_check("slow model")
    assert checker.run_health_checks_now()["status"] == "unhealthy"


def test_the_last_results_are_remembered_with_their_times_and_every_flip_is_counted() -> None:
    ticking = itertools.count()
    answers = iter([True, True, False, True, False, False])
    checker = HealthChecker(remembered=3, now=lambda: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=next(ticking)))
    checker.register_check("it", lambda: next(answers))
    for _ in range(6):
        checker.run_health_checks_now()
    history = checker.history("it")
    assert [result.status for result in history.results] == ["healthy", "unhealthy", "unhealthy"]
    assert [result.at for result in history.results] == sorted({result.at for result in history.results})
    assert history.results[-1].error == "the check said no"
    assert history.flips == 3


def test_a_check_that_hangs_through_many_rounds_is_remembered_once() -> None:
    checker, door = HealthChecker(), Door()
    checker.register_check("hangs", door, deadline_s=SOON_S)
    for _ in range(3):
        checker.run_health_checks_now()
    door.open()
    assert [result.status for result in checker.history("hangs").results] == ["unhealthy"]


def test_in_a_running_loop_the_sync_way_refuses() -> None:
    async def wrong() -> None:
        HealthChecker().run_health_checks_now()

    with pytest.raises(RuntimeError, match=r"await run_health_checks\(\) instead"):
        asyncio.run(wrong())


@pytest.mark.parametrize("name", ["", "x" * 101, "two\nlines", "\x1b[31m"])
def test_a_name_that_would_spoil_a_page_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="printable characters"):
        HealthChecker().register_check(name, no)
    with pytest.raises(ValueError, match="printable characters"):
        HealthChecker().register_check("it", no, redundancy=name)


@pytest.mark.parametrize("deadline", [0, -1, float("nan"), float("inf")])
def test_a_deadline_that_makes_no_sense_is_refused(deadline: float) -> None:
    with pytest.raises(ValueError, match="deadline of check it"):
        HealthChecker().register_check("it", no, deadline_s=deadline)


def test_a_name_stands_for_one_check() -> None:
    checker = HealthChecker()
    checker.register_check("it", no)
    with pytest.raises(ValueError, match="'it' already"):
        checker.register_check("it", yes)
    checker.forget_check("it")
    checker.forget_check("it")  # harmless
    checker.register_check("it", yes)
    assert checker.run_health_checks_now()["status"] == "healthy"
    with pytest.raises(ValueError, match="there is no check 'other'; there are: it"):
        checker.history("other")


def test_there_cannot_be_too_many_checks() -> None:
    checker = HealthChecker()
    for number in range(MOST_CHECKS):
        checker.register_check(str(number), yes)
    with pytest.raises(ValueError, match="too many"):
        checker.register_check("one more", yes)
    assert len(checker.run_health_checks_now()["checks"]) == MOST_CHECKS


def test_threads_may_register_and_ask_at_the_same_time() -> None:
    checker, reports = HealthChecker(), []

    def work(part: int) -> None:
        for number in range(10):
            checker.register_check(f"{part}-{number}", yes)
            reports.append(checker.run_health_checks_now())

    threads = [threading.Thread(target=work, args=(part,)) for part in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG_S)
    assert len(reports) == 40
    assert {report["status"] for report in reports} == {"healthy"}
    assert len(checker.run_health_checks_now()["checks"]) == 40


def test_a_thread_that_cannot_be_had_is_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert isinstance(in_daemon_thread(bool, "it").exception(), RuntimeError)
    assert asked(no)["error"] == "RuntimeError: can't start new thread"


def test_a_runs_ids_go_along_into_the_thread() -> None:
    run = contextvars.ContextVar("run", default="none")
    run.set("nightly")
    assert asked(lambda: {"healthy": True, "run": run.get()})["details"] == {"run": "nightly"}
