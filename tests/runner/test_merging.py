"""Landing where other work has landed since: merged in memory, judged again, and held only against who broke it."""

import asyncio
from collections.abc import Sequence

from swarm.engine import events as ev
from swarm.engine.events import RunEnded
from swarm.runner.loop import Outcome

from .fakes import Act, Files, World, plan_of, play


async def landed_in_order(world: World, acts: dict[str, Act], order: Sequence[str]) -> Outcome:
    """All tasks start from the same base; each ends its work once the one before has landed."""
    gates = {name: asyncio.Event() for name in acts}

    def script(name: str, act: Act) -> None:
        world.performer.scripts[name] = lambda assignment: (
            Act(act.edits, act.payload, act.fails, gates[name]) if assignment.brief.attempt == 1 else act
        )

    for name, act in acts.items():
        script(name, act)
    running = asyncio.ensure_future(world.live())
    await world.until_working(*acts)
    for name in order:
        gates[name].set()
        await world.until(lambda name=name: world.runner.state.tasks[name].stage.value != "running")  # type: ignore[misc] # a default binds
        await world.until(lambda name=name: world.runner.state.tasks[name].stage.value != "landing")  # type: ignore[misc] # a default binds
    return await running


def complete(outcome: Outcome) -> bool:
    return isinstance(outcome, RunEnded) and outcome.state == "complete"


def test_work_from_an_older_base_is_merged_and_judged_again_on_the_merged_tree() -> None:
    world = World(plan_of("{a: {done_when: [{run: has a}]}, b: {done_when: [{run: has b}]}}"), {"old": ""})
    assert complete(play(landed_in_order(world, {"c.a": Act({"a": "1"}), "c.b": Act({"b": "2", "old": None})}, ["c.a", "c.b"])))
    assert world.code.files() == {"a": "1", "b": "2"}
    a, b = world.landing("c.a"), world.landing("c.b")
    assert (a.new_tree, a.landed[0].tree) == (a.handoff.result_tree, a.handoff.result_tree)
    assert b.new_tree != b.handoff.result_tree
    assert [(v.check, v.tree, v.green) for v in b.landed] == [("run: has b", b.new_tree, True)]
    assert world.code.commits[b.new][1][0] == a.new == b.old


def test_checks_that_are_red_once_merged_refuse_the_attempt_and_the_next_starts_from_the_new_head() -> None:
    world = World(plan_of("{a: , b: {done_when: [{run: has b}, {run: alone}]}}"))
    world.judge.commands["alone"] = lambda files: "b" in files and ("a" not in files or files["b"] == "knows a")

    def complete_b() -> None:
        acts = {"c.a": Act({"a": ""}), "c.b": Act({"b": "thinks it is alone"})}
        outcome = play(retried(world, acts))
        assert complete(outcome)

    complete_b()
    assert world.refusals("c.b") == ["merge"]
    first, second = world.performer.of("c.b")
    assert (first.base, second.base) == (world.base, world.landing("c.a").new)
    assert second.brief.refused is not None
    assert "run: alone is not green once merged with work that landed meanwhile" in second.brief.refused.text
    assert world.code.files() == {"a": "", "b": "knows a"}


async def retried(world: World, acts: dict[str, Act]) -> Outcome:
    """`c.b` ends after `c.a` landed; its second attempt knows better."""
    gate = asyncio.Event()
    world.performer.scripts["c.a"] = lambda _: acts["c.a"]
    world.performer.scripts["c.b"] = lambda one: Act(acts["c.b"].edits, waits=gate) if one.brief.attempt == 1 else Act({"b": "knows a"})
    world.watching = lambda entry: gate.set() if isinstance(entry.event, ev.Landed) else None
    return await world.live()


def test_a_change_that_conflicts_with_what_landed_is_refused_as_a_merge_and_made_again_on_the_new_head() -> None:
    world = World(plan_of("{a: , b: }"), {"b": "old"})
    assert complete(play(retried(world, {"c.a": Act({"b": "by a"}), "c.b": Act({"b": "by b"})})))
    assert world.refusals("c.b") == ["merge"]
    assert world.code.files() == {"b": "knows a"}


def test_a_keep_check_that_somebody_elses_landing_broke_is_not_held_against_us() -> None:
    world = World(plan_of("{a: , b: {keep: [{run: has old}]}}"), {"old": ""})
    assert complete(play(landed_in_order(world, {"c.a": Act({"old": None}), "c.b": Act({"b": ""})}, ["c.a", "c.b"])))
    assert world.refusals("c.b") == []
    assert [v.green for v in world.landing("c.b").landed] == [False]


def test_a_keep_check_that_only_the_merge_of_both_breaks_is_held_against_who_lands_second() -> None:
    def not_both(files: Files) -> bool:
        return not ("a" in files and files.get("b") == "thinks it is alone")

    world = World(plan_of("{a: , b: {keep: [{run: not both}]}}"))
    world.judge.commands["not both"] = not_both
    assert complete(play(retried(world, {"c.a": Act({"a": ""}), "c.b": Act({"b": "thinks it is alone"})})))
    assert world.refusals("c.b") == ["merge"]


def test_done_when_is_asked_on_the_merged_tree_whoever_broke_it() -> None:
    world = World(plan_of("{a: , b: {done_when: [{run: has old}, {run: has b}]}}"), {"old": ""}, attempts=1)
    outcome = play(landed_in_order(world, {"c.a": Act({"old": None}), "c.b": Act({"b": ""})}, ["c.a", "c.b"]))
    assert not complete(outcome)
    assert world.refusals("c.b") == ["merge"]


def test_landings_happen_one_at_a_time_also_when_all_work_ends_at_once() -> None:
    """`FakeLine.advance` fails when it is entered twice; a lost update would lose a file."""
    world = World(plan_of("{" + ", ".join(f"t{n}: {{done_when: [{{run: has t{n}.txt}}]}}" for n in range(8)) + "}"))
    assert complete(play(world.live()))
    assert sorted(world.code.files()) == [f"t{n}.txt" for n in range(8)]
    line = [event for event in world.events if isinstance(event, (ev.Landing, ev.Landed))]
    assert [type(event) for event in line] == [ev.Landing, ev.Landed] * 8
    heads = [event.old for event in line if isinstance(event, ev.Landing)]
    assert heads[1:] == [event.new for event in line if isinstance(event, ev.Landing)][:-1]
