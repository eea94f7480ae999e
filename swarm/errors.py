"""Everything that can go wrong, split by who can act.

::

    SwarmError
    ├── CallerError               whoever typed the command or wrote the plan (exit 2)
    │   ├── UsageError                the command line names something that is not there
    │   └── PlanRefused               the plan has problems; each says where and what to do
    ├── Refusal                   the agent: this attempt does not count as done, the next one is told why
    │   ├── ScopeBreach               a path outside the task's `writes`, or one that may never land
    │   ├── ContractBreach            the payload does not fit the contract
    │   ├── ProcedureFailed           the procedure itself said no
    │   ├── AttemptTimedOut           the attempt took longer than it may
    │   ├── AgentStopped              the agent ended without finishing: out of turns, or going in circles
    │   └── OutOfBudget               the task's own budget is spent: no further attempt would help
    ├── EnvironmentFault          whoever runs the machine (exit 69): something needed is missing
    ├── Parked                    whoever pays or runs the model (exit 75): the run waits, and goes on by `swarm resume`
    │                                 (`agents.lm`: BudgetSpent, ProviderBroken)
    ├── NotRecorded               nobody: a replay asked what the record does not answer
    ├── RunRefused                whoever started the command (exit 1): the state of the run or folder forbids it
    ├── RunOwned                  nobody: another scheduler has the run (exit 75)
    ├── RecordFault               whoever owns the disk (exit 74): nothing further was claimed
    │   ├── JournalDamaged            the record does not add up; we stop rather than guess
    │   └── HeadMoved                 the run's head is neither the old nor the new commit of a landing
    └── Bug                       us: please report it

Foreign errors are turned into these where the foreign library is called, and nowhere else.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, Final

__all__ = [
    "EXIT_COMPLETE",
    "EXIT_INCOMPLETE",
    "EXIT_INTERRUPTED",
    "EXIT_MISSING",
    "EXIT_PAUSED",
    "EXIT_RECORD",
    "EXIT_USAGE",
    "AgentStopped",
    "AttemptTimedOut",
    "Bug",
    "CallerError",
    "ContractBreach",
    "EnvironmentFault",
    "HeadMoved",
    "JournalDamaged",
    "NotRecorded",
    "OutOfBudget",
    "Parked",
    "PlanRefused",
    "ProcedureFailed",
    "RecordFault",
    "Refusal",
    "RunOwned",
    "RunRefused",
    "ScopeBreach",
    "SwarmError",
    "UsageError",
]

EXIT_COMPLETE: Final = 0
EXIT_INCOMPLETE: Final = 1
EXIT_USAGE: Final = 2
EXIT_MISSING: Final = 69
EXIT_RECORD: Final = 74
EXIT_PAUSED: Final = 75
EXIT_INTERRUPTED: Final = 130


class SwarmError(Exception):
    """Anything `swarm` raises on purpose. Catch a subclass to act, this one to report."""

    exit_status: ClassVar[int] = EXIT_INCOMPLETE


class CallerError(SwarmError):
    """What was asked cannot be: change the command line or the plan."""

    exit_status = EXIT_USAGE


class UsageError(CallerError):
    """The command line names something that does not exist or may not be combined: correct it."""


class PlanRefused(CallerError):
    """The plan has problems (`swarm.plans.problems.Problem`): mend the places they name."""

    def __init__(self, problems: Sequence[Any]) -> None:
        super().__init__(f"the plan has {len(problems)} problem{'s' if len(problems) != 1 else ''}")
        self.problems = tuple(problems)


class Refusal(SwarmError):
    """An attempt is refused. The text is evidence for the next attempt: it names the thing and the mend.

    Attributes:
        left: what the attempt left besides (`swarm.engine.ports.Left`), where it came so far.
    """

    left: Any = None


class ScopeBreach(Refusal):
    """A change outside the task's scope, or of a kind that never lands. Every path is named in the text."""


class ContractBreach(Refusal):
    """The payload does not fit its contract. The text names field and reason."""


class ProcedureFailed(Refusal):
    """A procedure ended unsuccessfully. The text holds its status and the end of its output."""


class AttemptTimedOut(Refusal):
    """The attempt, or a check of it, took longer than it may; its process tree was ended."""


class AgentStopped(Refusal):
    """The agent ended without finishing. The text says by what: its turns were used up, or it repeated itself."""


class OutOfBudget(Refusal):
    """The task's own budget is spent. It fails at once: another attempt could not pay either."""

    final: ClassVar[bool] = True


class Parked(SwarmError):
    """Something outside has to change (a budget, a provider, a key) before work can go on: then `swarm resume`."""

    exit_status = EXIT_PAUSED


class NotRecorded(SwarmError):
    """A replay asked what the record does not answer: the work was not deterministic, or is not the one that was recorded."""


class EnvironmentFault(SwarmError):
    """Something needed is missing or cannot run (git, a command, a model): install it, then `swarm resume`."""

    exit_status = EXIT_MISSING


class RunRefused(SwarmError):
    """The state of the run or of the folder forbids this: the text says what would allow it."""


class RunOwned(SwarmError):
    """Another scheduler owns the run: wait for it, or cancel it."""

    exit_status = EXIT_PAUSED


class RecordFault(SwarmError):
    """The journal or the disk failed. Nothing after the last acknowledged event was claimed: free space or repair, then resume."""

    exit_status = EXIT_RECORD


class JournalDamaged(RecordFault):
    """The journal does not add up (hash chain, schema, undecodable event): restore it from a backup."""


class HeadMoved(RecordFault):
    """The run's head was moved by somebody else between a landing's two records: look before going on."""


class Bug(SwarmError):
    """A state that the program holds impossible. Please report it with the journal."""
