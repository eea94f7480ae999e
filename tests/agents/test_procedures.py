"""Procedures at their desk: what they write, hand over and refuse, without a run around them."""

import asyncio
import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from swarm.agents.procedures import CodemodProcedure, CommandProcedure, ProcedureSequence, TemplateProcedure, procedure
from swarm.agents.specialist import Specialist
from swarm.errors import AttemptTimedOut, ContractBreach, EnvironmentFault, ProcedureFailed, ScopeBreach
from swarm.plans import globs
from swarm.plans.schema import Codemod, Command, Procedure, Template
from swarm.signatures.brief import Brief
from swarm.workspace.commands import Commands
from swarm.workspace.desk import Desk
from swarm.workspace.sandbox import NoSandbox

Laid = Callable[..., Desk]

BRIEF = Brief(run="r", task="c.t", attempt=1, agent="a", role="a", goal="Do it.", writes=("**",))
RULES = b"id: no-print\nlanguage: python\nrule: {pattern: print($A)}\nfix: say($A)\n"


@pytest.fixture
def laid(tmp_path: Path) -> Laid:
    """Lays a desk out over a worktree without git: its files are those on disk."""
    root, scratch, plan = (tmp_path / name for name in ("tree", "scratch", "plan"))
    for folder in (root, scratch, plan):
        folder.mkdir()

    async def listing() -> Iterable[str]:
        return [path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()]

    def lay(*writes: str, files: dict[str, bytes] | None = None, plan_files: dict[str, bytes] | None = None, seconds: float = 20.0) -> Desk:
        for path, content in (files or {}).items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(content)
        return Desk(
            root=root,
            scope=tuple(map(globs.parse, writes or ("**",))),
            listing=listing,
            plan_files=plan_files or {},
            commands=Commands(NoSandbox(), {"PATH": os.environ["PATH"]}, plan, f"test-{os.getpid()}"),
            seconds=seconds,
            scratch=scratch,
            variables={"SWARM_HANDOFF": str(scratch / "handoff.json")},
        )

    return lay


def _do(specialist: Specialist, desk: Desk, brief: Brief = BRIEF, inbox: dict[str, dict[str, Any]] | None = None) -> Any:
    return asyncio.run(specialist.acall(brief=brief, inbox=inbox or {}, desk=desk))["handoff"]


def _command(text: str | list[str]) -> CommandProcedure:
    return CommandProcedure(Command(command=text))


# Commands


def test_a_command_hands_over_what_it_wrote_or_nothing(laid: Laid) -> None:
    desk = laid()
    assert _do(_command("""echo '{"n": [1, null]}' > "$SWARM_HANDOFF"; echo x > made"""), desk) == {"n": [1, None]}
    assert _do(_command("true"), desk) == {}, "what the command before had written is gone"
    assert (desk.root / "made").read_text() == "x\n"


def test_a_failing_command_tells_its_status_and_the_end_of_what_it_printed(laid: Laid) -> None:
    with pytest.raises(ProcedureFailed) as raised:
        _do(_command("seq 1 5000; echo the end >&2; exit 3"), laid())
    text = str(raised.value)
    assert "ended with 3" in text
    assert text.endswith("5000\nthe end")
    assert len(text) < 5000


@pytest.mark.parametrize("command", ["frobnicate --all", ["frobnicate", "--all"], "./plain", ["./plain"]])
def test_a_command_that_cannot_run_is_nobodys_refusal(laid: Laid, command: str | list[str]) -> None:
    with pytest.raises(EnvironmentFault, match=r"frobnicate --all|\./plain"):
        _do(_command(command), laid(files={"plain": b"not executable"}))


def test_a_command_that_takes_too_long_says_so(laid: Laid) -> None:
    with pytest.raises(AttemptTimedOut, match=r"`echo begun; sleep 60` took longer than 0.3 s and was ended:\nbegun"):
        _do(_command("echo begun; sleep 60"), laid(seconds=0.3))


@pytest.mark.parametrize(
    "made",
    [
        'mkfifo "$SWARM_HANDOFF"',
        'mkdir "$SWARM_HANDOFF"',
        'ln -s /dev/zero "$SWARM_HANDOFF"',
        'ln -s nowhere "$SWARM_HANDOFF"',
        'echo "{" > "$SWARM_HANDOFF"',
        'head -c 9000000 /dev/zero > "$SWARM_HANDOFF"',
    ],
)
def test_a_handoff_that_is_no_file_of_json_is_refused_at_once(laid: Laid, made: str) -> None:
    with pytest.raises(ContractBreach, match="SWARM_HANDOFF"):
        _do(_command(made), laid())


def test_words_are_not_read_by_a_shell(laid: Laid) -> None:
    desk = laid()
    _do(_command(["touch", "$(touch pwned)", "a b"]), desk)
    assert {path.name for path in desk.root.iterdir()} == {"$(touch pwned)", "a b"}


# Templates


def _template(text: str, **given: Any) -> tuple[TemplateProcedure, dict[str, bytes]]:
    return TemplateProcedure(Template.model_validate({"template": "t.j2", "to": "out/made", "with": given})), {"t.j2": text.encode()}


def test_a_template_says_whether_it_changed_its_file(laid: Laid) -> None:
    specialist, files = _template("{{ brief.goal }} {{ inbox['c.n'].n }} {{ word }}\n", word="ja")
    desk = laid(plan_files=files)
    assert _do(specialist, desk, inbox={"c.n": {"n": 3}}) == {"files": ["out/made"], "word": "ja"}
    assert (desk.root / "out/made").read_text() == "Do it. 3 ja\n"
    assert _do(specialist, desk, inbox={"c.n": {"n": 3}})["files"] == []


def test_what_the_contract_does_not_name_is_left_out(laid: Laid) -> None:
    specialist, files = _template("x", word="ja", other=1)
    brief = Brief(run="r", task="c.t", attempt=1, agent="a", role="a", goal="g", contract="C", contract_schema={"properties": {"word": {}}})
    assert _do(specialist, laid(plan_files=files), brief) == {"word": "ja"}


@pytest.mark.parametrize("text", ["{{ nobody }}", "{{ brief.nothing }}", "{{ ''.__class__ }}", "{{ 1 / 0 }}", "{% include 'nowhere' %}"])
def test_a_template_that_fails_writes_nothing(laid: Laid, text: str) -> None:
    specialist, files = _template(f"begun {text}")
    desk = laid(plan_files=files)
    with pytest.raises(ProcedureFailed, match=r"template t\.j2: "):
        _do(specialist, desk)
    assert list(desk.root.iterdir()) == []


def test_a_template_outside_its_scope_is_refused_with_the_owner(laid: Laid) -> None:
    specialist, files = _template("x")
    desk = laid("elsewhere/**", plan_files=files)
    desk.owner_of = {"out/made": "c.other"}.get
    with pytest.raises(ScopeBreach, match=r"out/made is outside this task's scope \(elsewhere/\*\*\): it belongs to c.other"):
        _do(specialist, desk)


# Codemods and sequences


def test_a_codemod_changes_files_of_its_language_in_its_scope(laid: Laid) -> None:
    source = b"print(1)\n"
    desk = laid(
        "src/**", files={"src/a.py": source, "src/b.txt": source, "c.py": source, "src/odd.py": b"\xff"}, plan_files={"r.yml": RULES}
    )
    assert _do(CodemodProcedure(Codemod(codemod="r.yml")), desk) == {"files": ["src/a.py"]}
    assert [(desk.root / path).read_bytes() for path in ("src/a.py", "src/b.txt", "c.py")] == [b"say(1)\n", source, source]


MEASURE = b"""
language: python
rule: {kind: function_definition, pattern: $OPERATION}
fix: |
  @measured
  $OPERATION

  def after(self):
      return $$$NONE
"""
NESTED = b"""
language: python
rule: {pattern: work($ARGUMENT)}
fix: |
  if ready:
      work($ARGUMENT)

  done()
"""


def test_code_that_a_rule_takes_along_keeps_its_shape_and_blank_lines_stay_empty(laid: Laid) -> None:
    source = b'class A:\n    def run(self):\n        """Says.\n\n  odd\n        """\n        return 1\n'
    desk = laid("a.py", files={"a.py": source}, plan_files={"r.yml": MEASURE})
    _do(CodemodProcedure(Codemod(codemod="r.yml")), desk)
    same = source.replace(b"    def run", b"    @measured\n    def run")
    assert (desk.root / "a.py").read_bytes() == same + b"\n\n    def after(self):\n        return \n".removeprefix(b"\n")


def test_code_that_a_rule_moves_inward_moves_as_a_whole(laid: Laid) -> None:
    desk = laid("a.py", files={"a.py": b"def f():\n    work([\n        1,\n\n        2,\n    ])\n"}, plan_files={"r.yml": NESTED})
    _do(CodemodProcedure(Codemod(codemod="r.yml")), desk)
    moved = b"def f():\n    if ready:\n        work([\n            1,\n\n            2,\n        ])\n\n    done()\n"
    assert (desk.root / "a.py").read_bytes() == moved


def test_steps_see_what_the_steps_before_them_made(laid: Laid) -> None:
    steps: list[Procedure] = [Command(command="echo 'print(1)' > new.py; echo '{\"n\": 1}' > $SWARM_HANDOFF"), Codemod(codemod="r.yml")]
    desk = laid(plan_files={"r.yml": RULES})
    specialist = procedure(steps)
    assert isinstance(specialist, ProcedureSequence)
    assert _do(specialist, desk) == {"n": 1, "files": ["new.py"]}
    assert (desk.root / "new.py").read_text() == "say(1)\n"


def test_files_of_several_steps_are_gathered_and_later_fields_win(laid: Laid) -> None:
    files = {"t.j2": b"x"}
    steps: list[Procedure] = [Template.model_validate({"template": "t.j2", "to": to, "with": {"last": to}}) for to in ("one", "two")]
    assert _do(procedure(steps), laid(plan_files=files)) == {"files": ["one", "two"], "last": "two"}


def test_a_step_that_fails_is_the_last(laid: Laid) -> None:
    desk = laid()
    with pytest.raises(ProcedureFailed):
        _do(procedure([Command(command="echo > one"), Command(command="false"), Command(command="echo > two")]), desk)
    assert [path.name for path in desk.root.iterdir()] == ["one"]


# The desk


def test_a_desk_ends_with_its_attempt(laid: Laid) -> None:
    desk = laid()
    assert desk.write("a", b"x")
    desk.ended = True
    with pytest.raises(AttemptTimedOut, match="the attempt is over; b was not written"):
        desk.write("b", b"x")
    assert not (desk.root / "b").exists()


@pytest.mark.parametrize("path", ["../out", "/tmp/out", "link/out", "", "a//b", "./a", "a\0b"])
def test_nothing_is_written_or_read_outside_the_worktree(laid: Laid, tmp_path: Path, path: str) -> None:
    desk = laid()
    (desk.root / "link").symlink_to(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ScopeBreach):
        desk.write(path, b"x")
    with pytest.raises(ScopeBreach):
        desk.read(path)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_file_keeps_its_mode_and_a_link_is_not_followed(laid: Laid, tmp_path: Path) -> None:
    desk = laid(files={"tool": b"old"})
    (desk.root / "tool").chmod(0o755)
    assert desk.write("tool", b"new")
    assert os.access(desk.root / "tool", os.X_OK)
    assert not desk.write("tool", b"new"), "nothing changed"
    (tmp_path / "secret").write_text("secret")
    (desk.root / "leak").symlink_to(tmp_path / "secret")
    with pytest.raises(ScopeBreach):
        desk.read("leak")
    with pytest.raises(ScopeBreach):
        desk.write("leak", b"x")
    assert (tmp_path / "secret").read_text() == "secret"


def test_a_specialist_is_a_dspy_module_and_says_what_it_lacks() -> None:
    import dspy

    class Idle(Specialist):
        """Does not say how."""

    assert isinstance(_command("true"), dspy.Module)
    with pytest.raises(AssertionError, match="Idle does not say how it works"):
        asyncio.run(Idle().acall(brief=BRIEF, inbox={}, desk=None))


def test_a_brief_is_json(laid: Laid) -> None:
    assert json.loads(json.dumps(BRIEF.as_json()))["writes"] == ["**"]
