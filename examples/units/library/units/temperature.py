"""Temperatures, which have no common zero: a factor alone does not convert them."""

from units.errors import UnitError

ABSOLUTE_ZERO = -273.15
"""In degrees Celsius."""


def fahrenheit(celsius):
    """Degrees Celsius in degrees Fahrenheit.

    Raises:
        UnitError: it is colder than absolute zero.
    """
    return (_possible(celsius) + 32) * 9 / 5


def celsius(fahrenheit):
    """Degrees Fahrenheit in degrees Celsius.

    Raises:
        UnitError: it is colder than absolute zero.
    """
    return _possible((fahrenheit - 32) * 5 / 9)


def _possible(celsius):
    if celsius < ABSOLUTE_ZERO:
        raise UnitError(f"{celsius:g} °C is colder than absolute zero")
    return celsius
