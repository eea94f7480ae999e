"""What the processes of an agent cost: processor time and memory, of those named or marked and of all that they started.

An agent's commands are processes; they are known by their number, or by what their environment says (`SWARM_MARK`, `SWARM_TASK`),
which their descendants inherit. Agents that think inside the scheduler share its process and cannot be told apart from outside.

The process table changes while it is read. A process that vanished in between, or that belongs to somebody else, is counted as unread;
it is no error. Reading the table takes milliseconds (more where environments are looked at): do it in a thread.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Protocol, TypeVar

__all__ = ["MARK", "ProcessReading", "ProcessTable", "PsutilProcesses", "Usage", "resources_of"]

MARK: Final = "SWARM_MARK"
"""The variable by which the workspace knows the processes that it started."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Usage:
    """What one process cost: seconds on processors, with those of its ended children; bytes of memory resident now."""

    cpu_seconds: float
    rss_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessReading:
    """What a set of processes costs.

    Attributes:
        cpu_seconds: on processors, user and system. Falls when a process ends that nobody of the set waits for.
        rss_bytes: resident memory. What processes share is counted once for each: an upper bound.
        processes: how many were read.
        children: how many of these were neither named nor marked, but descend from those.
        unread: how many were there and could not be read, or had vanished.
    """

    cpu_seconds: float = 0.0
    rss_bytes: int = 0
    processes: int = 0
    children: int = 0
    unread: int = 0


class ProcessTable(Protocol):
    """The processes of a machine."""

    def parents(self) -> Mapping[int, int]:
        """Each process and its parent, now."""
        ...

    def environment(self, pid: int) -> Mapping[str, str] | None:
        """What it was started with; None where it is gone or not ours to read."""
        ...

    def usage(self, pid: int) -> Usage | None:
        """What it cost; None where it is gone or not ours to read."""
        ...


def resources_of(whose: Iterable[int] | str | Mapping[str, str], table: ProcessTable | None = None) -> ProcessReading:
    """What processes cost, with all that descend from them.

    Args:
        whose: process numbers; or a mark as the workspace sets it, with or without the numbers at its end; or variables
            that the processes were all started with, such as `{"SWARM_RUN": …, "SWARM_TASK": …}`.
        table: where to look; this machine if not given.

    Raises:
        ValueError: an empty mark, or no variables: that would be every process.
        OSError: this machine shows no process table.
    """
    table = table or PsutilProcesses()
    parents = table.parents()
    roots = _marked(whose, parents, table) if isinstance(whose, str | Mapping) else frozenset(whose)
    everyone = _with_descendants(roots, parents)
    read = {pid: usage for pid in sorted(everyone) if (usage := table.usage(pid)) is not None}
    return ProcessReading(
        cpu_seconds=sum(usage.cpu_seconds for usage in read.values()),
        rss_bytes=sum(usage.rss_bytes for usage in read.values()),
        processes=len(read),
        children=len(read.keys() - roots),
        unread=len(everyone) - len(read),
    )


def _marked(whose: str | Mapping[str, str], pids: Iterable[int], table: ProcessTable) -> frozenset[int]:
    if not whose:
        raise ValueError("a mark or at least one variable is needed to know processes by")
    known = partial(_bears_mark, whose) if isinstance(whose, str) else partial(_bears_all, whose)
    return frozenset(pid for pid in pids if (environment := table.environment(pid)) is not None and known(environment))


def _bears_mark(mark: str, environment: Mapping[str, str]) -> bool:
    """The mark ends where a part of it does: that of run `a` is not that of run `ab`."""
    return f"{environment.get(MARK, '')}.".startswith((f"{mark}.", f"{mark}:"))


def _bears_all(wanted: Mapping[str, str], environment: Mapping[str, str]) -> bool:
    return all(environment.get(name) == value for name, value in wanted.items())


def _with_descendants(roots: Collection[int], parents: Mapping[int, int]) -> set[int]:
    """In one pass over the table for all of them; process 0 is its own parent on some systems."""
    children: dict[int, list[int]] = {}
    for pid, parent in parents.items():
        children.setdefault(parent, []).append(pid)
    found: set[int] = set()
    waiting = list(roots)
    while waiting:
        pid = waiting.pop()
        if pid not in found:
            found.add(pid)
            waiting += children.get(pid, ())
    return found


class PsutilProcesses:
    """This machine's processes, by psutil, which is loaded at the first look."""

    def parents(self) -> Mapping[int, int]:
        return {process.pid: process.info["ppid"] for process in _psutil().process_iter(["ppid"]) if process.info["ppid"] is not None}

    def environment(self, pid: int) -> Mapping[str, str] | None:
        return _asked(pid, lambda process: dict(process.environ()))

    def usage(self, pid: int) -> Usage | None:
        return _asked(pid, _usage)


def _usage(process: Any) -> Usage:
    with process.oneshot():
        return Usage(sum(process.cpu_times()[:4]), process.memory_info().rss)  # user, system, and the same of waited-for children


def _asked(pid: int, question: Callable[[Any], _T]) -> _T | None:
    psutil = _psutil()
    try:
        return question(psutil.Process(pid))
    except (psutil.Error, OSError, ValueError):  # gone, a zombie, another user's; or a number that no process can have
        return None


def _psutil() -> Any:
    import psutil  # type: ignore[import-untyped]  # ships no type information

    return psutil
