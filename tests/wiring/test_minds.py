"""What a person chose for a run, over its sessions."""

from pathlib import Path

import pytest

from swarm.home import Home
from swarm.wiring.minds import Choice, chosen
from swarm.wiring.site import Site, SystemClock


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(Home(tmp_path), tmp_path, {"SWARM_LM": "openai/of-the-environment"}, SystemClock())


def test_a_limit_that_is_given_on_resume_leaves_the_others_that_were_given_before(site: Site) -> None:
    before = Choice("openai/x", {"calls": 2, "tokens": 9000})
    assert chosen(site, None, {"calls": 99, "docs.usd": 0.5}, before) == Choice("openai/x", {"calls": 99, "tokens": 9000, "docs.usd": 0.5})


def test_the_option_goes_before_what_the_run_had_and_that_before_the_environment(site: Site) -> None:
    assert chosen(site, "openai/now", None, Choice("openai/before")).lm == "openai/now"
    assert chosen(site, None, None, Choice("openai/before")).lm == "openai/before"
    assert chosen(site, None, None).lm == "openai/of-the-environment"


def test_limits_read_back_from_a_journal_are_whole_numbers_again() -> None:
    limits = Choice(budget={"calls": 9.0, "usd": 0.5, "docs.tokens": 10.0}).limits()
    assert limits is not None
    assert (limits.calls, limits.usd, limits.tokens) == (9, 0.5, None)
