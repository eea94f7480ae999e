"""Providers in trouble: what passes is waited for, what lasts parks the run, and no agent fails for it."""

from collections import Counter
from typing import Any

import pytest

from tests.model_server import Answer, Chat, Coder, Cut, Drip, Fault, Fixed, Garbage, Lesson, ModelServer, Reply, Status, Truncated, huge

NAMES = ("a", "b", "c", "d", "e", "f")
CODER = Coder(*(Lesson(f"task c.{name}.", files={f"{name}.txt": f"{name}\n"}, payload={"n": 1}) for name in NAMES))


def _plan(shell: Any, names: tuple[str, ...] = NAMES, **limits: Any) -> None:
    tasks = {
        name: {"goal": "Write.", "writes": f"{name}.txt", "hands": "Number", "done_when": [{"exists": f"{name}.txt"}]} for name in names
    }
    shell.plan(tasks, contracts={"Number": {"n": "int"}}, limits={"attempts": 3, **limits})


def _task_of(chat: Chat) -> str:
    return next(name for name in NAMES if f"task c.{name}." in chat.prompt)


class AtFirst:
    """Fails the first request of each task in its own way."""

    def __init__(self, **faults: Fault | Answer) -> None:
        self._faults = faults

    def __call__(self, chat: Chat) -> Reply:
        return self._faults.pop(_task_of(chat), None) or CODER(chat)


def test_a_provider_that_is_down_parks_the_run_and_fails_no_task(shell: Any) -> None:
    _plan(shell, parallel=6, attempts=1)
    down = [True]
    with ModelServer(lambda chat: Status(500) if down[0] else CODER(chat)).in_thread() as server:
        desk = shell.thinking_with(server)
        paused = desk.swarm("execute", "plan.yaml", "--run", "r", status=75)
        assert "does not answer: look whether it is up, then `swarm resume`" in paused.stderr
        assert len(server.chats) <= 2 * len(NAMES)
        assert (desk.json("status", "r")["state"], desk.states("r")) == ("paused", dict.fromkeys(NAMES, "ready"))
        down[0] = False
        desk.swarm("resume", "r")
    status = shell.json("status", "r")
    assert (status["state"], {task["attempts"] for task in status["tasks"]}) == ("complete", {1})
    assert status["usage"]["calls"] == sum(exchange.answered for exchange in server.chats)


def test_a_provider_that_is_busy_is_waited_for_as_long_as_it_asks(shell: Any) -> None:
    _plan(shell, ("a", "b"))
    busy = AtFirst(a=Status(429, retry_after="1.2"), b=Status(429))
    with ModelServer(busy).in_thread() as server:
        shell.thinking_with(server).swarm("execute", "plan.yaml", "--run", "r")
    asked = [exchange for exchange in server.chats if exchange.chat and _task_of(exchange.chat) == "a"]
    assert asked[1].arrived_s - (asked[0].left_s or 0) >= 1.2
    status = shell.json("status", "r")
    assert {task["attempts"] for task in status["tasks"]} == {1}
    assert status["usage"]["calls"] == len(server.chats) - 2, "what was turned away was not worked on"


def test_what_goes_wrong_once_is_survived_and_what_is_handed_over_is_whole(shell: Any) -> None:
    _plan(shell, parallel=2)
    faults = AtFirst(
        a=Cut(), b=Garbage(), c=Truncated(), d=huge(), e=Cut(unheard=True), f=Drip(0.001, 256, Answer("[[ ## calls ## ]] [{'no': JSON}"))
    )
    with ModelServer(faults).in_thread() as server:
        shell.thinking_with(server).swarm("execute", "plan.yaml", "--run", "r")
    assert {one["task"]: one["payload"] for one in shell.json("handoffs", "r")} == {f"c.{name}": {"n": 1} for name in NAMES}
    assert min(Counter(_task_of(exchange.chat) for exchange in server.chats if exchange.chat).values()) >= 2
    shell.swarm("replay", "r")


@pytest.mark.parametrize("fault", [Garbage(), Garbage(raw=True), Truncated(), huge()], ids=["garbage", "raw", "truncated", "huge"])
def test_what_goes_wrong_always_parks_the_run_and_nothing_is_handed_over(shell: Any, fault: Fault | Answer) -> None:
    _plan(shell, parallel=6)
    with ModelServer(Fixed(then=fault)).in_thread() as server:
        paused = shell.thinking_with(server).swarm("execute", "plan.yaml", "--run", "r", status=75)
    assert "does not answer" in paused.stderr
    assert shell.json("handoffs", "r") == []
    assert "failed" not in shell.states("r").values()
    assert shell.landed("r") == {}
