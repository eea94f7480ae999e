"""A handoff: what a finished task passes on, with the evidence that it is finished.

Its id is a hash over what was claimed and judged, and over the ids of its inputs. So the handoffs of a run form one
Merkle chain: nobody can change an early payload without changing every id after it. Commit ids, times and output texts
are left out, since they differ between two honest runs of the same work.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from swarm.signatures.canonical import digest
from swarm.signatures.evidence import Evidence

__all__ = ["Handoff"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Handoff:
    """One task's result.

    Attributes:
        task: full name, `category.task` or `category.task[gap path]`.
        contract: name of the contract that the payload satisfies, or None.
        payload: the typed content, made of JSON's types.
        evidence: checks before and after. The verdict on the landed tree is recorded beside it, not part of the id.
        base_tree: git tree that the attempt started from.
        result_tree: git tree that the attempt left, before any merge.
        inputs: ids of the handoffs that were in the inbox, in the order of the needed tasks' names.
        definition: hash of the task's definition: what an equal task in a later run is recognised by.
        reused_from: id of the earlier handoff whose payload this satisfied task passes on.
    """

    task: str
    contract: str | None
    payload: Mapping[str, Any]
    evidence: tuple[Evidence, ...]
    base_tree: str
    result_tree: str
    inputs: tuple[str, ...]
    definition: str
    reused_from: str | None = None

    @property
    def id(self) -> str:
        """SHA-256, in hex, over task, contract, payload, verdicts before and after, both trees and the inputs' ids."""
        verdicts = [[e.key, e.kind, e.before, e.after] for e in self.evidence]
        content = [self.task, self.contract, dict(self.payload), verdicts, self.base_tree, self.result_tree, list(self.inputs)]
        return digest(content)
