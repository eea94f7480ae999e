"""Hands over the public modules and the number of tests that pytest collects."""

import json
import os
import pathlib
import re
import subprocess
import sys

modules = sorted(path.stem for path in pathlib.Path("boltons").glob("*.py") if not path.stem.startswith("_"))
command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--collect-only"]
listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
count = re.search(r"^(\d+) tests? collected", listed, re.M)
payload = {"modules": modules, "tests": int(count[1]) if count else 0}
pathlib.Path(os.environ["SWARM_HANDOFF"]).write_text(json.dumps(payload))
