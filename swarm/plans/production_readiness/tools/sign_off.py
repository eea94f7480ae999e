"""Signs a category off: `sign_off.py CATEGORY` measures each of its success metrics, and refuses with every one that is not met.

The report names criteria and evidence and no figures, so that signing the same code off again gives the same report.
"""

import importlib
import json
import os
import sys
from contextlib import redirect_stderr
from pathlib import Path

import village
from criterion import Criterion

__all__ = ["CATEGORIES", "criteria_of", "unmet"]

CATEGORIES = ("analytics", "observability", "templates", "hardening", "assurance")


def criteria_of(category: str) -> tuple[Criterion, ...]:
    """The success metrics of a category, in the seed's order."""
    return tuple(importlib.import_module(f"criteria_{category}").CRITERIA)


def unmet(criteria: tuple[Criterion, ...], root: Path) -> list[str]:
    """Each criterion that is not met, with what speaks against it."""
    with open(os.devnull, "w") as nowhere, redirect_stderr(nowhere):  # the village logs while it is measured
        measured = {criterion.statement: criterion.objections(root) for criterion in criteria}
    return ["\n  ".join([f"not met: {statement}", *objections]) for statement, objections in measured.items() if objections]


def report(category: str, criteria: tuple[Criterion, ...]) -> str:
    """The sign-off, as JSON."""
    met = {criterion.statement: True for criterion in criteria}
    evidence = {criterion.statement: criterion.evidence for criterion in criteria}
    return json.dumps({"category": category, "met": True, "criteria": met, "evidence": evidence}, indent=1, sort_keys=True) + "\n"


def main(category: str) -> None:
    root = village.enter()
    criteria = criteria_of(category)
    if found := unmet(criteria, root):
        sys.exit("\n".join([f"{category} is not signed off:", *found]))
    place = root / f"docs/reports/sign_off_{category}.json"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(report(category, criteria))
    village.hand({"category": category, "criteria": [criterion.statement for criterion in criteria], "met": True})


if __name__ == "__main__":
    if sys.argv[1:] not in [[category] for category in CATEGORIES]:
        sys.exit(f"sign_off.py takes one category: {', '.join(CATEGORIES)}")
    main(sys.argv[1])
