"""What one attempt works with."""

from dataclasses import dataclass, field

from swarm.agents.checking import Checking
from swarm.agents.lm.record import Caller
from swarm.engine.ports import Assignment
from swarm.workspace.desk import Desk

__all__ = ["Bench"]


@dataclass(frozen=True, slots=True)
class Bench:
    """An attempt's desk, its checks, and what its agent leaves.

    Attributes:
        caller: under whose name its model calls are made.
        metrics: numbers that the agent recorded.
    """

    assignment: Assignment
    desk: Desk
    checking: Checking
    caller: Caller
    metrics: list[tuple[str, float]] = field(default_factory=list)
