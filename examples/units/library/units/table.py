from dataclasses import dataclass

from units.errors import UnitError


@dataclass(frozen=True)
class Unit:
    symbol: str
    dimension: str
    factor: float


UNITS = {
    unit.symbol: unit
    for unit in (
        Unit("mm", "length", 0.001),
        Unit("cm", "length", 0.01),
        Unit("m", "length", 1.0),
        Unit("km", "length", 1000.0),
        Unit("mi", "length", 1609.344),
        Unit("g", "mass", 0.001),
        Unit("kg", "mass", 1.0),
        Unit("t", "mass", 1000.0),
        Unit("s", "time", 1.0),
        Unit("min", "time", 60.0),
        Unit("h", "time", 3600.0),
    )
}


def unit(symbol):
    if symbol not in UNITS:
        raise UnitError(f"there is no unit {symbol!r}")
    return UNITS[symbol]


def related(symbol):
    dimension = unit(symbol).dimension
    found = [each for each in UNITS.values() if each.dimension == dimension]
    return sorted(found, key=lambda each: each.factor)
