"""`kill -9` while agents think, then `resume`: nothing that was answered is asked again, and the work comes out the same."""

import signal
from collections import Counter
from collections.abc import Callable
from threading import Semaphore
from typing import Any

import pytest

from tests.model_server import Chat, Coder, Edit, Lesson, ModelServer, Reply, Silence

PATIENCE_S = 30.0
STUBS = ("a", "b", "c")
PRINTS_THE_TIME = "date +%s%N; "
"""Before a check or in a tool: what is said differs in each run."""


def _lesson(name: str) -> Lesson:
    """Three turns: a change, a command, the end."""
    edit = Edit(f"{name}.py", "    raise NotImplementedError", "    return 6")
    return Lesson(f"task c.stubs[{name}.py].", edits=[edit], commands=[f"{PRINTS_THE_TIME} grep -q 6 {name}.py"], payload={"n": 6})


class Holding:
    """A model that falls silent before some of its answers, until it is let go on."""

    def __init__(self, script: Callable[[Chat], Reply], before: Callable[[Chat], bool]) -> None:
        self._script, self._before = script, before
        self._held = Semaphore(0)
        self.holds = True

    def __call__(self, chat: Chat) -> Reply:
        if self.holds and self._before(chat):
            self._held.release()
            return Silence()
        return self._script(chat)

    def wait(self, count: int) -> None:
        """Until so many agents hear nothing."""
        for _ in range(count):
            assert self._held.acquire(timeout=PATIENCE_S), "fewer asked than were to be held"


def _plan(shell: Any) -> None:
    """A task for each stub. Their check prints another text each time, which stands in the first prompt."""
    for name in STUBS:
        shell.write(f"ws/{name}.py", f"def {name}():\n    raise NotImplementedError\n")
    check = {"run": PRINTS_THE_TIME + "cat a.py b.py c.py | grep -c 6"}
    task = {"for_each": "stub", "goal": "Implement it.", "writes": "{path}", "hands": "Made", "done_when": [check]}
    shell.plan({"stubs": task}, gaps={"stub": {"files": "*.py", "containing": "NotImplemented"}}, contracts={"Made": {"n": "int"}})


def _killed(shell: Any, script: Holding, agents: int, *arguments: str) -> None:
    """Kills the scheduler once so many agents hear nothing."""
    process = shell.start(*arguments)
    script.wait(agents)
    process.kill()
    process.communicate()


def _answered_twice(server: ModelServer) -> list[str]:
    counted = Counter(exchange.chat.digest for exchange in server.chats if exchange.chat and exchange.answered)
    return [digest for digest, times in counted.items() if times > 1]


@pytest.fixture(scope="module")
def undisturbed(shared_shell: Any) -> tuple[str, int]:
    """The tree of a run that nothing happens to, and how many questions it takes."""
    _plan(shared_shell)
    with ModelServer(Coder(*map(_lesson, STUBS))).in_thread() as server:
        shared_shell.thinking_with(server).swarm("execute", "plan.yaml", "--run", "whole")
        return shared_shell.tree("whole"), len(server.chats)


@pytest.mark.parametrize("answers", [1, 2, 3, 5, 8])
def test_after_so_many_answers(shell: Any, undisturbed: tuple[str, int], answers: int) -> None:
    _plan(shell)
    script = Holding(Coder(*map(_lesson, STUBS)), lambda chat: chat.number > answers)
    with ModelServer(script).in_thread() as server:
        desk = shell.thinking_with(server)
        _killed(desk, script, 1, "execute", "plan.yaml", "--run", "r", "--parallel", "1")
        assert sum(exchange.answered for exchange in server.chats) == answers
        script.holds = False
        desk.swarm("resume", "r")
        assert _answered_twice(server) == []
        assert (shell.tree("r"), len(server.chats)) == (undisturbed[0], undisturbed[1] + 1)
    assert shell.json("status", "r")["usage"]["calls"] == undisturbed[1]


def test_all_agents_in_the_middle_of_their_work_and_again_later(shell: Any, undisturbed: tuple[str, int]) -> None:
    _plan(shell)
    turns = [2]
    script = Holding(Coder(*map(_lesson, STUBS)), lambda chat: len(chat.messages) >= 2 * turns[0])
    with ModelServer(script).in_thread() as server:
        desk = shell.thinking_with(server)
        _killed(desk, script, len(STUBS), "execute", "plan.yaml", "--run", "r")
        turns[0] = 3
        _killed(desk, script, len(STUBS), "resume", "r")
        script.holds = False
        desk.swarm("resume", "r")
        assert _answered_twice(server) == []
        assert (shell.tree("r"), len(server.chats)) == (undisturbed[0], undisturbed[1] + 2 * len(STUBS))
    assert {task["attempts"] for task in shell.json("status", "r")["tasks"]} == {1}


def test_an_interrupt_is_as_good_as_a_kill(shell: Any, undisturbed: tuple[str, int]) -> None:
    _plan(shell)
    script = Holding(Coder(*map(_lesson, STUBS)), lambda chat: len(chat.messages) >= 4)
    with ModelServer(script).in_thread() as server:
        desk = shell.thinking_with(server)
        process = desk.start("execute", "plan.yaml", "--run", "r")
        script.wait(len(STUBS))
        process.send_signal(signal.SIGINT)
        process.communicate()
        assert process.wait() == 130
        script.holds = False
        desk.swarm("resume", "r")
        assert _answered_twice(server) == []
        assert (shell.tree("r"), len(server.chats)) == (undisturbed[0], undisturbed[1] + len(STUBS))
    assert {task["attempts"] for task in shell.json("status", "r")["tasks"]} == {1}


def test_another_model_can_go_on_and_the_whole_is_replayed_the_same(shell: Any, undisturbed: tuple[str, int]) -> None:
    _plan(shell)
    script = Holding(Coder(*map(_lesson, STUBS)), lambda chat: chat.number > 5)
    with ModelServer(script).in_thread() as server:
        _killed(shell.thinking_with(server), script, 1, "execute", "plan.yaml", "--run", "r", "--parallel", "1")
        script.holds = False
        other = f"openai/gpt-other@{server.base_url}"
        shell.using(SWARM_LM_KEY=server.key).swarm("resume", "r", "--lm", other)
        asked = Counter(exchange.model for exchange in server.chats)
    assert asked == {"gpt-test": 6, "gpt-other": undisturbed[1] - 3}
    assert shell.tree("r") == undisturbed[0]
    shell.swarm("replay", "r")


# What an attempt was told before its first turn, and by other programs

MODULE = """
import dspy


class Asks(dspy.Module):
    def __init__(self):
        super().__init__()
        self.ask = dspy.Predict("brief, seen -> n: int")

    def forward(self, brief, desk):
        time = desk.run(["date", "+%s%N"], seconds=10).output
        first = self.ask(brief=brief, seen=time)
        second = self.ask(brief=brief, seen=f"again, after {first.n}: {time}")
        desk.write("own.txt", b"x")
        return dspy.Prediction(handoff={"n": second.n})
"""
TASKS = {
    "half": {
        "goal": "Write half.txt.",
        "writes": "half.txt",
        "do": PRINTS_THE_TIME + "echo one > half.txt",
        "program": "react",
        "done_when": [{"run": PRINTS_THE_TIME + "grep -q two half.txt"}],
    },
    "late": {"goal": "Write late.txt.", "writes": "late.txt", "done_when": [{"run": PRINTS_THE_TIME + "test -s late.txt"}]},
    "own": {"goal": "Write own.txt.", "writes": "own.txt", "program": "asks.py:Asks", "hands": "Made"},
}
REFUSED = "Attempt 1 was refused (checks)"


def _learning(chat: Chat) -> Reply:
    """Does what is right; only of `late.txt` it thinks at first that nothing has to be done."""
    half = Lesson("task c.half.", edits=[Edit("half.txt", "one", "two")], commands=["cat half.txt"])
    late = Lesson(REFUSED, files={"late.txt": "here\n"}, commands=["cat late.txt"])
    return Coder(half, late, Lesson("task c.late.", commands=["date"]), Lesson("task c.own.", payload={"n": 3}))(chat)


def _last(chat: Chat) -> bool:
    """Whether this is the last turn: of the second attempt, where there are two."""
    if "task c.own." in chat.prompt:
        return "again, after 3" in chat.prompt
    return len(chat.messages) == 6 and ("task c.half." in chat.prompt or REFUSED in chat.prompt)


def test_what_was_told_of_a_procedure_or_a_refusal_or_to_a_module_is_told_again(shell: Any) -> None:
    shell.write("asks.py", MODULE)
    shell.plan(TASKS, limits={"attempts": 2}, contracts={"Made": {"n": "int"}})
    script = Holding(_learning, _last)
    with ModelServer(script).in_thread() as server:
        desk = shell.thinking_with(server)
        _killed(desk, script, len(TASKS), "execute", "plan.yaml", "--run", "r")
        asked = len(server.chats)
        script.holds = False
        desk.swarm("resume", "r")
        assert _answered_twice(server) == []
        assert len(server.chats) == asked + len(TASKS)
        desk.swarm("replay", "r")
        assert len(server.chats) == asked + len(TASKS)
