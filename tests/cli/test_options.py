"""Options that are more than a word: the limits of `--budget`."""

import pytest
import typer

from swarm.cli.options import limits_of


def test_limits_are_numbers_by_unit_or_by_category_and_unit() -> None:
    assert limits_of("usd=2.5, calls=200,docs.tokens=1000") == {"usd": 2.5, "calls": 200, "docs.tokens": 1000}
    assert limits_of(None) is None


@pytest.mark.parametrize(
    "text", ["", "calls", "calls=", "calls=0", "calls=-1", "calls=1.5", "usd=nan", "usd=inf", "euros=3", "calls=1,calls=5"]
)
def test_what_is_no_limit_is_refused_and_never_taken_for_none(text: str) -> None:
    with pytest.raises(typer.BadParameter, match=r"is no limit|says one limit twice"):
        limits_of(text)
