"""What can be said about a run: a closed union of frozen values. State is a fold over them; nothing else is true.

An event is written to disk before anyone believes it. Each has a `kind` (its name in the journal) and the journal keeps
a version beside it; a changed shape gets a new version and an upcast in `journal.codec`, so that old records stay readable.

Do not subclass these, and do not add a field without thinking of journals that lack it: give it a default.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from swarm.plans.found import Found
from swarm.signatures.evidence import Refused, Verdict
from swarm.signatures.handoff import Handoff

__all__ = [
    "ApprovalGiven",
    "AttemptCutOff",
    "AttemptRefused",
    "AttemptReported",
    "AttemptStarted",
    "Ending",
    "Entry",
    "Event",
    "GateMeasured",
    "Landed",
    "Landing",
    "Measured",
    "PhaseOpened",
    "Promoted",
    "PromotionUndone",
    "RolledBack",
    "RollingBack",
    "RunEnded",
    "RunPaused",
    "RunStarted",
    "SchedulerStarted",
    "TaskEvent",
    "TaskRetried",
    "TaskSatisfied",
]

Ending = Literal["complete", "incomplete", "stalled", "cancelled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A gate condition as it was found: numbers are shares from 0 to 1, None where nothing is measured."""

    condition: str
    value: float | None
    threshold: float | None
    met: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted:
    """The run exists. The plan and the files it names are stored beside the event, by content hash."""

    kind: Literal["run_started"] = "run_started"
    run: str
    plan: str
    plan_file: str
    plan_text: str
    files: dict[str, str]
    """Files that the plan names, relative to the plan: path to content hash."""
    executables: tuple[str, ...] = ()
    """Those of the files that may be executed."""
    workspace: str
    base: str
    """Commit of the snapshot; the run's first head."""
    base_tree: str
    user_head: str | None = None
    """The commit that the user's repository was at, if the workspace is the top of one."""
    excludes: str = ""
    """Ignore rules of the run's worktrees, beside those in the tree itself."""
    parallel: int
    sandbox: str
    gaps: tuple[Found, ...] = ()
    """The detectors' answer on the snapshot. Fan-outs expand over it, once."""
    only: tuple[str, ...] = ()
    swarm_version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulerStarted:
    """A scheduler took the run. Attempts that were in flight died with the one before."""

    kind: Literal["scheduler_started"] = "scheduler_started"
    fence: int
    pid: int
    sandbox: str
    lm: str = ""
    """The model that a person chose for all agents; empty where the plan's own are used."""
    budget: dict[str, float] = field(default_factory=dict)
    """Limits (`usd`, `calls`, `tokens`) that a person gave in the place of the plan's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateMeasured:
    """The conditions of a phase's gate that need a measurement, taken together on one head."""

    kind: Literal["gate_measured"] = "gate_measured"
    phase: str
    head: str
    conditions: dict[str, Measured]
    """By the condition's position in the gate, written as text."""
    verdicts: tuple[Verdict, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalGiven:
    """A person opened the `approval` conditions of a phase."""

    kind: Literal["approval_given"] = "approval_given"
    phase: str
    who: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseOpened:
    """Every condition of the phase's gate held. Open stays open."""

    kind: Literal["phase_opened"] = "phase_opened"
    phase: str
    gate: tuple[Measured, ...]
    debt: tuple[str, ...]
    """Tasks of the phases its gate asked about that were not yet verified."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptStarted:
    """A worktree is being prepared; the attempt has begun."""

    kind: Literal["attempt_started"] = "attempt_started"
    task: str
    attempt: int
    agent: str
    base: str
    sandbox: str
    recorded_as: int = 0
    """The attempt whose record of model calls it goes on with: one that was cut off. 0: its own number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptReported:
    """What an attempt left besides its payload, whatever became of it."""

    kind: Literal["attempt_reported"] = "attempt_reported"
    task: str
    attempt: int
    ending: str
    """How an agent that works in turns ended: `finished`, or what stopped it. Empty for others."""
    turns: int
    notes: tuple[str, ...]
    metrics: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSatisfied:
    """The checks were green on the base: nothing had to run."""

    kind: Literal["task_satisfied"] = "task_satisfied"
    task: str
    attempt: int
    handoff: Handoff
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRefused:
    """The attempt ended without being done. It counts against the task's attempts; `last` says that it was the last."""

    kind: Literal["attempt_refused"] = "attempt_refused"
    task: str
    attempt: int
    last: bool
    refused: Refused
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptCutOff:
    """The attempt ended for a reason that is not its own (interrupt, missing tool). It does not count."""

    kind: Literal["attempt_cut_off"] = "attempt_cut_off"
    task: str
    attempt: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Landing:
    """The change is judged and about to land: the run's head moves from `old` to `new` by compare-and-swap.

    Payload and evidence are here, so that a crash before `Landed` is completed on resume without running anything.
    """

    kind: Literal["landing"] = "landing"
    task: str
    attempt: int
    handoff: Handoff
    old: str
    new: str
    new_tree: str
    landed: tuple[Verdict, ...]
    """Verdicts on the landed tree."""
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Landed:
    """The run's head is the landing's commit."""

    kind: Literal["landed"] = "landed"
    task: str
    commit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRetried:
    """A person gave a failed task its attempts back."""

    kind: Literal["task_retried"] = "task_retried"
    task: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RollingBack:
    """Landed work is about to be taken back: the head moves from `old` to `new`."""

    kind: Literal["rolling_back"] = "rolling_back"
    what: str
    tasks: tuple[str, ...]
    old: str
    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RolledBack:
    """The work is taken back; its tasks wait again."""

    kind: Literal["rolled_back"] = "rolled_back"
    what: str
    tasks: tuple[str, ...]
    head: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Promoted:
    """The result was written into the user's folder or to a branch of theirs. `what` is the folder or the branch."""

    kind: Literal["promoted"] = "promoted"
    what: str
    head: str
    paths: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PromotionUndone:
    """The previous content of the user's folder was put back."""

    kind: Literal["promotion_undone"] = "promotion_undone"
    paths: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPaused:
    """Something could go on once the reason is gone. `missing`: something has to be installed or made reachable."""

    kind: Literal["run_paused"] = "run_paused"
    reason: str
    missing: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnded:
    """The run has nothing more to do. `gaps` and `success` were measured on the final tree (empty when cancelled)."""

    kind: Literal["run_ended"] = "run_ended"
    state: Ending
    reasons: tuple[str, ...] = ()
    gaps: tuple[Found, ...] = ()
    success: tuple[Verdict, ...] = ()


TaskEvent = AttemptStarted | AttemptReported | TaskSatisfied | AttemptRefused | AttemptCutOff | Landing | Landed | TaskRetried
"""What can be said of one task."""

Event = (
    RunStarted
    | SchedulerStarted
    | GateMeasured
    | ApprovalGiven
    | PhaseOpened
    | TaskEvent
    | RollingBack
    | RolledBack
    | Promoted
    | PromotionUndone
    | RunPaused
    | RunEnded
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An event as the journal holds it.

    Attributes:
        seq: position in the run, from 1, without holes. Order is this number, never the time.
        at: wall clock in UTC; a label.
        hash: SHA-256 over the previous entry's hash and this entry.
    """

    seq: int
    at: datetime
    event: Event
    hash: str = field(default="", compare=False)


def task_of(event: Event) -> str | None:
    """The task an event speaks of, if it speaks of one."""
    task: Any = getattr(event, "task", None)
    return task if isinstance(task, str) else None
