"""Text answers in the format a prompt asks for: DSPy's `[[ ## field ## ]]` markers, our turns, or one JSON object.

Which fields are wanted, and of which type, is read from the prompt itself, as a model would: from DSPy's list of output fields and
its notes on their values, from the form of a turn, or from the schema in `response_format`.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from .protocol import Chat, text_of
from .schemas import STRING, Schema, invent

__all__ = ["complete", "markers", "read_fields", "read_object", "render", "wanted_fields", "wants_turns"]

_MARKER: Final = re.compile(r"^\[\[ ## (\w+) ## \]\][ \t]*", re.MULTILINE)
_OUTPUTS: Final = re.compile(r"Your output fields are:\n(.*?)(?=\n\n|\nAll interactions will be|\Z)", re.DOTALL)
_FIELD: Final = re.compile(r"^\d+\. `(\w+)` \(", re.MULTILINE)
_NOTE: Final = re.compile(r"\{(\w+)\}[ \t]*# note: the value you produce (.*)")
_JSON_STYLE: Final = "Outputs will be a JSON object with the following fields."
_MARKED_STYLE: Final = "[[ ## completed ## ]]"
_TURN_STYLE: Final = "[[ ## calls ## ]]"
_TURN: Final[Mapping[str, Schema]] = {"thought": STRING, "calls": {"type": "array", "items": {"type": "object"}}}


def render(chat: Chat, values: Mapping[str, Any]) -> str:
    """The text that gives these values to whoever sent this prompt."""
    if wants_turns(chat):
        return _marked(values)
    return markers(values) if _wants_markers(chat) else json.dumps(values)


def markers(values: Mapping[str, Any]) -> str:
    """DSPy's `ChatAdapter` format."""
    return f"{_marked(values)}\n\n{_MARKED_STYLE}"


def _marked(values: Mapping[str, Any]) -> str:
    return "\n\n".join(f"[[ ## {name} ## ]]\n{value if isinstance(value, str) else json.dumps(value)}" for name, value in values.items())


def wants_turns(chat: Chat) -> bool:
    """Whether the prompt asks for a thought and a list of calls, as our agents do."""
    first = chat.messages[0]
    return first["role"] == "system" and _TURN_STYLE in text_of(first) and _MARKED_STYLE not in text_of(first)


def _wants_markers(chat: Chat) -> bool:
    return _MARKED_STYLE in chat.prompt and _JSON_STYLE not in chat.prompt


def read_fields(text: str) -> dict[str, Any]:
    """The fields of a text in either format; values in markers stay text. Empty when it is in neither."""
    names = list(_MARKER.finditer(text))
    if names:
        ends = [*(name.start() for name in names[1:]), len(text)]
        return {name[1]: text[name.end() : end].strip() for name, end in zip(names, ends, strict=True)}
    return read_object(text)


def read_object(text: str) -> dict[str, Any]:
    """A JSON object, or an empty one where the text is something else."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def wanted_fields(chat: Chat) -> dict[str, Schema]:
    """The output fields that the prompt asks for, in its order, with the JSON schema of each."""
    if wants_turns(chat):
        return dict(_TURN)
    listed = _OUTPUTS.search(chat.prompt)
    if listed:
        notes = dict(_NOTE.findall(_structure(chat.prompt)))
        return {name: _schema_of(notes.get(name, "")) for name in _FIELD.findall(listed[1])}
    schema = ((chat.body.get("response_format") or {}).get("json_schema") or {}).get("schema") or {}
    return dict(schema.get("properties", {}))


def _structure(prompt: str) -> str:
    """Where the notes are: in the values of a JSON object, or in the prompt as it is."""
    _, json_style, rest = prompt.partition(_JSON_STYLE)
    return "\n".join(json.JSONDecoder().raw_decode(rest.lstrip())[0].values()) if json_style else prompt


def _schema_of(note: str) -> Schema:
    if "JSON schema: " in note:
        schema: Schema = json.JSONDecoder().raw_decode(note.partition("JSON schema: ")[2])[0]
        return schema
    if "one of: " in note:
        return {"enum": note.partition("one of: ")[2].split("; ")}
    for words, kind in (("single int", "integer"), ("single float", "number"), ("True or False", "boolean")):
        if words in note:
            return {"type": kind}
    return STRING


def complete(wanted: Mapping[str, Schema], known: Mapping[str, Any]) -> dict[str, Any]:
    """A value for every wanted field: what is known, else something of its type."""
    return {name: known[name] if name in known else invent(schema) for name, schema in wanted.items()}
