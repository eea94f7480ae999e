"""Category D of the seed: security and performance benchmarks, and what it wants against performance and reliability risks."""

from pathlib import Path

import security_review
from benchmarks import slow, task_times
from criterion import Criterion, tested
from load_test import infrastructure, memory_lost, put_under_load, working_agents

__all__ = ["CRITERIA"]


def benchmarks(root: Path) -> list[str]:
    """The agents that are too slow."""
    return slow(task_times(working_agents(every=True)))


def leaks(root: Path) -> list[str]:
    """What load leaves behind."""
    return memory_lost(put_under_load(working_agents(every=True), infrastructure()))


CRITERIA = (
    Criterion("Security scans pass", "tools/security_review.py", security_review.objections),
    Criterion("Performance benchmarks meet SLA", "tools/benchmarks.py over every agent", benchmarks),
    Criterion("Memory leaks absent under load", "tools/load_test.py: what equal rounds leave behind", leaks),
    tested("Circuit breaker patterns for external dependencies", "tests/test_circuit_breaker.py", "tests/test_gateway.py"),
    tested("Feature flags for new integrations", "tests/test_feature_flags.py"),
)
