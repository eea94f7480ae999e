"""`swarm init` and `swarm demo`: the shipped hello plan, laid out in a folder of the user's."""

import shutil
from importlib.resources import as_file, files
from pathlib import Path

from swarm.errors import EnvironmentFault, UsageError

__all__ = ["lay_out"]

_LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc", ".swarm")


def lay_out(folder: Path) -> Path:
    """Copies the hello plan with its workspace into a folder; answers with the plan's path. Overwrites nothing.

    Raises:
        UsageError: something of it stands there already.
        EnvironmentFault: the disk refuses it.
    """
    with as_file(files("swarm.plans") / "hello") as sample:
        standing = sorted(entry.name for entry in sample.iterdir() if (folder / entry.name).exists() and entry.name != "__pycache__")
        if standing:
            raise UsageError(f"{folder / standing[0]} is there already: choose an empty folder")
        try:
            shutil.copytree(sample, folder, ignore=_LEFT_OUT, dirs_exist_ok=True)
        except OSError as error:
            raise EnvironmentFault(f"cannot write the plan into {folder}: {error}") from error
    return folder / "plan.yaml"
