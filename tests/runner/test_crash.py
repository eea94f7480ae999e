"""Break it everywhere: a crash, an interrupt or a second interrupt at every point where something becomes durable.

Whatever happens, the run comes to the same end with the same tree, and nothing that landed is done again.
"""

import asyncio
import itertools
from collections import Counter
from collections.abc import Callable
from functools import cache

import pytest

from swarm.engine import events as ev
from swarm.engine.events import Entry, RunEnded
from swarm.engine.state import State, fold
from swarm.errors import ProcedureFailed
from swarm.journal.memory import MemoryJournal
from swarm.runner.loop import Interrupted, Outcome

from .fakes import Act, Crash, World, plan_of, play

GAPS = {"hole": {"missing": ["h1.py", "h2.py", "h3.py"]}}
TASKS = """
base: {done_when: [{run: has base.txt}], hands: Count}
there: {done_when: [{run: has old}]}
flaky: {}
fill: {for_each: hole, phase: two, needs: [base], writes: ["{path}"], keep: [{run: has old}]}
join: {phase: two, needs: ["fill[*]", there], takes: [Count], hands: Count}
last: {phase: two, needs: [flaky], done_when: [{run: has last.txt}]}
"""
PHASES = "[one, {two: {gate: [{phase: one, done: 60%, must: [c.base]}, {run: has base.txt}]}}]"


def world() -> World:
    """Nine tasks in two phases: a chain, a fan-out, a merge of handoffs, a refusal, a satisfied task and a measured gate."""
    contracts = {"Count": {"n": {"type": "int", "ge": 1}}}
    plan = plan_of(TASKS, PHASES, gaps=GAPS, contracts=contracts, success=[{"run": "has last.txt"}])
    world = World(plan, {"old": ""}, parallel=3, attempts=2)
    scripts = world.performer.scripts
    scripts["c.base"] = lambda _: Act({"base.txt": "1"}, {"n": 1})
    scripts["c.join"] = lambda one: Act({"join.txt": str(sorted(one.inbox))}, {"n": 2})
    scripts["c.flaky"] = world.performer.attempts(Act(fails=ProcedureFailed("the first time it fails")), Act({"flaky.txt": ""}))
    for path in GAPS["hole"]["missing"]:
        scripts[f"c.fill[{path}]"] = lambda one: Act({one.brief.closes[0]["path"]: "filled"})
    return world


@cache
def straight() -> World:
    """The run without a disturbance, which all others are compared with."""
    undisturbed = world()
    outcome = play(undisturbed.live())
    assert isinstance(outcome, RunEnded)
    assert outcome.state == "complete", outcome
    return undisturbed


KINDS = ("before append", "after append", "before advance", "after advance", "before performing", "after performing")


def points_of(kind: str) -> list[int]:
    return [number for number, point in enumerate(straight().life.points, 1) if point.startswith(kind)]


def test_the_plan_passes_every_kind_of_point() -> None:
    assert all(points_of(kind) for kind in KINDS)
    assert len(points_of("before append")) > 25
    assert {event.kind for event in straight().events} >= {"attempt_refused", "task_satisfied", "gate_measured", "landed", "run_ended"}


async def lives(world: World) -> Outcome:
    """One scheduler after the other, until one comes to an outcome of its own."""
    while True:
        try:
            outcome = await world.live()
        except Crash:
            continue
        if not isinstance(outcome, Interrupted):
            return outcome


def assert_same_end(world: World, outcome: Outcome, when: str) -> None:
    assert isinstance(outcome, RunEnded), when
    assert outcome.state == "complete", when
    assert world.code.files() == straight().code.files(), when
    assert world.stages() == straight().stages(), when
    assert world.code.head == world.state.head, when
    attempts = {name: record.attempts for name, record in world.state.tasks.items()}
    assert attempts == {name: record.attempts for name, record in straight().state.tasks.items()}, when
    assert [event.task for event in world.events if isinstance(event, ev.AttemptRefused)] == ["c.flaky"], when
    assert_done_once(world, when)


def assert_done_once(world: World, when: str) -> None:
    landings = Counter(event.task for event in world.events if isinstance(event, ev.Landing))
    landed = Counter(event.task for event in world.events if isinstance(event, ev.Landed))
    assert landings == landed == Counter(task for task, stage in world.stages_by_name().items() if stage == "verified"), when
    done: set[str] = set()
    for event in world.events:
        if isinstance(event, (ev.Landing, ev.TaskSatisfied)):
            done.add(event.task)
        assert not (isinstance(event, ev.AttemptStarted) and event.task in done), when


@pytest.mark.parametrize("kind", KINDS)
def test_a_crash_anywhere_changes_nothing_about_the_end(kind: str) -> None:
    for number in points_of(kind):
        crashed = world()
        crashed.life.dies_at = number
        outcome = play(lives(crashed))
        assert crashed.life.points[number - 1] == straight().life.points[number - 1]
        assert_same_end(crashed, outcome, f"crash at point {number}, {straight().life.points[number - 1]}")


@pytest.mark.parametrize("every", [13, 17, 19, 23, 29])
def test_crash_after_crash_the_run_still_comes_to_the_same_end(every: int) -> None:
    crashed = world()
    deaths: list[int] = []

    def die_again(point: str) -> None:
        if len(crashed.life.points) == every * (len(deaths) + 1):
            deaths.append(len(crashed.life.points))
            crashed.life.dies_at = deaths[-1]

    crashed.life.passing = die_again
    outcome = play(lives(crashed))
    assert len(deaths) >= 3
    assert_same_end(crashed, outcome, f"a crash every {every} points")


@pytest.mark.parametrize("kind", KINDS)
def test_an_interrupt_anywhere_changes_nothing_about_the_end(kind: str) -> None:
    for number in points_of(kind):
        stopped = world()
        stopped.life.slow = 9
        stopped.life.passing = at(stopped, number, lambda stopped=stopped: stopped.runner.interrupt())  # type: ignore[misc] # a default binds
        assert_same_end(stopped, play(lives(stopped)), f"interrupt at point {number}, {straight().life.points[number - 1]}")


@pytest.mark.parametrize("kind", KINDS)
def test_a_cancelled_scheduler_anywhere_changes_nothing_about_the_end(kind: str) -> None:
    """The second interrupt: the loop's own task is cancelled."""

    async def scenario(stopped: World, number: int) -> Outcome:
        running = asyncio.ensure_future(stopped.live())
        stopped.life.passing = at(stopped, number, running.cancel)
        try:
            return await running
        except asyncio.CancelledError:
            return await lives(stopped)

    for number in points_of(kind):
        stopped = world()
        outcome = play(scenario(stopped, number))
        assert_same_end(stopped, outcome, f"cancelled at point {number}, {straight().life.points[number - 1]}")


def at(world: World, number: int, act: Callable[[], object]) -> Callable[[str], None]:
    def passing(point: str) -> None:
        if len(world.life.points) == number and hasattr(world, "runner"):
            act()

    return passing


@pytest.mark.parametrize(
    "order", list(itertools.permutations(("c.a", "c.b", "c.d", "c.e"))), ids=lambda order: "".join(name[-1] for name in order)
)
def test_whatever_order_work_ends_in_tree_and_handoffs_are_the_same(order: tuple[str, ...]) -> None:
    world = World(plan_of("{a: {done_when: [{run: has a.txt}]}, b: {keep: [{run: lacks z}]}, d: , e: }"))
    gates = {task: asyncio.Event() for task in order}
    for task, gate in gates.items():
        world.performer.scripts[task] = lambda one, gate=gate: Act(
            {f"{one.task.name[-1]}.txt": one.task.name}, {"by": one.task.name}, waits=gate
        )  # type: ignore[misc] # a default binds

    async def scenario() -> Outcome:
        running = asyncio.ensure_future(world.live())
        await world.until_working(*order)
        for task in order:
            gates[task].set()
            await world.until(lambda task=task: world.runner.state.finished(task))  # type: ignore[misc] # a default binds
        return await running

    assert play(scenario()) == RunEnded(state="complete")
    assert [landing.task for landing in world.state.landings] == list(order)
    assert world.code.files() == {f"{name}.txt": f"c.{name}" for name in "abde"}
    assert {name: record.handoff.id for name, record in world.state.tasks.items() if record.handoff} == reference_ids()


@cache
def reference_ids() -> dict[str, str]:
    world = World(plan_of("{a: {done_when: [{run: has a.txt}]}, b: {keep: [{run: lacks z}]}, d: , e: }"))
    for name in "abde":
        world.performer.scripts[f"c.{name}"] = lambda one: Act({f"{one.task.name[-1]}.txt": one.task.name}, {"by": one.task.name})
    play(world.live())
    return {name: record.handoff.id for name, record in world.state.tasks.items() if record.handoff}


def contents(state: State) -> dict[str, object]:
    return {name: value for name, value in vars(state).items() if name != "graph"}


@pytest.mark.parametrize("number", [None, 10, 27, 44, 61])
def test_a_scheduler_without_a_memory_would_believe_the_same(number: int | None) -> None:
    """After every event the journal is folded anew; the live state holds nothing else, also after a crash."""
    watched = world()
    watched.life.dies_at = number
    seen: list[int] = []

    def compare(entry: Entry) -> None:
        journal = MemoryJournal(watched.clock, type(watched.store)(watched.store.rows))
        anew = fold(watched.graph, [one for one in journal.entries() if one.seq <= entry.seq])
        assert contents(anew) == contents(watched.runner.state)
        seen.append(entry.seq)

    watched.watching = compare
    assert_same_end(watched, play(lives(watched)), "without a memory")
    assert len(seen) > 20
