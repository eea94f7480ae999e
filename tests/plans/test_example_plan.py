"""The plan of the language's description: it proves, on a workspace with gaps of every kind; and broken at random it says where."""

import asyncio
import os
import random
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from swarm.engine.proof import prove_plan
from swarm.errors import PlanRefused
from swarm.home import Home
from swarm.plans.found import Found
from swarm.plans.graph import compile_plan
from swarm.plans.load import parse_plan
from swarm.plans.order import critical_path
from swarm.plans.problems import Problem
from swarm.wiring.proving import Proof, validate
from swarm.wiring.site import Site, SystemClock

FOLDER = Path(__file__).parent.parent / "fixtures" / "production-readiness"
TEXT = (FOLDER / "plan.yaml").read_text(encoding="utf-8")
CORE = "experiments/agents/agents/core"
BASE = "experiments/agents/agents/unified_base_agent.py"
FOUND = (
    Found(gap="no-analytics", path=f"{CORE}/planner.py"),
    Found(gap="no-analytics", path=f"{CORE}/scout.py"),
    Found(gap="no-analytics", path=BASE),
    Found(gap="not-implemented", path=f"{CORE}/scout.py", lines="8"),
    Found(gap="not-implemented", path=BASE, lines="8"),
    Found(gap="observability", path="core/monitoring/system_metrics.py"),
    Found(gap="failing-tests", path="tests/test_base_agent.py"),
)


@pytest.fixture(scope="module")
def proof(tmp_path_factory: pytest.TempPathFactory) -> Proof:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    site = Site(Home(tmp_path_factory.mktemp("home") / ".swarm"), FOLDER, environment, SystemClock())
    return asyncio.run(validate(site, FOLDER / "plan.yaml", None))


def test_it_validates(proof: Proof) -> None:
    assert [str(problem) for problem in proof.problems] == []
    assert proof.ok


def test_gaps_of_every_kind_are_found_and_covered(proof: Proof) -> None:
    assert proof.graph is not None
    assert proof.graph.gaps == FOUND
    assert proof.covered == len(FOUND)


def test_every_gap_has_its_task(proof: Proof) -> None:
    assert proof.graph is not None
    assert list(proof.graph.tasks) == [
        "analytics.base-agent",
        "analytics.mirror",
        "analytics.monitoring",
        f"analytics.core-agents[{CORE}/planner.py]",
        f"analytics.core-agents[{CORE}/scout.py]",
        f"analytics.stubs[{CORE}/scout.py]",
        f"analytics.stubs[{BASE}]",
        "analytics.tests",
        "assurance.sign-off",
    ]
    assert proof.graph.tasks[f"analytics.stubs[{BASE}]"].goal == f"Implement the abstract methods of {BASE} (lines 8)."


def test_the_critical_path_is_the_longest_chain_of_needs(proof: Proof) -> None:
    assert proof.graph is not None
    chain = ("analytics.base-agent", f"analytics.core-agents[{CORE}/planner.py]", f"analytics.stubs[{CORE}/scout.py]", "analytics.tests")
    assert critical_path(proof.graph) == chain


def test_the_files_that_it_names_are_read_with_it(proof: Proof) -> None:
    assert proof.plan is not None
    assert set(proof.plan.files) == {"templates/system_metrics.py.j2", "rules/add-analytics.yml"}


# Broken at random


def problems_of(text: str) -> tuple[Problem, ...]:
    try:
        return prove_plan(compile_plan(parse_plan(text, "plan.yaml"), FOUND))
    except PlanRefused as refused:
        return refused.problems


def delete(lines: list[str], chance: random.Random) -> None:
    del lines[chance.randrange(len(lines))]


def duplicate(lines: list[str], chance: random.Random) -> None:
    lines.insert(chance.randrange(len(lines)), chance.choice(lines))


def swap(lines: list[str], chance: random.Random) -> None:
    one, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]


def indent(lines: list[str], chance: random.Random) -> None:
    at = chance.randrange(len(lines))
    lines[at] = chance.choice(["  " + lines[at], lines[at][2:], "\t" + lines[at], lines[at].strip()])


def flip(lines: list[str], chance: random.Random) -> None:
    at = chance.randrange(len(lines))
    column = chance.randrange(len(lines[at]) + 1)
    lines[at] = lines[at][:column] + chance.choice("{}[]:,#&*!|>'\"%@`~-0aé\0\x85\u2028 \U0001f600/.") + lines[at][column + 1 :]


def replace(lines: list[str], chance: random.Random) -> None:
    at = chance.randrange(len(lines))
    key, colon, _ = lines[at].partition(": ")
    values = [
        "[]",
        "{}",
        "[a, [b]]",
        "{a: {b: c}}",
        "7",
        "-1",
        "1e400",
        "null",
        "true",
        "''",
        "'*'",
        "'**'",
        "'{a'",
        "../x",
        "'/('",
        "100%",
    ]
    lines[at] = key + colon + chance.choice(values)


MUTATIONS: list[Callable[[list[str], random.Random], None]] = [delete, duplicate, swap, indent, flip, replace]


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.__name__)
def test_a_broken_plan_gets_problems_with_a_place_in_it_and_never_another_error(
    mutation: Callable[[list[str], random.Random], None],
) -> None:
    codes: Counter[str] = Counter()
    for seed in range(80):
        chance = random.Random(f"{mutation.__name__} {seed}")
        lines = TEXT.split("\n")
        for _ in range(chance.choice([1, 1, 1, 2, 5])):
            mutation(lines, chance)
        text = "\n".join(lines)
        height = len(text.splitlines()) + 1
        for problem in problems_of(text):
            assert 1 <= problem.line <= height, (seed, str(problem))
            assert problem.column >= 1, (seed, str(problem))
            assert problem.text, seed
            codes[problem.code] += 1
    assert len(codes) >= 3, "the mutations break little"
