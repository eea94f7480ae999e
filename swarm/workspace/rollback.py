"""Taking landed work back: which tasks go with it, and the commit that a run's head then moves to.

History is not rewritten. A rollback is one more commit, on top of the head, in which every path that the taken work touched stands as it
stood before that work. This is right only because everything that landed later on the same paths is taken too; the planning here sees to
that, and so nothing is ever merged and no rollback can conflict.
"""

import tempfile
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from swarm.engine.events import Landing
from swarm.errors import UsageError
from swarm.plans.graph import Graph
from swarm.plans.problems import did_you_mean, one_of
from swarm.workspace.git import Git, encode
from swarm.workspace.landing import Heads
from swarm.workspace.placing import folders
from swarm.workspace.repository import Entry, changes_between, differences

__all__ = ["named_tasks", "paths_changed", "rolled_back", "tasks_to_take_back"]

_KINDS: Final = ("category", "phase")


def named_tasks(what: str, graph: Graph) -> tuple[str, tuple[str, ...]]:
    """What a person means, written so that it can mean nothing else, and its tasks in plan order.

    Args:
        what: a task's full name or unique short name, a fan-out's name (all its tasks), a category or a phase.

    Raises:
        UsageError: nothing is called that, or more than one thing is.
    """
    exact = {**{name: (name,) for name in graph.tasks}, **graph.members, **_groups(graph)}
    if what in exact:
        return what, exact[what]
    found = {name: tasks for name, tasks in exact.items() if _short(name) == what}
    if not found:
        raise UsageError(f"there is no task, category or phase {what!r}{did_you_mean(what, {*exact, *map(_short, exact)})}")
    if len(found) > 1:
        raise UsageError(f"{what!r} may mean more than one thing: write {one_of(found)}")
    return next(iter(found.items()))


def tasks_to_take_back(
    named: Sequence[str],
    graph: Graph,
    landings: Sequence[Landing],
    changed: Mapping[str, frozenset[str]],
    finished: Collection[str],
) -> tuple[str, ...]:
    """The finished tasks that a rollback takes back, in plan order.

    These are the named ones, those that need them, and those that landed later on a path that a taken one changed; and so on.

    Args:
        landings: those that stand, in the order in which they landed.
        changed: landed task to the paths that its landing changed.
        finished: verified and satisfied tasks; a satisfied one is not in `landings`.
    """
    taken = graph.dependents(named)
    touched = _Paths()
    # Once over is enough: a task lands after everything it needs, so whatever a landing here adds comes later in the list.
    for landing in landings:
        if landing.task not in taken and touched.meet(changed[landing.task]):
            taken |= graph.dependents((landing.task,))
        if landing.task in taken:
            touched.add(changed[landing.task])
    return tuple(task for task in graph.tasks if task in taken and task in finished)


async def paths_changed(repository: Git, landing: Landing) -> frozenset[str]:
    """The paths that a landing changed on the head."""
    return frozenset(change.path for change in await changes_between(repository, landing.old, landing.new))


async def rolled_back(
    repository: Git, head: str, landings: Sequence[Landing], taken: Collection[str], at: datetime, run: str, what: str
) -> str:
    """The commit on top of `head` without the work of the taken tasks. No ref is moved.

    Args:
        landings: those that stand, in the order in which they landed.
        taken: as `tasks_to_take_back` says.
        at: the commit's date.
        what: what was asked to be rolled back, for the message.

    Raises:
        GitFailed: the disk refuses.
    """
    before = await _before(repository, [landing for landing in landings if landing.task in taken])
    tree = await _tree_with(repository, head, before)
    trailers = {"Swarm-Run": run, "Swarm-Rollback": what}
    return await Heads(repository).commit(tree, (head,), f"Roll back {what}", trailers, at)


def _groups(graph: Graph) -> dict[str, tuple[str, ...]]:
    tasks = graph.tasks.values()
    categories = {f"category:{id_}": tuple(task.name for task in tasks if task.category == id_) for id_ in graph.plan.spec.categories}
    return categories | {f"phase:{phase.id}": graph.in_phase[phase.id] for phase in graph.phases}


def _short(name: str) -> str:
    """A name without its kind or category."""
    kind, _, id_ = name.partition(":")
    return id_ if kind in _KINDS else name.partition(".")[2]


class _Paths:
    """Paths of files, and the folders these are in."""

    def __init__(self) -> None:
        self._files: set[str] = set()
        self._folders: set[str] = set()

    def add(self, paths: Iterable[str]) -> None:
        for path in paths:
            self._files.add(path)
            self._folders.update(folders(path))

    def meet(self, paths: Iterable[str]) -> bool:
        """Whether one of the paths is among these, or is a file where these have a folder, or the other way round."""
        return any(path in self._files or path in self._folders or not self._files.isdisjoint(folders(path)) for path in paths)


async def _before(repository: Git, landings: Sequence[Landing]) -> dict[str, Entry]:
    """Each path that the landings changed, as it was before the first of them that did."""
    found: dict[str, Entry] = {}
    for landing in landings:
        for path, (old, _) in (await differences(repository, landing.old, landing.new)).items():
            found.setdefault(path, old)
    return found


async def _tree_with(repository: Git, head: str, entries: Mapping[str, Entry]) -> str:
    """The head's tree with some entries replaced."""
    # An entry replaces what is in its way, a file in place of a folder or the other way round, so the order does not matter.
    lines = b"".join(encode(f"{entry.mode} {entry.id}\t{path}\0") for path, entry in entries.items())
    with tempfile.TemporaryDirectory(prefix="swarm-") as scratch:
        git = repository.at(index=Path(scratch) / "index")
        await git.run("read-tree", head)
        await git.run("update-index", "-z", "--index-info", stdin=lines)
        return await git.text("write-tree")
