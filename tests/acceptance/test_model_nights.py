"""A night without anybody there: a provider that stumbles, is busy or falls silent; a plan with a name that is none."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.model_server import Chat, Coder, Lesson, ModelServer, Reply, Silence, Status

NAMES = "abcdefgh"
CODER = Coder(*(Lesson(f"task c.{name}.", files={f"{name}.txt": "x\n"}, commands=[f"cat {name}.txt"]) for name in (*NAMES, "own")))
MODULE = """
import random
import time
from concurrent.futures import ThreadPoolExecutor

import dspy


class Asks(dspy.Module):
    def __init__(self):
        super().__init__()
        self.ask = dspy.Predict("seen -> n: int")

    def forward(self, brief, desk):
        def one(number):  # in another order each time
            time.sleep(random.random() / 5)
            return desk.run(["sh", "-c", f"echo {number}; date +%N"]).output

        with ThreadPoolExecutor(4) as pool:
            seen = list(pool.map(one, range(4)))
        for text in seen:
            self.ask(seen=text)
        desk.write("own.txt", b"x")
        return dspy.Prediction(handoff={"n": self.ask(seen="last").n})
"""


def _task(name: str, **more: Any) -> Mapping[str, Any]:
    return {"goal": f"Write {name}.", "writes": f"{name}.txt", "done_when": [{"exists": f"{name}.txt"}], **more}


def test_a_provider_that_stumbles_for_a_moment_stops_no_run_however_many_ask_it_then(shell: Any) -> None:
    shell.plan({name: _task(name) for name in NAMES}, limits={"parallel": 8})
    left = [5]

    def script(chat: Chat) -> Reply:
        left[0] -= 1
        return Status(503) if left[0] >= 0 else CODER(chat)

    with ModelServer(script, latency_s=0.1).in_thread() as server:
        shell.thinking_with(server).swarm("execute", "plan.yaml", "--run", "r")


@pytest.mark.parametrize("trouble", [Status(429, retry_after="3"), Silence()], ids=["busy", "silent"])
def test_an_agent_that_mostly_waited_for_its_model_is_cut_off_and_costs_no_attempt(shell: Any, trouble: Reply) -> None:
    shell.plan({"a": _task("a")}, limits={"attempts": 1, "timeout": "2s"})
    with ModelServer(lambda chat: trouble if len(chat.messages) >= 4 else CODER(chat)).in_thread() as server:
        paused = shell.thinking_with(server).swarm("execute", "plan.yaml", "--run", "r", status=75)
        assert "the model of c.a did not answer for" in paused.stderr
        assert shell.states("r") == {"a": "ready"}
    with ModelServer(CODER).in_thread() as server:
        shell.thinking_with(server).swarm("resume", "r", "--lm", f"openai/gpt-test@{server.base_url}")
        assert min(len(exchange.chat.messages) for exchange in server.chats) == 4, "the first turn is not paid again"


def test_a_tool_that_no_server_has_parks_the_run_and_the_others_finish(shell: Any) -> None:
    server_file = Path(__file__).parents[1] / "agents" / "mcp_server.py"
    helper = {"role": "h", "tools": ["write_file", "docs.nosuch"]}
    category = {"objective": "o", "lead": "code-generator", "support": ["helper"]}
    tasks = {"a": {"phase": "one", **_task("a")}, "b": {"phase": "one", **_task("b", agent="helper")}}
    mcp = {"docs": {"command": [sys.executable, str(server_file)]}}
    shell.plan({}, categories={"c": {**category, "tasks": tasks}}, agents={"helper": helper}, mcp=mcp)
    with ModelServer(CODER).in_thread() as server:
        paused = shell.thinking_with(server).swarm("execute", "plan.yaml", "--run", "r", status=69)
    assert 'the mcp server docs has no tool "nosuch"' in paused.stderr
    assert shell.states("r") == {"a": "verified", "b": "ready"}


@pytest.mark.parametrize("model", ["nosuch/model", "garbage"])
def test_a_models_name_that_is_none_is_refused_before_anything_starts_even_where_it_may_not_be_needed(shell: Any, model: str) -> None:
    shell.plan({"a": _task("a", do={"command": "echo x > a.txt"}, program="react", lm=model)})
    refused = shell.swarm("execute", "plan.yaml", "--run", "r", status=2)
    assert model in refused.stderr or "nosuch" in refused.stderr
    assert shell.json("runs") == []


def test_a_procedure_that_is_enough_needs_no_key_for_the_model_that_might_have_helped(shell: Any) -> None:
    shell.plan({"a": _task("a", do={"command": "echo x > a.txt"}, program="react", lm="openai/gpt-5-mini")})
    shell.swarm("execute", "plan.yaml", "--run", "r")


def test_a_larger_limit_in_calls_takes_none_off_the_tokens(shell: Any) -> None:
    shell.plan({name: _task(name) for name in NAMES}, limits={"parallel": 1, "budget": {"calls": 3, "tokens": 40000}})
    with ModelServer(CODER).in_thread() as server:
        desk = shell.thinking_with(server)
        assert "3 of 3 calls" in desk.swarm("execute", "plan.yaml", "--run", "r", status=75).stderr
        assert "of 40000 tokens" in desk.swarm("resume", "r", "--budget", "calls=200", status=75).stderr


def test_a_module_that_works_in_threads_is_replayed_the_same(shell: Any) -> None:
    shell.write("asks.py", MODULE)
    own = _task("own", program="asks.py:Asks", hands="Made")
    shell.plan({"own": own}, contracts={"Made": {"n": "int"}})
    with ModelServer(Coder(Lesson("", payload={"n": 3}))).in_thread() as server:
        shell.thinking_with(server).swarm("execute", "plan.yaml", "--run", "r")
    assert "1 the same" in shell.swarm("replay", "r").stdout
