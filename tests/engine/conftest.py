"""What the engine's tests share: plans in a few words, events in one, and a past that grows event by event."""

import copy
import json
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import yaml

from swarm.engine import events as ev
from swarm.engine.events import Entry, Event, Measured
from swarm.engine.gates import read_gate
from swarm.engine.state import Stage, State, fold
from swarm.plans.found import Found
from swarm.plans.graph import Graph, PhaseNode, compile_plan
from swarm.plans.load import parse_plan
from swarm.signatures.evidence import Refused, Verdict
from swarm.signatures.handoff import Handoff

START = datetime(2026, 1, 1, tzinfo=UTC)


def graph_of(tasks: str, phases: str = "[one]", gaps: Sequence[Found] = (), priority: dict[str, int] | None = None, **more: Any) -> Graph:
    """A graph from YAML in few words.

    Args:
        tasks: a mapping of `task` or `category.task` to an entry; category `c`, phase `one` and a goal unless said.
        phases: the plan's list of phases.
        more: further keys of the plan.
    """
    categories: dict[str, Any] = {}
    for name, entry in yaml.safe_load(tasks).items():
        category, _, short = name.rpartition(".")
        body = categories.setdefault(category or "c", {"objective": "o", "lead": "qa-validator", "tasks": {}})
        body["tasks"][short] = {"phase": "one", "goal": "g"} | (entry or {})
    for category, number in (priority or {}).items():
        categories[category]["priority"] = number
    plan = {"plan": "p", "goal": "g", "workspace": "w", "categories": categories, "phases": yaml.safe_load(phases), **more}
    return compile_plan(parse_plan(json.dumps(plan), "plan.yaml"), gaps)


def phase_of(graph: Graph, name: str) -> PhaseNode:
    return next(phase for phase in graph.phases if phase.id == name)


def started(only: tuple[str, ...] = (), gaps: tuple[Found, ...] = ()) -> ev.RunStarted:
    return ev.RunStarted(
        run="run-1",
        plan="p",
        plan_file="plan.yaml",
        plan_text="",
        files={},
        workspace="w",
        base="c0",
        base_tree="t0",
        parallel=8,
        sandbox="none",
        gaps=gaps,
        only=only,
    )


def scheduler() -> ev.SchedulerStarted:
    return ev.SchedulerStarted(fence=1, pid=1, sandbox="none")


def handoff(task: str, **more: Any) -> Handoff:
    plain: dict[str, Any] = {"contract": None, "payload": {}, "evidence": (), "base_tree": "t0", "result_tree": "t1", "inputs": ()}
    return Handoff(task=task, definition=f"definition of {task}", **{**plain, **more})


def begun(task: str, attempt: int = 1, base: str = "c0") -> ev.AttemptStarted:
    return ev.AttemptStarted(task=task, attempt=attempt, agent="a", base=base, sandbox="none")


def refused(task: str, attempt: int = 1, last: bool = False, text: str = "red") -> ev.AttemptRefused:
    why = Refused(attempt=attempt, kind="checks", text=text)
    return ev.AttemptRefused(task=task, attempt=attempt, last=last, refused=why, seconds=2.0)


def cut_off(task: str, attempt: int = 1) -> ev.AttemptCutOff:
    return ev.AttemptCutOff(task=task, attempt=attempt, reason="interrupted")


def satisfied(task: str, attempt: int = 1) -> ev.TaskSatisfied:
    return ev.TaskSatisfied(task=task, attempt=attempt, handoff=handoff(task), seconds=1.0)


def landing(task: str, new: str = "", attempt: int = 1, landed: tuple[Verdict, ...] = (), **more: Any) -> ev.Landing:
    return ev.Landing(
        task=task,
        attempt=attempt,
        handoff=handoff(task, **more),
        old="c0",
        new=new or f"commit of {task}",
        new_tree="t1",
        landed=landed,
        seconds=3.0,
    )


def landed(task: str, commit: str = "") -> ev.Landed:
    return ev.Landed(task=task, commit=commit or f"commit of {task}")


def opened(phase: str, debt: tuple[str, ...] = ()) -> ev.PhaseOpened:
    return ev.PhaseOpened(phase=phase, gate=(), debt=debt)


def taken(phase: str, head: str, **met: bool) -> ev.GateMeasured:
    """A measurement; `c0=True` is the condition at position 0."""
    conditions = {key[1:]: Measured(condition="run: x", value=None, threshold=None, met=green) for key, green in met.items()}
    return ev.GateMeasured(phase=phase, head=head, conditions=conditions)


def verified(*tasks: str) -> list[Event]:
    """What it takes for tasks to be verified, one after the other."""
    return [event for task in tasks for event in (begun(task), landing(task), landed(task))]


def failed(task: str) -> list[Event]:
    return [begun(task), refused(task, last=True)]


class Past:
    """A run whose events are made up by a test."""

    def __init__(self, graph: Graph, *events: Event, only: tuple[str, ...] = ()) -> None:
        self.graph, self.state, self.entries = graph, State(graph), list[Entry]()
        self.add(started(only, tuple(graph.gaps)), scheduler(), *events)

    def add(self, *events: Event) -> State:
        for event in events:
            self.state.require_legal(event)
            entry = Entry(seq=self.state.seq + 1, at=START + timedelta(seconds=self.state.seq), event=event)
            self.state.apply(entry)
            self.entries.append(entry)
        return self.state

    def folded(self) -> State:
        return fold(self.graph, self.entries)


def snapshot(state: State) -> dict[str, Any]:
    """Everything that a state holds, apart from later changes."""
    return {name: copy.deepcopy(value) for name, value in vars(state).items() if name != "graph"}


def random_graph(chance: random.Random) -> Graph:
    """Up to fourteen tasks in three phases, with needs backwards, shares, `must`, a measured gate and an approval."""
    names = [f"{chance.choice('cd')}.t{number}" for number in range(chance.randint(1, 14))]
    phases = [{"one": {}}, {"two": {"gate": _gate(chance, "one", names)}}, {"three": {"gate": _gate(chance, "two", names)}}]
    order = sorted(chance.choice(("one", "two", "three")) for _ in names)
    tasks = {
        name: {
            "phase": phase,
            "needs": chance.sample(names[:number], min(number, chance.randint(0, 2))),
            "weight": chance.choice((1, 1, 2, 5)),
        }
        for number, (name, phase) in enumerate(zip(names, order, strict=True))
    }
    priority = {category: chance.randint(1, 2) for category in {name[0] for name in names}}
    return graph_of(json.dumps(tasks), json.dumps(phases), priority=priority)


def _gate(chance: random.Random, before: str, names: list[str]) -> list[dict[str, Any]]:
    share: dict[str, Any] = {"phase": before, "done": chance.choice(("0%", "50%", "80%", "100%"))}
    if chance.random() < 0.3:
        share["must"] = [chance.choice(names)]
    return [share, *([{"run": "x"}] if chance.random() < 0.3 else []), *([{"approval": "ada"}] if chance.random() < 0.2 else [])]


def random_past(seed: int, steps: int = 60) -> Iterator[Past]:
    """A legal history that grows by one or a few events; the same for the same seed."""
    chance = random.Random(seed)
    graph = random_graph(chance)
    past = Past(graph, only=(chance.choice(list(graph.tasks)),) if chance.random() < 0.3 else ())
    yield past
    for _ in range(steps):
        past.add(*_next(past.state, chance))
        yield past


def _next(state: State, chance: random.Random) -> list[Event]:
    of_run = [scheduler(), ev.RunPaused(reason="r", missing=True), ev.RunEnded(state="incomplete"), *_of_phases(state, chance)]
    of_tasks = [events for task in state.tasks if (events := _of_task(state, task, chance))]
    if not of_tasks or chance.random() < 0.2:
        return [chance.choice(of_run)]
    return chance.choice(of_tasks)


def _of_phases(state: State, chance: random.Random) -> Iterator[Event]:
    for phase in state.graph.phases:
        if phase.id not in state.opened:
            yield ev.ApprovalGiven(phase=phase.id, who="ada")
            reading = read_gate(state, phase)
            if reading.holds:
                yield opened(phase.id)
            if reading.wants_measurement:
                yield taken(phase.id, state.head, **{f"c{position}": chance.random() < 0.7 for position in reading.measurable})


def _of_task(state: State, task: str, chance: random.Random) -> list[Event]:
    attempt = state.tasks[task].begun
    match state.tasks[task].stage:
        case Stage.WAITING if state.could_start(task):
            return [begun(task, attempt + 1, state.head)]
        case Stage.RUNNING:
            ends: list[list[Event]] = [
                [satisfied(task, attempt)],
                [landing(task, attempt=attempt)],
                [landing(task, attempt=attempt), landed(task)],
                [refused(task, attempt, last=chance.random() < 0.3)],
                [cut_off(task, attempt)],
            ]
            return chance.choice(ends)
        case Stage.LANDING:
            return [landed(task)]
        case Stage.FAILED:
            return [ev.TaskRetried(task=task)] if chance.random() < 0.5 else []
        case Stage.VERIFIED | Stage.SATISFIED if chance.random() < 0.1:
            return _rolled_back(state, task)
        case _:
            return []


def _rolled_back(state: State, task: str) -> list[Event]:
    tasks = tuple(name for name in state.graph.tasks if name in state.graph.dependents((task,)) and state.finished(name))
    return [ev.RollingBack(what=task, tasks=tasks, old=state.head, new="back"), ev.RolledBack(what=task, tasks=tasks, head="back")]
