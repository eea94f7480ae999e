"""Whether the tests of `units.statistics` notice its mistakes: each of these is made in a copy, and they have to fail."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

MISTAKES = {
    "sum(values) / len(values)": "sum(values) / (len(values) + 1)",
    "values = sorted(values)": "values = list(values)",
    "(values[half - 1] + values[half]) / 2": "values[half]",
    "max(values) - min(values)": "max(values)",
    "symbol = quantities[0].symbol": "symbol = quantities[-1].symbol",
    "if not quantities:": "if False:",
}
RIGHT = Path("units/statistics.py").read_text(encoding="utf-8")


def passes(code: str) -> bool:
    """Whether the tests are green on this code."""
    with tempfile.TemporaryDirectory() as folder:
        for part in ("units", "tests"):
            shutil.copytree(part, Path(folder, part))
        Path(folder, "units/statistics.py").write_text(code, encoding="utf-8")
        command = [sys.executable, "-m", "unittest", "-q", "tests.test_statistics"]
        return subprocess.run(command, cwd=folder, capture_output=True).returncode == 0


if not passes(RIGHT):
    sys.exit("tests/test_statistics.py fails on the code as it is")
unnoticed = [f"{old}  →  {new}" for old, new in MISTAKES.items() if passes(RIGHT.replace(old, new))]
if unnoticed:
    sys.exit("\n".join(["the tests pass with each of these mistakes in units/statistics.py:", *unnoticed]))
print(f"all {len(MISTAKES)} mistakes were noticed")
