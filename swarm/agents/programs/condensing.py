"""A long conversation made shorter: what tools answered long ago gives way to a line that says what was there.

It happens in one go and then not again for a while, because each change of an earlier message costs the provider's prompt cache. The
first message and the newest turns stay as they are, thoughts stay always, and the record of the attempt loses nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from swarm.agents.programs.messages import results
from swarm.agents.programs.turns import Call, Step, rendered
from swarm.agents.tools.answers import cut, one_line

__all__ = ["Turn", "condensed"]

_WORTH: Final = 400
"""Shorter results stay: a line instead would hardly be shorter."""
_ARGUMENT: Final = 1_000
_NAMED: Final = 80


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn as the model is shown it.

    Attributes:
        answer: what the model said.
        results: the message after it.
        remarks: its last lines, which are not a tool's.
        repeatable: the tools that may be called again for what they show.
    """

    step: Step
    answer: str
    results: str
    remarks: tuple[str, ...] = ()
    repeatable: frozenset[str] = frozenset()

    @property
    def size(self) -> int:
        return len(self.answer) + len(self.results)


def condensed(turns: Sequence[Turn], excess: int, keep: int) -> tuple[Turn, ...]:
    """The turns, from the oldest on shortened until so many characters are saved.

    Args:
        keep: how many of the newest stay as they are.
    """
    shown = list(turns)
    for index in range(len(turns) - keep):
        if excess <= 0:
            break
        shown[index] = _short(turns[index])
        excess -= turns[index].size - shown[index].size
    return tuple(shown)


def _short(turn: Turn) -> Turn:
    step = turn.step
    if not step.calls:
        return turn
    told = [(call.tool, _stub(call, text, turn.repeatable)) for call, text in zip(step.calls, step.observations, strict=True)]
    answer = rendered(step.thought, [Call(tool=call.tool, args=_cut_texts(call.args)) for call in step.calls])
    return replace(turn, answer=min(answer, turn.answer, key=len), results=results(told, turn.remarks))


def _stub(call: Call, text: str, repeatable: frozenset[str]) -> str:
    if len(text) < _WORTH:
        return text
    again = "; call it again if needed" if call.tool in repeatable else ""
    what = " ".join([call.tool, *(one_line(cut(each, _NAMED, " ")) for each in _first_text(call.args))])
    return f"[{what}: {len(text):,} characters, left out{again}]"


def _first_text(value: Any) -> Sequence[str]:
    """What a call is about, mostly a path or a pattern."""
    if isinstance(value, str):
        return [value]
    parts: Iterable[Any] = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return next((found for found in map(_first_text, parts) if found), [])


def _cut_texts(value: Any) -> Any:
    """Written files are arguments, and as long as results."""
    if isinstance(value, str):
        return cut(value, _ARGUMENT)
    if isinstance(value, Mapping):
        return {name: _cut_texts(each) for name, each in value.items()}
    return [_cut_texts(each) for each in value] if isinstance(value, list) else value
