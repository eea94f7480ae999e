"""What this release cannot do is said before anything is spent, each part once, and only where the run would meet it."""

import pytest

from swarm.engine.support import unsupported

from .conftest import graph_of

DO = "do: {command: [make]}"


def test_a_plan_of_procedures_and_commands_is_supported() -> None:
    tasks = f"{{a: {{{DO}, done_when: [{{run: x}}]}}, b: {{{DO}, needs: [a]}}}}"
    assert unsupported(graph_of(tasks, "[one, {two: {gate: [{run: x}, {approval: ada}]}}]"), None) == ()


def test_tasks_without_a_procedure_are_named_and_many_are_counted() -> None:
    tasks = "{" + ", ".join(f"t{n}: " for n in range(7)) + f", z: {{{DO}}}}}"
    (text,) = unsupported(graph_of(tasks), None)
    assert text.startswith("c.t0, c.t1, c.t2, c.t3, c.t4 and 2 more need a language model")


def test_a_task_that_only_leaves_out_is_no_obstacle() -> None:
    graph = graph_of(f"{{a: {{{DO}}}, b: {{done_when: [{{metric: task_error_rate, below: 1%}}]}}}}")
    assert unsupported(graph, {"c.a"}) == ()
    assert len(unsupported(graph, {"c.b"})) == 2


@pytest.mark.parametrize("gate", ["{metric: task_error_rate, below: 1%}", "{flag: ship}"])
def test_a_gate_that_needs_the_analytics_core_is_named(gate: str) -> None:
    (text,) = unsupported(graph_of(f"{{a: {{{DO}}}}}", f"[one, {{two: {{gate: [{gate}]}}}}]"), None)
    assert "needs the analytics core" in text


def test_a_check_that_a_model_answers_is_named_once_wherever_it_stands() -> None:
    judge = {"judge": "is it good?"}
    tasks = f"{{a: {{{DO}, done_when: [{{run: x}}, {{judge: 'is it good?'}}]}}}}"
    (text,) = unsupported(graph_of(tasks, success=[judge]), None)
    assert text == "`judge: is it good?` needs a language model, which this release does not run yet"
