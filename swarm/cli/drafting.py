"""What `swarm draft` says at its end."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from swarm.cli.show import dollars
from swarm.cli.terminal import block, plain

if TYPE_CHECKING:
    from swarm.engine.calls import Spend
    from swarm.wiring.drafting import Written

__all__ = ["drafted"]


def drafted(written: "Written") -> Iterator[str]:
    """The plan in a line and what it cost; where it is not proved, its problems before that."""
    from swarm.plans.problems import render

    if written.problems:
        yield from block(render(written.problems, {str(written.path): written.text}))
    yield from _remarks(written)
    yield from _outcome(written)
    yield _cost(written.spent)


def _remarks(written: "Written") -> Iterator[str]:
    if written.unsolved.strip():
        yield from block(f"left open, says the planner: {written.unsolved.strip()}")
    if written.stopped:
        yield from block(f"the planner was stopped: {written.stopped}")


def _outcome(written: "Written") -> Iterator[str]:
    if written.path is None or written.proof is None:
        yield "nothing was written: the planner proposed no plan that may be kept"
        return
    path, proof = plain(str(written.path)), written.proof
    if not written.proved:
        errors = _counted(proof.errors, "error")
        yield f"wrote {path}, which is not proved: {errors}, listed at its top; mend it, then try `swarm validate {path}`"
        return
    found = f"{_counted(proof.tasks, 'task')} in {_counted(proof.phases, 'phase')}, {_counted(sum(proof.gaps.values()), 'gap')} found"
    yield f"wrote {path}: {found}; read it, then try `swarm validate {path}` and `swarm execute {path}`"


def _cost(spent: "Spend") -> str:
    return f"the planner took {_counted(spent.calls, 'call')}, {spent.tokens:,} tokens, {dollars([spent.usd])}"


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
