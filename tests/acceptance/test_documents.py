"""The documents of `--json` have exactly the keys that programs rely on, and standard output holds nothing else."""

import json
from typing import Any

import pytest

# What each document holds: a mapping's keys with what is behind them, a list's element, or a type. `...`: anything.
OPTIONAL_TEXT = (str, type(None))
OPTIONAL_BOOL = (bool, type(None))
NUMBER = (int, float)
OPTIONAL_NUMBER = (int, float, type(None))
USAGE = {"calls": int, "tokens": int, "usd": NUMBER}
GAP = {"gap": str, "path": OPTIONAL_TEXT, "lines": str}
RUN = {"run": str, "plan": str, "state": str, "started_at": str, "ended_at": OPTIONAL_TEXT, "seconds": NUMBER}
CONDITION = {"condition": str, "value": OPTIONAL_NUMBER, "threshold": OPTIONAL_NUMBER, "met": bool}
PHASE = {"id": str, "state": str, "done": NUMBER, "tasks": int, "verified": int, "gate": [CONDITION], "debt": [str]}
TASK = {
    "id": str,
    "category": str,
    "phase": str,
    "agent": str,
    "state": str,
    "attempts": int,
    "seconds": NUMBER,
    "handoff": OPTIONAL_TEXT,
    "commit": OPTIONAL_TEXT,
    "reason": OPTIONAL_TEXT,
}
GAPS = {"found": int, "closed": int, "open": [GAP]}
STATUS = {**RUN, "phases": [PHASE], "tasks": [TASK], "gaps": GAPS, "success": [{"check": str, "met": OPTIONAL_BOOL}], "usage": USAGE}
EVIDENCE = {"check": str, "before": OPTIONAL_BOOL, "after": OPTIONAL_BOOL, "landed": OPTIONAL_BOOL}
HANDOFF = {
    "id": str,
    "run": str,
    "task": str,
    "attempt": int,
    "agent": str,
    "contract": OPTIONAL_TEXT,
    "payload": dict,
    "evidence": [EVIDENCE],
    "base": str,
    "commit": OPTIONAL_TEXT,
    "inputs": [str],
    "seconds": NUMBER,
    "usage": USAGE,
    "at": str,
}
REPLAYED = {
    "task": str,
    "id": str,
    "same": bool,
    "differences": [{"field": str, "recorded": ..., "replayed": ...}],
    "patch_same": bool,
    "calls": int,
    "usd": NUMBER,
}
PROBLEM = {"file": str, "line": int, "column": int, "severity": str, "code": str, "text": str}
VALIDATION = {"ok": bool, "problems": [PROBLEM], "tasks": int, "gaps": {"found": int, "covered": int}, "critical_path": [str]}
DOCUMENTS: dict[str, Any] = {
    "status": STATUS,
    "phases": [PHASE],
    "gaps": GAPS,
    "runs": [RUN],
    "explain": {"task": str, "state": str, "reasons": [str]},
    "handoffs": [HANDOFF],
    "handoff": HANDOFF,
    "replay": {"run": str, "handoffs": [REPLAYED]},
    "validate": VALIDATION,
}
RUN_STATES = {"running", "complete", "incomplete", "stalled", "paused", "cancelled", "interrupted"}
TASK_STATES = {"waiting", "ready", "running", "verified", "satisfied", "failed", "blocked", "cancelled"}


def _unlike(value: Any, shape: Any, where: str = "") -> list[str]:
    """How a value differs from a shape."""
    if shape is ...:
        return []
    if isinstance(shape, dict):
        if not isinstance(value, dict) or value.keys() != shape.keys():
            return [f"{where or 'the document'}: {sorted(value) if isinstance(value, dict) else value!r}, not {sorted(shape)}"]
        return [fault for key, inner in shape.items() for fault in _unlike(value[key], inner, f"{where}.{key}")]
    if isinstance(shape, list):
        if not isinstance(value, list):
            return [f"{where}: {value!r} is no list"]
        return [fault for position, one in enumerate(value) for fault in _unlike(one, shape[0], f"{where}[{position}]")]
    fits = isinstance(value, shape) and (shape is not int or not isinstance(value, bool))
    return [] if fits else [f"{where}: {value!r} is no {shape}"]


def _check(shell: Any, words: list[str], status: int | None = 0) -> Any:
    document = json.loads(shell.swarm(*words, "--json", status=status).stdout)
    assert _unlike(document, DOCUMENTS[words[0]]) == []
    return document


def _plan(shell: Any, slow: str, last: str) -> None:
    shell.write("ws/a.txt", "TODO\n")
    tasks = {
        "say": {"writes": "n", "do": """echo '{"n": 1}' > $SWARM_HANDOFF; echo 1 > n""", "hands": "Count", "done_when": [{"exists": "n"}]},
        "slow": {"writes": "a.txt", "needs": "say", "do": f"{slow}; : > a.txt", "closes": {"todo": "**"}},
        "last": {"writes": "z", "phase": "two", "do": last},
        "bad": {"writes": "b", "do": "echo no; exit 3"} if last == "false" else {"writes": "b", "do": "true"},
        "child": {"writes": "c", "do": "true", "needs": "bad"},
    }
    gate = [{"phase": "one", "done": "40%", "must": "c.slow"}, {"run": "test -e n"}, {"gap": "todo"}]
    shell.plan(
        tasks,
        contracts={"Count": {"n": "int"}},
        gaps={"todo": {"files": "*.txt", "containing": "TODO"}},
        phases=["one", {"two": {"gate": gate}}],
        success=[{"run": "true"}, {"absent": "TODO", "in": "**"}],
    )


def _all_documents(shell: Any, handed_over: str = "c.say") -> dict[str, Any]:
    words = (["status"], ["phases"], ["gaps"], ["runs"], ["explain", "c.last"], ["handoffs"], ["handoff", handed_over])
    documents = {one[0]: _check(shell, list(one)) for one in words}
    assert documents["phases"] == documents["status"]["phases"]
    assert documents["gaps"] == documents["status"]["gaps"]
    assert documents["handoff"] in documents["handoffs"]
    assert documents["status"]["state"] in RUN_STATES
    assert {task["state"] for task in documents["status"]["tasks"]} <= TASK_STATES
    return documents


def test_the_documents_of_a_running_run(shell: Any, gate: Any, following: Any) -> None:
    waits = gate("waits")
    _plan(shell, waits.command, "echo > z")
    process = shell.start("execute", "plan.yaml", "--run", "r")
    following(process)
    waits.wait()
    while shell.json("status", "r")["phases"][0]["verified"] < 3:
        """The others of the phase are still landing; each document has to tell of the same moment."""
    documents = _all_documents(shell)
    assert (documents["status"]["state"], documents["status"]["ended_at"]) == ("running", None)
    assert {one["met"] for one in documents["status"]["success"]} == {None}
    assert documents["explain"]["state"] == "waiting"
    assert [one["value"] for one in documents["phases"][1]["gate"]][1:] == [None, None]
    process.kill()
    process.communicate()
    assert _all_documents(shell)["status"]["state"] == "interrupted"


@pytest.mark.parametrize(("last", "status", "state"), [("echo > z", 0, "complete"), ("false", 1, "incomplete")])
def test_the_documents_of_an_ended_run(shell: Any, last: str, status: int, state: str) -> None:
    _plan(shell, "true", last)
    executed = shell.swarm("execute", "plan.yaml", "--run", "r", status=status)
    assert executed.stdout == "r\n"
    documents = _all_documents(shell)
    assert documents["status"]["state"] == state
    assert [one["met"] for one in documents["status"]["success"]] == [True, True]
    assert documents["status"]["ended_at"] > documents["status"]["started_at"]
    assert all(at.endswith("Z") for at in (documents["status"]["started_at"], documents["handoff"]["at"]))
    if state == "incomplete":
        assert {task["id"]: task["state"] for task in documents["status"]["tasks"]} == {
            "c.say": "verified",
            "c.slow": "verified",
            "c.last": "failed",
            "c.bad": "failed",
            "c.child": "blocked",
        }
        assert documents["phases"][0]["debt"] == ["c.bad", "c.child"]
        failed = shell.json("handoff", "c.bad")
        assert failed.keys() == {*HANDOFF, "refused"}
        assert (failed["id"], failed["payload"], "ended with 3" in failed["refused"]) == (None, None, True)
    _check(shell, ["replay"])
    log = shell.json("log")
    assert [event["seq"] for event in log] == list(range(1, len(log) + 1))
    assert [event["kind"] for event in (log[0], log[-1])] == ["run_started", "run_ended"]
    assert all({"seq", "at", "kind"} <= event.keys() for event in log)


def test_the_document_of_a_proof(shell: Any) -> None:
    _plan(shell, "true", "true")
    document = _check(shell, ["validate", "plan.yaml"])
    assert (document["ok"], document["problems"], document["tasks"], document["gaps"]) == (True, [], 5, {"found": 1, "covered": 1})
    assert document["critical_path"] == ["c.say", "c.slow"]
    shell.plan(
        {"one": {"writes": "x", "do": "true", "needs": "two", "phase": "none"}, "two": {"writes": "x", "do": "true", "needs": "one"}}
    )
    document = _check(shell, ["validate", "plan.yaml"], status=2)
    assert (document["ok"], {one["code"] for one in document["problems"]}) == (False, {"cycle", "unknown-name"})
    shell.write("plan.yaml", "plan: [")
    document = _check(shell, ["validate", "plan.yaml"], status=2)
    assert ([one["code"] for one in document["problems"]], document["tasks"]) == (["syntax"], 0)
    assert not (shell.folder / ".swarm").exists()


def test_execute_makes_an_id_up_and_prints_it_first(shell: Any) -> None:
    shell.plan({"one": {"writes": "x", "do": "echo > x"}})
    ids = [shell.swarm("execute", "plan.yaml").stdout for _ in range(2)]
    assert all(text.startswith("p-") and text.count("\n") == 1 for text in ids)
    assert [row["run"] for row in shell.json("runs")] == [text.strip() for text in reversed(ids)]
    assert shell.json("status")["run"] == ids[1].strip()


def test_a_dry_run_prints_its_decisions_and_makes_nothing(shell: Any) -> None:
    _plan(shell, "true", "true")
    before = sorted(shell.folder.rglob("*"))
    rehearsed = shell.swarm("execute", "plan.yaml", "--dry-run", "--parallel", "1")
    assert [line.split(None, 1)[1] for line in rehearsed.stdout.splitlines()] == [
        "open phase one",
        "start c.say",
        "start c.slow",
        "measure the gate of phase two",
        "start c.bad",
        "open phase two",
        "start c.last",
        "start c.child",
    ]
    only = shell.swarm("execute", "plan.yaml", "--dry-run", "--only", "c.slow").stdout
    assert ("start c.say" in only, "start c.slow" in only, "start c.bad" in only) == (True, True, False)
    assert sorted(shell.folder.rglob("*")) == before


def test_the_rest_of_the_looking_commands_print_one_document(shell: Any) -> None:
    assert {row["name"] for row in shell.json("agents")} >= {"code-generator", "qa-validator"}
    one = shell.json("agents", "qa-validator")
    assert (one["name"], one["program"], [message["role"] for message in one["prompt"]]) == ("qa-validator", "react", ["system", "user"])
    assert all(row.keys() == {"name", "ok", "text"} for row in shell.json("doctor"))
    assert json.loads(shell.swarm("schema").stdout)["$schema"].startswith("https://json-schema.org/")
    assert list(shell.folder.iterdir()) == []
