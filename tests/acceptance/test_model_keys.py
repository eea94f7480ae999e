"""Keys go to the provider they are for and nowhere else; without one, or without a model, nothing begins."""

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.model_server import Coder, Fixed, Lesson, ModelServer, Status

RIGHT, WRONG, OPENAI = "sk-right-0123456789abcdef", "sk-wrong-0123456789abcdef", "sk-openai-0123456789abcdef"
TASKS = {name: {"goal": "Write.", "writes": f"{name}.txt", "done_when": [{"exists": f"{name}.txt"}]} for name in ("a", "b", "c")}
CODER = Coder(
    *(Lesson(f"task c.{name}.", files={f"{name}.txt": "x\n"}, commands=["env | sort", f"cat {name}.txt"]) for name in ("a", "b", "c"))
)


def _texts(home: Path) -> Iterator[bytes]:
    """Every file's bytes, and what git has packed together."""
    for path in home.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            yield content
            if path.parent.parent.name == "objects" and len(path.name) == 38:
                yield zlib.decompress(content)


def _assert_nowhere(shell: Any, *said: Any) -> None:
    everything = b"\0".join([*_texts(shell.folder / ".swarm"), *(f"{one.stdout}{one.stderr}".encode() for one in said)])
    assert b"gpt-test" in everything
    for key in (RIGHT, WRONG, OPENAI):
        assert key.encode() not in everything


def test_a_wrong_key_parks_at_once_and_the_right_one_goes_on(shell: Any) -> None:
    shell.plan(TASKS)
    with ModelServer(CODER, key=RIGHT).in_thread() as server:
        desk, wrong = shell.thinking_with(server), shell.thinking_with(server).using(SWARM_LM_KEY=WRONG, OPENAI_API_KEY=OPENAI)
        paused = wrong.swarm("execute", "plan.yaml", "--run", "r", "--parallel", "1", status=75)
        assert len(server.log) == 1
        assert "refuses the key: check its key (`swarm doctor --lm MODEL` tries it), then `swarm resume`" in paused.stderr
        assert set(desk.states("r").values()) == {"ready"}
        said = [paused, *(wrong.swarm(*words) for words in (("status", "r"), ("log", "r"), ("explain", "r", "c.a")))]
        _assert_nowhere(shell, *said)
        resumed = desk.swarm("resume", "r")
        _assert_nowhere(shell, resumed, desk.swarm("log", "r", "--json"), desk.swarm("handoffs", "r", "--json"))
    assert set(shell.states("r").values()) == {"verified"}
    assert {task["attempts"] for task in shell.json("status", "r")["tasks"]} == {1}


@pytest.mark.parametrize("status", [401, 403, 400, 500])
def test_a_provider_that_says_the_key_aloud_is_not_quoted(shell: Any, status: int) -> None:
    shell.plan({"a": TASKS["a"]} if status == 400 else {f"a{n}": {**TASKS["a"], "writes": f"{n}"} for n in range(5)})
    loud = Status(status, message=f"The key {RIGHT} is no good, and neither is Bearer {RIGHT}")
    with ModelServer(Fixed(then=loud), key=RIGHT).in_thread() as server:
        desk = shell.thinking_with(server)
        ended = desk.swarm("execute", "plan.yaml", "--run", "r", status=1 if status == 400 else 75)
        tried = desk.swarm("doctor", "--lm", desk.environment["SWARM_LM"], status=69)
        _assert_nowhere(shell, ended, tried, desk.swarm("log", "r", "--json"), desk.swarm("status", "r"))


def test_a_url_in_a_plan_is_given_no_key(shell: Any) -> None:
    with ModelServer(CODER, key=OPENAI).in_thread() as server:
        shell.plan({"a": TASKS["a"]}, lm=f"openai/gpt-test@{server.base_url}")
        desk = shell.using(OPENAI_API_KEY=OPENAI, SWARM_LM_KEY=OPENAI)
        paused = desk.swarm("execute", "plan.yaml", "--run", "r", status=75)
        assert [exchange.key_right for exchange in server.log] == [False]
        assert "refuses the key" in paused.stderr
        _assert_nowhere(shell, paused)


def test_without_a_model_nothing_begins_and_the_ways_to_give_one_are_named(shell: Any) -> None:
    shell.plan({**TASKS, "plain": {"do": "true"}})
    missing = shell.swarm("execute", "plan.yaml", status=69)
    assert missing.stdout == ""
    assert "c.a, c.b, c.c need a language model" in missing.stderr
    assert "c.plain" not in missing.stderr
    for way in ("OPENAI_API_KEY", "ollama/", "@http://127.0.0.1:8000/v1", "--lm", "SWARM_LM"):
        assert way in missing.stderr
    assert shell.json("runs") == []
    assert "Traceback" not in missing.stderr
    shell.swarm("execute", "plan.yaml", "--run", "r", "--only", "c.plain", status=1)
    assert shell.states("r")["plain"] == "verified"


def test_without_the_key_of_the_model_that_a_plan_names_nothing_begins(shell: Any) -> None:
    shell.plan(TASKS, lm="openai/gpt-test")
    missing = shell.swarm("execute", "plan.yaml", status=69)
    assert (missing.stdout, "OPENAI_API_KEY is not set" in missing.stderr) == ("", True)
    assert shell.json("runs") == []
    assert "is not a model's name" in shell.swarm("execute", "plan.yaml", "--lm", "nonsense", status=2).stderr
    assert "no provider 'nobody'" in shell.swarm("execute", "plan.yaml", "--lm", "nobody/gpt", status=2).stderr


def test_a_run_that_was_paused_is_not_resumed_without_its_key_either(shell: Any) -> None:
    shell.plan({"a": TASKS["a"]}, lm="openai/gpt-test")
    with ModelServer(CODER, key=OPENAI).in_thread() as server:
        desk = shell.using(OPENAI_BASE_URL=server.base_url)
        desk.using(OPENAI_API_KEY=WRONG).swarm("execute", "plan.yaml", "--run", "r", status=75)
        assert "OPENAI_API_KEY is not set" in shell.swarm("resume", "r", status=69).stderr
        desk.using(OPENAI_API_KEY=OPENAI).swarm("resume", "r")
        _assert_nowhere(shell)
