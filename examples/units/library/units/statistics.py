"""Many quantities in one."""

from units.errors import UnitError
from units.quantity import Quantity


def mean(quantities):
    """The arithmetic mean, in the unit of the first.

    Raises:
        UnitError: there are none, or they cannot be added.
    """
    values, symbol = _values(quantities)
    return Quantity(sum(values) / len(values), symbol)


def median(quantities):
    """The one in the middle, or the mean of the two there; in the unit of the first.

    Raises:
        UnitError: as `mean`.
    """
    values, symbol = _values(quantities)
    values = sorted(values)
    half = len(values) // 2
    return Quantity(values[half] if len(values) % 2 else (values[half - 1] + values[half]) / 2, symbol)


def spread(quantities):
    """How far the largest is from the smallest, in the unit of the first.

    Raises:
        UnitError: as `mean`.
    """
    values, symbol = _values(quantities)
    return Quantity(max(values) - min(values), symbol)


def _values(quantities):
    quantities = list(quantities)
    if not quantities:
        raise UnitError("there are no quantities")
    symbol = quantities[0].symbol
    return [each.to(symbol).value for each in quantities], symbol
