"""Model calls and tools' answers as rows of their tables, and back.

The columns stand in the order of the dataclasses' fields, with a call's tokens and spend flattened where they stand.
"""

from collections.abc import Iterator, Sequence
from dataclasses import astuple, is_dataclass
from typing import Any, Final, get_type_hints

from swarm.engine.calls import CallRow, Spend, Tokens, ToolRow
from swarm.errors import JournalDamaged

__all__ = ["INSERT", "SELECT_CALLS", "SELECT_TOLD", "call_of", "told_of", "values_of"]

_CALLS: Final = (
    "task, category, attempt, number, key, occurrence, tried, provider, model, request, response, "
    "tokens_input, tokens_output, tokens_cached, calls, tokens, usd_known, unpriced, seconds, error, status"
)
_TOLD: Final = "task, attempt, number, tool, key, answer, seconds"

SELECT_CALLS: Final = f"SELECT id, {_CALLS} FROM calls ORDER BY id"  # noqa: S608 - the columns above
SELECT_TOLD: Final = f"SELECT id, {_TOLD} FROM told ORDER BY id"  # noqa: S608 - the columns above
INSERT: Final[dict[type, str]] = {
    CallRow: f"INSERT INTO calls ({_CALLS}) VALUES ({', '.join('?' * 21)})",  # noqa: S608 - the columns above
    ToolRow: f"INSERT INTO told ({_TOLD}) VALUES ({', '.join('?' * 7)})",  # noqa: S608 - the columns above
}
"""How a row of each type is written, given `values_of` it."""


def values_of(row: CallRow | ToolRow) -> tuple[Any, ...]:
    """What a row's columns hold."""
    return tuple(_flat(astuple(row)))


def call_of(id_: int, *values: Any) -> CallRow:
    """The call of a stored row.

    Raises:
        JournalDamaged: it holds something else.
    """
    _check(f"call {id_}", values, _CALL_TYPES)
    fields: tuple[Any, ...] = (*values[:11], Tokens(*values[11:14]), Spend(*values[14:18]), *values[18:])
    return CallRow(*fields)


def told_of(id_: int, *values: Any) -> ToolRow:
    """The tool's answer of a stored row.

    Raises:
        JournalDamaged: it holds something else.
    """
    _check(f"tool's answer {id_}", values, _TOLD_TYPES)
    return ToolRow(*values)


def _flat(values: Sequence[Any]) -> Iterator[Any]:
    for value in values:
        yield from value if isinstance(value, tuple) else (value,)


def _types(row: Any) -> Iterator[Any]:
    for kind in get_type_hints(row).values():
        yield from _types(kind) if is_dataclass(kind) else (kind,)


_CALL_TYPES: Final = tuple(_types(CallRow))
_TOLD_TYPES: Final = tuple(_types(ToolRow))


def _check(what: str, values: Sequence[Any], types: Sequence[Any]) -> None:
    # STRICT binds whoever writes through SQLite; a flipped bit, or somebody with an editor, can turn a number into a text.
    if not all(isinstance(value, kind) for value, kind in zip(values, types, strict=True)):
        raise JournalDamaged(f"{what} is not what was written: a value is of the wrong type")
