"""Real processes in real folders: what a user would type, and what they would see."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest


@dataclass(frozen=True, slots=True)
class Shell:
    """A folder in which `swarm` is typed."""

    folder: Path
    environment: dict[str, str]

    def swarm(self, *arguments: str, status: int | None = 0) -> subprocess.CompletedProcess[str]:
        """Runs a command to its end; the exit status is checked unless None."""
        ended = subprocess.run(
            [sys.executable, "-m", "swarm", *arguments], cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        assert status is None or ended.returncode == status, (arguments, ended.returncode, ended.stdout, ended.stderr)
        assert "Traceback" not in ended.stderr, ended.stderr
        return ended

    def json(self, *arguments: str, status: int | None = 0) -> Any:
        """The JSON document of a looking command."""
        return json.loads(self.swarm(*arguments, "--json", status=status).stdout)

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Starts a command whose progress can be read line by line."""
        return subprocess.Popen(
            [sys.executable, "-m", "swarm", *arguments],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def write(self, path: str, text: str) -> Path:
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        return target


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    folder = tmp_path / "desk"
    folder.mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SWARM_")}
    return Shell(folder, {**kept, "HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))})


@pytest.fixture
def following() -> Iterator[Callable[["subprocess.Popen[str]"], Iterator[str]]]:
    """Reads a running command's progress; whatever still runs at the end of the test is killed."""
    started: list[subprocess.Popen[str]] = []

    def follow(process: "subprocess.Popen[str]") -> Iterator[str]:
        started.append(process)
        assert process.stderr is not None
        yield from process.stderr

    yield follow
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()
