"""What a server says of its tools, as a model may be told of it.

A server is not ours, and what it says of a tool goes into every prompt: so texts are harmless and short, schemas are without references,
which not every provider follows, and a schema that refers to itself or unfolds without end is not followed either.
"""

import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from swarm.agents.tools import TOOLS
from swarm.agents.tools.answers import cut, harmless

__all__ = ["MOST_TOOLS", "Listed", "identifiers", "listed"]

MOST_TOOLS: Final = 64
"""Of one server; those after them are not there."""

_DESCRIPTION: Final = 2_000
_SCHEMA: Final = 10_000
_UNFOLDED: Final = 20_000
"""What may be unfolded before the length is known: characters of texts, and one for each value."""
_NAME: Final = 64
_OURS: Final = frozenset({*TOOLS, "finish"})
_NOT_SHOWN: Final = frozenset({"$schema", "$id", "$defs", "definitions"})
_ANYTHING: Final[Mapping[str, Any]] = {"type": "object", "properties": {}}
_LEFT_OUT: Final = "(Its arguments are described at too great a length to be shown; a wrong one is answered with what is wrong.)"


@dataclass(frozen=True, slots=True)
class Listed:
    """A tool of a server.

    Attributes:
        name: as the server calls it.
        parameters: JSON Schema of the arguments, always of an object with properties.
    """

    name: str
    description: str
    parameters: Mapping[str, Any]


def listed(name: str, description: str, schema: Mapping[str, Any]) -> Listed:
    """A tool as its server describes it, made harmless and short."""
    parameters, text = _parameters(schema), description.strip()
    if parameters is None:
        parameters, text = _ANYTHING, f"{cut(text, _DESCRIPTION - len(_LEFT_OUT) - 1)}\n{_LEFT_OUT}"
    return Listed(name, cut(harmless(cut(text, _DESCRIPTION)), _DESCRIPTION), parameters)


def identifiers(tools: Sequence[tuple[str, str]]) -> list[str]:
    """What a model calls these tools, each given as server and name: valid, of their own, and none of ours."""
    names: list[str] = []
    for server, tool in tools:
        names.append(next(name for name in _candidates(f"{server}_{tool}") if name not in _OURS and name not in names))
    return names


def _candidates(text: str) -> Iterator[str]:
    plain = re.sub(r"[^A-Za-z0-9_]", "_", text)
    plain = plain if plain[0].isalpha() else f"mcp_{plain}"
    yield plain[:_NAME]
    for number in itertools.count(2):
        yield f"{plain[: _NAME - 6]}_{number}"


def _parameters(schema: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """None where it is too long to be shown."""
    try:
        plain = _Unfolding(schema).whole()
    except _Endless:
        return None
    properties = plain.get("properties")
    parameters = {**plain, "type": "object", "properties": properties if isinstance(properties, dict) else {}}
    return parameters if len(json.dumps(parameters)) <= _SCHEMA else None


class _Endless(Exception):
    """More than would ever be shown."""


class _Unfolding:
    """A copy of a schema in which what was referred to stands in place of the reference."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._schema = schema
        self._left = _UNFOLDED

    def whole(self) -> dict[str, Any]:
        return self._members({key: value for key, value in self._schema.items() if key not in _NOT_SHOWN}, frozenset())

    def _copy(self, value: Any, within: frozenset[str]) -> Any:
        self._spend(1)
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, list):
            return [self._copy(each, within) for each in value]
        if not isinstance(value, dict):
            return value
        reference = value.get("$ref")
        return self._referred(reference, value, within) if isinstance(reference, str) else self._members(value, within)

    def _members(self, value: Mapping[str, Any], within: frozenset[str]) -> dict[str, Any]:
        return {self._text(key): self._copy(each, within) for key, each in value.items() if not (key == "title" and isinstance(each, str))}

    def _referred(self, reference: str, value: Mapping[str, Any], within: frozenset[str]) -> dict[str, Any]:
        """What is referred to, with what stands beside the reference; anything, where it contains itself or is not there."""
        beside = self._members({key: each for key, each in value.items() if key != "$ref"}, within)
        target = None if reference in within else self._found(reference)
        return {**self._copy(target, within | {reference}), **beside} if isinstance(target, dict) else beside

    def _found(self, reference: str) -> Any:
        found: Any = self._schema
        for step in reference.removeprefix("#").split("/")[1:]:
            found = found.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
        return found if reference.startswith("#") else None

    def _text(self, text: str) -> str:
        self._spend(len(text))
        return harmless(text)

    def _spend(self, much: int) -> None:
        self._left -= much
        if self._left < 0:
            raise _Endless
