"""What a command loads: looking at a run of agents needs neither what they think with nor what proves plans."""

import subprocess
import sys
from typing import Any

import pytest

from tests.model_server import Coder, Lesson, ModelServer

HEAVY = {"dspy", "litellm", "networkx", "openai", "jinja2", "ast_grep_py"}
PROGRAM = """
import sys
from swarm.cli import main
try:
    main()
except SystemExit:
    pass
print("\\n" + " ".join(sys.modules), file=sys.stderr)
"""


@pytest.fixture(scope="module")
def desk(shared_shell: Any) -> Any:
    """A folder with a run of an agent."""
    shared_shell.plan({"a": {"writes": "a.txt", "done_when": [{"exists": "a.txt"}]}})
    with ModelServer(Coder(Lesson("", files={"a.txt": "x\n"}))).in_thread() as server:
        shared_shell.thinking_with(server).swarm("execute", "plan.yaml", "--run", "r")
    return shared_shell


def _loaded_by(desk: Any, *arguments: str) -> set[str]:
    command = [sys.executable, "-c", PROGRAM, *arguments]
    ended = subprocess.run(command, cwd=desk.folder, env=desk.environment, capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in ended.stderr.rsplit("\n", 2)[-2].split()}


@pytest.mark.parametrize("words", ["--help", "runs", "status", "handoff c.a", "log", "agents"])
def test_looking_loads_nothing_that_thinks_or_proves(desk: Any, words: str) -> None:
    assert _loaded_by(desk, *words.split()) & HEAVY == set()
