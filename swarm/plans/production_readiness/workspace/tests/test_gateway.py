"""The gateway: requests find their backends, and nobody asks too often."""

import pytest

from infrastructure.gateway import rate_limiter
from infrastructure.gateway.rate_limiter import RateLimiter
from infrastructure.gateway.request_router import PROBE, Request, RequestRouter, Response


def broken(request: Request) -> str:
    raise ConnectionError("nobody is home")


def router() -> RequestRouter:
    return RequestRouter({"/sages": lambda request: "a sage", "/sages/old": lambda request: f"old: {request.body}", "/ruin": broken})


def test_a_request_goes_to_the_backend_of_the_longest_prefix():
    assert router().handle(Request("/sages/old/merlin", "why")) == Response(200, "old: why")
    assert router().handle(Request("/sages/young")) == Response(200, "a sage")


def test_a_prefix_counts_by_whole_segments():
    assert router().handle(Request("/sagesse")).status == 404


def test_the_slash_at_the_end_makes_no_difference():
    assert router().handle(Request("/sages/")) == router().handle(Request("/sages"))


def test_a_request_for_no_backend_is_answered_with_404():
    assert router().handle(Request("/kings")) == Response(404, "nothing is at /kings")


def test_the_route_of_the_root_takes_what_no_other_route_takes():
    assert RequestRouter({"/": lambda request: "home"}).handle(Request("/kings")).body == "home"


def test_a_failing_backend_is_answered_with_502_and_harms_no_other():
    village = router()
    assert village.handle(Request("/ruin")) == Response(502, "ConnectionError: nobody is home")
    assert village.handle(Request("/sages")).status == 200


def test_a_route_without_a_slash_is_refused():
    with pytest.raises(ValueError, match="begins with '/'"):
        RequestRouter({"sages": broken})


async def test_a_router_checks_itself_without_calling_a_backend():
    village = RequestRouter({"/": broken})
    assert await village.self_check()
    assert village.handle(Request(PROBE)) == Response(200, PROBE)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_client_may_ask_a_burst_at_once_and_then_at_its_rate():
    clock = Clock()
    limiter = RateLimiter(per_second=2, burst=3, clock=clock)
    assert [limiter.allow("ada") for _ in range(4)] == [True, True, True, False]
    assert limiter.seconds_until_allowed("ada") == pytest.approx(0.5)
    clock.now += 0.5
    assert [limiter.allow("ada") for _ in range(2)] == [True, False]


def test_a_long_rest_saves_no_more_than_a_burst():
    clock = Clock()
    limiter = RateLimiter(per_second=10, burst=2, clock=clock)
    limiter.allow("ada")
    clock.now += 1000
    assert [limiter.allow("ada") for _ in range(3)] == [True, True, False]


def test_one_client_takes_nothing_from_another():
    limiter = RateLimiter(per_second=1, burst=1, clock=Clock())
    assert limiter.allow("ada")
    assert limiter.allow("grace")
    assert limiter.seconds_until_allowed("ada") == 1.0
    assert limiter.seconds_until_allowed("somebody new") == 0.0


def test_clients_that_rested_are_forgotten_when_there_are_too_many(monkeypatch):
    monkeypatch.setattr(rate_limiter, "CLIENTS", 2)
    clock = Clock()
    limiter = RateLimiter(per_second=1, burst=2, clock=clock)
    limiter.allow("rested")
    clock.now += 1
    limiter.allow("busy")
    limiter.allow("busy")
    limiter.allow("new")
    assert limiter.status() == {"per_second": 1, "burst": 2, "clients": 2}
    assert not limiter.allow("busy")


async def test_a_limiter_checks_itself_and_leaves_no_trace():
    limiter = RateLimiter()
    assert await limiter.self_check()
    assert limiter.status()["clients"] == 0


@pytest.mark.parametrize("limit", [{"per_second": 0}, {"burst": 0}])
def test_a_limit_that_nobody_could_keep_is_refused(limit):
    with pytest.raises(ValueError, match="rate above 0"):
        RateLimiter(**limit)
