"""When a task is done: checks, payloads, evidence, limits, and what an attempt is told."""

import json
import os
import select
from pathlib import Path
from typing import Any

import pytest

on_linux = pytest.mark.skipif(not Path("/proc/self").exists(), reason="a grandchild that left its group is only found through /proc")


def _events(shell: Any, kind: str, run: str = "r") -> list[dict[str, Any]]:
    return [event for event in shell.json("log", run) if event["kind"] == kind]


def _refusals(shell: Any) -> dict[str, dict[str, Any]]:
    """Short task name to its last refusal."""
    return {event["task"].removeprefix("c."): event["refused"] for event in _events(shell, "attempt_refused")}


# Checks

MAKE = {"writes": "made/**", "do": "mkdir -p made; echo 'TOTAL 93%' > made/$SWARM_TASK"}
GREEN = {
    "run": {"run": "test -s made/c.run"},
    "expect": {"run": "cat made/c.expect", "expect": {"pattern": r"TOTAL (\d+)%", "at_least": 90}},
    "present": {"present": "TOTAL", "in": "made/c.present"},
    "present-regex": {"present": r"/TOTAL \d+%$/", "in": "made/c.present-re*"},
    "absent": {"absent": "TODO", "in": "todo.txt"},
    "exists": {"exists": ["made/c.exists", "base.*"]},
    "gap": {"gap": "unfinished", "in": "unfinished.txt"},
}
RED = {
    "run": ({"run": "echo the output; exit 7"}, "the output\n(status 7)"),
    "expect": ({"run": "echo 89%", "expect": {"pattern": r"(\d+)%", "at_least": 90}}, "(89; expected at least 90)"),
    "expect-nothing": ({"run": "echo none", "expect": {"pattern": r"(\d+)%", "below": 1}}, "nothing it printed matches"),
    "expect-no-number": ({"run": "echo many%", "expect": {"pattern": r"(\w+)%", "below": 1}}, "'many' is no number"),
    "present": ({"present": "TOTAL", "in": "*.txt"}, "not in base.txt"),
    "present-nowhere": ({"present": "TOTAL", "in": "nothing/**"}, "no file matches nothing/**"),
    "absent": ({"absent": "/^b.se/", "in": "**"}, "base.txt:1"),
    "exists": ({"exists": ["base.txt", "nothing/**"]}, "no file matches nothing/**"),
    "gap": ({"gap": "unfinished", "in": "other.txt"}, "other.txt"),
}


def _prepare(shell: Any) -> None:
    for path, text in (("base.txt", "base\n"), ("todo.txt", "TODO\n"), ("unfinished.txt", "FIXME\n"), ("other.txt", "FIXME\n")):
        shell.write(f"ws/{path}", text)


def test_every_kind_of_check_turns_from_red_to_green(shell: Any) -> None:
    _prepare(shell)
    tasks: dict[str, Any] = {name: MAKE | {"writes": f"made/c.{name}", "done_when": [check]} for name, check in GREEN.items()}
    tasks["absent"] |= {"writes": "todo.txt", "do": ": > todo.txt"}
    tasks["gap"] |= {"writes": "unfinished.txt", "do": ": > unfinished.txt", "closes": {"unfinished": "unfinished.txt"}}
    tasks["other"] = {"writes": "other.txt", "do": ": > other.txt", "for_each": "unfinished", "only": "other.txt"}
    shell.plan(tasks, gaps={"unfinished": {"files": "*.txt", "containing": "FIXME"}})
    shell.swarm("execute", "plan.yaml", "--run", "r")
    turned = {
        handoff["task"].removeprefix("c."): {(check["before"], check["after"], check["landed"]) for check in handoff["evidence"]}
        for handoff in shell.json("handoffs", "r")
    }
    assert turned == {name: {(False, True, True)} for name in [*GREEN, "other[other.txt]"]}
    assert shell.json("gaps", "r") == {"found": 2, "closed": 2, "open": []}


def test_a_red_check_refuses_with_what_it_saw(shell: Any) -> None:
    _prepare(shell)
    tasks = {name: MAKE | {"writes": f"made/c.{name}", "done_when": [check]} for name, (check, _) in RED.items()}
    kept = {"writes": "made/kept", "do": "mkdir -p made; echo x > made/kept", "keep": [{"run": "test ! -e made/kept"}]}
    red_before = {"writes": "made/was-red", "do": "mkdir -p made; echo x > made/was-red", "keep": [{"run": "false"}]}
    closing = {"writes": "*.txt", "do": "true", "closes": {"unfinished": "**"}}
    shell.plan(
        {**tasks, "kept": kept, "red-before": red_before, "closing": closing},
        gaps={"unfinished": {"files": "*.txt", "containing": "FIXME"}},
    )
    shell.swarm("execute", "plan.yaml", "--run", "r", status=1)
    assert shell.states("r") == {**dict.fromkeys([*tasks, "kept", "closing"], "failed"), "red-before": "verified"}
    refusals = _refusals(shell)
    assert {name: text in refusals[name]["text"] for name, (_, text) in RED.items()} == dict.fromkeys(RED, True), refusals
    assert refusals["kept"]["text"] == "run: test ! -e made/kept was green and is red on the attempt's own tree:\n(status 1)"
    assert "unfinished.txt" in refusals["closing"]["text"]
    assert {refused["kind"] for refused in refusals.values()} == {"checks"}
    assert shell.landed("r") == {"made/was-red": "A"}


def test_what_a_check_writes_is_discarded(shell: Any) -> None:
    check = {"run": "test ! -e litter && echo x > litter && test -e made"}
    shell.plan({"work": {"writes": "**", "do": "echo x > made", "done_when": [check], "keep": [check]}}, success=[check])
    shell.swarm("execute", "plan.yaml", "--run", "r")
    assert shell.landed("r") == {"made": "A"}


# Payloads

HANDOFFS = {
    "extra": ("""echo '{"n": 1, "more": 2}'""", "more: Extra inputs are not permitted"),
    "type": ("""echo '{"n": "1"}'""", "n: Input should be a valid integer"),
    "bound": ("""echo '{"n": 11}'""", "n: Input should be less than or equal to 10"),
    "missing": ("echo '{}'", "n: Field required"),
    "nothing": (":", "is no JSON"),
    "nan": ("""echo '{"n": 1, "x": NaN}'""", "x is nan: a handoff holds finite numbers"),
    "infinite": ("""echo '{"n": 1, "x": -1e999}'""", "x is -inf: a handoff holds finite numbers"),
    "number": ("""printf '{"n": 1'; head -c 5000 /dev/zero | tr '\\0' 1; echo }""", "is no JSON"),
    "deep": ("""for i in 1 2 3 4 5 6 7 8 9 10 11; do a="$a$a[[[["; done; echo "$a" """, "is no JSON"),
    "huge": ("""printf '{"n": 1, "s": "'; head -c 9000000 /dev/zero | tr '\\0' x; echo '"}'""", "larger than"),
    "list": ("echo '[1]'", "a handoff is a JSON object, not list"),
    "text": ("echo not json", "is no JSON"),
    "bytes": (r"""printf '{"n": 1, "s": "\377"}'""", "is no JSON"),
    "path": ("""echo '{"n": 1, "at": "../up"}'""", "at: Value error, a path is relative to the workspace, without '..'"),
}
ODD_FILES = {
    "link": """echo '{"n": 1}' > link; ln -s "$PWD/link" "$SWARM_HANDOFF" """,
    "folder": 'mkdir "$SWARM_HANDOFF"',
    "pipe": 'mkfifo "$SWARM_HANDOFF"',
}


def test_a_payload_that_does_not_fit_its_contract_is_refused(shell: Any) -> None:
    contract = {"n": {"type": "int", "le": 10}, "x": {"type": "float", "default": 0.5}, "at": {"type": "path", "default": "p"}}
    tasks: dict[str, Any] = {
        name: {"writes": name, "do": f"{{ {made}; }} > $SWARM_HANDOFF", "hands": "Count"} for name, (made, _) in HANDOFFS.items()
    }
    tasks |= {name: {"writes": name, "do": made, "hands": "Count"} for name, made in ODD_FILES.items()}
    tasks["silent"] = {"writes": "silent", "do": "true", "hands": "Count"}
    tasks["good"] = {"writes": "good", "do": """echo '{"n": 10}' > $SWARM_HANDOFF""", "hands": "Count"}
    shell.plan(tasks, contracts={"Count": contract | {"s": {"type": "str", "default": ""}}})
    shell.swarm("execute", "plan.yaml", "--run", "r", status=1)
    refusals = _refusals(shell)
    expected = {name: text for name, (_, text) in HANDOFFS.items()} | {"silent": "n: Field required"}
    assert {name: text in refusals[name]["text"] for name, text in expected.items()} == dict.fromkeys(expected, True), refusals
    assert {name: refusals[name]["kind"] for name in [*expected, *ODD_FILES]} == dict.fromkeys([*expected, *ODD_FILES], "contract")
    assert shell.json("handoff", "r", "good")["payload"] == {"n": 10, "x": 0.5, "at": "p", "s": ""}


def test_handoffs_reach_those_that_need_them_under_the_full_name(shell: Any) -> None:
    shell.write("ws/a.txt", "TODO\n")
    tasks = {
        "say": {"writes": "say", "do": """echo '{"text": "Grüße \\ud83d\\ude00 \\u0007"}' > "$SWARM_HANDOFF" """, "hands": "Said"},
        "fan": {"for_each": "todo", "writes": "{path}", "do": """echo '{"text": "fan"}' > "$SWARM_HANDOFF"; : > {path}""", "hands": "Said"},
        "quiet": {"writes": "quiet", "do": "true"},
        "aside": {"writes": "aside", "do": """echo '{"text": "not needed"}' > "$SWARM_HANDOFF" """, "hands": "Said"},
        "hear": {"writes": "heard.json", "needs": ["say", "fan[*]", "quiet"], "takes": ["Said"], "do": "cat $SWARM_INBOX > heard.json"},
    }
    shell.plan(tasks, contracts={"Said": {"text": "str"}}, gaps={"todo": {"files": "*.txt", "containing": "TODO"}})
    shell.swarm("execute", "plan.yaml", "--run", "r")
    heard = json.loads(shell.git("show", "refs/swarm/r/head:heard.json"))
    assert heard == {"c.say": {"text": "Grüße 😀 \x07"}, "c.fan[a.txt]": {"text": "fan"}, "c.quiet": {}}
    ids = {handoff["task"]: handoff["id"] for handoff in shell.json("handoffs", "r")}
    assert sorted(shell.json("handoff", "r", "hear")["inputs"]) == sorted(ids[name] for name in heard)
    assert "\x07" not in shell.swarm("handoff", "r", "say").stdout


@pytest.mark.parametrize("payload", [r'{"text": "\ud800"}', '{"text": "' + "x" * 3_000_000 + '"}'], ids=["half a character", "3 MB"])
def test_odd_text_in_a_payload_is_kept_or_refused_but_the_run_goes_on(shell: Any, payload: str) -> None:
    shell.write("payload.json", payload)
    tasks = {
        "say": {"writes": "say", "do": f"cat '{shell.folder}/payload.json' > $SWARM_HANDOFF"},
        "good": {"writes": "x", "do": "echo > x"},
    }
    shell.plan(tasks)
    shell.swarm("execute", "plan.yaml", "--run", "r", status=None)
    states = shell.states("r")
    assert (states["say"] in ("verified", "failed"), states["good"]) == (True, "verified")
    if states["say"] == "verified":
        assert shell.json("handoff", "r", "say")["payload"] == json.loads(payload)
        shell.swarm("handoff", "r", "say")
    shell.swarm("log", "r", "--verify")


# Evidence and limits


def test_the_evidence_of_a_refusal_reaches_the_next_attempt(shell: Any) -> None:
    first = 'if [ "$SWARM_ATTEMPT" = 1 ]; then'
    told = 'grep -q "{}" "$SWARM_BRIEF" && grep -q \'"attempt": 1\' "$SWARM_BRIEF"'
    check = {"run": "test -e check || { echo a needle in it; false; }"}
    tasks: dict[str, Any] = {
        "check": {"do": f"{first} exit 0; fi; {told.format('a needle in it')} && echo > check", "done_when": [check]},
        "procedure": {"do": f"{first} echo some words; exit 9; fi; {told.format('ended with 9:.nsome words')}"},
        "scope": {"do": f"{first} echo > elsewhere; exit; fi; {told.format('elsewhere was added')}"},
        "contract": {"do": f"{first} echo '[]' > $SWARM_HANDOFF; exit; fi; {told.format('a JSON object, not list')}"},
    }
    shell.plan({name: {"writes": name, **task} for name, task in tasks.items()}, limits={"attempts": 2})
    shell.swarm("execute", "plan.yaml", "--run", "r")
    status = shell.json("status", "r")
    assert [(task["state"], task["attempts"]) for task in status["tasks"]] == [("verified", 2)] * 4
    refused = _events(shell, "attempt_refused")
    assert sorted((event["task"], event["refused"]["kind"], event["last"]) for event in refused) == sorted(
        (f"c.{name}", kind, False) for name, kind in {**{name: name for name in tasks}, "check": "checks"}.items()
    )


def _is_gone(pid: int) -> bool:
    """Whether a process has ended, or does at once: one that was killed takes a moment to go. A zombie has ended."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    with open(descriptor, "rb", buffering=0):
        return bool(select.select([descriptor], [], [], 2.0)[0])


@on_linux
def test_what_takes_too_long_is_ended_with_all_its_processes(shell: Any, gate: Any) -> None:
    gates = {name: gate(name) for name in ("attempt", "attempt-away", "check", "check-away")}
    for name in ("attempt-away", "check-away"):
        shell.write(f"{name}.sh", gates[name].command)
    waiting = {name: f"setsid sh '{shell.folder}/{name}-away.sh' & {gates[name].command}" for name in ("attempt", "check")}
    tasks = {
        "attempt": {"writes": "x", "do": waiting["attempt"]},
        "check": {"writes": "y", "do": "echo > y", "keep": [{"run": f"test ! -e y || {{ {waiting['check']}; }}"}]},
        "good": {"writes": "z", "do": "echo > z"},
    }
    shell.plan(tasks, limits={"attempts": 1, "timeout": "1s", "check_timeout": "1s"})
    shell.swarm("execute", "plan.yaml", "--run", "r", status=1)
    assert shell.states("r") == {"attempt": "failed", "check": "failed", "good": "verified"}
    assert [_is_gone(each.wait()) for each in gates.values()] == [True] * 4
    refusals = _refusals(shell)
    assert (refusals["attempt"]["kind"], "took longer than 1 s" in refusals["attempt"]["text"]) == ("timeout", True)
    assert (refusals["check"]["kind"], "took longer than 1 s" in refusals["check"]["text"]) == ("checks", True)


@pytest.mark.parametrize("place", ["procedure", "words", "check", "gate", "success"])
def test_a_missing_command_pauses_the_run_until_it_is_installed(shell: Any, place: str) -> None:
    work: dict[str, Any] = {"writes": "made", "do": "echo > made"}
    parts: dict[str, Any] = {}
    if place in ("procedure", "words"):
        work["do"] = {"command": ["frobnicate", "-w"] if place == "words" else "frobnicate -w"}
    elif place == "check":
        work["done_when"] = [{"run": "frobnicate -e"}]
    elif place == "success":
        parts["success"] = [{"run": "frobnicate"}]
    else:
        parts["phases"] = ["zero", {"one": {"gate": [{"run": "frobnicate"}]}}]
    shell.plan({"work": work, "early": {"writes": "early", "do": "true", "phase": "zero" if place == "gate" else "one"}}, **parts)
    tool = shell.write(
        "bin/elsewhere", '#!/bin/sh\nif [ "$1" = -w ]; then echo > made; else [ "$1" != -e ] || [ -e made ]; fi\n'
    ).with_name("frobnicate")
    shell.environment["PATH"] = f"{tool.parent}:{os.environ['PATH']}"
    paused = shell.swarm("execute", "plan.yaml", "--run", "r", status=69)
    assert "frobnicate" in paused.stderr
    status = shell.json("status", "r")
    assert (status["state"], "frobnicate" in _events(shell, "run_paused")[-1]["reason"]) == ("paused", True)
    assert status["tasks"][0]["attempts"] == (1 if place == "success" else 0), "the attempt does not count"
    tool.write_text("#!/bin/sh\n")
    assert "frobnicate" in shell.swarm("resume", "r", status=69).stderr, "it is there and cannot be run: 126"
    tool.with_name("elsewhere").rename(tool)
    tool.chmod(0o755)
    shell.swarm("resume", "r")
    assert [(task["state"], task["attempts"]) for task in shell.json("status", "r")["tasks"]] == [("verified", 1)] * 2


def test_a_check_that_is_still_to_be_made_is_red_and_not_missing(shell: Any) -> None:
    tasks: dict[str, Any] = {"work": {"writes": "tools/**", "do": "mkdir tools; printf '#!/bin/sh\\n' > tools/check; chmod +x tools/check"}}
    tasks["work"]["done_when"] = [{"run": "tools/check --all"}]
    shell.plan(tasks)
    shell.swarm("execute", "plan.yaml", "--run", "r")
    assert shell.json("handoff", "work")["evidence"] == [
        {"check": "run: tools/check --all", "before": False, "after": True, "landed": True}
    ]


# Gaps


@pytest.mark.parametrize("command", ["echo broken; exit 3", "frobnicate"])
def test_a_detector_that_fails_is_never_no_gaps(shell: Any, command: str) -> None:
    shell.plan({"work": {"writes": "x", "do": "echo > x"}}, gaps={"listed": {"listed_by": command}})
    refused = shell.swarm("execute", "plan.yaml", "--run", "r", status=69)
    assert (refused.stdout, 'gap "listed"' in refused.stderr, command in refused.stderr) == ("", True, True)
    assert shell.json("runs") == []
    assert shell.swarm("validate", "plan.yaml", status=69).stdout == ""


HOSTILE = [
    *("with space.txt", "quo'te.txt", 'dou"ble.txt', "$(touch pwned).txt", "`touch pwned`.txt", "semi;touch pwned.txt", "a&b|c.txt"),
    *("-rf.txt", "star*.txt", "{path}.txt", "[x].txt", "new\nline.txt", "tab\there.txt", "ümlaut.txt", "#hash.txt", "~home.txt"),
    "back\\slash.txt",
]


@pytest.mark.parametrize(
    "command", ["sed -i.old s/TODO/done/ -- {path} && rm -- {path}.old", ["sed", "-i", "s/TODO/done/", "--", "{path}"]]
)
def test_hostile_file_names_stay_file_names(shell: Any, command: object) -> None:
    for name in HOSTILE:
        shell.write(f"ws/{name}", "TODO\n")
    todo = {
        "for_each": "todo",
        "writes": "{path}",
        "do": {"command": command},
        "goal": "Do {path}.",
        "done_when": [{"absent": "TODO", "in": "{path}"}],
    }
    shell.plan({"do": todo}, gaps={"todo": {"files": "*.txt", "containing": "TODO"}})
    shell.swarm("execute", "plan.yaml", "--run", "r")
    assert shell.states("r") == {f"do[{name}]": "verified" for name in HOSTILE}
    shell.swarm("promote", "r")
    assert {path.name: path.read_text() for path in (shell.folder / "ws").iterdir()} == dict.fromkeys(HOSTILE, "done\n")
    assert not list(shell.folder.rglob("pwned"))
    explained = shell.swarm("explain", "r", "c.do[new\nline.txt]").stdout
    assert explained.splitlines()[0] == "c.do[new\\x0aline.txt]  verified"


def test_a_gap_that_first_appears_at_the_end_makes_the_run_incomplete(shell: Any) -> None:
    shell.write("ws/a.txt", "TODO\n")
    tasks = {
        "close": {"writes": "a.txt", "do": ": > a.txt", "closes": {"todo": "**"}},
        "open": {"writes": "b.txt", "do": "printf 'x\\nTODO\\nTODO\\n' > b.txt", "needs": "close"},
    }
    shell.plan(tasks, gaps={"todo": {"files": "*.txt", "containing": "TODO"}})
    ended = shell.swarm("execute", "plan.yaml", "--run", "r", status=1)
    assert "b.txt" in ended.stderr
    status = shell.json("status", "r")
    assert (status["state"], {task["state"] for task in status["tasks"]}) == ("incomplete", {"verified"})
    assert status["gaps"] == {"found": 1, "closed": 1, "open": [{"gap": "todo", "path": "b.txt", "lines": "2-3"}]}
    assert "todo  b.txt  lines 2-3" in shell.swarm("gaps", "r").stdout


# Phases


def test_what_a_phase_left_behind_is_debt_until_it_is_done(shell: Any) -> None:
    ready = f"test -e '{shell.folder}/ready'"
    tasks = {
        "good": {"writes": "good", "do": "echo > good"},
        "late": {"writes": "late", "do": f"{ready} && echo > late"},
        "next": {"writes": "next", "do": "echo > next", "phase": "two"},
    }
    shell.plan(tasks, phases=["one", {"two": {"gate": [{"phase": "one", "done": "50%", "must": ["c.good"]}]}}])
    shell.swarm("execute", "plan.yaml", "--run", "r", status=1)
    one, two = shell.json("phases", "r")
    assert (one["done"], one["debt"], two["state"], two["debt"]) == (0.5, ["c.late"], "done", [])
    assert two["gate"] == [{"condition": "phase: one done 50% and c.good", "value": 0.5, "threshold": 0.5, "met": True}]
    assert "debt  c.late" in shell.swarm("phases", "r").stdout
    assert shell.json("status", "r")["state"] == "incomplete"
    shell.write("ready", "")
    shell.swarm("retry", "r", "late")
    shell.swarm("resume", "r")
    assert [phase["debt"] for phase in shell.json("phases", "r")] == [[], []]


def test_a_gate_that_can_no_longer_open_stalls_the_run(shell: Any) -> None:
    tasks = {
        "bad": {"writes": "bad", "do": "exit 1"},
        "child": {"writes": "child", "do": "true", "needs": "bad"},
        "other": {"writes": "other", "do": "echo > other"},
        "next": {"writes": "next", "do": "echo > next", "phase": "two"},
    }
    shell.plan(tasks, phases=["one", {"two": {"gate": [{"phase": "one", "done": "60%"}]}}])
    ended = shell.swarm("execute", "plan.yaml", "--run", "r", status=1)
    assert shell.states("r") == {"bad": "failed", "child": "blocked", "other": "verified", "next": "waiting"}
    assert shell.json("status", "r")["state"] == "stalled"
    assert "33% can still be reached; c.bad, c.child keep it shut" in ended.stderr


# The second time


def test_a_second_run_finds_what_is_done_and_hands_it_on_again(shell: Any) -> None:
    tasks: dict[str, Any] = {
        "count": {
            "writes": "n",
            "do": """echo '{"n": 3}' > $SWARM_HANDOFF; echo 3 > n""",
            "done_when": [{"exists": "n"}],
            "hands": "Count",
        },
        "plain": {"writes": "p", "do": "echo p > p", "done_when": [{"exists": "p"}]},
        "use": {"writes": "used.json", "needs": "count", "do": "cat $SWARM_INBOX > used.json"},
    }
    contracts = {"Count": {"n": "int"}}
    shell.plan(tasks, contracts=contracts)
    shell.swarm("execute", "plan.yaml", "--run", "first")
    shell.swarm("promote", "first")
    shell.swarm("execute", "plan.yaml", "--run", "second")
    assert shell.states("second") == {"count": "satisfied", "plain": "satisfied", "use": "verified"}
    first, second = (shell.json("handoff", run, "count") for run in ("first", "second"))
    assert (second["payload"], second["commit"]) == ({"n": 3}, None)
    satisfied = next(event for event in _events(shell, "task_satisfied", "second") if event["task"] == "c.count")
    assert satisfied["handoff"]["reused_from"] == first["id"]
    assert shell.landed("second") == {}
    shell.swarm("replay", "second")
    tasks["count"]["do"] = """echo '{"n": 4}' > $SWARM_HANDOFF; echo 4 > n"""
    shell.plan(tasks, contracts=contracts)
    shell.swarm("execute", "plan.yaml", "--run", "third")
    assert shell.states("third") == {"count": "verified", "plain": "satisfied", "use": "verified"}
    assert shell.json("handoff", "third", "count")["payload"] == {"n": 4}


@pytest.mark.parametrize(("what", "taken"), [("left", {"left", "top"}), ("c", {"base", "left", "right", "top"}), ("phase:two", {"right"})])
def test_what_is_rolled_back_is_done_again(shell: Any, what: str, taken: set[str]) -> None:
    tasks = {
        "base": {"writes": "base", "do": "echo base > base"},
        "left": {"writes": "left", "do": "cat base > left", "needs": "base"},
        "top": {"writes": "top", "do": "cat left > top", "needs": "left"},
        "right": {"writes": "right", "do": "cat base > right", "needs": "base", "phase": "two"},
    }
    shell.plan(tasks, phases=["one", {"two": {"gate": [{"phase": "one", "done": "100%"}]}}])
    shell.swarm("execute", "plan.yaml", "--run", "r")
    tree = shell.git("rev-parse", "refs/swarm/r/head^{tree}")
    shell.swarm("rollback", "r", what)
    assert set(shell.landed("r")) == set(tasks) - taken
    assert {name for name, state in shell.states("r").items() if state != "verified"} == taken
    assert shell.json("status", "r")["state"] == "incomplete"
    assert [set(phase["debt"]) for phase in shell.json("phases", "r")] == [{f"c.{name}" for name in taken - {"right"}}, set()]
    shell.swarm("resume", "r")
    assert shell.git("rev-parse", "refs/swarm/r/head^{tree}") == tree
    assert shell.json("status", "r")["state"] == "complete"
    begun = [event["task"].removeprefix("c.") for event in _events(shell, "attempt_started")]
    assert {name: begun.count(name) for name in tasks} == {name: 2 if name in taken else 1 for name in tasks}
