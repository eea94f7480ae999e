"""One attempt, from its base to its landing: judge, perform, judge again, land. All steps go through ports.

What is refused here is a `Refusal` with a text for the next attempt; whoever runs attempts writes the records of ends.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from swarm.engine.events import AttemptReported, Event, Landed, Landing, TaskSatisfied
from swarm.engine.ports import Assignment, Candidate, History, Judge, Left, Line, Performer
from swarm.engine.state import State
from swarm.errors import ContractBreach, Refusal
from swarm.plans.checks import Check, GapClosed
from swarm.plans.graph import Task
from swarm.runner.briefing import brief_for, inbox_for
from swarm.signatures.contracts import check_payload
from swarm.signatures.evidence import Evidence, Verdict
from swarm.signatures.handoff import Handoff

__all__ = ["Attempt", "AttemptPorts", "ChecksRed", "NotMerged", "before_of", "checks_of"]

Kind = Literal["done_when", "closes", "keep"]
_OUTPUT_SHOWN = 3000


class ChecksRed(Refusal):
    """The attempt ended, but its checks say that it is not done."""

    def __init__(self, text: str, evidence: Sequence[Evidence], *, merged: bool = False) -> None:
        super().__init__(text)
        self.evidence = tuple(evidence)
        self.merged = merged


class NotMerged(Refusal):
    """The change and what landed since its base do not go together."""


@dataclass(frozen=True, slots=True)
class AttemptPorts:
    """What an attempt needs of the outside. `record` returns once the events are on disk and folded."""

    performer: Performer
    judge: Judge
    line: Line
    history: History
    record: Callable[..., Awaitable[None]]
    seconds: Callable[[], float]


@dataclass(frozen=True, slots=True)
class _Check:
    kind: Kind
    check: Check


@dataclass(frozen=True, slots=True)
class _Result:
    """A finished attempt before it lands."""

    handoff: Handoff
    after: tuple[Verdict, ...]


def checks_of(task: Task) -> tuple[_Check, ...]:
    """Everything a task is judged by: its checks, and its gaps as checks."""
    closing = [GapClosed.model_validate({"gap": c.gap, "in": list(c.paths)}) for c in task.closes]
    return (
        *(_Check("done_when", check) for check in task.done_when),
        *(_Check("closes", check) for check in closing),
        *(_Check("keep", check) for check in task.keep),
    )


class Attempt:
    """One attempt at a task."""

    def __init__(self, task: Task, number: int, base: str, state: State, ports: AttemptPorts, landing: asyncio.Lock) -> None:
        self.task, self.number, self.base = task, number, base
        self.state, self.ports, self.landing = state, ports, landing
        self.checks = checks_of(task)
        self.began = ports.seconds()
        self.left = Left()
        self.unstoppable: asyncio.Task[None] | None = None
        """The landing's two records and what is between them; the rest of the attempt may be cancelled at any moment."""

    async def run(self) -> None:
        """Makes the attempt and records its success.

        Raises:
            Refusal: it is not done; nothing has landed.
            EnvironmentFault: something needed is missing.
        """
        base_tree = await self.ports.line.tree(self.base)
        before = await self._judge(base_tree, self._deciding(), at_base=True)
        satisfied = self._satisfied(base_tree, before)
        if satisfied is not None:
            await self.ports.record(satisfied)
            return
        before += await self._judge(base_tree, self._kept(), at_base=True)
        result = await self._perform(base_tree, before)
        async with self.landing:
            await self._land(result)

    def _deciding(self) -> tuple[_Check, ...]:
        return tuple(check for check in self.checks if check.kind != "keep")

    def _kept(self) -> tuple[_Check, ...]:
        return tuple(check for check in self.checks if check.kind == "keep")

    async def _judge(self, tree: str, checks: Sequence[_Check], *, at_base: bool = False) -> tuple[Verdict, ...]:
        return await self.ports.judge.verdicts(tree, [one.check for one in checks], at_base=at_base)

    # Before

    def _satisfied(self, base_tree: str, before: Sequence[Verdict]) -> TaskSatisfied | None:
        """The end of a task that was done before it began, or None."""
        if not self.task.measurable or not all(verdict.green for verdict in before):
            return None
        earlier = self.ports.history(self.task.definition)
        payload = self._reusable(earlier)
        if payload is None:
            return None
        evidence = tuple(_evidence(one, verdict, verdict) for one, verdict in zip(self._deciding(), before, strict=True))
        handoff = self._handoff(payload, evidence, base_tree, base_tree, earlier.id if earlier else None)
        return TaskSatisfied(task=self.task.name, attempt=self.number, handoff=handoff, seconds=self._seconds())

    def _reusable(self, earlier: Handoff | None) -> dict[str, object] | None:
        """The earlier payload where it still fits; an empty one where nothing is to be handed over."""
        if earlier is not None:
            try:
                return check_payload(self.state.graph.plan.contracts, self.task.hands, dict(earlier.payload))
            except ContractBreach:
                pass
        return None if self.task.hands is not None else {}

    # The work

    async def _perform(self, base_tree: str, before: tuple[Verdict, ...]) -> _Result:
        done = await self.ports.performer.perform(self._assignment(before))
        self.left = done.left
        payload = check_payload(self.state.graph.plan.contracts, self.task.hands, done.payload)
        after = await self._judge(done.tree, self.checks)
        evidence = tuple(_evidence(*three) for three in zip(self.checks, before, after, strict=True))
        _refuse_red(evidence, "on the attempt's own tree")
        return _Result(self._handoff(payload, evidence, base_tree, done.tree, None), after)

    def _assignment(self, before: Sequence[Verdict]) -> Assignment:
        return Assignment(
            task=self.task,
            brief=brief_for(self.state, self.task, self.number, self.checks_text),
            inbox=inbox_for(self.state, self.task),
            base=self.base,
            recorded_as=self.state.tasks[self.task.name].recorded_as,
            checks=tuple(one.check for one in self.checks),
            before=tuple(before_of(one, verdict) for one, verdict in zip(self.checks, before, strict=True)),
        )

    def checks_text(self, kind: Kind) -> tuple[str, ...]:
        return tuple(str(one.check) for one in self.checks if one.kind == kind)

    def _handoff(self, payload: dict[str, object], evidence: tuple[Evidence, ...], base: str, result: str, reused: str | None) -> Handoff:
        return Handoff(
            task=self.task.name,
            contract=self.task.hands,
            payload=payload,
            evidence=evidence,
            base_tree=base,
            result_tree=result,
            inputs=tuple(self._inputs()),
            definition=self.task.definition,
            reused_from=reused,
        )

    def _inputs(self) -> Iterator[str]:
        for need in self.task.needs:
            handoff = self.state.tasks[need].handoff
            if handoff is not None:
                yield handoff.id

    # The landing

    async def _land(self, result: _Result) -> None:
        head = self.state.head
        candidate = await self._propose(result.handoff.result_tree, head)
        landed = await self._judge_landed(result, candidate, head)
        landing = Landing(
            task=self.task.name,
            attempt=self.number,
            handoff=result.handoff,
            old=head,
            new=candidate.commit,
            new_tree=candidate.tree,
            landed=landed,
            seconds=self._seconds(),
        )
        self.unstoppable = asyncio.ensure_future(self._move_head(landing))
        await asyncio.shield(self.unstoppable)

    async def _propose(self, tree: str, head: str) -> Candidate:
        try:
            return await self.ports.line.propose(self.task, self.number, tree, self.base, head)
        except Refusal as refusal:
            raise NotMerged(str(refusal)) from refusal

    async def _judge_landed(self, result: _Result, candidate: Candidate, head: str) -> tuple[Verdict, ...]:
        """The checks again where other work landed since the base. A `keep` check that the head had broken is not held against us."""
        if candidate.tree == result.handoff.result_tree:
            return result.after
        landed = await self._judge(candidate.tree, self.checks)
        if not all(verdict.green for verdict in landed):
            held = await self._judge(await self.ports.line.tree(head), self._kept())
            green = {verdict.key for verdict in held if verdict.green}
            evidence = [_on_merged(e, v, green) for e, v in zip(result.handoff.evidence, landed, strict=True)]
            _refuse_red(evidence, "once merged with work that landed meanwhile", merged=True)
        return landed

    async def _move_head(self, landing: Landing) -> None:
        events: tuple[Event, ...] = (Landed(task=landing.task, commit=landing.new),)
        await self.ports.record(*self.reported(), landing)
        await self.ports.line.advance(landing.new, landing.old)
        await self.ports.record(*events)

    def reported(self, left: Left | None = None) -> Iterator[AttemptReported]:
        """What the attempt left besides its payload, if anything."""
        what = left or self.left
        if what:
            yield AttemptReported(
                task=self.task.name,
                attempt=self.number,
                ending=what.ending,
                turns=what.turns,
                notes=what.notes,
                metrics=what.metrics,
            )

    def _seconds(self) -> float:
        return round(self.ports.seconds() - self.began, 6)


def before_of(one: _Check, verdict: Verdict) -> Evidence:
    """What a check said of the base, before an attempt."""
    return Evidence(key=verdict.key, check=verdict.check, kind=one.kind, before=verdict.green, value=verdict.value, output=verdict.output)


def _evidence(one: _Check, before: Verdict, after: Verdict) -> Evidence:
    return Evidence(
        key=after.key, check=after.check, kind=one.kind, before=before.green, after=after.green, value=after.value, output=after.output
    )


def _on_merged(evidence: Evidence, verdict: Verdict, green_before: set[str]) -> Evidence:
    before = evidence.key in green_before if evidence.kind == "keep" else evidence.before
    return replace(evidence, before=before, after=verdict.green, landed=verdict.green, output=verdict.output)


def _refuse_red(evidence: Sequence[Evidence], where: str, *, merged: bool = False) -> None:
    red = [one for one in evidence if not one.after and (one.kind != "keep" or one.before)]
    if red:
        raise ChecksRed("\n".join(_red_text(one, where) for one in red), evidence, merged=merged)


def _red_text(evidence: Evidence, where: str) -> str:
    what = "was green and is red" if evidence.kind == "keep" else "is not green"
    output = evidence.output.strip()[-_OUTPUT_SHOWN:]
    return f"{evidence.check} {what} {where}" + (f":\n{output}" if output else "")
