"""The templates treat errors, timing and results in one way, whatever the domain's own step is."""

import asyncio

import pytest

from core.interfaces.processing_interface import ProcessingInterface
from docs.templates.unified_processing_templates import (
    SAMPLE_EVERY,
    ProcessResult,
    StandardAnalytics,
    StandardProcessor,
    UnifiedBaseAgentTemplate,
    measured,
)


class Halver(StandardProcessor):
    """Halves even numbers."""

    async def validate_input(self, input_data):
        return await super().validate_input(input_data) and input_data >= 0

    async def _execute_processing(self, input_data, **kwargs):
        if input_data % 2:
            return ProcessResult.failure("odd", number=input_data)
        return ProcessResult.success(input_data // 2, **kwargs)


class Shouter(UnifiedBaseAgentTemplate):
    """Says everything louder."""

    async def _execute_core_logic(self, processed_input):
        return processed_input.upper()


class Listener(Shouter):
    """Hears the last word only."""

    async def _prepare(self, task):
        return task["content"].split()[-1]


class Mill:
    """A component whose operations are measured."""

    analytics_enabled = True

    def __init__(self):
        self.analytics_layer = StandardAnalytics(component="Mill")

    @measured
    def grind(self, corn):
        """Grinds corn."""
        return 100 / corn

    @measured
    async def deliver(self, gate):
        """Waits at the gate."""
        await gate.wait()
        return "delivered"


def test_a_result_is_a_success_with_data_or_a_failure_with_words():
    assert ProcessResult.success(3, source="mill") == ProcessResult(True, 3, None, {"source": "mill"})
    assert ProcessResult.failure("no corn") == ProcessResult(False, None, "no corn", {})


async def test_a_processor_hands_on_what_its_step_came_to():
    halver = Halver()
    assert isinstance(halver, ProcessingInterface)
    assert await halver.process(8, source="mill") == ProcessResult.success(4, source="mill")
    assert await halver.process(7) == ProcessResult.failure("odd", number=7)


@pytest.mark.parametrize(
    ("data", "error"), [(None, "Halver cannot take NoneType"), (-2, "Halver cannot take int"), ("eight", "TypeError: '>=' not supported")]
)
async def test_what_cannot_be_processed_becomes_a_failure_and_never_an_exception(data, error):
    result = await Halver().process(data)
    assert not result.succeeded
    assert result.error.startswith(error)


async def test_a_processor_knows_how_often_it_succeeded():
    halver = Halver()
    for number in (2, 4, 5):
        await halver.process(number)
    assert await halver.get_status() == {"processor": "Halver", "processed": 3, "succeeded": 2}


async def test_a_processor_records_to_the_analytics_it_is_given():
    analytics = StandardAnalytics(component="shared")
    await Halver(analytics).process(2)
    assert analytics.values("process_success") == [1.0]
    assert Halver().analytics_layer.component == "Halver"


def test_a_processor_without_a_step_of_its_own_cannot_be_made():
    with pytest.raises(TypeError, match="_execute_processing"):
        StandardProcessor()


@pytest.mark.parametrize(("agent_class", "answer"), [(Shouter, "OPEN THE GATE"), (Listener, "GATE")])
async def test_an_agent_of_the_template_writes_its_core_logic_only(agent_class, answer):
    result = await agent_class().execute_task({"content": "open the gate"})
    assert result == {"status": "success", "success": True, "result": answer}


async def test_an_agent_whose_core_logic_fails_answers_so():
    assert (await Shouter().execute_task({"content": 5}))["error"].startswith("AttributeError")


async def test_an_agent_without_core_logic_says_so():
    result = await UnifiedBaseAgentTemplate().execute_task({"content": "open the gate"})
    assert result["error"] == "NotImplementedError: UnifiedBaseAgentTemplate has no core logic yet"


def test_an_operation_is_recorded_with_its_time_and_its_end():
    mill = Mill()
    assert mill.grind(4) == 25
    with pytest.raises(ZeroDivisionError):
        mill.grind(0)
    assert mill.analytics_layer.values("grind_success") == [1.0, 0.0]
    assert all(seconds >= 0 for seconds in mill.analytics_layer.values("grind_seconds"))


async def test_an_async_operation_is_measured_until_it_ends():
    mill, gate = Mill(), asyncio.Event()
    delivery = asyncio.create_task(mill.deliver(gate))
    await asyncio.sleep(0)
    assert mill.analytics_layer.recorded("deliver_seconds") == 0
    gate.set()
    assert await delivery == "delivered"
    assert mill.analytics_layer.values("deliver_success") == [1.0]


async def test_a_cancelled_operation_did_not_succeed():
    mill = Mill()
    delivery = asyncio.create_task(mill.deliver(asyncio.Event()))
    await asyncio.sleep(0)
    delivery.cancel()
    with pytest.raises(asyncio.CancelledError):
        await delivery
    assert mill.analytics_layer.values("deliver_success") == [0.0]


def test_nothing_is_recorded_while_analytics_are_off():
    mill = Mill()
    mill.analytics_enabled = False
    assert mill.grind(2) == 50
    assert mill.analytics_layer.metric_names() == []


def test_a_measured_operation_keeps_its_name_and_its_words():
    assert (Mill.grind.__name__, Mill.deliver.__doc__) == ("grind", "Waits at the gate.")


def test_resources_are_read_on_the_first_operation_and_seldom_after():
    mill = Mill()
    for _ in range(SAMPLE_EVERY):
        mill.grind(1)
    assert mill.analytics_layer.recorded("resident_memory_mb") == 1
    mill.grind(1)
    assert mill.analytics_layer.recorded("resident_memory_mb") == 2
    assert mill.analytics_layer.values("cpu_seconds")[0] > 0


def test_a_report_names_its_component_and_carries_the_parts_that_it_adds():
    analytics = StandardAnalytics(component="Mill", clock=lambda: 0.0)
    analytics.add_report_generator("stones", lambda: 2)
    analytics.record_operation("grind", 0.5, True)
    report = analytics.generate_analytics_report()
    assert (report["component"], report["stones"], report["status"]) == ("Mill", 2, "ok")
    assert report["metrics"]["grind_seconds"]["last"] == 0.5
