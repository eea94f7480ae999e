"""Category E of the seed, and its metrics of the overall system's health."""

import re
from pathlib import Path

from criterion import Criterion, output, tested
from load_test import errors, put_under_load, working_agents

__all__ = ["CRITERIA"]

MORE_THAN = 90  # percent of the lines
TOTAL = re.compile(r"^TOTAL.*?([\d.]+)%", re.MULTILINE)


def unit_tests(root: Path) -> list[str]:
    """The failed tests, or the coverage where it is too low."""
    status, said = output(root, str(Path(__file__).with_name("coverage_report.py")))
    total = TOTAL.search(said)
    if status or total is None:
        return [said[-2000:]]
    return [] if float(total[1]) > MORE_THAN else [f"the coverage is {total[1]}%, not above {MORE_THAN}%"]


def load_errors(root: Path) -> list[str]:
    """The agents that fail too often under load."""
    return errors(put_under_load(working_agents(every=True)))


CRITERIA = (
    Criterion("All unit tests pass (>90% coverage)", "tools/coverage_report.py", unit_tests),
    tested("Integration tests pass", "tests/system/test_integration_flows.py"),
    tested("Load testing", "tests/system/test_load.py"),
    tested("Failure scenario testing", "tests/system/test_failure_scenarios.py"),
    Criterion("Error rates <1% under normal load", "tools/load_test.py over every agent", load_errors),
)
