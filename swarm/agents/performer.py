"""Performing an attempt in this process: a worktree, the task's specialist at its desk, and the worktree frozen."""

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from swarm.agents.bench import Bench
from swarm.agents.checking import Checking
from swarm.agents.lm.record import Caller
from swarm.engine.ports import Assignment, Judge, Left, Performance
from swarm.errors import AttemptTimedOut, ContractBreach, OutOfBudget, ProcedureFailed, Refusal, SwarmError
from swarm.signatures.brief import Brief
from swarm.signatures.contracts import Contracts, check_payload
from swarm.signatures.evidence import Refused
from swarm.workspace.commands import Commands
from swarm.workspace.desk import Desk
from swarm.workspace.freeze import frozen_in_scope
from swarm.workspace.git import Git, paths_in
from swarm.workspace.pool import Pool, Worktree
from swarm.workspace.repository import is_there

if TYPE_CHECKING:
    from swarm.agents.programs.trail import Trail
    from swarm.agents.thinking import Thinking

__all__ = ["InProcessPerformer", "files_of"]


_LAST_WORDS_S = 2.0
"""A command that is ended at the attempt's limit leaves its output as evidence; this is the time to read it."""
_DONE = "the procedure has done the task"


@dataclass(slots=True)
class InProcessPerformer:
    """Runs each attempt as a coroutine of the scheduler's loop.

    Attributes:
        judge: says what the checks say while an attempt is under way.
        thinking: gives what makes the programs of tasks; asked for only by tasks that have one.
        seconds: how long an attempt may take.
        plan_files: the plan's own files, by path relative to the plan.
        scratch: where attempts get a folder of their own outside the worktree.
        owner_of: the task that may write a path, if any.
    """

    repository: Git
    pool: Pool
    commands: Commands
    judge: Judge
    thinking: Callable[[], "Thinking"]
    contracts: Contracts
    seconds: float
    plan_files: Mapping[str, bytes]
    scratch: Path
    owner_of: Callable[[str], str | None] = lambda path: None

    async def perform(self, assignment: Assignment) -> Performance:
        async with self.pool.lease() as worktree:
            await worktree.checkout(assignment.base)
            async with self._desk(assignment, worktree) as desk:
                bench = self._bench(assignment, worktree, desk)
                prediction = await self._in_time(bench)
                left = _left(bench, prediction)
            frozen = await frozen_in_scope(worktree, assignment.base, assignment.task.scope)
        return Performance(payload=_payload(prediction, assignment), tree=frozen.tree, left=left)

    async def _in_time(self, bench: Bench) -> Any:
        """The work, with every error as one of ours."""
        try:
            async with asyncio.timeout(self.seconds + _LAST_WORDS_S):
                return await self._work(bench)
        except TimeoutError as error:
            raise self._out_of_time(bench) from error
        except Refusal as refusal:
            refusal.left = _left(bench, refusal)
            raise
        except SwarmError as error:
            raise _own_budget(error) from error
        except asyncio.CancelledError:
            raise
        except Exception as error:
            what = bench.assignment.task.thinks or "the procedure"
            raise ProcedureFailed(f"{what} failed: {type(error).__name__}: {error}") from error

    def _out_of_time(self, bench: Bench) -> SwarmError:
        """An agent that mostly waited for a model is not to blame: its attempt is cut off, and what was answered is not paid again."""
        from swarm.agents.lm.limits import ProviderBroken

        since = min(bench.caller.unanswered.values(), default=None)
        if since is not None and monotonic() - since > self.seconds / 2:
            waited = f"did not answer for {monotonic() - since:.0f} s of the {self.seconds:g} s that an attempt may take"
            return ProviderBroken(f"the model of {bench.assignment.task.name} {waited}: look whether it is up, then `swarm resume`")
        return AttemptTimedOut(f"the attempt took longer than {self.seconds:g} s and was ended")

    async def _work(self, bench: Bench) -> Any:
        task = bench.assignment.task
        if task.thinks is None or (task.do and not self.thinking().has_model(task)):
            return await self._by_procedure(bench)
        trail = self.thinking().trail(bench.assignment)
        if task.do:
            return await self._template_first(bench, trail)
        return await self._by_program(bench, trail, bench.assignment.brief)

    async def _by_procedure(self, bench: Bench) -> Any:
        import dspy

        from swarm.agents.procedures import procedure

        given = bench.assignment
        with dspy.context(disable_history=True, trace=None):
            return await procedure(given.task.do).acall(brief=given.brief, inbox=given.inbox, desk=bench.desk)

    async def _by_program(self, bench: Bench, trail: "Trail", brief: Brief) -> Any:
        """Procedures are not told what the checks said of the base: outputs differ from run to run, and they would copy that."""
        from swarm.agents.programs.placeless import placeless_brief

        told = placeless_brief(replace(brief, before=bench.assignment.before), bench.desk)
        with self.thinking().context(bench):
            specialist = await self.thinking().specialist(bench, trail, told)
            return await specialist.acall(brief=told, inbox=bench.assignment.inbox, desk=bench.desk)

    # Template first

    async def _template_first(self, bench: Bench, trail: "Trail") -> Any:
        """The procedure, and where that is not enough, the program with the evidence in hand."""
        from swarm.agents.programs.placeless import cleaner

        predictions: list[Any] = []

        async def procedure() -> str:
            prediction, lacking = await self._tried(bench)
            predictions.append(prediction)
            return cleaner(bench.desk)(lacking) or _DONE

        lacking = await trail.step("procedure", [], procedure, changes=True)
        if lacking == _DONE:
            return predictions[0]
        return await self._by_program(bench, trail, _with_evidence(bench.assignment, lacking))

    async def _tried(self, bench: Bench) -> tuple[Any, str]:
        """What the procedure returned, and what is still lacking then."""
        try:
            prediction = await self._by_procedure(bench)
            check_payload(self.contracts, bench.assignment.task.hands, _payload(prediction, bench.assignment))
        except AttemptTimedOut:
            raise
        except ContractBreach as breach:
            return None, f"The procedure ran. Its payload does not do: {breach}\n{await bench.checking.text()}"
        except Refusal as refusal:
            return None, f"The procedure failed: {refusal}"
        red = await bench.checking.red()
        return prediction, f"The procedure ran, and is not enough.\n{red}" if red else ""

    # The bench

    def _bench(self, assignment: Assignment, worktree: Worktree, desk: Desk) -> Bench:
        checking = Checking(worktree, assignment.base, assignment.task.scope, self.judge, assignment.checks, assignment.before)
        return Bench(assignment, desk, checking, Caller(assignment.task.name, assignment.task.category, assignment.recorded_as))

    @asynccontextmanager
    async def _desk(self, assignment: Assignment, worktree: Worktree) -> AsyncIterator[Desk]:
        with tempfile.TemporaryDirectory(dir=self.scratch, prefix="attempt-") as folder:
            desk = Desk(
                root=worktree.path,
                scope=assignment.task.scope,
                listing=partial(files_of, worktree),
                plan_files=self.plan_files,
                commands=self.commands,
                seconds=self.seconds,
                scratch=Path(folder),
                variables=_laid_out(assignment, Path(folder)),
                owner_of=self.owner_of,
                deadline=asyncio.get_running_loop().time() + self.seconds,
            )
            try:
                yield desk
            finally:
                desk.ended = True


async def files_of(worktree: Worktree) -> set[str]:
    """What an agent sees of a worktree: neither ignored files nor what the plan's setup made."""
    listed = paths_in(await worktree.git.run("ls-files", "-z", "--cached", "--others", "--exclude-standard"))
    return is_there(worktree.path, [path for path in listed if not worktree.is_from_setup(path)])


def _own_budget(error: SwarmError) -> SwarmError:
    """A spent budget of the task alone is the task's end; any other waits for whoever pays."""
    from swarm.agents.lm.budget import BudgetSpent

    return OutOfBudget(str(error)) if isinstance(error, BudgetSpent) and error.scope.kind == "task" else error


def _with_evidence(assignment: Assignment, lacking: str) -> Brief:
    """The refusal of the attempt before and what this attempt's procedure left to do, told together.

    Under the recorded number: the attempt that is started again has another one, and has to ask what it asked before. As text alone, since
    evidence would be shown in its place.
    """
    brief = assignment.brief
    before = f"{brief.refused.text}\n\n" if brief.refused else ""
    return replace(brief, refused=Refused(attempt=assignment.recorded_as, kind="procedure", text=before + lacking))


def _left(bench: Bench, ended: Any) -> Left:
    """Args: ended: the prediction, or the refusal that took its place."""
    ending, steps = getattr(ended, "ending", ""), getattr(ended, "steps", ())
    return Left(ending=ending, turns=len(steps), notes=tuple(bench.desk.notes), metrics=tuple(bench.metrics))


def _payload(prediction: Any, assignment: Assignment) -> Any:
    try:
        return prediction["handoff"]
    except (KeyError, TypeError) as error:
        raise ProcedureFailed(f"the specialist of {assignment.task.name} returned no `handoff`") from error


def _laid_out(assignment: Assignment, folder: Path) -> dict[str, str]:
    """The variables of the attempt's commands; brief and inbox lie as JSON in the scratch folder."""
    brief, inbox, handoff = folder / "brief.json", folder / "inbox.json", folder / "handoff.json"
    brief.write_text(json.dumps(assignment.brief.as_json(), indent=2), encoding="ascii")
    inbox.write_text(json.dumps({name: dict(payload) for name, payload in assignment.inbox.items()}, indent=2), encoding="ascii")
    return {
        "SWARM_RUN": assignment.brief.run,
        "SWARM_TASK": assignment.task.name,
        "SWARM_ATTEMPT": str(assignment.brief.attempt),
        "SWARM_BRIEF": str(brief),
        "SWARM_INBOX": str(inbox),
        "SWARM_HANDOFF": str(handoff),
    }
