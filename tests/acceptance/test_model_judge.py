"""`judge` checks: a model that can only look says whether something holds, with its reason, once for each tree."""

from typing import Any

import pytest

from tests.model_server import Chat, Coder, Fixed, Lesson, ModelServer, Reply, Status, fields

QUESTION = "Is it friendly?"
WRITES = {"goal": "g", "done_when": [{"run": "true"}, {"judge": QUESTION}]}


def _judge(chat: Chat) -> Reply:
    """Looks at the file that is there, and judges by what stands in it."""
    assert f"Goal: {QUESTION}" in chat.prompt
    seen = "".join(str(message["content"]) for message in chat.messages[1:])
    payload = {"holds": "hello" in seen, "reason": f"greeting.txt:1 says {'hello' if 'hello' in seen else 'nothing'}"}
    return Coder(Lesson("", reads=["greeting.txt"], payload=payload))(chat)


def _write(text: str) -> dict[str, Any]:
    return {**WRITES, "writes": "greeting.txt", "do": f"echo {text} > greeting.txt"}


def test_what_does_not_hold_refuses_with_the_reason_and_what_holds_lands(shell: Any) -> None:
    first_wrong = "test $SWARM_ATTEMPT = 1 && echo go away > greeting.txt || echo hello > greeting.txt"
    shell.plan({"greet": {**WRITES, "writes": "greeting.txt", "do": first_wrong}}, limits={"attempts": 2}, success=[{"judge": QUESTION}])
    shell.write("ws/greeting.txt", "nothing yet\n")
    with ModelServer(_judge).in_thread() as server:
        shell.thinking_with(server).swarm("execute", "plan.yaml", "--run", "r")
    (refused,) = [event["refused"] for event in shell.json("log", "r") if event["kind"] == "attempt_refused"]
    assert refused["kind"] == "checks"
    assert f"judge: {QUESTION} is not green on the attempt's own tree:\ngreeting.txt:1 says nothing" in refused["text"]
    (handoff,) = shell.json("handoffs", "r")
    assert handoff["evidence"][1] == {"check": f"judge: {QUESTION}", "before": False, "after": True, "landed": True}
    status = shell.json("status", "r")
    assert status["success"] == [{"check": f"judge: {QUESTION}", "met": True}]
    assert status["usage"]["calls"] == len(server.chats)
    # Three trees were judged: the base, the refused one and the landed one, which is also the last. Two calls each: a look, a verdict.
    assert len(server.chats) == 6
    assert len({exchange.chat.digest for exchange in server.chats if exchange.chat}) == 6


def test_a_judge_cannot_write_and_is_shown_no_place_of_this_machine(shell: Any) -> None:
    shell.plan({"greet": _write("hello")})
    with ModelServer(_judge).in_thread() as server:
        shell.thinking_with(server).swarm("execute", "plan.yaml", "--run", "r")
    texts = "".join(str(exchange.messages) for exchange in server.chats)
    assert "### read_file" in texts
    assert "### edit_file" not in texts
    assert "### run" not in texts
    assert str(shell.folder) not in texts


@pytest.mark.parametrize(
    "script",
    [fields(thought="I cannot tell.", calls="[]"), Fixed(then=Status(400, message="no such thing"))],
    ids=["goes-in-circles", "gets-no-answer"],
)
def test_a_judge_that_comes_to_no_answer_does_not_hold_it(shell: Any, script: Any) -> None:
    shell.plan({"greet": {"writes": "greeting.txt", "do": "echo hello > greeting.txt"}}, success=[{"judge": QUESTION}, {"run": "true"}])
    with ModelServer(script).in_thread() as server:
        shell.thinking_with(server).swarm("execute", "plan.yaml", "--run", "r", status=1)
    status = shell.json("status", "r")
    assert (status["state"], shell.states("r")) == ("incomplete", {"greet": "verified"})
    assert status["success"][0] == {"check": f"judge: {QUESTION}", "met": False}


def test_a_judge_without_a_model_is_missed_before_anything_starts(shell: Any) -> None:
    shell.plan({"greet": _write("hello")}, success=[{"judge": QUESTION}])
    missing = shell.swarm("execute", "plan.yaml", status=69)
    assert (missing.stdout, "c.greet, success need a language model" in missing.stderr) == ("", True)
    assert shell.json("runs") == []


def test_a_judge_asks_the_model_that_the_tasks_name_where_the_plan_names_none(shell: Any) -> None:
    shell.write("ws/greeting.txt", "rude\n")
    gaps = {"rude": {"files": "*.txt", "containing": "rude"}}
    with ModelServer(_judge, key="none").in_thread() as server:
        of_each = {**WRITES, "for_each": "rude", "writes": "{path}", "do": "echo hello > greeting.txt", "program": "react"}
        shell.plan({"greet": {**of_each, "lm": f"openai/gpt-test@{server.base_url}"}}, gaps=gaps)
        shell.swarm("execute", "plan.yaml", "--run", "r")
    assert shell.states("r") == {"greet[greeting.txt]": "verified"}
    shell.swarm("replay", "r")
