"""The shipped plan with its procedures taken out of six tasks: agents with a model do them, to the same gaps closed."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.model_server import Coder, Lesson, ModelServer

FOLDER = Path(__file__).parents[2] / "swarm" / "plans" / "production_readiness"
PATIENCE_S = 900.0
BY_AGENTS = {
    "analytics": ("base-agent", "mirror"),
    "observability": ("system-metrics", "structured-logging"),
    "templates": ("abstract-methods", "retention-policies"),
}
"""A codemod of one file, a command, templates of code and of tests, and a codemod that fans out, by five specialists."""


@pytest.fixture
def desk(shell: Any) -> Any:
    """A folder with the plan in it, and the tools of the extra on the path."""
    shutil.copytree(FOLDER, shell.folder / "plan", ignore=shutil.ignore_patterns("__pycache__", ".pytest_cache"))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return replace(shell, environment={**shell.environment, "PATH": path, "SWARM_LM_KEY": "sk-scripted"})


def _execute(desk: Any, *arguments: str, status: int = 0) -> None:
    process = desk.start("execute", *arguments)
    _, progress = process.communicate(PATIENCE_S)
    assert process.wait() == status, progress[-8000:]


def _without_procedures(desk: Any) -> set[str]:
    """Takes `do:` out of the tasks; answers with their names."""
    file = desk.folder / "plan" / "plan.yaml"
    plan = yaml.safe_load(file.read_text())
    for category, tasks in BY_AGENTS.items():
        for task in tasks:
            del plan["categories"][category]["tasks"][task]["do"]
    file.write_text(yaml.safe_dump(plan, sort_keys=False))
    return {f"{category}.{task}" for category, tasks in BY_AGENTS.items() for task in tasks}


def _only(desk: Any) -> Iterator[str]:
    """Options for the tasks that are to be learned, and for phase 1, since its gate lets the others begin."""
    plan = yaml.safe_load((desk.folder / "plan" / "plan.yaml").read_text())
    for category, body in plan["categories"].items():
        for task, entry in body["tasks"].items():
            if entry["phase"] == "foundation" or task in BY_AGENTS.get(category, ()):
                yield from ("--only", f"{category}.{task}")


def _lessons(desk: Any, run: str) -> Iterator[Lesson]:
    """What the procedures made of the files, as a model would know it: the tree after each task, and what it handed over."""
    for one in desk.json("handoffs", run):
        if one["task"].partition("[")[0] in {f"{c}.{t}" for c, tasks in BY_AGENTS.items() for t in tasks}:
            files = {path: _content(desk, one["commit"], path) for path in _changed(desk, one["commit"])}
            yield Lesson(mentions=f"This is task {one['task']}.", files=files, payload=one["payload"])


def _changed(desk: Any, commit: str) -> list[str]:
    listed: str = desk.git("diff-tree", "-r", "--no-commit-id", "--name-only", f"{commit}^", commit)
    return listed.splitlines()


def _content(desk: Any, commit: str, path: str) -> str:
    command = ["git", "--git-dir", str(desk.folder / ".swarm/workspace.git"), "show", f"{commit}:{path}"]
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout


@pytest.mark.slow
def test_agents_carry_out_tasks_whose_procedures_were_taken_out_to_the_same_gaps_closed(desk: Any) -> None:
    _execute(desk, "plan/plan.yaml", "--run", "taught", *_only(desk), status=1)
    lessons = list(_lessons(desk, "taught"))
    by_agents = _without_procedures(desk)
    assert {lesson.mentions.removeprefix("This is task ").partition("[")[0].rstrip(".") for lesson in lessons} == by_agents
    shutil.rmtree(desk.folder / ".swarm")  # or what was handed over before would be handed over again
    server = ModelServer(Coder(*lessons))
    with server.in_thread():
        _execute(desk, "plan/plan.yaml", "--run", "agents", "--lm", f"openai/scripted@{server.base_url}")
    status = desk.json("status", "agents")
    assert status["state"] == "complete"
    assert (status["gaps"]["found"], status["gaps"]["closed"], status["gaps"]["open"]) == (113, 113, [])
    thought = {one["task"] for one in desk.json("handoffs", "agents") if one["usage"]["calls"]}
    assert {name.partition("[")[0] for name in thought} == by_agents
    assert status["usage"]["calls"] == len(server.chats)
    replay = desk.start("replay", "agents")  # the server is gone
    assert "0 different" in replay.communicate(PATIENCE_S)[0]
    assert replay.wait() == 0
