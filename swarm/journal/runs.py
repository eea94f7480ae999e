"""Which runs a home holds. A run exists once its first event is on disk; leftovers of an earlier death count as none."""

from difflib import get_close_matches
from typing import Final

from swarm.errors import RecordFault, UsageError
from swarm.home import Home, RunFolder
from swarm.journal.record import read

__all__ = ["existing", "exists", "latest", "runs"]

_UNREADABLE: Final = ""
"""Sorts before every time: a damaged run is listed, last, and never the latest while another is there."""


def runs(home: Home) -> list[str]:
    """Ids of the runs that exist, newest first by the time of their first event. Reads that event only."""
    begun = [(at, folder.run) for folder in home.run_folders() if (at := _begun(folder)) is not None]
    return [run for _, run in sorted(begun, reverse=True)]


def latest(home: Home) -> str:
    """The newest run.

    Raises:
        UsageError: there is none.
    """
    found = runs(home)
    if not found:
        raise UsageError(f"there is no run in {home.path} yet: `swarm execute PLAN` makes one, --home looks elsewhere")
    return found[0]


def exists(home: Home, run: str) -> bool:
    """Whether a run has begun. A damaged one has: its id is not free.

    Raises:
        UsageError: the id is not of the form of ids.
    """
    return _begun(home.run(run)) is not None


def existing(home: Home, run: str) -> RunFolder:
    """The folder of a run that exists.

    Raises:
        UsageError: there is no such run; a similar id is offered.
    """
    if exists(home, run):
        return home.run(run)
    similar = get_close_matches(run, runs(home), n=1)
    offer = f"did you mean {similar[0]}?" if similar else "`swarm runs` lists those there are"
    raise UsageError(f"there is no run {run} in {home.path}: {offer}")


def _begun(folder: RunFolder) -> str | None:
    if not folder.journal.exists():
        return None
    try:
        with read(folder.journal) as record:
            first = record.first()
    except RecordFault:
        return _UNREADABLE
    return first.at if first else None
