"""The programs of a run: who thinks about a task, with which model, by which tools, and under whose name it is recorded."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from swarm.agents.bench import Bench
from swarm.agents.lm.budget import Ledger, Scope
from swarm.agents.lm.engine import Mode
from swarm.agents.lm.models import Models
from swarm.agents.mcp.servers import Servers
from swarm.agents.outside import offers_outside
from swarm.agents.programs.placeless import cleaner
from swarm.agents.programs.react import React
from swarm.agents.programs.single import Single
from swarm.agents.programs.situation import situation
from swarm.agents.programs.trail import Trail, Way
from swarm.agents.specialist import Specialist
from swarm.agents.tools import TOOLS, Offer, Toolbox
from swarm.engine.calls import CallRecord
from swarm.engine.ports import Assignment
from swarm.errors import NotRecorded
from swarm.plans.graph import Task
from swarm.plans.load import Plan
from swarm.plans.programs import program_class
from swarm.plans.schema import Agent
from swarm.signatures.brief import Brief
from swarm.signatures.specialisms import SPECIALISMS

import dspy  # isort: skip # after swarm.agents.lm, which keeps it from the network

__all__ = ["Thinking"]

_ASK_ONCE: Final = ("predict", "chain_of_thought")


@dataclass(frozen=True, slots=True)
class Thinking:
    """Makes the specialist of a task that has no procedure, or whose procedure did not finish.

    Attributes:
        plan_folder: where the plan's own files lie.
        mode: where models' answers come from; `RESUME` in a run.
        asked: the models that tasks were recorded with, on replay.
    """

    plan: Plan
    plan_folder: Path
    models: Models
    ledger: Ledger
    record: CallRecord
    servers: Servers
    mode: Mode = Mode.RESUME
    asked: Mapping[str, str] = field(default_factory=dict)

    def has_model(self, task: Task) -> bool:
        """Whether a model is named for the task. Whether it can be reached is seen when it is needed."""
        return self.models.names(self.asked.get(task.name, task.lm))

    def model(self, task: Task) -> Any:
        """The `dspy.LM` of a task, or None."""
        return self.models.lm(self.asked.get(task.name, task.lm))

    @property
    def any_model(self) -> str | None:
        """The first model that a task's entry names, fan-outs too, for whoever belongs to no task."""
        bodies = self.plan.spec.categories.values()
        named = (entry.lm or self.plan.agents[entry.agent or body.lead].lm for body in bodies for entry in body.tasks.values())
        return next(filter(None, named), None)

    def trail(self, assignment: Assignment) -> Trail:
        """A new walk along what is recorded of an attempt."""
        known = program_class(assignment.task.thinks) is None
        way = Way.ALONE if self.mode is Mode.REPLAY else Way.ANEW if self.mode is Mode.LIVE else Way.ON
        return Trail(self.record, assignment.task.name, assignment.recorded_as, way, in_order=known)

    @contextmanager
    def context(self, bench: Bench) -> Iterator[None]:
        """DSPy's settings of one attempt. Its own cache, history and trace stay off: the record is all of them.

        Raises:
            NotRecorded: a replay of work that no model had a part in.
        """
        task = bench.assignment.task
        lm = self.model(task)
        if lm is None and self.mode is Mode.REPLAY and program_class(task.thinks) is None:
            raise NotRecorded(f"{task.name} was done without a model: the record answers nothing that its {task.thinks} asks")
        with dspy.context(lm=lm, disable_history=True, trace=None, swarm_call=bench.caller):
            yield

    async def specialist(self, bench: Bench, trail: Trail, brief: Brief) -> Specialist:
        """The program of an assignment's task, with its saved state.

        Raises:
            EnvironmentFault: a part of it is missing.
        """
        task = bench.assignment.task
        agent = self.plan.agents[task.agent]
        made = await self._made(task, agent, bench, trail, brief)
        if agent.state is not None and program_class(task.thinks) is None:
            from swarm.agents.programs.state import load_state

            load_state(made, self.plan.files[agent.state])
        return made

    async def _made(self, task: Task, agent: Agent, bench: Bench, trail: Trail, brief: Brief) -> Specialist:
        program = task.thinks or "react"
        shown = partial(situation, brief, bench.desk, limits=[_sentence(*one) for one in self.ledger.left(task.name, task.category)])
        if program in _ASK_ONCE:
            return Single(kind=program, situation=shown, trail=trail, **self._shared(task, agent))  # type: ignore[arg-type] # two words of the three
        offers = await self._offers(agent, bench, trail)
        if program_class(program) is not None:
            from swarm.agents.programs.user import UserProgram

            state = None if agent.state is None else self.plan.files[agent.state]
            return UserProgram(
                program=program,
                plan_folder=self.plan_folder,
                contracts=self.plan.contracts,
                contract=task.hands,
                offers=offers,
                trail=trail,
                state=state,
            )
        return React(
            offers=offers,
            trail=trail,
            situation=shown,
            changed=bench.checking.changed,
            red=partial(_cleanly, bench, bench.checking.red),
            turns=brief.turns,
            **self._shared(task, agent),
        )

    def _shared(self, task: Task, agent: Agent) -> dict[str, Any]:
        known = SPECIALISMS.get(task.agent)
        return {
            "role": agent.role or task.agent,
            "instruction": known.instruction if known else "",
            "contracts": self.plan.contracts,
            "contract": task.hands,
        }

    async def _offers(self, agent: Agent, bench: Bench, trail: Trail) -> list[Offer]:
        names = agent.tools or ()
        box = Toolbox(bench.desk, partial(_cleanly, bench, bench.checking.text), bench.metrics)
        own = box.offers([name for name in names if name in TOOLS])
        return [*own, *await offers_outside(self.servers, [name for name in names if name not in TOOLS], trail)]


async def _cleanly(bench: Bench, told: Callable[[], Awaitable[str]]) -> str:
    """What the checks say, fit to be told."""
    return cleaner(bench.desk)(await told())


def _sentence(scope: Scope, unit: str, amount: float) -> str:
    left = f"{amount:,.2f} dollars" if unit == "usd" else f"{amount:,.0f} {unit}"
    return f"The budget of the {scope} leaves {left}."
