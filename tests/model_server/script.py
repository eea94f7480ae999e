"""Scripts: what the model answers to which request, and where it fails instead.

A script is any function from a chat to a reply. The conversation is all it gets, so that a restarted client, or two at once, meet
the same model.
"""

from collections.abc import Callable, Mapping
from typing import Any

from .faults import Drip, Fault
from .formats import render
from .protocol import Answer, Chat
from .sending import Reply

__all__ = ["Fixed", "Script", "faulty", "fields"]

Script = Callable[[Chat], Reply]


class Fixed:
    """One reply after another, in the order of arrival. A script among them is asked when its turn comes.

    Args:
        replies: each for one request.
        then: for every further request; without it a further request is an error of the test.
    """

    def __init__(self, *replies: Reply | Script, then: Reply | Script | None = None) -> None:
        self._left = list(replies)
        self._then = then

    def __call__(self, chat: Chat) -> Reply:
        reply = self._left.pop(0) if self._left else self._then
        if reply is None:
            raise AssertionError(f"no answer is left for chat {chat.number}")
        return reply(chat) if callable(reply) else reply


def fields(**values: Any) -> Script:
    """Answers with these output fields, in the format that the prompt asks for."""
    return lambda chat: Answer(render(chat, values))


def faulty(
    script: Script,
    *,
    numbers: Mapping[int, Fault] | None = None,
    suffixes: Mapping[str, Fault] | None = None,
    when: Callable[[Chat], Fault | None] = lambda chat: None,
) -> Script:
    """A script with faults in its way. Where one strikes, the script is not asked, unless the fault carries its answer (`Drip`).

    Args:
        script: asked where no fault strikes.
        numbers: faults by the number of the chat on the server, from 1.
        suffixes: faults by the end of the model's name, the longest first; see `faults.BY_SUFFIX`.
        when: decides from the chat.
    """
    by_suffix = sorted((suffixes or {}).items(), key=lambda entry: -len(entry[0]))

    def fault_of(chat: Chat) -> Fault | None:
        named = (fault for suffix, fault in by_suffix if chat.model.endswith(suffix))
        return (numbers or {}).get(chat.number) or next(named, None) or when(chat)

    def reply(chat: Chat) -> Reply:
        fault = fault_of(chat)
        if isinstance(fault, Drip) and fault.answer is None:
            said = script(chat)
            return Drip(fault.every_s, fault.size_bytes, said) if isinstance(said, Answer) else said
        return fault or script(chat)

    return reply
