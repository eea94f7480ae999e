"""A number with a unit."""

from dataclasses import dataclass

from units.errors import UnitError
from units.table import unit


@dataclass(frozen=True)
class Quantity:
    """So many of a unit. Quantities are compared and added whatever their units, as long as the dimension is the same."""

    value: float
    symbol: str

    def to(self, symbol):
        """The same quantity in another unit.

        Raises:
            UnitError: the units are of different dimensions, or there is no such unit.
        """
        here, there = unit(self.symbol), unit(symbol)
        if here.dimension != there.dimension:
            raise UnitError(f"{self.symbol} is a unit of {here.dimension}, {symbol} is one of {there.dimension}")
        return Quantity(self.value * here.factor / there.factor, symbol)

    def __add__(self, other):
        """The sum, in the unit of the first."""
        return Quantity(self.value + other.to(self.symbol).value, self.symbol)

    def __mul__(self, times):
        """So many times the quantity, in its unit. `times` is a number; of anything else, Python is told that it cannot be done."""
        raise NotImplementedError

    def __lt__(self, other):
        """Whether it is less than another one, whatever the units.

        Raises:
            UnitError: the units are of different dimensions.
        """
        raise NotImplementedError
