"""A draft as it is written: with a first line that says what it is and, where it is not proved, with what could not be solved."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from swarm.agents.drafting.planner import Drafted
from swarm.agents.drafting.proposing import Draft, Prove
from swarm.agents.tools.answers import cut, one_line
from swarm.plans.problems import Problem

__all__ = ["draft_text", "proved_in_place"]

_LISTED: Final = 30
_REMARK: Final = 1_500
_FIRST: Final = (
    "# A draft, written by a language model: read it and make it yours. Nothing of it has run.",
    "# Its `run:` checks are commands; `swarm execute` runs them on this machine.",
)


async def proved_in_place(drafted: Drafted, prove: Prove) -> Drafted:
    """The same, with the problems of the best at the lines that they will have below its header. Their texts name lines too."""
    best = drafted.best
    if best is None or not any(problem.line for problem in best.proof.problems):
        return drafted
    above = "#\n" * len(_header(drafted, best))
    return replace(drafted, best=Draft(best.text, await prove(above + best.text)))


def draft_text(drafted: Drafted, best: Draft) -> str:
    """The text of the file."""
    return "\n".join([*_header(drafted, best), best.text])


def _header(drafted: Drafted, best: Draft) -> list[str]:
    """Its length is the same wherever the problems are."""
    errors = [problem for problem in best.proof.problems if problem.severity == "error"]
    more = [f"# not proved: … and {len(errors) - _LISTED} more"] if len(errors) > _LISTED else []
    return [*_FIRST, *(f"# not proved: {_place(one)}" for one in errors[:_LISTED]), *more, *_remarks(drafted), "#"]


def _place(problem: Problem) -> str:
    where = f"line {problem.line}: " if problem.line else ""
    return one_line(cut(f"{where}{problem.text} [{problem.code}]", _REMARK, " "))


def _remarks(drafted: Drafted) -> Iterator[str]:
    if drafted.unsolved.strip():
        yield f"# left open, says the planner: {one_line(cut(drafted.unsolved.strip(), _REMARK, ' '))}"
    if drafted.stopped:
        yield f"# the planner was stopped: {one_line(cut(drafted.stopped, _REMARK, ' '))}"
