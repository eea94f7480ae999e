"""What was measured about a task: verdicts of its checks, and why an attempt was refused."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["Evidence", "Refused", "Verdict"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One check's answer on one tree.

    Attributes:
        key: hash of the check and of everything its answer depends on beside the tree.
        check: the check in the plan's words.
        tree: git tree that was judged.
        green: whether the check holds.
        value: the number it measured, where it measures one.
        output: the end of what it printed, or the places it found.
    """

    key: str
    check: str
    tree: str
    green: bool
    value: float | None = None
    output: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One check before and after an attempt. `None`: not measured.

    `kind` says how it binds: a `done_when` check or closed gap must end green, a `keep` check must not turn red.
    """

    key: str
    check: str
    kind: Literal["done_when", "closes", "keep"]
    before: bool | None = None
    after: bool | None = None
    landed: bool | None = None
    value: float | None = None
    output: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Why an attempt was refused, in words that the next attempt can act on."""

    attempt: int
    kind: Literal["scope", "contract", "checks", "procedure", "timeout", "merge", "agent", "budget"]
    text: str
    evidence: tuple[Evidence, ...] = ()
