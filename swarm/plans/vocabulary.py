"""Names that every plan may use without declaring them."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from swarm.signatures.specialisms import SPECIALISMS

__all__ = ["BUILT_IN_METRICS", "FINISH", "METRIC_PREFIXES", "READ_ONLY", "RESERVED_FIELDS", "ROSTER", "TOOLS"]

ROSTER: Final[Mapping[str, str]] = MappingProxyType({name: one.role for name, one in SPECIALISMS.items()})
"""The shipped agents: name and role. A plan's `agents:` adds to them or overrides fields."""

TOOLS: Final = ("list_files", "read_file", "search", "edit_file", "write_file", "run", "record_metric", "note")
READ_ONLY: Final = frozenset({"list_files", "read_file", "search", "record_metric", "note"})
"""Those of them that change no file."""
FINISH: Final = "finish"
"""What an agent with tools calls to hand over its work; a name that no tool and no server may have."""

BUILT_IN_METRICS: Final = ("task_processing_time", "task_success_rate", "task_error_rate", "memory_usage")
METRIC_PREFIXES: Final = ("system_",)

RESERVED_FIELDS: Final = frozenset({
    "config", "lm", "demos", "signature", "new_signature", "history", "tools", "trajectory", "termination_reason", "json",
    "schema", "items", "keys", "values", "get", "copy", "inputs", "labels", "without", "completions", "toDict",
})  # fmt: skip
"""Contract fields that mean something else in DSPy, or hide a method of its predictions."""
