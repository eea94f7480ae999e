"""What a specialism is: plain data, so that listing the roster loads no agent framework."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["Program", "Specialism"]

Program = Literal["react", "chain_of_thought", "predict"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Specialism:
    """One kind of expert. A plan's `agents:` may override every field but the name and the instruction.

    Attributes:
        name: as plans call it.
        role: what it does, in one line.
        instruction: how a good one works; the docstring of its DSPy signature, after the role.
        tools: what it is given unless the plan says otherwise.
        program: how it thinks. Only `react` uses tools, and without tools nothing is read or changed.
    """

    name: str
    role: str
    instruction: str
    tools: tuple[str, ...]
    program: Program = "react"
