"""The shipped plan for production readiness, run for real: whole, and with a rule broken."""

import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

FOLDER = Path(__file__).parents[2] / "swarm" / "plans" / "production_readiness"
PATIENCE_S = 900.0
OF_ASYNC_OPERATIONS = {
    "analytics.priority-agents[experiments/agents/agents/king/coordinator.py]",
    "analytics.core-agents[experiments/agents/agents/magi/magi_agent.py]",
    "analytics.core-agents[experiments/agents/agents/sage/fact_checker.py]",
}
"""Their key operations are all asynchronous: without the rule that measures those, nothing of them is recorded."""


@pytest.fixture
def desk(shell: Any) -> Any:
    """A folder with the plan in it, and the tools of the extra on the path."""
    shutil.copytree(FOLDER, shell.folder / "plan", ignore=shutil.ignore_patterns("__pycache__", ".pytest_cache"))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return replace(shell, environment={**shell.environment, "PATH": path})


def _execute(desk: Any, run: str, status: int = 0) -> None:
    process = desk.start("execute", "plan/plan.yaml", "--run", run)
    _, progress = process.communicate(PATIENCE_S)
    assert process.wait() == status, progress[-8000:]


def _states(desk: Any, run: str) -> dict[str, str]:
    return {task["id"]: task["state"] for task in desk.json("status", run)["tasks"]}


@pytest.mark.slow
def test_it_closes_every_gap_is_replayed_the_same_and_once_promoted_has_nothing_left_to_do(desk: Any) -> None:
    _execute(desk, "whole")
    status = desk.json("status", "whole")
    assert status["state"] == "complete"
    assert (status["gaps"]["found"], status["gaps"]["closed"], status["gaps"]["open"]) == (113, 113, [])
    assert {phase["state"] for phase in status["phases"]} == {"done"}
    assert all(check["met"] for check in status["success"])
    assert _states(desk, "whole")["analytics.base-analytics"] == "satisfied"
    _expect_a_typed_chain(desk.json("handoffs", "whole"))
    replay = desk.start("replay", "whole")
    assert "0 different" in replay.communicate(PATIENCE_S)[0]
    assert replay.wait() == 0
    _expect_each_check_to_need_no_more_than_its_task_does(desk, status["tasks"], desk.json("handoffs", "whole"))
    desk.swarm("promote", "whole")
    _expect_its_own_tests_pass(desk)
    _execute(desk, "again")
    assert set(_states(desk, "again").values()) == {"satisfied"}
    assert desk.swarm("diff", "again").stdout == ""


def _expect_a_typed_chain(handoffs: list[dict[str, Any]]) -> None:
    """From the base agent's analytics, each handoff is an input of the next."""
    by_task = {one["task"]: one for one in handoffs}
    chain = {
        "analytics.base-agent": "AnalyticsLayer",
        "templates.abstract-methods[experiments/agents/agents/specialized/glossary_agent.py]": "TemplateApplied",
        "assurance.template-tests": "TemplateTests",
        "templates.review": "TemplateReview",
        "assurance.integration-tests": "IntegrationTests",
        "assurance.load-test": "LoadTest",
        "hardening.sign-off": "SignOff",
        "assurance.end-to-end": "EndToEnd",
        "hardening.deployment": "Deployment",
        "assurance.readiness": "Readiness",
    }
    assert {task: by_task[task]["contract"] for task in chain} == chain
    for giver, taker in pairwise(chain):
        assert by_task[giver]["id"] in by_task[taker]["inputs"], taker


def _expect_each_check_to_need_no_more_than_its_task_does(desk: Any, tasks: list[dict[str, Any]], handoffs: list[dict[str, Any]]) -> None:
    """A check that needs what only happened to land before it would fail once in many runs: none passes by luck of the order.

    Each is run on a tree of nothing but what its task needs and, behind a gate of 100%, the phases before.
    """
    plan = yaml.safe_load((desk.folder / "plan" / "plan.yaml").read_text())
    known = {one["id"]: one for one in handoffs}
    phases = [next(iter(entry)) for entry in plan["phases"]]
    for task in tasks:
        category, name = task["id"].split(".", 1)
        entry = plan["categories"][category]["tasks"].get(name)  # None for the members of a fan-out: they look at their own file
        commands = [check["run"] for check in (*entry.get("done_when", ()), *entry.get("keep", ())) if "run" in check] if entry else []
        if commands:
            done = phases[: phases.index(task["phase"])] if task["phase"] in ("hardening", "validation") else []
            before = [one["id"] for one in tasks if one["phase"] in done]
            folder = _tree_of(desk, {*before, *_needed(task["id"], known)}, handoffs)
            for command in commands:
                ended = _run_in(folder, command, desk)
                assert ended.returncode == 0, f"{task['id']}: {command}\n{ended.stdout[-3000:]}{ended.stderr[-1000:]}"


def _needed(task: str, known: dict[str, dict[str, Any]]) -> set[str]:
    """The task and all whose handoffs it builds on."""
    by_task, found, waiting = {one["task"]: one for one in known.values()}, set[str](), [task]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [known[handoff]["task"] for handoff in by_task[name]["inputs"]]
    return found


def _tree_of(desk: Any, tasks: set[str], handoffs: list[dict[str, Any]]) -> Path:
    """The snapshot with the changes of these tasks alone; their scopes are disjoint or ordered, so laying them over each other does."""
    folder = Path(tempfile.mkdtemp(dir=desk.folder))
    _lay(desk, folder, desk.git("rev-list", "--max-parents=0", "refs/swarm/whole/head").strip(), [])
    for one in sorted(handoffs, key=lambda one: str(one["at"])):
        if one["task"] in tasks and one["commit"]:
            changed = desk.git("diff-tree", "-r", "--no-commit-id", "--name-only", f"{one['commit']}^", one["commit"]).splitlines()
            if changed:
                _lay(desk, folder, one["commit"], changed)
    return folder


def _lay(desk: Any, folder: Path, commit: str, paths: list[str]) -> None:
    command = ["git", "--git-dir", str(desk.folder / ".swarm/workspace.git"), "archive", commit, "--", *paths]
    content = subprocess.run(command, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        archive.extractall(folder, filter="data")


def _run_in(folder: Path, command: str, desk: Any) -> "subprocess.CompletedProcess[str]":
    own = {name: value for name, value in desk.environment.items() if name not in ("PYTHONPATH", "PYTEST_ADDOPTS")}
    environment = {**own, "SWARM_PLAN_DIR": str(desk.folder / "plan"), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(["sh", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, check=False)


def _expect_its_own_tests_pass(desk: Any) -> None:
    ended = _run_in(desk.folder / "plan" / "workspace", "python -m pytest -q", desk)
    assert ended.returncode == 0, ended.stdout[-3000:]


def _break(desk: Any, change: Callable[[str], str]) -> None:
    rules = desk.folder / "plan" / "rules" / "component-analytics.yml"
    broken = change(rules.read_text())
    assert broken != rules.read_text()
    rules.write_text(broken)


@pytest.mark.slow
def test_with_one_rule_broken_exactly_what_depends_on_it_is_missing_and_phase_2_opens_at_80_percent(desk: Any) -> None:
    _break(desk, lambda rules: rules.replace("regex: ^async\n", "regex: ^nothing\n"))
    _execute(desk, "broken", status=1)
    status = desk.json("status", "broken")
    foundation, integration, hardening, _ = status["phases"]
    assert foundation["verified"] == foundation["tasks"] - 1
    assert [condition["met"] for condition in integration["gate"]] == [True, True]
    assert integration["state"] == "open"
    assert hardening["state"] == "waiting"
    states = {task["id"]: task["state"] for task in status["tasks"] if task["phase"] in ("foundation", "integration")}
    assert {name for name, state in states.items() if state == "failed"} == OF_ASYNC_OPERATIONS
    blocked = {name for name, state in states.items() if state == "blocked"}
    assert {name.partition("[")[0] for name in blocked} == {
        "analytics.infrastructure",
        "analytics.test-files",
        "analytics.validate-integrations",
        "analytics.overhead",
        "observability.logs",
        "observability.health-checks",
        "observability.agent-metrics",
        "observability.aggregation",
        "observability.alert-rules",
        "observability.dashboard",
    }
    assert {state for name, state in states.items() if name not in blocked | OF_ASYNC_OPERATIONS} <= {"verified", "satisfied"}
    assert foundation["debt"] == ["analytics.priority-agents[experiments/agents/agents/king/coordinator.py]"]


def test_with_a_rule_broken_that_five_tasks_of_phase_1_need_phase_2_stays_shut(desk: Any) -> None:
    _break(desk, lambda rules: rules.replace("nthChild: 1\n", "nthChild: 99\n"))
    _execute(desk, "broken", status=1)
    status = desk.json("status", "broken")
    foundation, integration, *_ = status["phases"]
    assert status["state"] == "stalled"
    assert foundation["done"] == pytest.approx(6 / 11, abs=1e-4)
    assert integration["state"] == "waiting"
    failed = {task["id"].partition("[")[0] for task in status["tasks"] if task["state"] == "failed"}
    assert failed == {"analytics.priority-agents"}
    assert {task["state"] for task in status["tasks"] if task["phase"] != "foundation"} <= {"waiting", "blocked"}


def test_init_lays_it_out_for_those_who_installed_the_package(desk: Any) -> None:
    desk.swarm("init", "mine", "--plan", "production-readiness")
    assert desk.json("validate", "mine/plan.yaml")["ok"]


def test_init_names_the_plans_there_are(shell: Any) -> None:
    ended = shell.swarm("init", "mine", "--plan", "production", status=2)
    assert "there are hello, production-readiness" in ended.stderr
    assert not (shell.folder / "mine").exists()
