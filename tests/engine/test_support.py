"""What a plan needs and may not have is said before anything is spent, each part once, and only where the run would meet it."""

import pytest

from swarm.engine.support import needs_model, no_model, unsupported
from swarm.plans.graph import Graph

from .conftest import graph_of

DO = "do: {command: [make]}"
JUDGE = "{judge: 'is it good?'}"


def _in_need(entry: str, **plan: object) -> tuple[str, ...]:
    return needs_model(graph_of(f"{{a: {{{entry}}}}}", **plan), None)  # type: ignore[arg-type] # keys of a plan


def test_a_plan_of_procedures_and_commands_needs_nothing() -> None:
    tasks = f"{{a: {{{DO}, done_when: [{{run: x}}]}}, b: {{{DO}, needs: [a]}}}}"
    graph = graph_of(tasks, "[one, {two: {gate: [{run: x}, {approval: ada}]}}]")
    assert unsupported(graph, None) == ()
    assert needs_model(graph, None) == ()


def test_a_task_that_only_leaves_out_is_no_obstacle() -> None:
    graph = graph_of(f"{{a: {{{DO}}}, b: {{done_when: [{{metric: task_error_rate, below: 1%}}]}}}}")
    assert unsupported(graph, {"c.a"}) == needs_model(graph, {"c.a"}) == ()
    assert len(unsupported(graph, {"c.b"})) == 1
    assert needs_model(graph, {"c.b"}) == ("c.b",)


@pytest.mark.parametrize("gate", ["{metric: task_error_rate, below: 1%}", "{flag: ship}"])
def test_a_gate_that_needs_the_analytics_core_is_named(gate: str) -> None:
    (text,) = unsupported(graph_of(f"{{a: {{{DO}}}}}", f"[one, {{two: {{gate: [{gate}]}}}}]"), None)
    assert "needs the analytics core" in text


def test_a_metric_is_named_once_wherever_it_stands() -> None:
    metric = {"metric": "memory_usage", "below": 5}
    graph = graph_of(f"{{a: {{{DO}, keep: [{{metric: memory_usage, below: 5}}]}}}}", success=[metric])
    assert unsupported(graph, None) == (
        "`metric: memory_usage (last) below 5` needs the analytics core, which this release does not have yet",
    )


IN_NEED = {
    "no procedure": ("", True),
    "a built-in program": ("program: predict", True),
    "a procedure": (DO, False),
    "a procedure, and a program for where it does not do": (f"{DO}, program: react", False),
    "a class of the user's own may ask no model": ("program: 'mine.py:Mine'", False),
    "a class of the user's own in a package": ("program: 'pack.age:Mine'", False),
    "a procedure that a model judges": (f"{DO}, done_when: [{{run: x}}, {JUDGE}]", True),
    "a procedure that a model guards": (f"{DO}, keep: [{{run: x}}, {JUDGE}]", True),
    "a class of the user's own that a model judges": (f"program: 'm.py:M', done_when: [{JUDGE}]", True),
}


@pytest.mark.parametrize(("entry", "needed"), IN_NEED.values(), ids=IN_NEED.keys())
def test_a_task_needs_a_model(entry: str, needed: bool) -> None:
    assert _in_need(entry) == (("c.a",) if needed else ())


def test_an_agent_s_program_counts_like_the_task_s() -> None:
    assert _in_need("", agents={"qa-validator": {"program": "mine.py:Mine"}}) == ()
    assert _in_need("program: react", agents={"qa-validator": {"program": "mine.py:Mine"}}) == ("c.a",)


def test_judges_of_the_end_are_named_behind_the_tasks() -> None:
    graph = _judged_in_the_end()
    assert needs_model(graph, None) == ("c.b", "success", 'success of category "c"')
    assert needs_model(graph, {"c.a"}) == ("success", 'success of category "c"')


def _judged_in_the_end() -> Graph:
    judge = {"judge": "is it good?"}
    a, b = {"phase": "one", "goal": "g", "do": {"command": ["make"]}}, {"phase": "one", "goal": "g"}
    categories = {"c": {"objective": "o", "lead": "qa-validator", "success": [judge], "tasks": {"a": a, "b": b}}}
    return graph_of("{}", categories=categories, success=[judge])


def test_unsupported_says_nothing_of_models() -> None:
    assert unsupported(_judged_in_the_end(), None) == ()


def test_the_message_names_who_needs_a_model_and_counts_many() -> None:
    assert no_model(["c.a"]).startswith("c.a needs a language model, and none is named. ")
    names = [f"c.t{number}" for number in range(7)]
    assert no_model(names).startswith("c.t0, c.t1, c.t2, c.t3, c.t4 and 2 more need a language model")
    assert "more" not in no_model(names[:5]).splitlines()[0]


@pytest.mark.parametrize(
    "way",
    [
        "OPENAI_API_KEY",
        "ANTHROPIC_API_KEY",
        "--lm openai/gpt-5-mini",
        "--lm ollama/qwen3:8b",
        "@http://127.0.0.1:8000/v1",
        "SWARM_LM",
        "lm: ",
    ],
)
def test_the_message_names_the_ways_to_give_one(way: str) -> None:
    first, *ways = no_model(["c.a"]).splitlines()
    assert any(way in line for line in ways)
    assert len(ways) == 3
    assert "A key alone names no model" in first
