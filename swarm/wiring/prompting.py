"""`swarm agents NAME`: a specialist as it is, its signature, and the prompt that it would be sent for a task."""

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from swarm.agents.bench import Bench
from swarm.agents.checking import Checking
from swarm.agents.lm.record import Caller, MemoryRecord
from swarm.agents.performer import files_of
from swarm.agents.prompting import first_prompt, signature_of
from swarm.engine.ports import Assignment
from swarm.engine.state import State
from swarm.errors import PlanRefused, UsageError
from swarm.plans.graph import Graph, Task
from swarm.plans.load import Plan, load_plan, parse_plan
from swarm.plans.problems import did_you_mean
from swarm.runner.attempt import before_of, checks_of
from swarm.runner.briefing import brief_for
from swarm.signatures.specialisms import SPECIALISMS
from swarm.wiring.ground import Ground, lay_ground, materialise, snapshot_of, temporary_home, workspace_folder
from swarm.wiring.minds import Choice, Minds
from swarm.wiring.proving import prove_on
from swarm.wiring.signals import cancelled_by_signals
from swarm.wiring.site import Site
from swarm.wiring.tasks import owner_of, task_named
from swarm.workspace.desk import Desk
from swarm.workspace.pool import Worktree
from swarm.workspace.sandbox import NoSandbox

__all__ = ["Wanted", "described"]

_EXAMPLE = """\
plan: example
goal: An example.
workspace: .
categories:
  example:
    objective: An example.
    lead: {agent}
    tasks:
      task:
        phase: one
        goal: Do what such an agent does.
        writes: [src/example.py]
        done_when: [{{exists: src/example.py}}]
phases: [one]
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whose prompt is wanted, and for what.

    Attributes:
        plan: whose agents and tasks are meant; without it the shipped roster, and an example of a task.
        task: one of the plan's; the first of the agent unless given.
        save: where to write the program's state, for an optimiser or by hand to improve, and for `state:` to load.
    """

    plan: Path | None = None
    task: str | None = None
    workspace: str | None = None
    save: Path | None = None


async def described(site: Site, name: str, wanted: Wanted) -> dict[str, Any]:
    """One agent, whole. Nothing is asked of a model; the checks of a plan's task are run on a snapshot, as an attempt would begin.

    Raises:
        UsageError: there is no such agent or task, or the task is not the agent's, or the state's file is there already.
        PlanRefused: the plan has problems.
    """
    plan = load_plan(wanted.plan) if wanted.plan else parse_plan(_EXAMPLE.format(agent=_known(name, list(SPECIALISMS))), "example")
    _known(name, list(plan.agents))
    if wanted.save is not None:
        _require_writable(wanted.save)
    with cancelled_by_signals():
        async with temporary_home() as (home, repository):
            (home.path / "empty").mkdir()
            folder = workspace_folder(plan, wanted.workspace, site.folder) if wanted.plan else home.path / "empty"
            snapshot = await snapshot_of(plan, folder, repository, home, site)
            excludes = home.path / "exclude"
            excludes.write_text(snapshot.excludes, encoding="utf-8", errors="surrogateescape")
            materialise(plan, home.path / "plan")
            ground = lay_ground(plan, repository, home, excludes, home.path / "plan", NoSandbox(), site, site.mark("prompt"))
            proof = await prove_on(plan, ground, snapshot.commit, snapshot.tree)
            if proof.graph is None or not proof.ok:
                raise PlanRefused([problem for problem in proof.problems if problem.severity == "error"])
            task = _task(proof.graph, name, wanted.task)
            return await _shown(site, plan, proof.graph, ground, task, snapshot.commit, snapshot.tree, wanted.save)


def _known(name: str, names: Sequence[str]) -> str:
    if name not in names:
        raise UsageError(f"there is no specialist {name!r}{did_you_mean(name, names)}")
    return name


def _require_writable(path: Path) -> None:
    if path.suffix != ".json":
        raise UsageError(f"{path}: a state is JSON: give a file name that ends in .json")
    if path.exists():
        raise UsageError(f"{path} is there already: choose another name")
    if not os.access(path.parent, os.W_OK):
        raise UsageError(f"{path} cannot be written: {path.parent} is no folder that you may write to")


def _task(graph: Graph, agent: str, text: str | None) -> Task:
    if text is None:
        found = next((task for task in graph.tasks.values() if task.agent == agent and task.thinks), None)
        if found is None:
            raise UsageError(f"{agent} has no task in this plan that it thinks about: name another agent, or another plan")
        return found
    task = graph.tasks[task_named(graph, text)]
    if task.agent != agent or not task.thinks:
        why = f"is {task.agent}'s" if task.agent != agent else "is done by its do: alone"
        raise UsageError(f"{task.name} {why}, so {agent} is sent no prompt for it")
    return task


async def _shown(
    site: Site, plan: Plan, graph: Graph, ground: Ground, task: Task, commit: str, tree: str, save: Path | None
) -> dict[str, Any]:
    agent = plan.agents[task.agent]
    known = SPECIALISMS.get(task.agent)
    signature, prompt = await _prompt(site, plan, graph, ground, task, commit, tree, save)
    return {
        "name": task.agent,
        "role": agent.role or task.agent,
        "program": task.thinks,
        "tools": list(agent.tools or ()),
        "lm": task.lm,
        "instruction": known.instruction if known else "",
        "task": task.name,
        "signature": signature,
        "prompt": prompt,
    }


async def _prompt(
    site: Site, plan: Plan, graph: Graph, ground: Ground, task: Task, commit: str, tree: str, save: Path | None
) -> tuple[Any, Any]:
    minds = Minds(site, plan, graph, ground, MemoryRecord(), (), Choice(), "live")
    given = await _assignment(graph, ground, task, commit, tree)
    try:
        async with ground.pool.lease() as worktree:
            await worktree.checkout(commit)
            with tempfile.TemporaryDirectory() as scratch:
                desk = _desk(plan, graph, ground, task, worktree, Path(scratch))
                bench = Bench(
                    given, desk, Checking(worktree, commit, task.scope, ground.judge, given.checks), Caller(task.name, task.category, 1)
                )
                told = replace(given.brief, before=given.before)
                specialist = await minds().specialist(bench, minds().trail(given), told)
                if save is not None:
                    specialist.save(str(save))
                return signature_of(specialist), await first_prompt(specialist, told, {}, desk)
    finally:
        await minds.close()


async def _assignment(graph: Graph, ground: Ground, task: Task, commit: str, tree: str) -> Assignment:
    checks = checks_of(task)
    verdicts = await ground.judge.verdicts(tree, [one.check for one in checks], at_base=True)
    return Assignment(
        task=task,
        brief=brief_for(State(graph), task, 1, lambda kind: tuple(str(one.check) for one in checks if one.kind == kind)),
        inbox={},
        base=commit,
        recorded_as=1,
        checks=tuple(one.check for one in checks),
        before=tuple(before_of(one, verdict) for one, verdict in zip(checks, verdicts, strict=True)),
    )


def _desk(plan: Plan, graph: Graph, ground: Ground, task: Task, worktree: Worktree, scratch: Path) -> Desk:
    return Desk(
        root=worktree.path,
        scope=task.scope,
        listing=partial(files_of, worktree),
        plan_files=plan.files,
        commands=ground.commands,
        seconds=plan.spec.limits.timeout,
        scratch=scratch,
        owner_of=owner_of(graph),
    )
