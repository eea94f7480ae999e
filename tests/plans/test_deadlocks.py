"""Plans that would stand still with every task succeeding, and their neighbours that would not."""

from collections.abc import Callable
from typing import Any

import pytest

from swarm.plans.found import Found

RING = """
- one: {gate: [{phase: two, done: 0%}]}
- two: {gate: [{phase: three, done: 0%}]}
- three: {gate: [{phase: one, done: 0%}]}
"""
ORDERED = "- one\n- two: {gate: [{phase: one, done: 100%}]}\n- three: {gate: [{phase: two, done: 100%}]}"
TODO = "gaps: {todo: {files: '**', containing: TODO}}"
FOUND = [Found(gap="todo", path="x.py")]


def task(name: str, phase: str, extra: str = "") -> str:
    return f"{name}: {{phase: {phase}, goal: g, keep: [{{run: t}}]{extra}}}"


def in_phases(*names: str) -> str:
    return "\n".join(task(f"t{number}", phase) for number, phase in enumerate(names))


STUCK = {
    "gates that wait for each other in a ring": (in_phases("one", "two", "three"), RING, {"c.t0", "c.t1", "c.t2"}),
    "a phase that waits for itself": (in_phases("one"), "- one: {gate: [{phase: one, done: 1%}]}", {"c.t0"}),
    "a share that can only be reached behind the gate": (
        "\n".join([in_phases("one", "one"), task("late", "one", ", needs: gated"), task("gated", "two")]),
        "- one\n- two: {gate: [{phase: one, done: 70%}]}",
        {"c.late", "c.gated"},
    ),
    "a need of a later phase, two gates away": (
        "\n".join([task("first", "one", ", needs: last"), task("middle", "two"), task("last", "three")]),
        ORDERED,
        {"c.first", "c.middle", "c.last"},
    ),
    "a heavy task behind the gate that its weight keeps shut": (
        "\n".join([in_phases("one", "one", "one"), task("heavy", "one", ", weight: 7, needs: gated"), task("gated", "two")]),
        "- one\n- two: {gate: [{phase: one, done: 50%}]}",
        {"c.heavy", "c.gated"},
    ),
    "a gap that is closed behind the next gate": (
        "\n".join([in_phases("one", "two"), task("closer", "three", ", writes: '**', closes: {todo: '**'}")]),
        "- one\n- two: {gate: [{phase: one, done: 100%}, {gap: todo}]}\n- three: {gate: [{phase: two, done: 100%}]}",
        {"c.t1", "c.closer"},
    ),
}

FREE = {
    "phases one after the other": (in_phases("one", "two", "three"), ORDERED),
    "a share that is reached without what waits behind the gate": (
        "\n".join([in_phases("one", "one"), task("late", "one", ", needs: gated"), task("gated", "two")]),
        "- one\n- two: {gate: [{phase: one, done: 66%}]}",
    ),
    "a gate on an empty phase that stands open": (in_phases("one"), "- one\n- two: {gate: [{phase: one, done: 0%}]}"),
    "commands, metrics, approvals and flags are taken to hold": (
        in_phases("one"),
        "- one: {gate: [{run: t}, {metric: memory_usage, below: 5}, {approval: boss}, {flag: go}]}",
    ),
    "a gap that is closed before its gate": (
        "\n".join([task("closer", "one", ", writes: '**', closes: {todo: '**'}"), task("t", "two")]),
        "- one\n- two: {gate: [{gap: todo}]}",
    ),
    "a gate that stands before the phase it waits for": (in_phases("two"), "- one: {gate: [{phase: two, done: 100%}]}\n- two"),
}


@pytest.mark.parametrize(("tasks", "phases", "stuck"), STUCK.values(), ids=STUCK.keys())
def test_every_task_that_never_starts_is_named(
    tasks: str, phases: str, stuck: set[str], write: Callable[..., str], prove: Callable[..., Any]
) -> None:
    problems = prove(write(tasks, phases=phases, top=TODO), FOUND if "closer" in tasks else ())
    assert {problem.code for problem in problems} == {"deadlock"}
    assert {problem.text.split('"')[1] for problem in problems} == stuck
    assert all("would never start: " in problem.text for problem in problems)


@pytest.mark.parametrize(("tasks", "phases"), FREE.values(), ids=FREE.keys())
def test_a_plan_that_comes_to_its_end_is_free_of_deadlocks(
    tasks: str, phases: str, write: Callable[..., str], prove: Callable[..., Any]
) -> None:
    assert prove(write(tasks, phases=phases, top=TODO), FOUND if "closer" in tasks else ()) == ()


def test_the_text_says_which_gate_is_shut_and_what_it_waits_for(write: Callable[..., str], prove: Callable[..., Any]) -> None:
    tasks = "\n".join([task("late", "one", ", needs: gated"), task("gated", "two")])
    late, gated = prove(write(tasks, phases=ORDERED.rsplit("\n", 1)[0]))
    assert late.text == '"c.late" would never start: it needs c.gated, which never finishes'
    assert gated.text == '"c.gated" would never start: phase "two" never opens: phase "one" is 0% done of 100% (waits for c.late)'


def test_a_stuck_fan_out_is_named_once(write: Callable[..., str], prove: Callable[..., Any]) -> None:
    found = [Found(gap="todo", path=f"{number}.py") for number in range(40)]
    tasks = "each: {phase: one, goal: g, for_each: todo, writes: '{path}', needs: gated}\n" + task("gated", "two")
    assert [problem.code for problem in prove(write(tasks, phases=ORDERED.rsplit("\n", 1)[0], top=TODO), found)] == ["deadlock"] * 2
