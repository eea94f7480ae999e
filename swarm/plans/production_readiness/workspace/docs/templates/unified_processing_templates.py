"""Templates for what every component of the village repeats: processing a task, processing data, measuring.

Subclass one and give it the domain's own step; errors, timing and results are then the same everywhere.

    class GlossaryAgent(UnifiedBaseAgentTemplate):
        async def _execute_core_logic(self, processed_input):
            return self.look_up(processed_input)
"""

import functools
import inspect
import time
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from king.analytics.base_analytics import BaseAnalytics

from core.interfaces.processing_interface import ProcessingInterface
from experiments.agents.agents.unified_base_agent import UnifiedBaseAgent, resident_megabytes, success

F = TypeVar("F", bound=Callable[..., Any])
SAMPLE_EVERY = 16  # resource usage is read on every 16th operation: a system call is dearer than a metric


@dataclass(frozen=True, slots=True)
class ProcessResult:
    """What processing came to: data, or an error in words."""

    succeeded: bool
    data: Any = None
    error: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def success(cls, data: Any, **metadata: Any) -> "ProcessResult":
        """Done, with its data."""
        return cls(True, data, None, metadata)

    @classmethod
    def failure(cls, error: str, **metadata: Any) -> "ProcessResult":
        """Not done, and why."""
        return cls(False, None, error, metadata)


class StandardAnalytics(BaseAnalytics):
    """Analytics of one component, with what every operation records and reports that a component adds.

    Args:
        component: the name under which reports speak of it.
    """

    def __init__(self, component: str = "component", **options: Any) -> None:
        super().__init__(**options)
        self.component = component
        self.report_generators: dict[str, Callable[[], Any]] = {}

    def add_report_generator(self, name: str, generator: Callable[[], Any]) -> None:
        """Adds a part to every report: `generator` is called for each."""
        self.report_generators[name] = generator

    def record_operation(self, operation: str, seconds: float, succeeded: bool) -> None:
        """Records one call of a key operation: how long it took, and whether it came to an end."""
        self.record_metric(f"{operation}_seconds", seconds)
        self.record_metric(f"{operation}_success", 1.0 if succeeded else 0.0)
        if self.recorded(f"{operation}_seconds") % SAMPLE_EVERY == 1:
            self.record_resource_usage()

    def record_resource_usage(self) -> None:
        """Records what the process takes of the machine."""
        self.record_metric("resident_memory_mb", resident_megabytes())
        self.record_metric("cpu_seconds", time.process_time())

    def generate_analytics_report(self, report_format: str = "json", include_trends: bool = True) -> dict[str, Any]:
        """The report of the metrics, with `component` and one part for each generator."""
        report = super().generate_analytics_report(report_format, include_trends)
        return report | {"component": self.component} | {name: make() for name, make in self.report_generators.items()}


def measured(operation: F) -> F:
    """Records each call of a method to its object's `analytics_layer`, under the method's name. Errors pass through.

    Nothing is recorded while the object says `analytics_enabled = False`.
    """
    name = operation.__name__

    @functools.wraps(operation)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        with _Measurement(self, name):
            return operation(self, *args, **kwargs)

    @functools.wraps(operation)
    async def async_wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        with _Measurement(self, name):
            return await operation(self, *args, **kwargs)

    return async_wrapper if inspect.iscoroutinefunction(operation) else wrapper  # type: ignore[return-value]


class _Measurement:
    """The time between entering and leaving; a plain class, since a generator would cost more than what is measured."""

    __slots__ = ("component", "name", "started")

    def __init__(self, component: Any, name: str) -> None:
        self.component, self.name = component, name

    def __enter__(self) -> None:
        self.started = time.perf_counter()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if getattr(self.component, "analytics_enabled", True):
            self.component.analytics_layer.record_operation(self.name, time.perf_counter() - self.started, kind is None)


class StandardProcessor(ProcessingInterface):
    """A processor that validates, executes, counts and turns every error into a failed result."""

    def __init__(self, analytics: StandardAnalytics | None = None) -> None:
        self.analytics_layer = analytics or StandardAnalytics(component=type(self).__name__)

    async def process(self, input_data: Any, **kwargs: Any) -> ProcessResult:
        """Validates and executes; never raises."""
        started = time.perf_counter()
        try:
            if not await self.validate_input(input_data):
                return ProcessResult.failure(f"{type(self).__name__} cannot take {type(input_data).__name__}")
            result = await self._execute_processing(input_data, **kwargs)
        except Exception as error:
            result = ProcessResult.failure(f"{type(error).__name__}: {error}")
        self.analytics_layer.record_operation("process", time.perf_counter() - started, result.succeeded)
        return result

    async def validate_input(self, input_data: Any) -> bool:
        """Whether there is anything to process; override for more."""
        return input_data is not None

    async def get_status(self) -> dict[str, Any]:
        """How often it processed, and how often that succeeded."""
        outcomes = self.analytics_layer.values("process_success")
        return {"processor": type(self).__name__, "processed": len(outcomes), "succeeded": int(sum(outcomes))}

    @abstractmethod
    async def _execute_processing(self, input_data: Any, **kwargs: Any) -> ProcessResult:
        """The domain's own step."""


class UnifiedBaseAgentTemplate(UnifiedBaseAgent):
    """An agent whose author writes the core logic only."""

    async def _process_task(self, task: dict[str, Any]) -> dict[str, Any]:
        return success(await self._execute_core_logic(await self._prepare(task)))

    async def _prepare(self, task: dict[str, Any]) -> Any:
        """What the core logic takes of a task; its content, unless overridden."""
        return task["content"]

    async def _execute_core_logic(self, processed_input: Any) -> Any:
        """The domain's own step."""
        raise NotImplementedError(f"{type(self).__name__} has no core logic yet")
