"""From a plan and the gaps that were found to tasks: names, needs, and what makes a task the same task."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from swarm.plans.found import Found
from swarm.plans.graph import Graph
from swarm.plans.order import critical_path, remaining_seconds

TODO = "gaps: {todo: {files: '**', containing: TODO}, other: {files: '**', containing: X}}"
FOUND = (
    Found(gap="todo", path="src/a.py", lines="3,7-9"),
    Found(gap="todo", path="src/deep/b.py", lines="1"),
    Found(gap="todo", path="src/[x]*.py", lines="2"),
    Found(gap="other", path="src/a.py"),
    Found(gap="todo", path=None, text="a line that names no file"),
)
EACH = "each: {phase: work, goal: 'mend {path} at {lines} for {gap}', for_each: todo, writes: '{path}'}"
SECOND = "d: {objective: o, lead: qa-validator, priority: 3, tasks: {each: {BASICS}, e: {BASICS, needs: [NEEDS]}}}"


@pytest.fixture
def graph(write: Callable[..., str], compiled: Callable[..., Graph]) -> Callable[..., Graph]:
    def make(tasks: str, gaps: tuple[Found, ...] = FOUND, files: Mapping[str, bytes] | None = None, **rest: str) -> Graph:
        return compiled(write(tasks, top=TODO, **rest), gaps, files)

    return make


Make = Callable[..., Graph]


# Fan-out


def test_one_task_per_gap_with_a_path_in_the_order_found(graph: Make) -> None:
    assert list(graph(EACH).tasks) == ["c.each[src/a.py]", "c.each[src/deep/b.py]", "c.each[src/[x]*.py]"]


def test_a_member_knows_its_gap(graph: Make) -> None:
    task = graph(EACH).tasks["c.each[src/[x]*.py]"]
    assert (task.declared, task.member, task.goal) == ("c.each", "src/[x]*.py", "mend src/[x]*.py at 2 for todo")
    assert [glob.literal for glob in task.scope] == ["src/[x]*.py"]
    assert [closing.closes(gap) for gap in FOUND for closing in task.closes] == [False, False, True, False, False]


def test_only_narrows_a_fan_out(graph: Make) -> None:
    assert list(graph(EACH[:-1] + ", only: ['src/*.py', 'x/**']}").tasks) == ["c.each[src/a.py]", "c.each[src/[x]*.py]"]


def test_a_fan_out_over_nothing_is_no_task_and_no_error(graph: Make, prove: Callable[..., Any], write: Callable[..., str]) -> None:
    text = write(EACH + "\nnext: {BASICS, needs: ['each', 'each[*]', 'each[gone.py]']}", top=TODO)
    assert prove(text) == ()
    assert graph(EACH + "\nnext: {BASICS, needs: each}", ()).tasks["c.next"].needs == ()


# Needs

NEEDS = {
    "a short name means the own category": ("each", ["c.each[src/[x]*.py]", "c.each[src/a.py]", "c.each[src/deep/b.py]"]),
    "a bare fan-out name means all its tasks": ("c.each", ["c.each[src/[x]*.py]", "c.each[src/a.py]", "c.each[src/deep/b.py]"]),
    "a star in brackets means all its tasks": ("'each[*]'", ["c.each[src/[x]*.py]", "c.each[src/a.py]", "c.each[src/deep/b.py]"]),
    "a star matches a slash": ("'each[src*b.py]'", ["c.each[src/deep/b.py]"]),
    "a member by its name, brackets and stars literal": ("'each[src/[x]*.py]'", ["c.each[src/[x]*.py]"]),
    "brackets are no class": ("'each[src/[xa]*]'", []),
    "a member that it no longer has is no error": ("'each[src/gone.py]'", []),
    "another category by its full name": ("d.each", ["d.each"]),
    "a pattern over a category": ("'d.*'", ["d.e", "d.each"]),
    "a pattern without a category stays in the own one": (
        "'e*'",
        ["c.each[src/[x]*.py]", "c.each[src/a.py]", "c.each[src/deep/b.py]", "c.end"],
    ),
    "a pattern never means the task itself": ("'*'", ["c.each[src/[x]*.py]", "c.each[src/a.py]", "c.each[src/deep/b.py]", "c.end"]),
}


@pytest.mark.parametrize(("needs", "meant"), NEEDS.values(), ids=NEEDS.keys())
def test_needs_mean(needs: str, meant: list[str], graph: Make, write: Callable[..., str], prove: Callable[..., Any]) -> None:
    tasks = EACH + f"\nend: {{BASICS}}\nlast: {{BASICS, needs: [{needs}]}}"
    more = SECOND.replace("NEEDS", "c.end")
    assert list(graph(tasks, more=more).tasks["c.last"].needs) == meant
    assert prove(write(tasks, top=TODO, more=more), FOUND[:3]) == (), "each of them is declared"


def test_a_pattern_means_the_declared_tasks_whatever_was_found(graph: Make) -> None:
    """With no gaps `e*` must not begin to mean a category that happens to begin with an e."""
    tasks = EACH + "\nlast: {BASICS, needs: ['ea*']}"
    more = "each-time: {objective: o, lead: qa-validator, tasks: {x: {BASICS}}}"
    assert graph(tasks, (), more=more).tasks["c.last"].needs == ()


def test_only_names_tasks_and_brings_what_they_need(graph: Make) -> None:
    made = graph(EACH + "\nstart: {BASICS}\nend: {BASICS, needs: [start, 'each[src/a*]']}", more=SECOND.replace("NEEDS", "c.end"))
    assert made.select(["c.end"]) == {"c.end", "c.start", "c.each[src/a.py]"}
    assert made.select(["d.each", "c.start"]) == {"d.each", "c.start"}
    assert made.select(["*deep*"]) == {"c.each[src/deep/b.py]"}
    assert made.named("nothing") == ()
    assert made.dependents(["c.start"]) == {"c.start", "c.end", "d.e"}


def test_priority_is_last_unless_given_and_the_lead_does_it_unless_said(graph: Make) -> None:
    made = graph(
        "a: {BASICS}\nb: {BASICS, agent: code-analyzer, weight: 3}",
        category="support: [code-analyzer]",
        more=SECOND.replace("NEEDS", "c.a"),
    )
    assert made.tasks["c.a"].priority > made.tasks["d.e"].priority == 3
    assert [task.agent for task in made.tasks.values()] == ["code-generator", "code-analyzer", "qa-validator", "qa-validator"]
    assert [task.weight for task in made.tasks.values()] == [1, 3, 1, 1]
    assert [task.index for task in made.tasks.values()] == [0, 1, 2, 3]


# What works on a task

AGENTS = "\nagents: {me: {program: predict, lm: openai/mine}, code-analyzer: {lm: openai/reads}}"
WORKS = {
    "a procedure alone": ("do: {command: [t]}", None, False, "openai/all"),
    "the lead's program": ("agent: code-generator", "react", False, "openai/all"),
    "another agent's program and model": ("agent: me", "predict", False, "openai/mine"),
    "a shipped agent's program and the plan's model for it": ("agent: code-analyzer", "react", False, "openai/reads"),
    "the task's own before its agent's": ("agent: me, program: react, lm: openai/task", "react", False, "openai/task"),
    "a class of the user's own": ("agent: me, program: 'm.py:Mine'", "m.py:Mine", False, "openai/mine"),
    "a procedure, then the task's program": ("agent: me, program: react, do: {command: [t]}", "react", True, "openai/mine"),
    "a procedure alone, whatever its agent thinks with": ("agent: me, do: {command: [t]}", None, False, "openai/mine"),
    "an agent that does not exist": ("agent: nobody", "react", False, "openai/all"),
}


@pytest.mark.parametrize(("entry", "thinks", "template_first", "lm"), WORKS.values(), ids=WORKS.keys())
def test_what_works_on_a_task(
    entry: str, thinks: str | None, template_first: bool, lm: str, write: Callable[..., str], compiled: Callable[..., Graph]
) -> None:
    tasks = f"a: {{BASICS, {entry}}}"
    task = compiled(write(tasks, top="lm: openai/all" + AGENTS, category="support: [me, code-analyzer]")).tasks["c.a"]
    assert (task.thinks, task.template_first, task.lm) == (thinks, template_first, lm)


def test_a_plan_that_names_no_model_has_none(graph: Make) -> None:
    assert graph("a: {BASICS}").tasks["c.a"].lm is None


def test_each_member_of_a_fan_out_has_a_budget_of_its_own(graph: Make) -> None:
    tasks = graph(EACH[:-1] + ", budget: {calls: 3}}\nb: {BASICS}").tasks
    assert [task.budget.calls for task in tasks.values()] == [3, 3, 3, None]


def test_who_works_on_it_is_no_part_of_what_a_task_is(write: Callable[..., str], compiled: Callable[..., Graph]) -> None:
    plain = compiled(write("a: {BASICS}")).tasks["c.a"].definition
    agents = "lm: openai/x\nagents: {code-generator: {program: predict, tools: [], lm: openai/y}}"
    assert compiled(write("a: {BASICS}", top=agents)).tasks["c.a"].definition == plain


def test_the_musts_of_a_gate_are_full_names(graph: Make) -> None:
    made = graph(EACH, phases="- work\n- z: {gate: [{phase: work, must: [c.each]}, {run: t}]}")
    assert made.phases[1].must == (tuple(made.tasks), ())


# The way to the end


def test_the_critical_path_follows_expected_seconds(graph: Make) -> None:
    made = graph("a: {BASICS}\nb: {BASICS, needs: a}\nslow: {BASICS}\nend: {BASICS, needs: [b, slow]}")
    assert critical_path(made) == ("c.a", "c.b", "c.end")
    assert critical_path(made, {"c.slow": 50.0, "c.a": 1.0, "c.b": 2.0, "c.end": 3.0}) == ("c.slow", "c.end")
    assert remaining_seconds(made, {"c.slow": 50.0, "c.end": 10.0}) == {"c.a": 70.0, "c.b": 40.0, "c.slow": 60.0, "c.end": 10.0}


def test_a_ring_has_no_critical_path(graph: Make) -> None:
    assert critical_path(graph("a: {BASICS, needs: b}\nb: {BASICS, needs: a}")) == ()


# What makes a task the same task

PLAIN = """
a:
  phase: work
  goal: Do it.
  writes: [src/a.py]
  reads: [docs/**]
  hands: Ready
  do: {template: t/a.j2, to: src/a.py, with: {left: 1}}
  done_when: [{run: "see $SWARM_PLAN_DIR/tools/see.py"}]
"""
CONTRACTS = "\ncontracts: {Ready: {left: int, at: {type: 'optional[Point]', default: null}}, Point: {x: int}, Unused: {x: int}}"
FILES = {"t/a.j2": b"a", "t/a.j2.bak": b"b", "tools/see.py": b"c", "tools/more.py": b"d", "other.j2": b"e"}


def definition(
    write: Callable[..., str], compiled: Callable[..., Graph], change: tuple[str, str] = ("", ""), files: Mapping[str, bytes] = FILES
) -> str:
    text = write(PLAIN + "b: {BASICS}", top=TODO + CONTRACTS)
    assert change[0] in text
    return compiled(text.replace(*change) if change[0] else text, (), files).tasks["c.a"].definition


ANOTHER: dict[str, tuple[str, str]] = {
    "the goal": ("Do it.", "Do it now."),
    "the phase": ("phase: work\n", "phase: late\n"),
    "the scope": ("[src/a.py]", "[src/a.py, src/b.py]"),
    "the patterns it reads": ("[docs/**]", "[docs/*]"),
    "a check": ("see.py", "look.py"),
    "its procedure": ("left: 1", "left: 2"),
    "its needs as written": ("hands: Ready", "hands: Ready\n        needs: [b]"),
    "its contract": ("left: int", "left: {type: int, ge: 0}"),
    "a contract within its contract": ("Point: {x: int}", "Point: {x: float}"),
}
SAME: dict[str, tuple[str, str]] = {
    "a comment": ("goal: Do it.", "goal: Do it.  # soon"),
    "quotes": ("goal: Do it.", "goal: 'Do it.'"),
    "the order of its keys": ("phase: work\n        goal: Do it.", "goal: Do it.\n        phase: work"),
    "one pattern or a list of one": ("[src/a.py]", "src/a.py"),
    "another task": ("b: {phase: work", "b: {phase: late"),
    "a contract of others": ("Unused: {x: int}", "Unused: {x: str}"),
    "the plan's goal": ("goal: g\n", "goal: another\n"),
    "the category's objective": ("objective: o", "objective: other"),
}


@pytest.mark.parametrize("change", ANOTHER.values(), ids=ANOTHER.keys())
def test_what_says_what_the_task_is_makes_another_task(
    change: tuple[str, str], write: Callable[..., str], compiled: Callable[..., Graph]
) -> None:
    assert definition(write, compiled, change) != definition(write, compiled)


@pytest.mark.parametrize("change", SAME.values(), ids=SAME.keys())
def test_what_says_nothing_about_the_task_leaves_it_the_same(
    change: tuple[str, str], write: Callable[..., str], compiled: Callable[..., Graph]
) -> None:
    assert definition(write, compiled, change) == definition(write, compiled)


@pytest.mark.parametrize(
    ("file", "counts"), [("t/a.j2", True), ("tools/see.py", True), ("tools/more.py", True), ("t/a.j2.bak", False), ("other.j2", False)]
)
def test_the_files_that_it_names_are_part_of_the_task(
    file: str, counts: bool, write: Callable[..., str], compiled: Callable[..., Graph]
) -> None:
    changed = definition(write, compiled, files={**FILES, file: b"changed"})
    assert (changed != definition(write, compiled)) is counts


def test_members_of_a_fan_out_are_different_tasks_and_other_members_say_nothing(graph: Make) -> None:
    both, one = graph(EACH), graph(EACH, FOUND[:1])
    assert len({task.definition for task in both.tasks.values()}) == 3
    assert both.tasks["c.each[src/a.py]"].definition == one.tasks["c.each[src/a.py]"].definition


def test_lines_that_moved_make_another_task_only_where_they_are_named(graph: Make) -> None:
    moved = (Found(gap="todo", path="src/a.py", lines="99"),)
    silent = EACH.replace(" at {lines}", "")
    assert graph(EACH, moved).tasks["c.each[src/a.py]"].definition != graph(EACH).tasks["c.each[src/a.py]"].definition
    assert graph(silent, moved).tasks["c.each[src/a.py]"].definition == graph(silent).tasks["c.each[src/a.py]"].definition
