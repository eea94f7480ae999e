"""`swarm init` and `swarm demo`: a shipped plan, laid out in a folder of the user's."""

import shutil
from enum import StrEnum
from importlib.resources import as_file, files
from pathlib import Path

from swarm.errors import EnvironmentFault, UsageError
from swarm.plans.problems import did_you_mean

__all__ = ["Sample", "lay_out", "sample_named"]

_LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc", ".swarm", ".pytest_cache")


class Sample(StrEnum):
    """The shipped plans."""

    HELLO = "hello"
    PRODUCTION_READINESS = "production-readiness"


def sample_named(name: str) -> Sample:
    """The shipped plan of a name.

    Raises:
        UsageError: there is none.
    """
    try:
        return Sample(name)
    except ValueError:
        raise UsageError(f'no plan named "{name}" is shipped{did_you_mean(name, list(Sample))}: there are {", ".join(Sample)}') from None


def lay_out(folder: Path, name: Sample = Sample.HELLO) -> Path:
    """Copies a shipped plan with its workspace into a folder; answers with the plan's path. Overwrites nothing.

    Raises:
        UsageError: something of it stands there already.
        EnvironmentFault: the disk refuses it.
    """
    with as_file(files("swarm.plans") / name.replace("-", "_")) as sample:
        standing = sorted(entry.name for entry in sample.iterdir() if (folder / entry.name).exists() and entry.name != "__pycache__")
        if standing:
            raise UsageError(f"{folder / standing[0]} is there already: choose an empty folder")
        try:
            shutil.copytree(sample, folder, ignore=_LEFT_OUT, dirs_exist_ok=True)
        except OSError as error:
            raise EnvironmentFault(f"cannot write the plan into {folder}: {error}") from error
    return folder / "plan.yaml"
