"""The tools that a request offers and the calls that its conversation already holds, native or in text.

Text means the three ways in which DSPy tells of tools without the provider's help, and ours: `ReAct`'s numbered list and its
trajectory fields, `ReActV2`'s `tools` field and the `tool_calls` fields of earlier turns; a heading for each tool, with its schema
on the last line, and the `calls` of earlier turns.
"""

import ast
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from .formats import read_fields, read_object, wants_turns
from .protocol import Call, Chat, text_of
from .schemas import Schema

__all__ = ["Offer", "offers", "past_calls"]

_DESCRIBED: Final = re.compile(r"(\w+), whose description is <desc>.*?</desc>\. It takes arguments (\{.*\})\.")
_HEADED: Final = re.compile(r"^### (\S+)\n(?:.*\n)*?args: (\{.*\})$", re.MULTILINE)
_STEP: Final = re.compile(r"tool_name_(\d+)")


@dataclass(frozen=True, slots=True)
class Offer:
    """A tool and its parameters, a JSON schema of an object."""

    name: str
    parameters: Schema

    @property
    def properties(self) -> Mapping[str, Schema]:
        return dict(self.parameters.get("properties", {}))

    @property
    def required(self) -> frozenset[str]:
        return frozenset(self.parameters.get("required", ()))


def offers(chat: Chat) -> dict[str, Offer]:
    """The tools by their names."""
    found = _native(chat) if chat.tools else _headed(chat) if wants_turns(chat) else _described(chat)
    return {offer.name: offer for offer in found}


def _native(chat: Chat) -> Iterator[Offer]:
    for tool in chat.tools:
        function = tool["function"]
        yield Offer(function["name"], function.get("parameters") or {})


def _headed(chat: Chat) -> Iterator[Offer]:
    for name, schema in _HEADED.findall(chat.prompt.partition("\n## Task\n")[0]):
        yield Offer(name, json.loads(schema))


def _described(chat: Chat) -> Iterator[Offer]:
    for line in _lines(chat):
        for name, arguments in _DESCRIBED.findall(line):
            properties = ast.literal_eval(arguments)
            required = [argument for argument, schema in properties.items() if "default" not in schema]
            yield Offer(name, {"type": "object", "properties": properties, "required": required})


def _lines(chat: Chat) -> Iterator[str]:
    """A `tools` field begins with the descriptions as a JSON list, `ReAct`'s instructions hold them line by line."""
    for message in chat.messages:
        text = text_of(message)
        listed = read_fields(text).get("tools", "")
        yield from map(str, json.JSONDecoder().raw_decode(listed)[0]) if listed.startswith("[") else text.splitlines()


def past_calls(chat: Chat) -> list[Call]:
    """The calls of this conversation, in their order, with arguments as mappings."""
    return [call for message in chat.messages for call in _calls_in(message)]


def _calls_in(message: Mapping[str, Any]) -> Iterator[Call]:
    for call in message.get("tool_calls") or ():
        yield Call(call["function"]["name"], read_object(call["function"]["arguments"]))
    if message["role"] == "assistant":
        yield from _turn(read_fields(text_of(message)))
    if message["role"] == "user":
        yield from _trajectory(read_fields(text_of(message)))


def _turn(said: Mapping[str, Any]) -> Iterator[Call]:
    for call in read_object(f'{{"calls": {said.get("calls") or "[]"}}}').get("calls", ()):
        if isinstance(call, dict):
            yield Call(call.get("tool", ""), call.get("args", {}))
    listed = said.get("tool_calls", {})
    for call in (read_object(listed) if isinstance(listed, str) else listed).get("tool_calls", ()):
        yield Call(call["name"], call["args"])


def _trajectory(shown: Mapping[str, Any]) -> Iterator[Call]:
    for name in filter(_STEP.fullmatch, shown):
        yield Call(shown[name], read_object(shown[name.replace("name", "args")]))
