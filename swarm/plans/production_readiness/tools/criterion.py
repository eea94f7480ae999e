"""A success metric of the seed, and how it is measured: each measure answers what speaks against it, so nothing means that it is met."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Criterion", "output", "tested", "tool"]

SHOWN = 2000  # characters of a failed command's output


@dataclass(frozen=True, slots=True)
class Criterion:
    """One success metric.

    `statement` is the seed's own wording, `evidence` names what is measured, and `measure` measures it in the worktree.
    """

    statement: str
    evidence: str
    measure: Callable[[Path], list[str]]

    def objections(self, root: Path) -> list[str]:
        """What speaks against it; a measure that breaks off has not shown that it is met."""
        try:
            return self.measure(root)
        except Exception as error:  # noqa: BLE001 - a measure may break off in any way
            return [f"it could not be measured: {type(error).__name__}: {error}"]


def tool(statement: str, name: str, *arguments: str) -> Criterion:
    """A criterion that one of the plan's tools measures."""
    command = (str(Path(__file__).with_name(name)), *arguments)
    return Criterion(statement, f"tools/{name}", lambda root: _complaints(root, command))


def tested(statement: str, *arguments: str) -> Criterion:
    """A criterion that tests of the workspace measure; there must be some."""
    command = ("-m", "pytest", "-q", "--show-capture=no", *arguments)
    return Criterion(statement, f"pytest {' '.join(arguments)}", lambda root: _complaints(root, command))


def output(root: Path, *command: str) -> tuple[int, str]:
    """How a command of this Python ended in the worktree, and what it printed."""
    ended = subprocess.run([sys.executable, "-B", *command], cwd=root, capture_output=True, text=True, check=False)
    return ended.returncode, (ended.stdout + ended.stderr).strip()


def _complaints(root: Path, command: tuple[str, ...]) -> list[str]:
    status, said = output(root, *command)
    return [said[-SHOWN:] or f"it ended with {status}"] if status else []
