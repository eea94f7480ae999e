"""`swarm doctor`: what the machine has, and what is missing."""

import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from swarm.errors import SwarmError
from swarm.journal.connection import library_version
from swarm.journal.runs import runs
from swarm.wiring.minds import LM_VARIABLE
from swarm.wiring.site import Site
from swarm.workspace.git import OLDEST, Git
from swarm.workspace.sandbox import choose

__all__ = ["Finding", "examine"]

_LITTLE_SPACE = 1024**3


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `ok` None: works, with a remark."""

    name: str
    ok: bool | None
    text: str


_NO_MODEL = Finding(
    "models", None, f"none configured: {LM_VARIABLE} is not set, and no --lm given; plans whose every task has a do: need none"
)


async def examine(site: Site, lm: str | None = None) -> tuple[Finding, ...]:
    """Looks at everything that a run needs.

    Args:
        lm: a model to try beside that of `SWARM_LM`.
    """
    models = list(dict.fromkeys(name for name in (lm, site.environment.get(LM_VARIABLE)) if name))
    return (
        Finding("python", True, platform.python_version()),
        *_packages(),
        await _git(site),
        _sqlite(),
        _home(site),
        _disk(site),
        _runs(site),
        _sandbox(),
        *[await _model(site, name) for name in models],
        *([] if models else [_NO_MODEL]),
    )


async def _model(site: Site, name: str) -> Finding:
    """One tiny call to it: whoever types `swarm doctor` asks for that."""
    from swarm.agents.lm.models import try_model

    trial = await try_model(name, site.environment)
    return Finding("model", trial.worked, trial.line)


def _packages() -> Iterator[Finding]:
    for name in ("dspy", "pydantic", "networkx", "ast-grep-py", "jinja2"):
        try:
            yield Finding(name, True, version(name))
        except PackageNotFoundError:
            yield Finding(name, False, f"not installed: pip install {name}")


async def _git(site: Site) -> Finding:
    try:
        text = await Git(site.folder).text("version")
    except SwarmError as error:
        return Finding("git", False, str(error))
    return Finding("git", True, f"{text.removeprefix('git version ')} (needed: {'.'.join(map(str, OLDEST))} or newer)")


def _sqlite() -> Finding:
    found = ".".join(map(str, library_version()))
    if library_version() >= (3, 51, 3):
        return Finding("sqlite", True, found)
    text = f"{found} can damage a file that several write to (mended in 3.51.3); swarm has one writer per run, so this does not arise"
    return Finding("sqlite", None, text)


def _home(site: Site) -> Finding:
    path = site.home.path
    if not path.exists():
        return Finding("home", True, f"{path} (made by the first run)")
    return Finding("home", os.access(path, os.W_OK), str(path) if os.access(path, os.W_OK) else f"{path} cannot be written")


def _disk(site: Site) -> Finding:
    there = next(folder for folder in (site.home.path, *site.home.path.parents) if folder.exists())
    free = shutil.disk_usage(there).free
    return Finding("disk", None if free < _LITTLE_SPACE else True, f"{free / 1024**3:.1f} GiB free at {there}")


def _runs(site: Site) -> Finding:
    return Finding("runs", True, f"{len(runs(site.home))} in this home")


def _sandbox() -> Finding:
    choice = choose("auto")
    return Finding("sandbox", None if choice.warning else True, choice.warning or choice.sandbox.name)
