"""What the integration tests are built from."""

import asyncio
import itertools
from typing import ClassVar

import pytest

from experiments.agents.agents.unified_base_agent import UnifiedBaseAgent, success
from tests.integration.agent_harness import AgentHarness
from tests.integration.fault_injector import FaultInjector, InjectedFault
from tests.integration.load_generator import LoadGenerator
from tests.integration.regression_tracker import Regression, RegressionTracker
from tests.integration.report_validator import GOOD, ReportValidator
from tests.integration.scenario_runner import ScenarioRunner, Step, StepOutcome


class Divider(UnifiedBaseAgent):
    EXAMPLE: ClassVar = {"content": 4}

    async def _process_task(self, task):
        return success(12 / task["content"])


class Liar:
    """An agent that raises, which agents promise not to do."""

    name = "liar"
    EXAMPLE: ClassVar = {"content": ""}

    async def execute_task(self, task):
        raise RuntimeError("I promised not to")


async def test_a_harness_keeps_what_an_agent_made_of_each_task():
    report = await AgentHarness(Divider("divider")).run([{"content": 4}, {"content": 0}, {"content": 3}])
    assert [result.get("result") for result in report.results] == [3, None, 4]
    assert (report.agent, report.failed) == ("divider", (1,))


async def test_a_harness_knows_the_share_of_successes():
    harness = AgentHarness(Divider())
    assert harness.success_rate() == 1.0
    await harness.run([{"content": 1}])
    await harness.run([{"content": 0}, {"content": 0}, {"content": 2}])
    assert harness.success_rate() == 0.5


async def test_an_agent_that_raises_fails_in_the_harness():
    report = await AgentHarness(Liar()).run([{"content": ""}])
    assert report.results[0]["error"] == "RuntimeError: I promised not to"
    assert report.failed == (0,)


async def test_a_scenario_s_steps_build_on_each_other():
    async def one(results):
        return 1

    async def one_more(results):
        return results["one"] + 1

    runner = ScenarioRunner()
    outcomes = await runner.run([Step("one", one, lambda result: result == 1), Step("two", one_more, lambda result: result == 2)])
    assert outcomes == [StepOutcome("one", True), StepOutcome("two", True)]
    assert (runner.passed, runner.failed) == (1, 0)


async def test_a_scenario_ends_at_the_first_step_that_comes_out_wrong():
    async def fine(results):
        return "fine"

    async def broken(results):
        raise OSError("the disk is full")

    runner = ScenarioRunner()
    wrong = await runner.run([Step("odd", fine, lambda result: result == "odd"), Step("never", fine, lambda result: True)])
    raised = await runner.run([Step("broken", broken, lambda result: True)])
    assert wrong == [StepOutcome("odd", False, "'fine' was not expected")]
    assert raised == [StepOutcome("broken", False, "OSError: the disk is full")]
    assert (runner.passed, runner.failed) == (0, 2)


async def test_a_load_is_counted_and_timed():
    ticks = itertools.count()
    result = await LoadGenerator(clock=lambda: float(next(ticks))).run([Divider(), Divider()], tasks_per_agent=3, concurrency=1)
    assert (result.tasks, result.failed, result.error_rate) == (6, 0, 0.0)
    assert (result.p50_ms, result.p95_ms, result.seconds) == (1000.0, 1000.0, 13.0)


async def test_a_load_counts_failures_and_goes_on():
    agents = [Liar(), FaultInjector(every=2).sabotage(Divider())]
    result = await LoadGenerator().run(agents, tasks_per_agent=4, concurrency=3)
    assert (result.tasks, result.failed, result.error_rate) == (8, 6, 0.75)


async def test_a_load_keeps_to_its_concurrency():
    class Crowd(UnifiedBaseAgent):
        inside = most = 0

        async def _process_task(self, task):
            self.inside += 1
            self.most = max(self.most, self.inside)
            await asyncio.sleep(0)
            self.inside -= 1
            return success(None)

    crowd = Crowd()
    await LoadGenerator().run([crowd], tasks_per_agent=20, concurrency=4)
    assert crowd.most == 4


@pytest.mark.parametrize(("agents", "tasks", "concurrency"), [(0, 1, 1), (1, 0, 1), (1, 1, 0)])
async def test_a_load_of_nothing_is_refused(agents, tasks, concurrency):
    with pytest.raises(ValueError, match="a load needs"):
        await LoadGenerator().run([Divider()] * agents, tasks, concurrency)


def test_every_nth_call_fails_counted_for_each_function():
    injector = FaultInjector(every=2)
    first, second = injector.wrap(lambda: "one"), injector.wrap(lambda: "two")
    assert [first(), second()] == ["one", "two"]
    for faulty in (first, second):
        with pytest.raises(InjectedFault, match="call 2"):
            faulty()
    assert first() == "one"
    assert injector.injected == 2


async def test_an_async_function_fails_alike():
    async def answer(number):
        return number

    faulty = FaultInjector(every=2).wrap(answer)
    assert await faulty(1) == 1
    with pytest.raises(InjectedFault):
        await faulty(2)


async def test_a_sabotaged_agent_answers_with_failures():
    agent = FaultInjector(every=3).sabotage(Divider())
    results = [await agent.execute_task({"content": 2}) for _ in range(6)]
    assert [result["success"] for result in results] == [True, True, False, True, True, False]
    assert results[2]["error"] == "InjectedFault: call 3 was made to fail"


def test_less_than_every_call_cannot_be_asked_for():
    with pytest.raises(ValueError, match="at least 1"):
        FaultInjector(every=0)


def report(**changes):
    return {"status": "ok", "generated_at": "2024-01-01T00:00:00+00:00", "metrics": {"latency": GOOD}} | changes


def test_a_good_report_has_no_problems():
    assert ReportValidator(required=("latency",)).problems(report()) == []


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"status": "empty"}, "the status is 'empty' and not 'ok'"),
        ({"generated_at": "yesterday"}, "'yesterday' is no time with a zone"),
        ({"generated_at": "2024-01-01T00:00:00"}, "'2024-01-01T00:00:00' is no time with a zone"),
        ({"generated_at": None}, "None is no time with a zone"),
        ({"metrics": {}}, "there are no metrics"),
        ({"metrics": {"latency": GOOD | {"count": 0}}}, "latency: no points are kept"),
        ({"metrics": {"latency": GOOD | {"p95": None}}}, "latency: a statistic is missing or is no finite number"),
        ({"metrics": {"latency": GOOD | {"max": float("nan")}}}, "latency: a statistic is missing or is no finite number"),
        ({"metrics": {"latency": GOOD | {"p50": 2.0}}}, "latency: the statistics contradict each other"),
        ({"metrics": {"latency": GOOD | {"mean": 2.0}}}, "latency: the statistics contradict each other"),
    ],
)
def test_a_report_s_problem_is_said(changes, problem):
    assert ReportValidator().problems(report(**changes)) == [problem]


def test_a_required_metric_that_is_missing_is_named():
    assert ReportValidator(required=("latency", "errors")).problems(report()) == ["errors is missing"]


def test_a_figure_may_exceed_its_baseline_by_the_tolerance_only():
    tracker = RegressionTracker({"p95_ms": 10.0, "errors": 0.0}, tolerance=0.1)
    assert tracker.compare({"p95_ms": 11.0, "errors": 0.0, "unknown": 99.0}) == []
    assert tracker.compare({"p95_ms": 11.1, "errors": 0.01}) == [Regression("errors", 0.0, 0.01), Regression("p95_ms", 10.0, 11.1)]


def test_a_figure_that_is_not_measured_any_more_regressed():
    assert RegressionTracker({"p95_ms": 10.0}).compare({}) == [Regression("p95_ms", 10.0, None)]


def test_accepted_figures_become_the_baseline():
    tracker = RegressionTracker({"p95_ms": 10.0, "errors": 0.0}, tolerance=0.5)
    tracker.accept({"p95_ms": 20.0})
    assert tracker.as_document() == {"baseline": {"p95_ms": 20.0, "errors": 0.0}, "tolerance": 0.5}
    assert tracker.compare({"p95_ms": 30.0, "errors": 0.0}) == []


async def test_a_self_check_leaves_no_trace():
    harness, runner, injector = AgentHarness(), ScenarioRunner(), FaultInjector()
    tracker = RegressionTracker({"p95_ms": 10.0})
    for component in (harness, runner, injector, tracker, LoadGenerator(), ReportValidator(required=("errors",))):
        assert await component.self_check()
    assert (harness.reports, runner.passed, injector.injected) == ([], 0, 0)
    assert tracker.baseline == {"p95_ms": 10.0}
