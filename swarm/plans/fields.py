"""The kinds of value that the plan language knows, with the texts that a wrong one gets."""

import math
import re
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationInfo, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from swarm.home import ID_PATTERN
from swarm.plans.problems import Problem, did_you_mean
from swarm.plans.yaml_text import Table

__all__ = [
    "Amount",
    "Days",
    "Duration",
    "Id",
    "Identifier",
    "Mapping",
    "Names",
    "Pattern",
    "Share",
    "Texts",
    "Word",
    "is_regex",
    "one_kind",
    "percent",
    "wrong",
]

_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)(s|m|h)")
_SECONDS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0}
_PERCENT: Final = re.compile(r"(-?\d+(?:\.\d+)?)\s*%")


def wrong(text: str) -> PydanticCustomError:
    """The error for a value of the wrong type or range."""
    return PydanticCustomError("wrong-type", "{text}", {"text": text})


class Mapping(BaseModel):
    """A mapping of the language: its keys are known, and an unknown one is named with its place and the nearest known."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    _keys: ClassVar[tuple[str, ...] | None] = None

    @classmethod
    def keys(cls) -> tuple[str, ...]:
        """The keys as a plan writes them."""
        if cls._keys is None:
            cls._keys = tuple(field.alias or name for name, field in cls.model_fields.items())
        return cls._keys

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, value: Any, info: ValidationInfo) -> Any:
        if not isinstance(value, Table) or value.keys() <= frozenset(cls.keys()):
            return value
        return cls._without_unknown(value, info)

    @classmethod
    def _without_unknown(cls, value: Table, info: ValidationInfo) -> dict[str, Any]:
        known = cls.keys()
        for key in value.keys() - frozenset(known):
            mark, hint = value.keys_at[key], did_you_mean(key, known) or f"; here stand {', '.join(known)}"
            text = f'unknown key "{key}"{hint}'
            assert info.context is not None
            info.context["problems"].append(Problem(info.context["file"], mark.line, mark.column, "unknown-key", text))
        return {key: value[key] for key in known if key in value}


def _text_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _duration(value: Any) -> Any:
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise wrong(f"{value!r} is no duration: write 90s, 20m or 2h")
    seconds = float(found[1]) * _SECONDS[found[2]]
    if not 0 < seconds <= 30 * 24 * 3600:
        raise wrong(f"{value!r} is out of range: more than nothing, at most 30 days")
    return seconds


def _share(value: Any) -> Any:
    found = _PERCENT.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise wrong(f"{value!r} is no percentage: write 80%")
    return float(found[1]) / 100


def _amount(value: Any) -> Any:
    if isinstance(value, str):
        return _share(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise wrong(f"{value!r} is neither a number nor a percentage")
    return float(value)


def _days(value: Any) -> Any:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or not re.fullmatch(r"\d+(\.\d+)?(\s*-\s*\d+(\.\d+)?)?", value):
        raise wrong(f"{value!r} is no number of days: write 2 or 2-3")
    return value


def is_regex(text: str) -> bool:
    """Whether a `present:` or `containing:` text is a regular expression, `/…/`."""
    return len(text) > 2 and text.startswith("/") and text.endswith("/")


def _pattern(value: Any) -> Any:
    if not isinstance(value, str) or not value:
        raise wrong("write a text, or a regular expression between slashes: /def \\w+/")
    if is_regex(value):
        try:
            re.compile(value[1:-1])
        except re.error as error:
            raise wrong(f"{value} is no regular expression: {error}") from error
    return value


Word = Annotated[str, StringConstraints(min_length=1)]
Id = Annotated[str, StringConstraints(pattern=f"^{ID_PATTERN}$")]
Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]

_ONE_OR_MORE: Final = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}

Texts = Annotated[tuple[Word, ...], BeforeValidator(_text_list), WithJsonSchema(_ONE_OR_MORE)]
"""One text or a list of them."""
Names = Texts
Duration = Annotated[float, BeforeValidator(_duration), WithJsonSchema({"type": "string", "pattern": r"^\d+(\.\d+)?(s|m|h)$"})]
"""Seconds; written 90s, 20m or 2h."""
Share = Annotated[float, BeforeValidator(_share), WithJsonSchema({"type": "string", "pattern": r"^-?\d+(\.\d+)?\s*%$"})]
"""A share; written 80%, held as 0.8. Whether it is reachable is judged later."""
Amount = Annotated[float, BeforeValidator(_amount), WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string"}]})]
"""A number or a percentage."""
Days = Annotated[str, BeforeValidator(_days), WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string"}]})]
Pattern = Annotated[str, BeforeValidator(_pattern), Field(description="text, or /a regular expression/")]


def percent(share: float) -> str:
    """A share as a person reads it, rounded down: what is not whole must not read 100%."""
    return f"{math.floor(share * 100 + 1e-9)}%"


def one_kind(value: object, kinds: Sequence[str]) -> str | None:
    """The one key that says which kind of mapping this is, or None."""
    found = [kind for kind in kinds if isinstance(value, dict) and kind in value]
    return found[0] if len(found) == 1 else None
