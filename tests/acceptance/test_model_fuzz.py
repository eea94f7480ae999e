"""Answers such as no model should give, by the hundred: nothing breaks, and nothing that does not fit is handed over."""

import json
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.model_server import Answer, Call, Chat, ModelServer, Reply, Status

SEED = 4
LEAST = 300
CONTRACT = {
    "files": "list[path]",
    "n": {"type": "int", "ge": 0, "le": 9},
    "word": {"type": "literal[yes, no]"},
    "share": {"type": "float", "default": 0.5, "lt": 1},
    "more": "optional[dict[str, list[int]]]",
}
PLACES = (
    "../up.txt",
    "/tmp/swarm-fuzz",
    ".git/config",
    "other.txt",
    "a/../../b",
    "x" * 3000,
    "nul\0.txt",
    "",
    "-rf",
    "~/x",
    "$HOME",
    "\ud800",
)
COMMANDS = (
    "exit 3",
    "kill -9 $$",
    "rm -rf -- * .[a-z]*",
    "git init -q inner",
    "ln -s / everything; ln -s ../.. up",
    "mkfifo pipe",
    "mkdir closed; touch closed/f; chmod 000 closed",
    "head -c 300000 /dev/urandom | base64; printf '\\377\\000\\033[2J'",
    "echo x > other.txt",
    "cat /dev/null; nonsense --please",
    "(exec 1>&-; true) & echo started",
    "'",
)
VALUES: tuple[Any, ...] = (
    None, True, -1, 10, 1e308, "yes", "maybe", "5", "", [], {}, ["../x"], ["a", 1], {"k": [1]}, {"k": "v"}, "\ud800", 2**70, [[[]]]
)  # fmt: skip
JUNK: tuple[Callable[[random.Random], str], ...] = (
    lambda chance: "",
    lambda chance: "I would rather not.",
    lambda chance: chance.randbytes(400).decode("latin-1"),
    lambda chance: "".join(chr(chance.choice((0, 9, 27, 0x202E, 0xFFFD, 0x1F600))) for _ in range(50)),
    lambda chance: "[" * 50_000,
    lambda chance: '{"a":' * 20_000,
    lambda chance: "x" * 250_000,
    lambda chance: _turn([{"tool": "read_file"}] * 500),
    lambda chance: _turn([{"tool": 5, "args": []}]),
    lambda chance: _turn("not a list"),
    lambda chance: _turn([{"tool": "finish", "args": {"n": float("nan")}}]),
    lambda chance: _turn([{"tool": "finish", "args": {"n": int("9" * 400)}}]),
    lambda chance: '[[ ## thought ## ]]\nx\n[[ ## calls ## ]]\n[{"tool": "finish", "args": {"n": 1' + "1" * 5000,
    lambda chance: "[[ ## calls ## ]]\n[]\n[[ ## calls ## ]]\n[]\n[[ ## completed ## ]]",
    lambda chance: "[[ ## n ## ]]\n1e999\n[[ ## word ## ]]\nperhaps\n[[ ## files ## ]]\n../x\n[[ ## more ## ]]\n{}",
    lambda chance: json.dumps({name: chance.choice(VALUES) for name in CONTRACT}),
)


def _turn(calls: Any) -> str:
    return f"[[ ## thought ## ]]\n{{}} ]]\n\n[[ ## calls ## ]]\n{json.dumps(calls)}"


def _payload(chance: random.Random) -> dict[str, Any]:
    """What fits, but for what chance puts in its place."""
    payload = {"files": [], "n": 3, "word": "yes", "more": None}
    for name in chance.sample(sorted({*CONTRACT, "extra"}), chance.choice((0, 0, 1, 3))):
        payload[name] = chance.choice(VALUES)
    return payload


def _call(chance: random.Random, own: str) -> dict[str, Any]:
    path = chance.choice((own, own, *PLACES))
    return chance.choice(
        (
            {"tool": "write_file", "args": {"path": own, "content": "done\n"}},
            {"tool": "write_file", "args": {"path": path, "content": chance.choice(("done\n", "\ud800", "\0" * 9, 5))}},
            {"tool": "edit_file", "args": {"edits": [{"path": path, "old": chance.choice(("", "done", "o")), "new": "x\n"}]}},
            {"tool": "edit_file", "args": {"edits": json.dumps([{"path": path}]), "then_check": "perhaps"}},
            {"tool": "read_file", "args": {"path": path, "lines": chance.choice(("9-1", "-", "0", "1,2,x", "9" * 100))}},
            {"tool": "search", "args": {"pattern": chance.choice(("/(a+)+$/", "/[/", "\0", "/" + "(" * 500)), "files": path}},
            {"tool": "list_files", "args": {"pattern": chance.choice(("{a,b" * 20, "**/" * 300, "[", path))}},
            {"tool": "run", "args": {"command": chance.choice(COMMANDS), "seconds": chance.choice((5, -1, "soon", 1e300))}},
            {"tool": "note", "args": {"text": chance.choice(("odd", "\033[2J", ""))}},
            {"tool": chance.choice(("finish", "Finish", "sudo", "\ud800", "edit_file")), "args": {"n": chance.choice(VALUES)}},
        )
    )


def answer(chat: Chat) -> Reply:
    """By chance, but the same to the same question, whoever asks first."""
    chance = random.Random(f"{SEED} {chat.digest}")
    own = chat.prompt.partition("This is task c.")[2].partition(".")[0] + ".txt"
    kind = chance.random()
    if kind < 0.02:
        return Status(400, message="no\x1b[2J")
    if kind < 0.25:
        return Answer(chance.choice(JUNK)(chance), finish_reason=chance.choice((None, "length", "content_filter")))
    if kind < 0.30:
        return Answer("", (Call("write_file", {"path": own, "content": "done\n"}), Call("finish", '{"n": ')))
    calls = [_call(chance, own) for _ in range(chance.choice((0, 1, 1, 2, 5)))]
    if kind > 0.60:
        calls += [{"tool": "write_file", "args": {"path": own, "content": "done\n"}}, {"tool": "finish", "args": _payload(chance)}]
    if "[[ ## word ## ]]" in chat.prompt or "`word`" in chat.prompt:
        return Answer("\n\n".join(f"[[ ## {name} ## ]]\n{_said(value)}" for name, value in _payload(chance).items()))
    return Answer(_turn(calls))


def _said(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _task(number: int) -> dict[str, Any]:
    name = f"t{number}"
    task: dict[str, Any] = {
        "goal": "Write.",
        "hands": "Made",
        "writes": f"{name}.txt",
        "done_when": [{"present": "done", "in": f"{name}.txt"}],
    }
    if number % 4 == 0:
        task |= {"program": "predict" if number % 8 else "chain_of_thought", "writes": [], "done_when": [], "keep": [{"run": "true"}]}
    if number % 10 == 1:
        task["done_when"] = [*task["done_when"], {"judge": "Is it done?"}]
    return task


def _fits(payload: dict[str, Any]) -> bool:
    return (
        set(payload) == set(CONTRACT)
        and all(isinstance(path, str) and ".." not in path.split("/") and not path.startswith("/") for path in payload["files"])
        and type(payload["n"]) is int
        and 0 <= payload["n"] <= 9
        and payload["word"] in ("yes", "no")
        and type(payload["share"]) in (int, float)
        and payload["share"] < 1
        and (payload["more"] is None or all(type(n) is int for numbers in payload["more"].values() for n in numbers))
    )


def test_whatever_models_say_nothing_breaks_and_nothing_lands_that_does_not_fit(shell: Any) -> None:
    tasks = {f"t{number}": _task(number) for number in range(50)}
    shell.write("ws/other.txt", "not theirs\n")
    shell.plan(tasks, contracts={"Made": CONTRACT}, limits={"attempts": 1, "turns": 8, "parallel": 8})
    with ModelServer(answer).in_thread() as server:
        ended = shell.thinking_with(server).swarm("execute", "plan.yaml", "--run", "r", status=None)
    assert ended.returncode in (0, 1), ended.stderr[-3000:]
    assert "internal error" not in ended.stderr
    assert len(server.chats) >= LEAST, Counter(exchange.status for exchange in server.chats)
    handoffs, states = shell.json("handoffs", "r"), Counter(shell.states("r").values())
    assert states.keys() == {"verified", "failed"}
    assert min(states.values()) > 5, "a fuzzer that always fails, or never, shows little"
    assert [one["task"] for one in handoffs if not _fits(one["payload"])] == []
    assert all(check["after"] and check["landed"] for one in handoffs for check in one["evidence"])
    assert set(shell.landed("r")) <= {f"{name}.txt" for name in tasks}
    assert not [*shell.folder.parent.rglob("up.txt"), *Path("/tmp").glob("swarm-fuzz")]
    shell.swarm("log", "r", "--verify")
    replayed = shell.json("replay", "r", status=None)["handoffs"]
    assert [one for one in replayed if not one["same"]] == []
