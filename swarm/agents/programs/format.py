"""The one format in which models are asked and answer: DSPy's marked fields, said once, in the system message.

DSPy's own adapter says it again in every message, asks in a second format when it cannot read an answer, and works out the system message
anew for each call. Asking again is ours to decide, and to record.
"""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from enum import EnumMeta
from functools import lru_cache
from types import NoneType, UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin

import dspy
from dspy.adapters.utils import apply_output_field_defaults, format_field_value, parse_value
from pydantic import TypeAdapter
from pydantic_core import to_jsonable_python

from swarm.agents.lm.turns import my_turn

__all__ = ["ONE_FORMAT", "OneFormat"]

_MARKER: Final = re.compile(r"^[ \t]*\[\[ ## (\w+) ## \]\]", re.MULTILINE)
_FENCED: Final = re.compile(r"\A```\w*\n(.*)\n```\Z", re.DOTALL)
_MENDED: Final = 1000
"""Characters."""
_KEPT: Final = 256
"""System messages: one for each agent and contract of a plan."""


class OneFormat(dspy.ChatAdapter):  # type: ignore[misc] # dspy is untyped
    """`dspy.ChatAdapter` without its JSON fallback and its reminders. Share it: it keeps the last system messages."""

    def __init__(self) -> None:
        super().__init__(use_json_adapter_fallback=False)
        self._system: dict[Any, str] = {}

    async def acall(self, lm: Any, lm_kwargs: Any, signature: Any, demos: Any, inputs: Any) -> Any:
        """As DSPy's, when it is its turn."""
        await my_turn()
        return await super().acall(lm, lm_kwargs, signature, demos, inputs)

    def format_system_message(self, signature: Any) -> str:
        """As DSPy's; JSON schemas are made from types only once."""
        key = _content(signature)
        if not _is_hashable(key):
            return str(super().format_system_message(signature))
        if key not in self._system:
            self._system[key] = super().format_system_message(signature)
            if len(self._system) > _KEPT:
                del self._system[next(iter(self._system))]
        return self._system[key]

    def format_user_message_content(
        self, signature: Any, inputs: Any, prefix: str = "", suffix: str = "", main_request: bool = False
    ) -> str:
        """As DSPy's, without its reminder of the format, and without making pydantic's machinery anew for each plain value."""
        fields = (f"[[ ## {name} ## ]]\n{_written(info, inputs[name])}" for name, info in signature.input_fields.items() if name in inputs)
        return "\n\n".join([prefix, *fields, suffix]).strip()

    def parse(self, signature: Any, completion: str) -> dict[str, Any]:
        """As DSPy's, but for long values that are not well-formed: see `_value`.

        Raises:
            dspy.AdapterParseError: fields are missing, or not of their types.
        """
        fields: dict[str, Any] = {}
        outputs = signature.output_fields
        for name, text in _sections(completion):
            if name in outputs and name not in fields:
                try:
                    fields[name] = _value(outputs[name].annotation, text)
                except Exception as error:  # whatever a reader of JSON stumbles over
                    raise _unreadable(signature, completion, f"Failed to parse field {name} : {type(error).__name__}") from error
        fields = apply_output_field_defaults(signature, fields)
        if fields.keys() != outputs.keys():
            raise dspy.AdapterParseError("OneFormat", signature, completion, parsed_result=fields)
        return fields

    def format(self, signature: Any, demos: Any, inputs: Any) -> list[dict[str, Any]]:
        """As DSPy's, in text that can be sent: files and payloads may hold half a character."""
        return [{**message, "content": _sendable(message["content"])} for message in super().format(signature, demos, inputs)]


def _unreadable(signature: Any, completion: str, why: str) -> Exception:
    error: Exception = dspy.AdapterParseError("OneFormat", signature, completion, why)
    return error


def _sections(completion: str) -> Iterator[tuple[str, str]]:
    """Each marker's name, and what stands from there to the next marker."""
    _, *rest = _MARKER.split(completion.replace("\r\n", "\n"))
    return zip(rest[::2], map(str.strip, rest[1::2]), strict=True)


def _value(annotation: Any, text: str) -> Any:
    """The value that a text is.

    DSPy mends what is not well-formed with `json_repair`, which takes nine seconds for sixteen thousand characters of `["a" `, on the event
    loop. So only short texts are mended.

    Raises:
        ValueError: it is none of this type.
    """
    if annotation is str:
        return text
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType) and str in parts and NoneType in parts:
        return _reader(annotation).validate_python(text)
    if origin is not Literal and not isinstance(annotation, EnumMeta):
        with suppress(ValueError, RecursionError):
            return _reader(annotation).validate_python(json.loads(_FENCED.sub(r"\1", text)))
    if len(text) > _MENDED:
        raise ValueError("it is too long to be mended")
    return parse_value(text, annotation)


def _reader(annotation: Any) -> TypeAdapter[Any]:
    return _kept_reader(annotation) if _is_hashable(annotation) else TypeAdapter(annotation)


@lru_cache(maxsize=512)
def _kept_reader(annotation: Any) -> TypeAdapter[Any]:
    return TypeAdapter(annotation)


def _is_hashable(value: Any) -> bool:
    """Types with constraints of pydantic's inside are not."""
    try:
        hash(value)
    except TypeError:
        return False
    return True


def _content(signature: Any) -> Any:
    """What a system message says of a signature. Types count by their text too: literals of the same words in another order are equal."""
    fields = {**signature.input_fields, **signature.output_fields}
    said = ((name, info.annotation, str(info.annotation), info.json_schema_extra["desc"]) for name, info in fields.items())
    return (signature.instructions, *said)


def _written(info: Any, value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return json.dumps(to_jsonable_python(value, fallback=str), ensure_ascii=False)
    return str(format_field_value(info, value))


def _sendable(content: Any) -> Any:
    return content.encode("utf-8", "backslashreplace").decode() if isinstance(content, str) else content


ONE_FORMAT: Final = OneFormat()
