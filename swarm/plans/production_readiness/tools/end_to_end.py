"""Brings the five sign-offs together: every category has signed, everything is met, and the whole works end to end."""

import subprocess
import sys

import village

CATEGORIES = ("analytics", "assurance", "hardening", "observability", "templates")


def main() -> None:
    village.enter()
    signed = {payload["category"]: payload for task, payload in village.inbox().items() if task.endswith(".sign-off")}
    missing = [category for category in CATEGORIES if not signed.get(category, {}).get("met")]
    if missing:
        sys.exit(f"not signed off: {', '.join(missing)}")
    if subprocess.run([sys.executable, "-B", "-m", "pytest", "-q", "tests/validation", "tests/system"], check=False).returncode:
        sys.exit("the validation and system tests do not pass together")
    village.hand({"categories": list(CATEGORIES), "criteria": sum(len(one["criteria"]) for one in signed.values())})


if __name__ == "__main__":
    main()
