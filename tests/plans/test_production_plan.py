"""The shipped plan for production readiness: it proves, it is the seed's, and each of its tasks is needed."""

import asyncio
import copy
import json
import os
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from swarm.engine.proof import prove_plan
from swarm.home import Home
from swarm.plans.graph import Graph, Task, compile_plan
from swarm.plans.load import parse_plan
from swarm.plans.problems import Problem
from swarm.plans.proofs.coverage import owners
from swarm.plans.vocabulary import ROSTER
from swarm.wiring.proving import Proof, validate
from swarm.wiring.site import Site, SystemClock

FOLDER = Path(__file__).parents[2] / "swarm" / "plans" / "production_readiness"
TEXT = (FOLDER / "plan.yaml").read_text(encoding="utf-8")
FOUND = {
    "no-analytics": 31, "mirror-drift": 1, "not-implemented": 3, "abc-gap": 2, "processing-gap": 2, "analytics-method": 1,
    "observability": 9, "no-health-check": 10, "unstructured-logs": 31, "security-weakness": 4, "slow-path": 1, "unguarded-call": 1,
    "resilience": 2, "untested": 10, "deployment": 5,
}  # fmt: skip


@pytest.fixture(scope="module")
def proof(tmp_path_factory: pytest.TempPathFactory) -> Proof:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    site = Site(Home(tmp_path_factory.mktemp("home") / ".swarm"), FOLDER, environment, SystemClock())
    return asyncio.run(validate(site, FOLDER / "plan.yaml", None))


@pytest.fixture
def graph(proof: Proof) -> Graph:
    assert proof.graph is not None
    return proof.graph


def test_it_proves_without_a_warning_and_every_gap_is_covered(proof: Proof) -> None:
    assert [str(problem) for problem in proof.problems] == []
    assert proof.found == FOUND
    assert proof.covered == sum(FOUND.values())


def test_it_is_as_large_as_the_readme_says(graph: Graph) -> None:
    modules = [path for path in (FOLDER / "workspace").rglob("*.py") if not path.name.startswith("test_")]
    said = " ".join((Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8").split())
    assert f"Its workspace has {len(modules)} modules that work and {len(graph.gaps)} gaps" in said
    assert f"{len(graph.members)} tasks of fifteen specialists, {len(graph.tasks)} with the fan-outs" in said


def test_without_any_one_of_its_tasks_the_gaps_that_it_closes_are_named(graph: Graph) -> None:
    """One test for all of them: the detectors that run commands are run once."""
    closers = {task.declared for tasks in owners(graph).values() for task in tasks}
    idle = set(graph.members) - closers
    assert len(closers) > 30
    for name in closers:
        left = [gap for gap, tasks in owners(graph).items() if any(task.declared == name for task in tasks)]
        said = " ".join(problem.text for problem in _problems_without(name, graph) if problem.code == "uncovered")
        for kind in {gap.gap for gap in left}:
            of_kind = [gap.path for gap in left if gap.gap == kind]
            assert f'no task closes {len(of_kind)} of gap "{kind}"' in said, name
            assert sum(str(path) in said for path in of_kind) == min(20, len(of_kind)), name
    assert all(not [p for p in _problems_without(name, graph) if p.code == "uncovered"] for name in idle)


def _problems_without(name: str, graph: Graph) -> tuple[Problem, ...]:
    document = copy.deepcopy(_document())
    category, task = name.split(".")
    del document["categories"][category]["tasks"][task]
    plan = parse_plan(json.dumps(document), "plan.yaml", _files())
    return prove_plan(compile_plan(plan, graph.gaps))


def _document() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(TEXT)
    return document


def _files() -> dict[str, bytes]:
    folders = (FOLDER / folder for folder in ("rules", "templates", "tools"))
    return {path.relative_to(FOLDER).as_posix(): path.read_bytes() for folder in folders for path in folder.iterdir() if path.is_file()}


def test_every_edge_between_categories_carries_a_contract(graph: Graph) -> None:
    edges = list(_edges_between_categories(graph))
    assert len(edges) > 20
    assert [(giver.name, taker.name) for giver, taker in edges if giver.hands is None or giver.hands not in taker.takes] == []


def _edges_between_categories(graph: Graph) -> Iterator[tuple[Task, Task]]:
    for taker in graph.tasks.values():
        for giver in map(graph.tasks.__getitem__, taker.needs):
            if giver.category != taker.category:
                yield giver, taker


def test_a_typed_chain_leads_from_analytics_to_the_last_validation(graph: Graph) -> None:
    chain = ["analytics.base-agent", "templates.abstract-methods", "assurance.template-tests", "templates.review"]
    chain += ["assurance.integration-tests", "assurance.load-test", "hardening.sign-off", "assurance.end-to-end"]
    chain += ["hardening.deployment", "assurance.readiness"]
    for giver, taker in pairwise(chain):
        handed = graph.tasks[graph.members[giver][0]].hands
        assert handed is not None
        assert handed in graph.tasks[graph.members[taker][0]].takes, (giver, taker)


def test_every_task_says_when_it_is_done(graph: Graph) -> None:
    assert [name for name, task in graph.tasks.items() if not task.done_when and not task.closes] == []


def test_every_task_has_a_procedure_so_no_model_is_needed(graph: Graph) -> None:
    assert all(task.do and task.program is None for task in graph.tasks.values())


def test_each_of_the_fifteen_specialists_owns_a_task_of_its_own_category(graph: Graph) -> None:
    spec = graph.plan.spec
    assert {task.agent for task in graph.tasks.values()} == set(ROSTER)
    assert all(
        task.agent in (spec.categories[task.category].lead, *spec.categories[task.category].support) for task in graph.tasks.values()
    )


def test_categories_and_phases_are_the_seed_s(graph: Graph) -> None:
    categories = graph.plan.spec.categories
    assert {name: (body.priority, body.days) for name, body in categories.items()} == {
        "analytics": (1, "2-3"), "observability": (1, "1-2"), "templates": (2, "3-4"), "hardening": (2, "2-3"), "assurance": (3, "2"),
    }  # fmt: skip
    assert all(body.success for body in categories.values())
    assert [(phase.id, phase.days) for phase in graph.phases] == [
        ("foundation", "1-2"),
        ("integration", "2-4"),
        ("hardening", "4-6"),
        ("validation", "6-7"),
    ]
    gates = {phase.id: [str(condition) for condition in phase.gate] for phase in graph.phases}
    assert gates["foundation"] == []
    assert "phase: foundation done 80% and analytics.base-agent" in gates["integration"]
    assert "phase: integration done 100%" in gates["hardening"]
    assert "phase: hardening done 100%" in gates["validation"]
    assert all(any("load_test.py" in condition for condition in gate) for phase, gate in gates.items() if phase != "foundation")


def test_thirty_one_files_are_integrated_in_the_seed_s_order(graph: Graph) -> None:
    sizes = {name: len(graph.members[f"analytics.{name}"]) for name in ("priority-agents", "core-agents", "infrastructure", "test-files")}
    assert sizes == {"priority-agents": 5, "core-agents": 10, "infrastructure": 8, "test-files": 6}
    order = ["core-agents", "infrastructure", "test-files", "validate-integrations", "overhead"]
    for before, after in pairwise(order):
        needed = set(graph.members[f"analytics.{before}"])
        assert all(needed <= set(graph.tasks[name].needs) for name in graph.members[f"analytics.{after}"])


def test_later_tasks_need_the_typed_review_of_the_templates(graph: Graph) -> None:
    assert graph.tasks["templates.review"].phase == "integration"
    takers = {task.declared for task in graph.tasks.values() if "TemplateReview" in task.takes}
    assert takers == {"hardening.security", "assurance.integration-tests", "templates.sign-off"}
