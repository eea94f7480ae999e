"""Proposals: a planner's plans, each proved as soon as it is made; kept are the last that was proved, and the best of the others."""

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Final

from pydantic import Field

from swarm.agents.drafting.fitness import FILE, unfit
from swarm.agents.tools.calling import answering, described
from swarm.agents.tools.offer import Offer
from swarm.plans.problems import Problem, render

__all__ = ["LONGEST", "Draft", "Proof", "Proposals", "Prove"]

LONGEST: Final = 120_000
"""Characters of a plan."""

_TOLD: Final = 40
_FENCED: Final = re.compile(r"\s*```[a-z]*\n(.*?)\n?```\s*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Proof:
    """What a plan was found to be.

    Attributes:
        problems: all of them, by line.
        tasks, phases: how many there are, fanned out.
        gaps: how many each detector found.
    """

    problems: tuple[Problem, ...]
    tasks: int = 0
    phases: int = 0
    gaps: Mapping[str, int] = field(default_factory=dict)

    @property
    def errors(self) -> int:
        """Problems that are more than warnings."""
        return sum(problem.severity == "error" for problem in self.problems)

    @property
    def ok(self) -> bool:
        return not self.errors


Prove = Callable[[str], Awaitable[Proof]]
"""Proves a plan's text against the workspace. Whatever stands in the text, it ends within bounds of time."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A plan that is fit to be shown to a person, and its proof."""

    text: str
    proof: Proof


@dataclass(slots=True)
class Proposals:
    """What a planner has proposed.

    Attributes:
        workspace: what each plan's `workspace:` must say.
        say: is told of each proposal in a line.
        proved: the last that was proved.
        unproved: of the others that were fit, the last with the fewest errors.
        refused: the problems of the last that was not proved.
    """

    prove: Prove
    workspace: str
    say: Callable[[str], None]
    proved: Draft | None = None
    unproved: Draft | None = None
    refused: tuple[Problem, ...] = ()
    made: int = 0

    @property
    def best(self) -> Draft | None:
        """What to write, if anything."""
        return self.proved or self.unproved

    @property
    def offer(self) -> Offer:
        """The tool by which they are made."""
        return Offer(described(Proposals.propose_plan), lambda given: self.propose_plan(**given))

    @answering
    async def propose_plan(self, plan: Annotated[str, Field(min_length=1, max_length=LONGEST)]) -> str:
        """Proves a plan as `swarm validate` does, and keeps it if it is better. Answers with every problem at its place, or with what
        was proved and what each detector found.

        Args:
            plan: the whole YAML text, each time.
        """
        text = _tidied(plan)
        misfits = unfit(text, self.workspace)
        proof = Proof(misfits) if misfits else await self.prove(text)
        self._keep(Draft(text, proof), fit=not misfits)
        self.made += 1
        self.say(f"plan {self.made}: {_in_short(proof)}")
        return "\n".join(_told(proof, text))

    def _keep(self, draft: Draft, *, fit: bool) -> None:
        if draft.proof.ok:
            self.proved = draft
            return
        self.refused = draft.proof.problems
        if fit and (self.unproved is None or draft.proof.errors <= self.unproved.proof.errors):
            self.unproved = draft


def _tidied(plan: str) -> str:
    """Without what models put around a file, and with the line ends of a file of ours."""
    text = plan.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    fenced = _FENCED.fullmatch(text)
    return (fenced[1] if fenced else text).rstrip() + "\n"


def _told(proof: Proof, text: str) -> Iterator[str]:
    if proof.problems:
        yield render(_first(proof.problems), {FILE: text})
    if len(proof.problems) > _TOLD:
        yield f"… and {len(proof.problems) - _TOLD} more problems"
    if not proof.ok:
        yield f"not proved: {_counted(proof.errors, 'error')}"
        return
    yield f"{_in_short(proof)}, each owned once"
    yield f"gaps found: {', '.join(f'{name} {number}' for name, number in proof.gaps.items()) or 'the plan has no detector'}"
    if silent := [name for name, number in proof.gaps.items() if not number]:
        yield f"Found nothing: {', '.join(silent)}. A detector that finds nothing holds for any code: does it look for the right thing?"
    yield "If it measures what the goal means, finish; else propose a better one."


def _first(problems: Sequence[Problem]) -> list[Problem]:
    """As many as are told, errors before warnings."""
    return sorted(sorted(problems, key=lambda problem: problem.severity != "error")[:_TOLD])


def _in_short(proof: Proof) -> str:
    if not proof.ok:
        return _counted(proof.errors, "error")
    return f"proved: {_counted(proof.tasks, 'task')} in {_counted(proof.phases, 'phase')}, {_counted(sum(proof.gaps.values()), 'gap')}"


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
