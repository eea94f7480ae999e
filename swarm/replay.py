"""A recorded handoff, performed again and compared.

Each is performed from its recorded base, inbox, plan and files, its model calls answered from the record, so a difference
means that the work was not deterministic; with another plan's definition, a difference shows what the edit would change; with a
live model, what that model makes of it. Nothing is written: not the journal, not the run's head. Fields that the contract calls
`measured` are held against their constraints and not compared.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any

from swarm.engine.calls import Spend
from swarm.engine.ports import Assignment, Judge, Performer
from swarm.engine.state import Stage, State, TaskRecord
from swarm.errors import NotRecorded, Refusal
from swarm.plans.graph import Graph, Task
from swarm.runner.attempt import before_of, checks_of
from swarm.runner.briefing import brief_for, inbox_for
from swarm.signatures.contracts import check_payload
from swarm.signatures.evidence import Evidence
from swarm.signatures.handoff import Handoff

__all__ = ["Cost", "Difference", "Replayed", "Replayer", "replay_view"]

_ABSENT = None


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that came out otherwise. `field` is a payload field, a check, or `outcome`."""

    field: str
    recorded: Any
    replayed: Any


@dataclass(frozen=True, slots=True)
class Replayed:
    """One handoff, compared."""

    task: str
    id: str
    differences: tuple[Difference, ...]
    patch_same: bool
    performed: bool = True
    """False for a satisfied task: nothing ran, so its handoff is the same by definition."""
    cost: "Cost | None" = None
    """What it took; None where nothing ran."""

    @property
    def same(self) -> bool:
        return not self.differences and self.patch_same


@dataclass(frozen=True, slots=True)
class Cost:
    """What a performance took, beside what the recorded one did."""

    recorded: Spend
    replayed: Spend
    recorded_seconds: float
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayer:
    """Performs recorded handoffs again.

    Attributes:
        state: the run as recorded.
        graph: the definitions to perform: the run's own, or another plan's.
        live: whether models are asked anew: then the checks are judged again even where the patch is the same.
        recorded: what a task's recorded attempt spent.
        spent: what a task has spent in this replay.
        clock: seconds from any start.
    """

    state: State
    graph: Graph
    performer: Performer
    judge: Judge
    live: bool = False
    recorded: Callable[[str], Spend] = lambda task: Spend()
    spent: Callable[[str], Spend] = lambda task: Spend()
    clock: Callable[[], float] = monotonic

    async def replay(self, names: Sequence[str]) -> tuple[Replayed, ...]:
        """The handoffs of some finished tasks, one after the other."""
        return tuple([await self._one(name) for name in names])

    async def _one(self, name: str) -> Replayed:
        record = self.state.tasks[name]
        assert record.handoff is not None
        if record.stage is Stage.SATISFIED:
            return Replayed(name, record.handoff.id, (), patch_same=True, performed=False)
        task = self.graph.tasks.get(name)
        if task is None:
            return Replayed(name, record.handoff.id, (Difference("outcome", "verified", "no such task in the plan"),), patch_same=False)
        began = self.clock()
        replayed = await self._compared(task, record, record.handoff)
        cost = Cost(self.recorded(name), self.spent(name), record.seconds, self.clock() - began)
        return replace(replayed, cost=cost)

    async def _compared(self, task: Task, record: TaskRecord, handoff: Handoff) -> Replayed:
        try:
            return await self._performed(task, record, handoff)
        except Refusal as refusal:
            difference = Difference("outcome", "verified", f"refused: {refusal}")
        except NotRecorded as unrecorded:
            difference = Difference("model", "every question answered", str(unrecorded))
        return Replayed(task.name, handoff.id, (difference,), patch_same=False)

    async def _performed(self, task: Task, record: TaskRecord, handoff: Handoff) -> Replayed:
        done = await self.performer.perform(await self._assignment(task, record, handoff))
        payload = check_payload(self.graph.plan.contracts, task.hands, done.payload)
        patch_same = done.tree == handoff.result_tree
        differences = [*self._payload(task, handoff.payload, payload)]
        if not patch_same or self.live or self.graph is not self.state.graph:
            differences += await self._verdicts(task, handoff, done.tree)
        return Replayed(task.name, handoff.id, tuple(differences), patch_same)

    async def _assignment(self, task: Task, record: TaskRecord, handoff: Handoff) -> Assignment:
        checks = checks_of(task)
        return Assignment(
            task=task,
            brief=brief_for(self._as_it_was(), task, record.begun, lambda kind: tuple(str(c.check) for c in checks if c.kind == kind)),
            inbox=inbox_for(self.state, self.state.graph.tasks[task.name]),
            base=record.base,
            recorded_as=record.recorded_as,
            checks=tuple(one.check for one in checks),
            before=await self._before(task, handoff) if self.live else handoff.evidence,
        )

    async def _before(self, task: Task, handoff: Handoff) -> tuple[Evidence, ...]:
        """What the checks say of the base. Of a recorded attempt the record holds their words, and the handoff whether they were green."""
        checks = checks_of(task)
        verdicts = await self.judge.verdicts(handoff.base_tree, [one.check for one in checks], at_base=True)
        return tuple(before_of(one, verdict) for one, verdict in zip(checks, verdicts, strict=True))

    def _as_it_was(self) -> State:
        """The state for the brief, with the definitions that are performed now."""
        if self.graph is self.state.graph:
            return self.state
        shown = State(self.graph)
        shown.started = self.state.started
        shown.tasks = {name: self.state.tasks.get(name, TaskRecord()) for name in self.graph.tasks}
        return shown

    def _payload(self, task: Task, recorded: Mapping[str, Any], replayed: Mapping[str, Any]) -> list[Difference]:
        contract = self.graph.plan.contracts.declared.get(task.hands or "", {})
        measured = {name for name, spec in contract.items() if spec.measured}
        names = [name for name in dict.fromkeys([*recorded, *replayed]) if name not in measured]
        pairs = [(name, recorded.get(name, _ABSENT), replayed.get(name, _ABSENT)) for name in names]
        return [Difference(*pair) for pair in pairs if pair[1] != pair[2]]

    async def _verdicts(self, task: Task, handoff: Handoff, tree: str) -> list[Difference]:
        """The checks on the new tree, beside what they said of the recorded one."""
        checks = checks_of(task)
        verdicts = await self.judge.verdicts(tree, [one.check for one in checks])
        recorded = {one.key: one.after for one in handoff.evidence}
        found = [(one.kind, verdict, recorded.get(verdict.key)) for one, verdict in zip(checks, verdicts, strict=True)]
        return [Difference(v.check, before, v.green) for kind, v, before in found if _differs(kind, before, v.green)]


def _differs(kind: str, recorded: bool | None, green: bool) -> bool:
    """A check that is new in an edited plan differs only if it is red."""
    return recorded != green if recorded is not None else not green and kind != "keep"


def replay_view(run: str, replayed: Sequence[Replayed]) -> dict[str, Any]:
    """`swarm replay --json`."""
    return {"run": run, "handoffs": [_view(one) for one in replayed]}


def _view(one: Replayed) -> dict[str, Any]:
    return {
        "task": one.task,
        "id": one.id,
        "same": one.same,
        "differences": [{"field": d.field, "recorded": d.recorded, "replayed": d.replayed} for d in one.differences],
        "patch_same": one.patch_same,
        "calls": one.cost.replayed.calls if one.cost else 0,
        "usd": one.cost.replayed.usd if one.cost else 0.0,
    }
