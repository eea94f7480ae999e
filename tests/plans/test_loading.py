"""The files that a plan names, its agents, and what loading leaves as it was."""

import gc
from collections.abc import Callable
from pathlib import Path

import pytest

from swarm.errors import PlanRefused
from swarm.plans.graph import compile_plan
from swarm.plans.load import Plan, load_plan, parse_plan
from swarm.plans.programs import ProgramClass, is_program, program_class
from swarm.plans.proofs import prove
from swarm.plans.schema import Budget, Limits, PlanFile
from swarm.plans.undisturbed import undisturbed
from swarm.plans.vocabulary import TOOLS
from swarm.signatures.specialisms import SPECIALISMS

Load = Callable[..., Plan]


@pytest.fixture
def load(tmp_path: Path, write: Callable[..., str]) -> Load:
    def make(tasks: str, *names: str, **rest: str) -> Plan:
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(name, encoding="utf-8")
        (tmp_path / "plan.yaml").write_text(write(tasks, **rest), encoding="utf-8")
        return load_plan(tmp_path / "plan.yaml", "plan.yaml")

    return make


def test_every_file_that_is_named_comes_with_the_plan(load: Load) -> None:
    tasks = (
        "a: {BASICS, program: 'programs/mine.py:Mine', do: [{template: t.j2, to: x}, {codemod: r.yml}]}\n"
        "b: {BASICS, done_when: [{run: 'sh $SWARM_PLAN_DIR/see.sh'}], do: {command: [python, '${SWARM_PLAN_DIR}/tools/go.py']}}"
    )
    named = {"programs/mine.py", "t.j2", "r.yml", "see.sh", "tools/go.py", "tools/deep/part.py", "me.py", "gate/ready"}
    others = {"programs/other.py", "tools/__pycache__/go.pyc", "unnamed.py"}
    phases = "- work: {gate: [{run: $SWARM_PLAN_DIR/gate/ready}]}"
    plan = load(tasks, *named, *others, top="agents: {me: {program: 'me.py:Me'}}", phases=phases)
    assert set(plan.files) == named
    assert plan.files["tools/deep/part.py"] == b"tools/deep/part.py"
    assert plan.load_problems == ()


@pytest.mark.parametrize(
    ("procedure", "code", "says"),
    [
        ("{template: t.j3, to: x}", "unknown-name", 'the file "t.j3" does not exist'),
        ("{codemod: ../r.yml}", "unsafe-path", '"../r.yml" is not below'),
        ("{template: /etc/passwd, to: x}", "unsafe-path", '"/etc/passwd" is not below'),
        ("{command: 'sh $SWARM_PLAN_DIR/../x.sh'}", "unsafe-path", '"../x.sh" is not below'),
    ],
)
def test_a_file_that_cannot_be_named_is_a_problem_at_its_name(load: Load, procedure: str, code: str, says: str) -> None:
    plan = load(f"a: {{BASICS, do: {procedure}}}", "t.j2")
    (problem,) = prove(compile_plan(plan))
    assert problem.code == code
    assert says in problem.text
    assert plan.source.text.splitlines()[problem.line - 1].lstrip().startswith("a:")


@pytest.mark.parametrize(
    ("procedure", "code", "says"),
    [
        ("{template: deep, to: x}", "unknown-name", '"deep" is no file'),
        ("{codemod: deep}", "unknown-name", '"deep" is no file'),
        (f"{{template: {'x' * 5000}, to: x}}", "unknown-name", "does not exist"),
        ("{command: 'ls $SWARM_PLAN_DIR/.'}", "unsafe-path", "the plan's whole folder"),
    ],
)
def test_what_is_no_file_is_a_problem_and_no_fault_of_ours(load: Load, procedure: str, code: str, says: str) -> None:
    (problem,) = prove(compile_plan(load(f"a: {{BASICS, do: {procedure}}}", "deep/t.j2")))
    assert problem.code == code
    assert says in problem.text


def test_a_folder_of_the_plan_comes_whole_where_a_command_names_it(load: Load) -> None:
    tasks = "a: {BASICS, do: {command: 'cat $SWARM_PLAN_DIR/data/*; sh $SWARM_PLAN_DIR/./go.sh'}}"
    assert set(load(tasks, "data/one", "data/deep/two", "go.sh", "other").files) == {"data/one", "data/deep/two", "go.sh"}


def test_the_files_of_servers_come_with_the_plan_where_there_are_such(load: Load) -> None:
    servers = "{a: {command: [python, servers/a.py, --port, '80', /usr/bin/env, ../up.py, plain.json, ./dot.py, absent.py]}"
    servers += ", b: {command: [node, $SWARM_PLAN_DIR/js/b.js]}}"
    named = {"servers/a.py", "servers/part.py", "plain.json", "dot.py", "js/b.js", "js/c.js"}
    plan = load("a: {BASICS}", *named, "other.py", "--port", top=f"mcp: {servers}")
    assert set(plan.files) == named
    assert prove(compile_plan(plan)) == ()


def test_a_server_s_file_of_the_plan_s_folder_has_to_be_there(load: Load) -> None:
    (problem,) = prove(compile_plan(load("a: {BASICS}", top="mcp: {b: {command: [node, $SWARM_PLAN_DIR/js/b.js]}}")))
    assert (problem.code, 'the file "js/b.js" does not exist' in problem.text) == ("unknown-name", True)


def test_state_has_to_be_there(load: Load) -> None:
    (problem,) = prove(compile_plan(load("a: {BASICS}", top="agents: {me: {state: s.json}}")))
    assert (problem.code, 'the file "s.json" does not exist' in problem.text) == ("unknown-name", True)


@pytest.mark.parametrize("content", [b"\x80\x04\x95", b"[1]", b"", b"{", b"null", b"[" * 100_000])
def test_state_that_is_no_json_object_is_refused(content: bytes, write: Callable[..., str]) -> None:
    plan = parse_plan(write("a: {BASICS}", top="agents: {me: {state: s.json}}"), "plan.yaml", {"s.json": content})
    (problem,) = prove(compile_plan(plan))
    assert problem.code == "wrong-type"
    assert "s.json is no state of a module" in problem.text


def test_state_that_is_a_json_object_is_taken(write: Callable[..., str]) -> None:
    plan = parse_plan(write("a: {BASICS}", top="agents: {me: {state: s.json}}"), "plan.yaml", {"s.json": b' {"react": {}}'})
    assert prove(compile_plan(plan)) == ()


def test_the_shipped_agents_are_there_and_a_plan_overrides_fields(load: Load) -> None:
    agents = load("a: {BASICS}", top="agents: {code-generator: {lm: openai/gpt-5}, mine: {role: Mine, program: predict}}").agents
    assert list(agents) == [*SPECIALISMS, "mine"]
    shipped, given = SPECIALISMS["code-generator"], agents["code-generator"]
    assert (given.role, given.lm, given.program, given.tools) == (shipped.role, "openai/gpt-5", shipped.program, shipped.tools)
    assert agents["mine"].program == "predict"


def test_an_agent_has_every_tool_unless_the_plan_lists_them(load: Load) -> None:
    agents = load("a: {BASICS}", top="agents: {mine: , none: {tools: []}, code-analyzer: {tools: run}, qa-validator: {tools: }}").agents
    assert (agents["mine"].role, agents["mine"].program, agents["mine"].tools) == ("mine", "react", TOOLS)
    assert (agents["none"].tools, agents["code-analyzer"].tools) == ((), ("run",))
    assert agents["qa-validator"].tools == SPECIALISMS["qa-validator"].tools, "an empty key overrides nothing"


def test_what_may_be_spent_is_unlimited_unless_given(load: Load) -> None:
    spec = load("a: {BASICS, budget: {usd: 0.5}}\nb: {BASICS}", category="budget: {calls: 9}", top="limits: {turns: 7}").spec
    category = spec.categories["c"]
    assert (spec.limits.turns, category.budget, category.tasks["a"].budget.usd) == (7, Budget(calls=9), 0.5)
    assert category.tasks["b"].budget == spec.limits.budget == Budget()
    assert Limits().turns == 40


def test_editors_are_told_the_whole_language() -> None:
    schema = PlanFile.model_json_schema(by_alias=True)
    kinds = schema["$defs"]
    assert list(schema["properties"]["mcp"]["patternProperties"].values()) == [{"$ref": "#/$defs/McpServer"}]
    command = kinds["McpServer"]["properties"]["command"]
    assert (command["type"], command["minItems"], command["items"]["type"]) == ("array", 1, "string")
    assert [kinds[kind]["properties"]["budget"]["$ref"] for kind in ("Limits", "Category", "TaskEntry")] == ["#/$defs/Budget"] * 3
    turns = kinds["Limits"]["properties"]["turns"]
    assert (turns["minimum"], turns["maximum"], turns["default"]) == (1, 1000, 40)


PROGRAMS = {
    "programs/mine.py:Mine": ProgramClass("programs/mine.py", "Mine", in_file=True),
    "mine.py:Mine": ProgramClass("mine.py", "Mine", in_file=True),
    "pack.age:Mine": ProgramClass("pack.age", "Mine", in_file=False),
    "pack:Mine": ProgramClass("pack", "Mine", in_file=False),
}


@pytest.mark.parametrize(("text", "means"), PROGRAMS.items())
def test_a_class_of_the_user_s_own_is_in_a_file_or_a_module(text: str, means: ProgramClass) -> None:
    assert program_class(text) == means
    assert is_program(text)


@pytest.mark.parametrize("text", ["react", "predict", "chain_of_thought"])
def test_a_built_in_program_is_no_class_of_the_user_s(text: str) -> None:
    assert is_program(text)
    assert program_class(text) is None


@pytest.mark.parametrize("text", ["ReAct", "mine.py", "mine.py:", "pack.:X", "pack:X:Y", "pack age:X", "-x:X", "a.py:9", "react\n"])
def test_what_is_neither_is_no_program(text: str) -> None:
    assert not is_program(text)


def test_the_garbage_collector_is_left_as_it_was(write: Callable[..., str]) -> None:
    assert gc.isenabled()
    parse_plan(write("a: {BASICS}"), "f")
    with pytest.raises(PlanRefused):
        parse_plan("[", "f")
    assert gc.isenabled()
    gc.disable()
    try:
        with undisturbed():
            assert not gc.isenabled()
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_a_plan_and_its_graph_are_shown_in_a_line(load: Load) -> None:
    """asyncio makes a text of a finished task's result; of ten thousand tasks that took a second."""
    plan = load("\n".join(f"t{number}: {{BASICS}}" for number in range(50)))
    assert repr(plan) == "<Plan p in plan.yaml>"
    assert repr(compile_plan(plan)) == "<Graph of p: 50 tasks>"
