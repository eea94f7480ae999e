"""What an agent is told: everything it needs to begin, as plain data.

The same brief is an argument of `aforward`, the JSON file behind `SWARM_BRIEF` and a variable in templates.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from swarm.signatures.evidence import Evidence, Refused

__all__ = ["Brief", "Inbox"]

Inbox = Mapping[str, Mapping[str, Any]]
"""Validated payloads of the needed tasks, by full task name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Brief:
    """One attempt's assignment.

    Attributes:
        attempt: counts from 1.
        contract: name of the contract of the payload, or None.
        contract_schema: its JSON Schema.
        writes: globs of the paths that may change; everything else is outside the scope.
        reads: globs of the paths that matter for the task.
        closes: the gaps to close, each `{gap, path, lines}`.
        done_when: the checks that have to be green at the end, in the plan's words.
        keep: the checks that must not turn red.
        refused: why the last attempt was refused, or None at the first.
        before: what the checks and the gaps said of the base.
        turns: how many times a program that uses tools may ask its model.
    """

    run: str
    task: str
    attempt: int
    agent: str
    role: str
    goal: str
    contract: str | None = None
    contract_schema: Mapping[str, Any] = field(default_factory=dict)
    writes: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    closes: tuple[Mapping[str, Any], ...] = ()
    done_when: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    refused: Refused | None = None
    before: tuple[Evidence, ...] = ()
    turns: int = 40

    @property
    def fields(self) -> frozenset[str]:
        """The fields that the contract names."""
        return frozenset(self.contract_schema.get("properties", {}))

    def as_json(self) -> dict[str, Any]:
        """The brief as JSON's types."""
        return asdict(self)
