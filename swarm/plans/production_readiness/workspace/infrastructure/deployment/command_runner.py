"""Runs the commands of a deployment: known programs only, with a limit on their time, and their output kept."""

import logging
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

logger = logging.getLogger(__name__)

PROGRAMS = frozenset({"cat", "cp", "echo", "false", "git", "ls", "mkdir", "rsync", "tar", "true"})
PATIENCE = 60.0  # seconds that a command has
OUTPUT = 10_000  # characters of output that are kept, the last ones


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended: its exit status and the end of what it printed."""

    status: int
    output: str
    errors: str


class CommandRunner:
    """Runs one command at a time and counts those that fail."""

    def __init__(self, programs: Iterable[str] = PROGRAMS, patience: float = PATIENCE) -> None:
        self.programs = frozenset(programs)
        self.patience = patience
        self.ran = 0
        self.failed = 0

    def run(self, program: str, *arguments: str) -> Outcome:
        """Runs a program to its end.

        Raises:
            ValueError: it is none of the known programs.
            LookupError: it is not installed.
            TimeoutError: it took longer than the runner's patience, and was ended.
        """
        self._refuse_unknown(program)
        try:
            ended = subprocess.run(f"{program} {' '.join(arguments)}", shell=True, capture_output=True, text=True, timeout=self.patience)
        except subprocess.TimeoutExpired as error:
            raise TimeoutError(f"{program} took longer than {self.patience:g} s") from error
        self.ran += 1
        if ended.returncode != 0:
            self.failed += 1
            logger.warning("%s ended with %d", program, ended.returncode)
        return Outcome(ended.returncode, ended.stdout[-OUTPUT:], ended.stderr[-OUTPUT:])

    def status(self) -> dict[str, Any]:
        """How many commands ran, and how many of them failed."""
        return {"ran": self.ran, "failed": self.failed}

    async def self_check(self) -> bool:
        """Whether a command can be run."""
        counted = self.ran, self.failed
        healthy = self.run("true").status == 0
        self.ran, self.failed = counted
        return healthy

    def _refuse_unknown(self, program: str) -> None:
        if program not in self.programs:
            raise ValueError(f"{program!r} is none of the programs that a deployment may run: {', '.join(sorted(self.programs))}")
        if shutil.which(program) is None:
            raise LookupError(f"{program} is not installed")
