"""What an agent and its model have said to each other: as it happened, and as the model is shown it."""

from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

from swarm.agents.programs.condensing import Turn, condensed
from swarm.agents.programs.turns import Call, Step
from swarm.signatures.canonical import digest

__all__ = ["Conversation", "Ending", "Said", "Talk"]

_KEPT: Final = 3


class Ending(Enum):
    """By what a conversation ended."""

    FINISHED = "finished"
    TURN_LIMIT = "turn limit"
    CIRCLES = "going in circles"


@dataclass(frozen=True, slots=True)
class Conversation:
    """What came of it.

    Attributes:
        handoff: the payload.
        steps: all turns, nothing shortened.
    """

    handoff: dict[str, Any]
    ending: Ending
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Said:
    """One answer of the model.

    Attributes:
        answer: as it is shown to the model from now on.
        fault: why it could not be read; empty where it could.
    """

    answer: str
    thought: str = ""
    calls: tuple[Call, ...] = ()
    fault: str = ""


@dataclass(slots=True)
class Talk:
    """A conversation that goes on.

    Attributes:
        first: the first message.
        characters: what it may have before old results are left out, down to half of this.
        keys: of each turn; equal where the calls and their results are.
    """

    first: str
    characters: int
    steps: list[Step] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    turns: tuple[Turn, ...] = ()

    @property
    def size(self) -> int:
        """Characters of all messages."""
        return len(self.first) + sum(turn.size for turn in self.turns)

    @property
    def news(self) -> str:
        """The message that has no answer yet."""
        return self._messages[-1]

    @property
    def history(self) -> list[dict[str, str]]:
        """The messages that have one."""
        return [{"news": news, "answer": turn.answer} for news, turn in zip(self._messages[:-1], self.turns, strict=True)]

    @property
    def _messages(self) -> list[str]:
        return [self.first, *(turn.results for turn in self.turns)]

    def happened(self, said: Said, observations: tuple[str, ...]) -> Step:
        """Notes a turn as it was."""
        step = Step(said.thought, said.calls, observations)
        asked = [[call.tool, call.args] for call in said.calls] or said.answer
        self.steps.append(step)
        self.keys.append(digest([asked, observations]))
        return step

    def show(self, turn: Turn) -> None:
        """Adds a turn to what the model is shown, and makes room if it got too much."""
        self.turns = (*self.turns, turn)
        if self.size > self.characters:
            self.turns = condensed(self.turns, self.size - self.characters // 2, _KEPT)

    def halve(self, keep: int) -> bool:
        """Leaves out old results until half is left, as far as that goes; says whether anything was left out."""
        before = self.size
        self.turns = condensed(self.turns, before - before // 2, keep)
        return self.size < before
