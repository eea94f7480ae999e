"""Names that every plan may use without declaring them."""

from typing import Final

__all__ = ["BUILT_IN_METRICS", "METRIC_PREFIXES", "RESERVED_FIELDS", "ROSTER", "TOOLS"]

ROSTER: Final[dict[str, str]] = {
    "analytics-integration-specialist": "Gives existing code an analytics layer without changing what it does.",
    "code-analyzer": "Reads code, finds what is incomplete and says how it is meant to work.",
    "dependency-mapper": "Finds what depends on what and mirrors changes across environments.",
    "observability-engineer": "Restores system-wide monitoring: collectors, dashboards, alerts.",
    "monitoring-specialist": "Measures agents at work: times, success rates, resources.",
    "metrics-coordinator": "Brings metrics of many sources together under one set of names.",
    "template-specialist": "Completes implementations from the project's own templates.",
    "code-generator": "Writes new code from a specification.",
    "pattern-implementer": "Applies one pattern in many places.",
    "production-engineer": "Makes working code ready for production.",
    "security-auditor": "Finds and removes weaknesses.",
    "performance-optimizer": "Measures and removes what costs time and memory.",
    "qa-validator": "Judges whether work is done, by evidence.",
    "test-engineer": "Writes tests that can fail.",
    "integration-tester": "Tests the parts together.",
}
"""The shipped agents: name and role. A plan's `agents:` adds to them or overrides fields."""

TOOLS: Final = ("list_files", "read_file", "search", "edit_file", "write_file", "run", "record_metric", "note")

BUILT_IN_METRICS: Final = ("task_processing_time", "task_success_rate", "task_error_rate", "memory_usage")
METRIC_PREFIXES: Final = ("system_",)

RESERVED_FIELDS: Final = frozenset({
    "config", "lm", "demos", "signature", "new_signature", "history", "tools", "trajectory", "termination_reason", "json",
    "schema", "items", "keys", "values", "get", "copy", "inputs", "labels", "without", "completions", "toDict",
})  # fmt: skip
"""Contract fields that mean something else in DSPy, or hide a method of its predictions."""
