"""What can be measured: each metric's name, unit, kind and help, said once.

Recording, reports, gates, alerts and the Prometheus text all read this, so that a number is called and explained the same everywhere.
A name that nobody declared may still be recorded: it is a distribution without a unit, or a gauge where it begins with `system_`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from swarm.plans.vocabulary import METRIC_PREFIXES

__all__ = ["BUILT_IN", "SHARE", "Definition", "Definitions", "Kind", "declared", "definition_of"]

Kind = Literal["counter", "gauge", "distribution"]
"""counter: amounts that add up. gauge: readings of what goes up and down. distribution: one value for each thing that happened."""

SHARE: Final = "share"
"""Unit of values that are 1 where something holds and 0 where not. The newest says nothing alone: the mean is read in its place."""

_UNITS_BY_ENDING: Final = {"_percent": "%", "_mb": "MiB", "_bytes": "B", "_bytes_per_second": "B/s", "_seconds": "s"}


@dataclass(frozen=True, slots=True)
class Definition:
    """One metric.

    Attributes:
        unit: of its values; empty where they are plain numbers.
        help: what a value means, in one sentence.
    """

    name: str
    unit: str
    kind: Kind
    help: str


Definitions = Mapping[str, Definition]

_ALL: Final = (
    Definition("task_processing_time", "s", "distribution", "Time from the start of an attempt at a task to its verdict."),
    Definition("task_success_rate", SHARE, "distribution", "1 for an attempt whose task was verified, 0 for any other."),
    Definition("task_error_rate", SHARE, "distribution", "1 for an attempt that was refused or failed, 0 for any other."),
    Definition("memory_usage", "MiB", "gauge", "Resident memory of the process that does the work."),
    Definition("system_cpu_percent", "%", "gauge", "Busy share of all processors."),
    Definition("system_memory_percent", "%", "gauge", "Share of the main memory in use."),
    Definition("system_memory_available_mb", "MiB", "gauge", "Main memory that could be had without swapping."),
    Definition("system_disk_percent", "%", "gauge", "Share of the disk in use."),
    Definition("system_network_sent_bytes_per_second", "B/s", "gauge", "Sent over all network interfaces."),
    Definition("system_network_received_bytes_per_second", "B/s", "gauge", "Received over all network interfaces."),
    Definition("attempts", "", "counter", "Attempts started."),
    Definition("attempts_refused", "", "counter", "Attempts that ended without being done."),
    Definition("attempts_running", "", "gauge", "Attempts in flight."),
    Definition("handoffs", "", "counter", "Handoffs made, reused ones included."),
    Definition("landing_time", "s", "distribution", "Time from a judged change to its place on the run's head."),
    Definition("model_calls", "", "counter", "Requests sent to models, failed ones included."),
    Definition("model_errors", "", "counter", "Requests to models that failed."),
    Definition("model_call_time", "s", "distribution", "Time from a request to a model to the end of its answer."),
    Definition("model_tokens", "tokens", "counter", "Tokens sent and received, as the providers counted."),
    Definition("model_cost", "USD", "counter", "The part of the cost of model calls that is known."),
    Definition("tool_calls", "", "counter", "Calls of tools by agents."),
    Definition("tool_call_time", "s", "distribution", "Time that a tool took to answer an agent."),
    Definition("gates_measured", "", "counter", "Times that the conditions of a gate were measured."),
    Definition("gate_measure_time", "s", "distribution", "Time that measuring a gate's conditions took."),
    Definition("journal_events", "", "counter", "Events written to the journal."),
    Definition("journal_append_time", "s", "distribution", "Time until an append was safe on the disk."),
)

BUILT_IN: Final[Definitions] = MappingProxyType({one.name: one for one in _ALL})
"""The metrics that `swarm` records by itself."""


def declared(names: Iterable[str]) -> Definitions:
    """The built-in metrics and those of a plan's `metrics:`, which are distributions. A built-in name keeps its meaning."""
    return MappingProxyType({name: Definition(name, "", "distribution", "Declared by the plan.") for name in names} | dict(BUILT_IN))


def definition_of(definitions: Definitions, name: str) -> Definition:
    """The definition of a name, declared or not."""
    known = definitions.get(name)
    return known if known is not None else _undeclared(name)


def _undeclared(name: str) -> Definition:
    if name.startswith(METRIC_PREFIXES):
        unit = next((unit for ending, unit in _UNITS_BY_ENDING.items() if name.endswith(ending)), "")
        return Definition(name, unit, "gauge", "A reading of the machine.")
    return Definition(name, "", "distribution", "Recorded without being declared.")
