"""What may be spent: by a whole run, a category or a task, and never a call more, however many agents ask at once."""

from collections import Counter
from typing import Any

from tests.model_server import Coder, Lesson, ModelServer

NAMES = ("a", "b", "c", "d", "e", "f", "g", "h")
CODER = Coder(*(Lesson(f"task c.{name}.", files={f"{name}.txt": f"{name}\n"}, commands=[f"cat {name}.txt"]) for name in NAMES))
"""Three calls for each task."""


def _task(name: str, **more: Any) -> dict[str, Any]:
    return {"goal": f"Write {name}.txt.", "writes": f"{name}.txt", "done_when": [{"exists": f"{name}.txt"}], **more}


def _answered(server: ModelServer) -> list[str]:
    return [exchange.chat.digest for exchange in server.chats if exchange.chat and exchange.answered]


def test_eight_agents_at_once_make_the_nine_calls_of_their_budget_and_go_on_once_there_is_more(shell: Any) -> None:
    shell.plan({name: _task(name) for name in NAMES}, limits={"parallel": 8, "budget": {"calls": 9}})
    with ModelServer(CODER, latency_s=0.05).in_thread() as server:
        desk = shell.thinking_with(server)
        paused = desk.swarm("execute", "plan.yaml", "--run", "r", status=75)
        assert len(server.chats) == 9
        assert server.peak == 8
        assert "the budget of the plan is spent: 9 of 9 calls used" in paused.stderr
        assert "swarm resume r" in paused.stderr
        status = desk.json("status", "r")
        assert (status["state"], status["usage"]["calls"]) == ("paused", 9)
        assert not {"failed", "verified"} & set(desk.states("r").values())

        assert "the budget of the plan is spent: 9 of 9 calls used" in desk.swarm("resume", "r", status=75).stderr
        assert len(server.chats) == 9
        desk.swarm("resume", "r", "--budget", "calls=200")
        assert max(Counter(_answered(server)).values()) == 1
        assert len(server.chats) == 3 * len(NAMES)
    assert set(shell.states("r").values()) == {"verified"}
    assert {task["attempts"] for task in shell.json("status", "r")["tasks"]} == {1}


def test_a_task_whose_own_budget_is_spent_fails_alone(shell: Any) -> None:
    shell.plan({"a": _task("a", budget={"calls": 2}), "b": _task("b")}, limits={"attempts": 3})
    with ModelServer(CODER).in_thread() as server:
        shell.thinking_with(server).swarm("execute", "plan.yaml", "--run", "r", status=1)
        asked = Counter("a" if "task c.a." in exchange.chat.prompt else "b" for exchange in server.chats if exchange.chat)
    assert shell.states("r") == {"a": "failed", "b": "verified"}
    assert asked == {"a": 2, "b": 3}
    (task,) = [task for task in shell.json("status", "r")["tasks"] if task["id"] == "c.a"]
    assert task["attempts"] == 1, "another attempt could not pay either"
    assert "the budget of the task c.a is spent: 2 of 2 calls used" in task["reason"]


def test_a_category_whose_budget_is_spent_parks_the_run_and_the_others_end_their_work(shell: Any) -> None:
    def category(name: str, **more: Any) -> dict[str, Any]:
        return {"objective": "o", "lead": "code-generator", "tasks": {name: {"phase": "one", **_task(name)}}, **more}

    lessons = (Lesson(f"task {name}.{name}.", files={f"{name}.txt": "x\n"}, commands=[f"cat {name}.txt"]) for name in ("poor", "rich"))
    categories = {"poor": category("poor", budget={"tokens": 4000}), "rich": category("rich")}
    shell.plan({}, categories=categories)
    with ModelServer(Coder(*lessons)).in_thread() as server:
        paused = shell.thinking_with(server).swarm("execute", "plan.yaml", "--run", "r", status=75)
    assert "the budget of the category poor is spent" in paused.stderr
    assert "tokens" in paused.stderr
    assert shell.states("r") == {"poor.poor": "ready", "rich.rich": "verified"}
