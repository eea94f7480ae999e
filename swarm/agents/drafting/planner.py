"""The planner at work: it looks at the code base, proposes plans and mends them, until one is proved or its turns are up.

It is an agent like those that do tasks, with tools that look and one that proves, and without a task: nothing of it is a run, and what it
was told is kept in memory only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from swarm.agents.drafting.goal import Goal
from swarm.agents.drafting.language import INSTRUCTION, ROLE
from swarm.agents.drafting.overview import overview
from swarm.agents.drafting.proposing import Draft, Proposals
from swarm.agents.lm.record import Caller, MemoryRecord
from swarm.agents.programs.react import React
from swarm.agents.programs.trail import Trail, Way
from swarm.agents.tools import Toolbox
from swarm.agents.tools.answers import cut
from swarm.errors import AgentStopped, EnvironmentFault, Parked
from swarm.plans.problems import Problem
from swarm.signatures.brief import Brief
from swarm.signatures.contracts import Contracts, FieldSpec
from swarm.workspace.desk import Desk

import dspy  # isort: skip # after swarm.agents.lm, which keeps it from the network

__all__ = ["NAME", "TURNS", "Drafted", "draft"]

NAME: Final = "draft"
"""Under which its calls are counted."""
TURNS: Final = 30

_LOOKING: Final = ("list_files", "read_file", "search")
_CONTRACT: Final = "Drafted"
_OPEN: Final = (
    "what the goal asks for and the plan leaves open, or which problems could not be solved and why; empty where there is nothing"
)
_CONTRACTS: Final = Contracts({_CONTRACT: {"unsolved": FieldSpec(type="str", required=False, default="", about=_OPEN)}})
_SHOWN: Final = 12_000
_RESUME: Final = ", then `swarm resume`"
"""What runs are told, and here there is none."""


@dataclass(frozen=True, slots=True)
class Drafted:
    """What came of it.

    Attributes:
        best: the last plan that was proved, else the one with the fewest errors; None where none was fit to be written.
        refused: the problems of the last proposal that was not proved.
        unsolved: what the planner says it leaves open.
        stopped: why it ended otherwise than by its own word; empty where it did not.
    """

    best: Draft | None
    refused: tuple[Problem, ...] = ()
    unsolved: str = ""
    stopped: str = ""


async def draft(goal: Goal, lm: Any, desk: Desk, proposals: Proposals, turns: int = TURNS) -> Drafted:
    """Lets a planner write a plan.

    Args:
        lm: the `dspy.LM` to think with.
        desk: the code base; it is only read.
        proposals: empty; holds them afterwards.
        turns: how many times the model may be asked.

    Raises:
        EnvironmentFault: something needed is missing; or it ended before it had proposed anything, such as for a wrong key.
    """
    try:
        with dspy.context(lm=lm, disable_history=True, trace=None, swarm_call=Caller(NAME, "", 1)):
            unsolved = await _worked(goal, desk, proposals, turns)
    except (AgentStopped, Parked) as stopped:
        why = str(stopped).removesuffix(_RESUME)
        if not proposals.made:
            raise EnvironmentFault(f"the planner ended before it had proposed a plan: {why}; `swarm doctor` tries the model") from stopped
        return Drafted(proposals.best, proposals.refused, stopped=why)
    told = proposals.proved or unsolved.strip()
    return Drafted(proposals.best, proposals.refused, unsolved, "" if told else f"its {turns} turns are used up")


async def _worked(goal: Goal, desk: Desk, proposals: Proposals, turns: int) -> str:
    """Goes on until a plan is proved, the planner says what it cannot solve, or the turns are up: some finish in the turn in which they
    propose, before they have seen that it was refused."""
    trail, paths = Trail(MemoryRecord(), NAME, 1, Way.ANEW), await desk.list_files()
    while True:
        planner = _planner(goal, desk, proposals, trail, paths, turns)
        answer = await planner.acall(brief=_brief(goal, turns), inbox={}, desk=desk)
        turns -= len(answer["steps"])
        unsolved: str = answer["handoff"]["unsolved"]
        if proposals.proved or unsolved.strip() or turns < 1:
            return unsolved


def _planner(goal: Goal, desk: Desk, proposals: Proposals, trail: Trail, paths: Sequence[str], turns: int) -> React:
    async def situation() -> str:
        sections = (f'The plan says `workspace: "{proposals.workspace}"`.', _code_base(paths), goal.section, _so_far(proposals))
        return "\n\n".join(section for section in sections if section)

    async def nothing() -> Sequence[str]:
        return ()

    return React(
        role=ROLE,
        instruction=INSTRUCTION,
        contracts=_CONTRACTS,
        contract=_CONTRACT,
        offers=[*Toolbox(desk).offers(_LOOKING), *goal.offers, proposals.offer],
        trail=trail,
        situation=situation,
        changed=nothing,
        turns=turns,
    )


def _brief(goal: Goal, turns: int) -> Brief:
    return Brief(run="", task=NAME, attempt=1, agent="planner", role=ROLE, goal=goal.sentence, contract=_CONTRACT, turns=turns)


def _code_base(paths: Sequence[str]) -> str:
    return f"## The code base\n\n{overview(paths)}"


def _so_far(proposals: Proposals) -> str:
    """Where an earlier conversation ended, if there was one."""
    if not proposals.made:
        return ""
    refused = cut("\n".join(map(str, proposals.refused)), _SHOWN)
    text = f"## Where this stands\n\nYou finished, and no plan is proved yet. The last was refused for:\n{refused}"
    return f"{text}\n\nThe best so far:\n\n{cut(proposals.best.text, _SHOWN)}" if proposals.best else text
