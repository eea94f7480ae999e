"""`swarm replay --live`: what another model makes of the same task, held against the record, field by field. The run stays as it is."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.model_server import Coder, Lesson, ModelServer

CONTRACTS = {"Made": {"files": "list[path]", "n": "int", "words": "list[str]", "took": {"type": "float", "measured": True, "ge": 0}}}
TASKS = {
    "made": {"goal": "Write made.txt.", "writes": "made.txt", "hands": "Made", "done_when": [{"exists": "made.txt"}]},
    "plain": {
        "goal": "Write plain.txt.",
        "writes": "plain.txt",
        "done_when": [{"exists": "plain.txt"}, {"present": "hello", "in": "plain.txt"}],
    },
}


def _coder(content: str, commands: tuple[str, ...] = (), **payload: Any) -> Coder:
    """Writes the content into the file of each task, and hands over the payload."""
    made = Lesson("task c.made.", files={"made.txt": content}, commands=commands, payload=payload)
    return Coder(made, Lesson("task c.plain.", files={"plain.txt": content}))


@pytest.fixture(scope="module")
def recorded(shared_shell: Any) -> Any:
    """The run `r`, complete, and the bytes of its journal."""
    shared_shell.plan(TASKS, contracts=CONTRACTS)
    script = _coder("hello\n", n=1, words=["a"], took=1.0)
    with ModelServer(script).in_thread() as server:
        shared_shell.thinking_with(server).swarm("execute", "plan.yaml", "--run", "r")
    return _kept(shared_shell)


def _kept(shell: Any) -> dict[str, bytes]:
    folder: Path = shell.folder / ".swarm/runs/r"
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _live(shell: Any, server: ModelServer, *arguments: str, status: int) -> dict[str, Any]:
    desk = shell.using(SWARM_LM_KEY=server.key)
    document = desk.json("replay", "r", "--live", "--lm", f"openai/gpt-other@{server.base_url}", *arguments, status=status)
    return {one["task"]: one for one in document["handoffs"]}


def test_another_answer_is_shown_field_by_field_with_its_patch_its_checks_and_what_it_took(shared_shell: Any, recorded: Any) -> None:
    refs, ids = shared_shell.git("for-each-ref"), {one["task"]: one["id"] for one in shared_shell.json("handoffs", "r")}
    with ModelServer(_coder("good day\n", ("true",), n=2, words=["a", "b"], took=9.5)).in_thread() as server:
        replayed = _live(shared_shell, server, status=1)
    asked = Counter(name for exchange in server.chats for name in ids if exchange.chat and f"task {name}." in exchange.chat.prompt)
    fields = [{"field": "n", "recorded": 1, "replayed": 2}, {"field": "words", "recorded": ["a"], "replayed": ["a", "b"]}]
    checks = [{"field": "present: hello in plain.txt", "recorded": True, "replayed": False}]
    differences = {"c.made": fields, "c.plain": checks}
    assert replayed == {
        task: {
            "task": task,
            "id": id_,
            "same": False,
            "differences": differences[task],
            "patch_same": False,
            "calls": asked[task],
            "usd": None,
        }
        for task, id_ in ids.items()
    }
    assert {exchange.model for exchange in server.chats} == {"gpt-other"}
    assert (_kept(shared_shell), shared_shell.git("for-each-ref")) == (recorded, refs)


def test_in_words_calls_tokens_cost_and_seconds_stand_beside_the_recorded_ones(shared_shell: Any, recorded: Any) -> None:
    with ModelServer(_coder("hello\n", ("true",), n=1, words=["a"], took=2.0)).in_thread() as server:
        desk = shared_shell.using(SWARM_LM_KEY=server.key)
        shown = desk.swarm("replay", "r", "c.made", "--live", "--lm", f"openai/gpt-other@{server.base_url}").stdout
    took = r"took  recorded 2 calls, [\d,]+ tokens, cost unknown in \S+ s\n +replayed 3 calls, [\d,]+ tokens, cost unknown in \S+ s\n"
    assert re.search(took, shown), shown
    assert shown.rstrip().endswith("1 handoff performed again: 1 the same, 0 different; 3 model calls, cost unknown")


def test_the_model_is_the_recorded_one_unless_another_is_named(shell: Any) -> None:
    shell.plan({"plain": TASKS["plain"]})
    with ModelServer(_coder("hello\n")).in_thread() as server:
        desk = shell.using(SWARM_LM_KEY=server.key)
        desk.swarm("execute", "plan.yaml", "--run", "r", "--lm", f"openai/gpt-test@{server.base_url}")
        first = len(server.chats)
        (replayed,) = desk.json("replay", "r", "--live")["handoffs"]
        assert (replayed["same"], replayed["calls"]) == (True, first)
        assert [exchange.model for exchange in server.chats] == ["gpt-test"] * 2 * first


def test_a_model_that_does_not_do_it_is_a_difference(shared_shell: Any, recorded: Any) -> None:
    with ModelServer(Coder(Lesson("task c.made.", payload={"n": "many"}))).in_thread() as server:
        (made,) = _live(shared_shell, server, "c.made", status=1).values()
    assert [(one["field"], one["recorded"]) for one in made["differences"]] == [("outcome", "verified")]
    assert "refused" in made["differences"][0]["replayed"]
    assert made["calls"] > 0
    assert _kept(shared_shell) == recorded


def test_a_model_is_named_for_a_live_replay_only(shared_shell: Any, recorded: Any) -> None:
    refused = shared_shell.swarm("replay", "r", "--lm", "openai/gpt-other", status=2)
    assert (refused.stdout, "--live" in refused.stderr) == ("", True)
    assert "OPENAI_API_KEY" in shared_shell.swarm("replay", "r", "--live", "--lm", "openai/gpt-other", status=69).stderr
    assert "is not a model's name" in shared_shell.swarm("replay", "r", "--live", "--lm", "nonsense", status=2).stderr
