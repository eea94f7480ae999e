"""Plans in few words, and what is found wrong with them.

A text may hold `BASICS` for the keys that every task needs, and one `‸` where a problem is expected.
"""

from collections.abc import Callable, Mapping, Sequence
from textwrap import indent

import pytest

from swarm.engine.proof import prove_plan
from swarm.errors import PlanRefused
from swarm.plans.found import Found
from swarm.plans.graph import Graph, compile_plan
from swarm.plans.load import parse_plan
from swarm.plans.problems import Problem

Compile = Callable[..., Graph]
Prove = Callable[..., tuple[Problem, ...]]
Write = Callable[..., str]

MARK = "‸"
BASICS = "phase: work, goal: g, keep: [{run: t}]"


def write(tasks: str, *, top: str = "", phases: str = "- work", category: str = "", more: str = "") -> str:
    """A plan of one category `c` (and `more`)."""
    parts = ["plan: p", "goal: g", "workspace: w", top.strip("\n"), "phases:", indent(phases.strip("\n"), "  "), "categories:", "  c:"]
    parts += ["    objective: o", "    lead: code-generator", indent(category.strip("\n"), "    "), "    tasks:"]
    parts += [indent(tasks.strip("\n"), "      "), indent(more.strip("\n"), "  ")]
    return "\n".join(part for part in parts if part).replace("BASICS", BASICS) + "\n"


def compile_text(text: str, gaps: Sequence[Found] = (), files: Mapping[str, bytes] | None = None) -> Graph:
    return compile_plan(parse_plan(text.replace(MARK, ""), "plan.yaml", files), gaps)


def prove_text(text: str, gaps: Sequence[Found] = (), links: Mapping[str, str] | None = None) -> tuple[Problem, ...]:
    """Every problem of a plan, however far it gets."""
    try:
        return prove_plan(compile_text(text, gaps), links)
    except PlanRefused as refused:
        return refused.problems


@pytest.fixture(name="write", scope="session")
def _write() -> Write:
    return write


@pytest.fixture(name="compiled", scope="session")
def _compiled() -> Compile:
    return compile_text


@pytest.fixture(name="prove", scope="session")
def _prove() -> Prove:
    return prove_text
