"""Quantities from text."""

from units.errors import UnitError
from units.quantity import Quantity
from units.table import unit


def parse(text):
    """The quantity that a text is: a number, as Python writes it, and a symbol, with or without spaces around them.

    Raises:
        UnitError: there is no number, no symbol, or no such unit. The text is shown.
    """
    raise NotImplementedError


def parse_all(text):
    """The quantities that stand between commas; none in an empty text."""
    return [parse(part) for part in text.split(",") if part.strip()]


def total(text):
    """The sum of the quantities that stand between commas, in the unit of the first.

    Raises:
        UnitError: there is none, or they cannot be added.
    """
    first, *others = parse_all(text) or [None]
    if first is None:
        raise UnitError("there is nothing to add up")
    return sum(others, start=Quantity(0.0, unit(first.symbol).symbol) + first)
