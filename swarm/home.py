"""Where runs are kept: the nearest `.swarm/` upward from the working folder, else `.swarm/` there.

Only paths and folders here; what the files hold is known to `journal` and `workspace`::

    .swarm/                      mode 0700
        workspace.git/           snapshots and landed work of all runs (bare)
        pool/                    worktrees, shared by the runs of this home
        runs/RUN/
            journal.db           the record
            lock                 held (flock) by the scheduler; its pid inside
            requests/            what other commands ask of a living scheduler
            plan/                the plan and the files it names, as they were
            promoted/            what a promotion replaced
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from swarm.errors import EnvironmentFault, UsageError

__all__ = ["ID_PATTERN", "Home", "RunFolder", "find_home"]

ID_PATTERN: Final = r"[a-z0-9][a-z0-9-]{0,63}"
_ID: Final = re.compile(ID_PATTERN)
_PRIVATE: Final = 0o700


@dataclass(frozen=True, slots=True)
class RunFolder:
    """One run's folder. The run exists once its journal holds an event."""

    run: str
    path: Path

    @property
    def journal(self) -> Path:
        return self.path / "journal.db"

    @property
    def lock(self) -> Path:
        return self.path / "lock"

    @property
    def requests(self) -> Path:
        return self.path / "requests"

    @property
    def plan(self) -> Path:
        return self.path / "plan"

    @property
    def promoted(self) -> Path:
        return self.path / "promoted"

    @property
    def excludes(self) -> Path:
        """Ignore rules of this run's worktrees beside those in the tree itself."""
        return self.path / "exclude"

    def create(self) -> None:
        """Makes the folder; harmless when it is there.

        Raises:
            EnvironmentFault: the disk refuses it, with the path.
        """
        make_private(self.path)
        make_private(self.requests)


@dataclass(frozen=True, slots=True)
class Home:
    """A `.swarm` folder."""

    path: Path

    @property
    def repository(self) -> Path:
        return self.path / "workspace.git"

    @property
    def pool(self) -> Path:
        return self.path / "pool"

    @property
    def runs(self) -> Path:
        return self.path / "runs"

    def run(self, run: str) -> RunFolder:
        """The folder of a run id, whether or not it exists yet.

        Raises:
            UsageError: the id is not of the form of ids.
        """
        if not _ID.fullmatch(run):
            raise UsageError(f"{run!r} is no run id: lower-case letters, digits and '-', at most 64, not starting with '-'")
        return RunFolder(run, self.runs / run)

    def run_folders(self) -> list[RunFolder]:
        """Folders that may hold a run, by name."""
        if not self.runs.is_dir():
            return []
        return [RunFolder(p.name, p) for p in sorted(self.runs.iterdir()) if _ID.fullmatch(p.name) and p.is_dir()]

    def create(self) -> None:
        """Makes the home with mode 0700; harmless when it is there.

        Raises:
            EnvironmentFault: the disk refuses it, with the path.
        """
        make_private(self.path)
        make_private(self.runs)
        make_private(self.pool)


def make_private(folder: Path) -> None:
    """Makes a folder (and its parents) readable by its owner only."""
    try:
        folder.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
    except OSError as error:
        raise EnvironmentFault(
            f"cannot make the folder {folder}: {error.strerror}; choose another home with --home or SWARM_HOME"
        ) from error


def find_home(start: Path, given: str | None = None) -> Home:
    """The home for a working folder.

    Args:
        start: the folder to look upward from.
        given: `--home` or `SWARM_HOME`; wins over looking.
    """
    if given:
        return _given(Path(os.path.abspath(given)))
    here = Path(os.path.abspath(start))
    for folder in (here, *here.parents):
        if (folder / ".swarm").is_dir():
            return Home(folder / ".swarm")
    return Home(here / ".swarm")


def _given(path: Path) -> Home:
    if path.exists() and not path.is_dir():
        raise UsageError(f"the home {path} is a file: --home and SWARM_HOME name a folder")
    return Home(path)
