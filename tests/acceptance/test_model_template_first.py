"""Template first: the procedure does what it can, and only where the checks are still red, a model is asked, with the evidence in hand."""

from typing import Any

from tests.model_server import Chat, Coder, Edit, Lesson, ModelServer, Reply


def _task(name: str, procedure: str, **more: Any) -> dict[str, Any]:
    check = {"run": f"grep two {name}.txt || {{ echo the wrong number; cat {name}.txt; false; }}"}
    return {"goal": f"Write {name}.txt.", "writes": f"{name}.txt", "do": procedure, "program": "react", "done_when": [check], **more}


def _prompts(server: ModelServer, task: str) -> list[str]:
    return [exchange.chat.prompt for exchange in server.chats if exchange.chat and f"task c.{task}." in exchange.chat.prompt]


def test_the_program_finishes_what_the_procedure_left_and_is_not_asked_where_nothing_is_left(shell: Any) -> None:
    tasks = {
        "left": _task("left", "echo one > left.txt"),
        "failed": _task("failed", "echo the procedure says no; exit 3"),
        "payload": _task("payload", """echo two > payload.txt; echo '{"n": "many"}' > $SWARM_HANDOFF""", hands="Number"),
        "whole": _task("whole", """echo two > whole.txt; echo '{"n": 1}' > $SWARM_HANDOFF""", hands="Number", keep=[{"run": "false"}]),
    }
    coder = Coder(
        Lesson("task c.left.", edits=[Edit("left.txt", "one", "two")]),
        Lesson("task c.failed.", files={"failed.txt": "two\n"}),
        Lesson("task c.payload.", payload={"n": 2}),
    )
    shell.plan(tasks, contracts={"Number": {"n": "int"}})
    with ModelServer(coder).in_thread() as server:
        shell.thinking_with(server).swarm("execute", "plan.yaml", "--run", "r")
        assert _prompts(server, "whole") == []
        left, failed, payload = (_prompts(server, name)[0] for name in ("left", "failed", "payload"))
        assert "The procedure ran, and is not enough." in left
        assert "the wrong number\none\n" in left
        assert "The procedure failed: " in failed
        assert "the procedure says no" in failed
        assert "Its payload does not do: the payload does not fit Number: n: Input should be a valid integer" in payload
    assert shell.states("r") == dict.fromkeys(tasks, "verified")
    assert {one["task"]: one["payload"] for one in shell.json("handoffs", "r")} == {
        "c.left": {},
        "c.failed": {},
        "c.payload": {"n": 2},
        "c.whole": {"n": 1},
    }


def _second_time_right(chat: Chat) -> Reply:
    right = Lesson("grep two left.txt", edits=[Edit("left.txt", "three\nattempt", "two\nattempt")])
    wrong = Lesson("grep two left.txt", edits=[Edit("left.txt", "one", "three")])
    return Coder(right if "attempt 2 began with three" in chat.prompt else wrong)(chat)


def test_a_second_attempt_is_told_both_why_the_first_was_refused_and_what_its_own_procedure_left(shell: Any) -> None:
    procedure = """
    if [ $SWARM_ATTEMPT = 1 ]; then echo one > left.txt; else echo three > left.txt; echo attempt 2 began with three >> left.txt; fi"""
    shell.plan({"left": _task("left", procedure)}, limits={"attempts": 2})
    with ModelServer(_second_time_right).in_thread() as server:
        shell.thinking_with(server).swarm("execute", "plan.yaml", "--run", "r")
        second = next(prompt for prompt in _prompts(server, "left") if "attempt 2 began with three" in prompt)
    told = second.partition("## Situation")[0]
    assert "is not green on the attempt's own tree:\nthe wrong number\nthree\n" in told
    assert "The procedure ran, and is not enough." in told
    assert "attempt 2 began with three" in told
    shell.swarm("replay", "r")


def test_without_a_model_the_procedure_stands_alone_and_is_judged_as_ever(shell: Any) -> None:
    tasks = {"left": _task("left", "echo one > left.txt"), "whole": _task("whole", "echo two > whole.txt")}
    shell.plan(tasks)
    shell.swarm("execute", "plan.yaml", "--run", "r", status=1)
    assert shell.states("r") == {"left": "failed", "whole": "verified"}
    (refused,) = [event["refused"] for event in shell.json("log", "r") if event["kind"] == "attempt_refused"]
    assert refused["kind"] == "checks"
    assert "the wrong number\none" in refused["text"]
    shell.swarm("replay", "r")
