"""A recorded handoff, performed again: the same where the work is deterministic, and a named difference where it is not."""

from pathlib import Path
from typing import Any

CONTRACTS = {"Count": {"n": "int", "took": {"type": "float", "measured": True, "ge": 0, "le": 10, "default": 0.0}}}


def _kept(shell: Any) -> dict[str, bytes]:
    """All that a run's folder holds on disk."""
    folder = shell.folder / ".swarm/runs/r"
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _outside(shell: Any, name: str, value: str = "1") -> Path:
    return Path(shell.write(name, value))


def _counting(source: Path, field: str = "n") -> dict[str, Any]:
    """A task whose payload depends on a file outside the workspace."""
    hands = f"""printf '{{"n": 1, "{field}": %s}}' $(cat '{source}') > $SWARM_HANDOFF"""
    return {"writes": "out", "do": f"echo x > out; {hands}", "hands": "Count"}


def _by_task(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {handoff["task"].removeprefix("c."): handoff for handoff in document["handoffs"]}


def test_deterministic_work_is_the_same_again_and_nothing_is_written(shell: Any) -> None:
    tasks = {
        "one": {"writes": "one", "do": """echo 1 > one; echo '{"n": 1}' > $SWARM_HANDOFF""", "hands": "Count"},
        "two": {"writes": "two", "needs": "one", "do": "cat one $SWARM_INBOX > two", "done_when": [{"run": "test -s two"}]},
        "bad": {"writes": "bad", "do": "false"},
    }
    shell.plan(tasks, contracts=CONTRACTS)
    shell.swarm("execute", "plan.yaml", "--run", "r", status=1)
    before, head = _kept(shell), shell.git("for-each-ref")
    document = shell.json("replay", "r")
    ids = {handoff["task"]: handoff["id"] for handoff in shell.json("handoffs", "r")}
    same = {"same": True, "differences": [], "patch_same": True, "calls": 0, "usd": 0.0}
    assert document == {"run": "r", "handoffs": [{"task": task, "id": id_, **same} for task, id_ in ids.items()]}
    assert "2 handoffs performed again: 2 the same, 0 different; 0 model calls, $0.00" in shell.swarm("replay").stdout
    assert _by_task(shell.json("replay", "r", "c.two")).keys() == {"two"}
    assert _by_task(shell.json("replay", "c.two")).keys() == {"two"}, "a lone argument with a dot is a task"
    assert "has handed nothing over" in shell.swarm("replay", "r", "bad", status=2).stderr
    assert (_kept(shell), shell.git("for-each-ref")) == (before, head)


def test_a_difference_is_named_by_field_check_or_patch(shell: Any) -> None:
    numbers = {name: _outside(shell, name) for name in ("payload", "patch", "fails", "check")}
    tasks = {
        "payload": _counting(numbers["payload"]) | {"writes": "out"},
        "patch": {"writes": "patched", "do": f"cp '{numbers['patch']}' patched"},
        "fails": {"writes": "x", "do": f"grep -q 1 '{numbers['fails']}'"},
        "check": {"writes": "y", "do": f"cp '{numbers['check']}' y", "done_when": [{"present": "1", "in": "y"}]},
        "same": {"writes": "z", "do": "echo z > z"},
    }
    shell.plan(tasks, contracts=CONTRACTS)
    shell.swarm("execute", "plan.yaml", "--run", "r")
    before = _kept(shell)
    for path in numbers.values():
        path.write_text("2")
    replayed = _by_task(shell.json("replay", "r", status=1))
    assert {name: (one["same"], one["patch_same"]) for name, one in replayed.items()} == {
        "payload": (False, True),
        "patch": (False, False),
        "fails": (False, False),
        "check": (False, False),
        "same": (True, True),
    }
    assert replayed["payload"]["differences"] == [{"field": "n", "recorded": 1, "replayed": 2}]
    assert replayed["patch"]["differences"] == []
    assert [one["field"] for one in replayed["fails"]["differences"]] == ["outcome"]
    assert replayed["check"]["differences"] == [{"field": "present: 1 in y", "recorded": True, "replayed": False}]
    shown = shell.swarm("replay", "r", status=1).stdout
    assert "✗ c.payload  different\n    n\n      recorded  1\n      replayed  2" in shown
    assert "✗ c.patch  different, another patch" in shown
    assert _kept(shell) == before


def test_measured_fields_are_checked_and_not_compared(shell: Any) -> None:
    took = _outside(shell, "took", "1.5")
    shell.plan({"count": _counting(took, "took")}, contracts=CONTRACTS)
    shell.swarm("execute", "plan.yaml", "--run", "r")
    took.write_text("2.5")
    shell.swarm("replay", "r")
    took.write_text("11")
    (replayed,) = shell.json("replay", "r", status=1)["handoffs"]
    assert "took: Input should be less than or equal to 10" in replayed["differences"][0]["replayed"]


def test_another_plan_shows_what_an_edit_would_change(shell: Any) -> None:
    tasks: dict[str, Any] = {
        "count": {"writes": "n", "do": """echo 1 > n; echo '{"n": 1}' > $SWARM_HANDOFF""", "hands": "Count"},
        "plain": {"writes": "p", "do": "echo p > p", "done_when": [{"exists": "p"}]},
        "gone": {"writes": "g", "do": "echo g > g"},
    }
    shell.plan(tasks, contracts=CONTRACTS)
    shell.swarm("execute", "plan.yaml", "--run", "r")
    before = _kept(shell)
    tasks["count"]["do"] = """echo 1 > n; echo '{"n": 2}' > $SWARM_HANDOFF"""
    tasks["plain"]["done_when"] = [{"present": "q", "in": "p"}]
    edited = shell.plan({name: task for name, task in tasks.items() if name != "gone"}, contracts=CONTRACTS).rename(
        shell.folder / "edited.yaml"
    )
    replayed = _by_task(shell.json("replay", "r", "--plan", edited.name, status=1))
    assert replayed["count"]["differences"] == [{"field": "n", "recorded": 1, "replayed": 2}]
    assert [one["field"] for one in replayed["plain"]["differences"]] == ["present: q in p"]
    assert replayed["gone"]["differences"] == [{"field": "outcome", "recorded": "verified", "replayed": "no such task in the plan"}]
    shell.swarm("replay", "r")
    assert _kept(shell) == before


def test_a_replay_starts_from_the_recorded_base_and_not_from_the_head(shell: Any) -> None:
    tasks = {
        "first": {"writes": "n", "do": "test ! -e n && echo 1 > n"},
        "then": {"writes": "m", "needs": "first", "do": "ls > m"},
        "last": {"writes": "n", "needs": "then", "do": "echo 2 > n"},
    }
    shell.plan(tasks)
    shell.swarm("execute", "plan.yaml", "--run", "r")
    shell.swarm("replay", "r")


def test_the_plans_files_are_those_of_the_run(shell: Any) -> None:
    tool = shell.write("tools/make.sh", "echo one > out\n")
    shell.plan({"make": {"writes": "out", "do": "sh $SWARM_PLAN_DIR/tools/make.sh"}})
    shell.swarm("execute", "plan.yaml", "--run", "r")
    tool.write_text("echo two > out\n")
    shell.swarm("replay", "r")
    (replayed,) = shell.json("replay", "r", "--plan", "plan.yaml", status=1)["handoffs"]
    assert (replayed["same"], replayed["patch_same"]) == (False, False)


def test_a_satisfied_handoff_is_the_same_by_definition(shell: Any) -> None:
    shell.write("ws/p", "p\n")
    shell.plan({"plain": {"writes": "p", "do": "date > p", "done_when": [{"exists": "p"}]}})
    shell.swarm("execute", "plan.yaml", "--run", "r")
    assert shell.states("r") == {"plain": "satisfied"}
    (replayed,) = shell.json("replay", "r")["handoffs"]
    assert replayed["same"]
