"""Counts the modules that put annotations off and the tests that pass, and hands both over."""

import json
import os
import pathlib
import re
import subprocess
import sys

survey = json.loads(pathlib.Path(os.environ["SWARM_INBOX"]).read_text())["packaging.survey"]
files = [pathlib.Path("boltons", f"{name}.py") for name in survey["modules"]]
modules = [file for file in files if "\nfrom __future__ import annotations\n" in file.read_text(encoding="utf-8")]
command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
passed = re.search(r"(\d+) passed", subprocess.run(command, capture_output=True, text=True, check=True).stdout)
tests = int(passed[1]) if passed else 0
payload = {"modules": len(modules), "tests": tests, "added": tests - survey["tests"]}
pathlib.Path(os.environ["SWARM_HANDOFF"]).write_text(json.dumps(payload))
