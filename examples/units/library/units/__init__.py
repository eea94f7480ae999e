"""Quantities with units: read them, convert them, add them up, print them."""

from units.errors import UnitError
from units.formatting import pretty
from units.parsing import parse
from units.quantity import Quantity

__all__ = ["Quantity", "UnitError", "parse", "pretty"]
