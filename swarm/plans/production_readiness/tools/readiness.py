"""The production readiness assessment: each row of the seed's checklist, with its evidence.

A row is measured again where that is quick, and otherwise stands on the reports of those who measured it. What only people can do is
said so and not ticked. One unmet row refuses the whole.
"""

import json
import re
import sys
from pathlib import Path

import criteria_hardening
import criteria_observability
import security_review
import village
from criterion import Criterion, tested
from sign_off import CATEGORIES, unmet

__all__ = ["FOR_PEOPLE", "REPORT", "ROWS"]

REPORT = "docs/reports/readiness.md"
DOCUMENTS = tuple(f"docs/operations/{name}.md" for name in ("deployment", "monitoring", "runbook", "training"))
FOR_PEOPLE = {"Team training completed": "docs/operations/training.md is the material; whoever has held the training ticks this row"}


def sign_offs(root: Path) -> list[str]:
    """The categories that have not signed off, by report or by what the end-to-end validation hands over."""
    unsigned = [category for category in CATEGORIES if not _signed(root / f"docs/reports/sign_off_{category}.json")]
    validated = [payload["categories"] for payload in village.inbox().values() if "categories" in payload]
    absent = [category for category in CATEGORIES if any(category not in found for found in validated)]
    return [f"{category} is not signed off" for category in sorted({*unsigned, *absent})]


def _signed(report: Path) -> bool:
    return report.is_file() and json.loads(report.read_text())["met"] is True


def documents(root: Path) -> list[str]:
    """The documents that are missing, or name a file that is not there."""
    missing = [f"{path} is missing" for path in DOCUMENTS if not (root / path).is_file()]
    return missing or [f"{path} names {name}, which is not there" for path in DOCUMENTS for name in _absent(root, path)]


def _absent(root: Path, path: str) -> list[str]:
    """The files that a document names in backticks and that are not there; this report is about to be."""
    named = set(re.findall(r"`([\w./-]+/[\w.-]+\.(?:py|json|md))`", (root / path).read_text())) - {REPORT}
    return sorted(name for name in named if not (root / name).is_file())


def monitoring(root: Path) -> list[str]:
    """What of the monitoring does not work."""
    return [objection for criterion in criteria_observability.CRITERIA for objection in criterion.objections(root)]


ROWS = (
    Criterion("All success criteria met and validated", "docs/reports/sign_off_*.json, five of five", sign_offs),
    Criterion("Performance benchmarks within SLA", "every agent measured again", criteria_hardening.benchmarks),
    Criterion("Security scan passed", "scan and attacks repeated; docs/reports/security_review.md", security_review.objections),
    tested("Load testing completed successfully", "tests/system/test_load.py"),
    tested("Rollback procedures tested", "tests/test_blue_green.py"),
    Criterion("Monitoring and alerting operational", "every criterion of observability measured again", monitoring),
    Criterion("Documentation updated", ", ".join(DOCUMENTS), documents),
)


def report() -> str:
    """The checklist for people."""
    met = [f"| {row.statement} | met | {row.evidence} |" for row in ROWS]
    open_rows = [f"| {statement} | for people | {evidence} |" for statement, evidence in FOR_PEOPLE.items()]
    return "\n".join(["# Production readiness", "", "| row | state | evidence |", "|---|---|---|", *met, *open_rows, ""])


def main() -> None:
    root = village.enter()
    if found := unmet(ROWS, root):
        sys.exit("\n".join(["not ready for production:", *found]))
    place = root / REPORT
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(report())
    checklist = {row.statement: "met" for row in ROWS} | dict.fromkeys(FOR_PEOPLE, "for people")
    village.hand({"ready": True, "checklist": checklist})


if __name__ == "__main__":
    main()
