"""OpenAI's chat completions as values: what was asked, what is answered, and the JSON of both. No IO.

The server is as strict as the provider where a client's mistake would else stay hidden: `n` above one, tool results that answer
no call and calls that no result answers are refused.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

__all__ = ["Answer", "BadRequest", "Call", "Chat", "Usage", "chunks", "completion", "failure", "huge", "parse_chat", "text_of"]

CREATED: Final = 1_700_000_000
_CHARS_PER_TOKEN: Final = 4
_PIECES: Final = 32
"""At most so many pieces in a stream, however long the answer."""


class BadRequest(Exception):
    """A request that the provider would answer with 400. The text says which field and why."""

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call. Arguments given as text are sent as they are, malformed or not."""

    name: str
    arguments: Mapping[str, Any] | str = field(default_factory=dict)

    @property
    def arguments_text(self) -> str:
        return self.arguments if isinstance(self.arguments, str) else json.dumps(self.arguments)


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one answer; `cached` of the prompt's came from the provider's prompt cache."""

    prompt: int
    completion: int
    cached: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model says. `finish_reason` and `usage` are worked out when they are not given."""

    text: str = ""
    calls: tuple[Call, ...] = ()
    finish_reason: str | None = None
    usage: Usage | None = None

    @property
    def ending(self) -> str:
        return self.finish_reason or ("tool_calls" if self.calls else "stop")


def huge(size: int = 10 * 2**20) -> Answer:
    """An answer of so many characters."""
    return Answer("x" * size)


@dataclass(frozen=True)
class Chat:
    """A chat completions request that the provider would accept."""

    number: int
    """Among the server's chat requests, refused ones too; counts from 1."""
    body: Mapping[str, Any]

    @property
    def model(self) -> str:
        return str(self.body["model"])

    @property
    def messages(self) -> Sequence[Mapping[str, Any]]:
        return tuple(self.body["messages"])

    @property
    def tools(self) -> Sequence[Mapping[str, Any]]:
        return tuple(self.body.get("tools") or ())

    @property
    def parallel(self) -> bool:
        """Several tool calls may stand in one answer."""
        return self.body.get("parallel_tool_calls") is not False

    @property
    def stream(self) -> bool:
        return bool(self.body.get("stream"))

    @property
    def streams_usage(self) -> bool:
        return bool((self.body.get("stream_options") or {}).get("include_usage"))

    @cached_property
    def prompt(self) -> str:
        """What the client wrote: the texts of all messages but the model's own and the tools'."""
        return "\n\n".join(text_of(message) for message in self.messages if message["role"] not in ("assistant", "tool"))

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the body. Two requests with the same digest are one request sent twice."""
        return hashlib.sha256(json.dumps(self.body, sort_keys=True).encode()).hexdigest()


def text_of(message: Mapping[str, Any]) -> str:
    """A message's text, whether its content is a text or a list of parts."""
    content = message.get("content") or ""
    return content if isinstance(content, str) else "\n".join(part.get("text", "") for part in content)


def parse_chat(data: bytes, number: int) -> Chat:
    """Reads a request's body.

    Raises:
        BadRequest: the provider would refuse it.
    """
    try:
        body = json.loads(data)
    except ValueError as error:
        raise BadRequest(f"the body is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise BadRequest("the body is not a JSON object")
    _check(body)
    return Chat(number, body)


def _check(body: Mapping[str, Any]) -> None:
    if not isinstance(body.get("model"), str):
        raise BadRequest("you must provide a model parameter", "model")
    if body.get("n") not in (None, 1):
        raise BadRequest(f"n = {body['n']!r}: this server gives one answer to a request", "n")
    messages = body.get("messages")
    if not (isinstance(messages, list) and messages and all(isinstance(each, dict) and "role" in each for each in messages)):
        raise BadRequest("messages is a list, not empty, of objects with a role", "messages")
    _check_tool_turns(messages)


def _check_tool_turns(messages: Sequence[Mapping[str, Any]]) -> None:
    """Results follow the calls they answer, each exactly once, before anybody else speaks."""
    waiting: set[str] = set()
    for message in messages:
        if message["role"] == "tool":
            if message.get("tool_call_id") not in waiting:
                raise BadRequest("messages with role 'tool' must be a response to a preceding message with 'tool_calls'", "messages")
            waiting.remove(message["tool_call_id"])
            continue
        _check_answered(waiting)
        waiting = {call["id"] for call in message.get("tool_calls") or ()}
    _check_answered(waiting)


def _check_answered(waiting: set[str]) -> None:
    if waiting:
        raise BadRequest(f"'tool_calls' must be followed by tool messages; no response to: {', '.join(sorted(waiting))}", "messages")


def completion(chat: Chat, answer: Answer) -> dict[str, Any]:
    """The JSON of an answer given at once."""
    message: dict[str, Any] = {"role": "assistant", "content": answer.text or (None if answer.calls else ""), "refusal": None}
    if answer.calls:
        message["tool_calls"] = [_call(chat, index, call, call.arguments_text) for index, call in enumerate(answer.calls)]
    choice = {"index": 0, "message": message, "finish_reason": answer.ending, "logprobs": None}
    return _frame(chat, "chat.completion", [choice]) | {"usage": _usage(chat, answer)}


def chunks(chat: Chat, answer: Answer) -> Iterator[dict[str, Any]]:
    """The same answer as the objects of a stream; the last holds the usage, if the request wants it."""
    for delta in _deltas(chat, answer):
        yield _chunk(chat, delta)
    yield _chunk(chat, {}, answer.ending)
    if chat.streams_usage:
        yield _frame(chat, "chat.completion.chunk", []) | {"usage": _usage(chat, answer)}


def _deltas(chat: Chat, answer: Answer) -> Iterator[dict[str, Any]]:
    yield {"role": "assistant", "content": ""}
    for piece in _pieces(answer.text):
        yield {"content": piece}
    for index, call in enumerate(answer.calls):
        yield {"tool_calls": [{"index": index} | _call(chat, index, call, "")]}
        for piece in _pieces(call.arguments_text):
            yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}


def _pieces(text: str) -> Iterator[str]:
    size = max(8, -(-len(text) // _PIECES))
    return (text[start : start + size] for start in range(0, len(text), size))


def _chunk(chat: Chat, delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason, "logprobs": None}
    return _frame(chat, "chat.completion.chunk", [choice])


def _frame(chat: Chat, kind: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
    return {"id": f"chatcmpl-{chat.number}", "object": kind, "created": CREATED, "model": chat.model, "choices": choices}


def _call(chat: Chat, index: int, call: Call, arguments: str) -> dict[str, Any]:
    return {"id": f"call_{chat.number}_{index}", "type": "function", "function": {"name": call.name, "arguments": arguments}}


def _usage(chat: Chat, answer: Answer) -> dict[str, Any]:
    usage = answer.usage or _estimate(chat, answer)
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.prompt + usage.completion,
        "prompt_tokens_details": {"cached_tokens": usage.cached},
    }


def _estimate(chat: Chat, answer: Answer) -> Usage:
    asked = sum(len(json.dumps(part)) for part in (*chat.messages, *chat.tools))
    said = len(answer.text) + sum(len(call.name) + len(call.arguments_text) for call in answer.calls)
    return Usage(-(-asked // _CHARS_PER_TOKEN), -(-said // _CHARS_PER_TOKEN))


def failure(message: str, kind: str, code: str | None = None, param: str | None = None) -> dict[str, Any]:
    """The JSON of an error."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}
