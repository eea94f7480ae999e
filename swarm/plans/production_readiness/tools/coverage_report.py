"""Runs the workspace's unit tests under coverage and prints the report."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import village

NOT_UNITS = ("--ignore=tests/system", "--ignore=tests/validation")


def main() -> None:
    village.enter()
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "COVERAGE_FILE": str(Path(folder) / "data"), "PYTHONDONTWRITEBYTECODE": "1"}
        tests = _run(["run", "-m", "pytest", "-q", *NOT_UNITS], environment)
        report = _run(["report", "--precision=2"], environment)
    print(tests.stdout[-3000:], report.stdout, sep="\n")
    if tests.returncode or report.returncode:
        sys.exit(f"the tests ended with {tests.returncode}, the report with {report.returncode}: {report.stderr[-500:]}")


def _run(words: list[str], environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-m", "coverage", *words], env=environment, capture_output=True, text=True, check=False)


if __name__ == "__main__":
    main()
