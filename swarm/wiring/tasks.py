"""Finding the task that a person means."""

from collections.abc import Callable, Iterable

from swarm.errors import UsageError
from swarm.plans.graph import Graph
from swarm.plans.problems import did_you_mean

__all__ = ["owner_of", "require_tasks", "task_named"]

_NAMED = 5


def owner_of(graph: Graph) -> Callable[[str], str | None]:
    """Says which task may write a path, if any."""

    def owner(path: str) -> str | None:
        return next((name for name, task in graph.tasks.items() if any(glob.matches(path) for glob in task.scope)), None)

    return owner


def require_tasks(graph: Graph, only: Iterable[str]) -> None:
    """Refuses `--only` texts that name nothing.

    Raises:
        UsageError: with the nearest name.
    """
    for text in only:
        if not graph.named(text) and text not in graph.members:
            raise UsageError(f"--only {text}: there is no such task{did_you_mean(text, [*graph.members, *graph.tasks])}")


def task_named(graph: Graph, text: str) -> str:
    """The one task of a full name, or of a name that is short but unmistakable.

    Raises:
        UsageError: there is none, or there are several.
    """
    found = list(graph.named(text)) or [name for name in graph.tasks if name.split(".", 1)[1] == text]
    if len(found) == 1:
        return found[0]
    if found:
        more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
        raise UsageError(f"{text} means {len(found)} tasks: name one of {', '.join(found[:_NAMED])}{more}")
    if text in graph.members:
        raise UsageError(f"{text} has fanned out into nothing in this run")
    short = [name.split(".", 1)[1] for name in graph.tasks]
    raise UsageError(f"there is no task {text!r} in this run{did_you_mean(text, [*graph.tasks, *short])}")
