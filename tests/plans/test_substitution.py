"""File names of the workspace are hostile: whatever they hold, they stay what they are in globs, patterns and shell text."""

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from swarm.errors import PlanRefused
from swarm.plans import globs
from swarm.plans.checks import Absent, Exists, GapClosed, Judge, MetricHolds, Present, Run
from swarm.plans.found import Found
from swarm.plans.schema import Codemod, Command, Template
from swarm.plans.substitute import in_check, in_glob, in_pattern, in_procedure, in_shell, in_text

HOSTILE = [
    "a b.py", "it's.py", '"quoted".py', "$(touch owned).py", "`touch owned`.py", "$HOME", "${HOME}", "a\nb.py", "a\ntouch owned\n#",
    "; touch owned;", "&& touch owned", "| touch owned", "> owned", "*.py", "?", "[a-z]", "{a,b}", "{path}", "{lines}{gap}",
    "~", "~root", "-rf",
    "a\\b", "a\\", "'", '"', "\\'", "''",
    "!x", "#x", "A=b", "a\tb", "é ü", "\udcff.py", "%s", "$'x'", "\"'\"'$(touch owned)'\"'\"",
]  # fmt: skip

SETTINGS = {
    "bare": ("see {path}", "{}"),
    "in single quotes": ("see '{path}'", "{}"),
    "in double quotes": ('see "{path}"', "{}"),
    "as part of a word": ("see --file={path}.bak", "--file={}.bak"),
    "within single-quoted text": ("see 'the file {path} here'", "the file {} here"),
    "within double-quoted text": ('see "the file {path} here"', "the file {} here"),
    "between escaped quotes": ('see "\\"{path}\\""', '"{}"'),
    "behind quotes that were closed": ("""see 'a'"b"{path}'c'""", "ab{}c"),
    "behind an escaped quote": ("see \\'{path}", "'{}"),
    "on a second line": ("true\nsee {path}\n", "{}"),
    "behind a variable in braces": ('see "${EMPTY}{path}"', "{}"),
}


def words_of(script: str, folder: Path) -> list[str]:
    """What the calls of `see` in a script get: the number of words, and the words."""
    see = 'see() { printf \'%s\\0\' "$#" "$@" >> words; }\n'
    environment = {"PATH": os.environ["PATH"], "HOME": "/nowhere", "EMPTY": ""}
    subprocess.run(["/bin/sh", "-c", os.fsencode(see + script)], cwd=folder, env=environment, check=True)
    return [os.fsdecode(word) for word in (folder / "words").read_bytes().split(b"\0")[:-1]]


def value(path: str, lines: str = "1") -> dict[str, str]:
    return {"path": path, "lines": lines, "gap": "todo"}


@pytest.mark.parametrize(("command", "meant"), SETTINGS.values(), ids=SETTINGS.keys())
def test_a_shell_sees_every_name_as_one_word(command: str, meant: str, tmp_path: Path) -> None:
    (tmp_path / "matched.py").touch()
    words = words_of("\n".join(in_shell(command, value(name)) for name in HOSTILE), tmp_path)
    assert words == [word for name in HOSTILE for word in ("1", meant.replace("{}", name))]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["matched.py", "words"]


def test_no_lines_are_an_empty_word_and_not_no_word(tmp_path: Path) -> None:
    script = "\n".join(in_shell(text, value("a", lines="")) for text in ("see {lines} x", "see '{lines}' x", 'see "{lines}" x'))
    assert words_of(script, tmp_path) == ["2", "", "x"] * 3


def test_plain_names_are_put_in_as_they_are() -> None:
    assert (
        in_shell("pytest {path} '{path}' $(cat {path})", value("tests/a_b-1.py"))
        == "pytest tests/a_b-1.py 'tests/a_b-1.py' $(cat tests/a_b-1.py)"
    )


@pytest.mark.parametrize(
    "command",
    [
        "see $(cat {path})", "see `cat {path}`", "cat <<END\n{path}\nEND", "see \"${X:-{path}}\"", "see $'{path}'", "see \\{path}",
        "see \"\\{path}\"", "see # it is {path}", "sh -c 'see {path}'", "bash -e -lc \"see {path}\"", "eval see {path}",
    ],
)  # fmt: skip
def test_where_no_quoting_is_certain_a_hostile_name_is_refused(command: str) -> None:
    with pytest.raises(ValueError, match="special characters"):
        in_shell(command, value("a\ntouch owned\n#"))


@pytest.mark.parametrize("command", ["see ${path}", "see ~{path}"])
def test_a_name_is_never_glued_to_what_the_shell_reads_as_more(command: str) -> None:
    with pytest.raises(ValueError, match="without the"):
        in_shell(command, value("HOME"))


def test_a_name_that_cannot_be_quoted_is_a_problem_of_its_task(write: Callable[..., str], compiled: Callable[..., Any]) -> None:
    text = write(
        "a: {BASICS}\nb: {phase: work, goal: g, for_each: todo, keep: [{run: 'see $(cat {path})'}]}",
        top="gaps: {todo: {files: '**', containing: TODO}}",
    )
    with pytest.raises(PlanRefused) as caught:
        compiled(text, [Found(gap="todo", path="a;b")])
    (problem,) = caught.value.problems
    assert text.splitlines()[problem.line - 1].strip().startswith("b:")
    assert "c.b[a;b]" in problem.text


# Globs and patterns


@pytest.mark.parametrize("name", [name for name in HOSTILE if name.strip("/")], ids=repr)
def test_in_a_glob_a_name_matches_only_itself(name: str) -> None:
    glob = globs.parse(in_glob("src/{path}/*.c", value(name)))
    assert glob.matches(f"src/{name}/x.c")
    assert not any(glob.matches(f"src/{other}/x.c") for other in [*HOSTILE, "x", "a", "xy"] if other != name)
    assert globs.parse(in_glob("{path}", value(name))).literal == name
    assert globs.parse(in_glob("{{path},other}", value(name))).matches(name)


@pytest.mark.parametrize("name", HOSTILE, ids=repr)
def test_in_a_regular_expression_a_name_matches_only_itself(name: str) -> None:
    pattern = re.compile(in_pattern("/^open: {path}$/", value(name))[1:-1])
    assert [other for other in [*HOSTILE, "x", "", "a/b"] if pattern.search(f"open: {other}")] == [name]
    assert in_pattern("open: {path}", value(name)) == f"open: {name}"


def test_a_slash_in_a_name_does_not_end_a_regular_expression() -> None:
    assert re.fullmatch(in_pattern("/{path}/", value("a/b.py"))[1:-1], "a/b.py")


# Everywhere else


@pytest.mark.parametrize("name", HOSTILE, ids=repr)
def test_nothing_is_substituted_twice_and_other_braces_are_left_alone(name: str) -> None:
    assert in_text("{path} {lines} {gap} {other} {} {{path}}", value(name, "{gap}")) == f"{name} {{gap}} todo {{other}} {{}} {{{name}}}"


def test_every_kind_of_check_is_substituted() -> None:
    values = value("a*b", "3-4")
    assert in_check(Run(run="see {path}"), values).run == "see 'a*b'"
    assert in_check(Present.model_validate({"present": "/{path}/", "in": ("{path}",)}), values).present == "/a\\*b/"
    assert in_check(Present.model_validate({"present": "{path}", "in": ("{path}",)}), values).in_ == ("a[*]b",)
    assert in_check(Absent.model_validate({"absent": "{path}", "in": ("{path}",)}), values).absent == "a*b"
    assert in_check(Exists(exists=("{path}.bak",)), values).exists == ("a[*]b.bak",)
    assert in_check(GapClosed.model_validate({"gap": "todo", "in": ("{path}",)}), values).in_ == ("a[*]b",)
    assert in_check(GapClosed(gap="todo"), values).in_ is None
    assert in_check(Judge(judge="is {path} good?"), values).judge == "is a*b good?"
    metric = MetricHolds(metric="memory_usage", below=1)
    assert in_check(metric, values) == metric


def test_every_kind_of_procedure_is_substituted_but_not_the_files_it_names() -> None:
    values = value("a b", "3")
    assert in_procedure(Command(command="see {path}"), values).command == "see 'a b'"
    assert in_procedure(Command(command=["see", "{path}", "-{lines}"]), values).command == ["see", "a b", "-3"]
    template = in_procedure(
        Template.model_validate({"template": "{path}.j2", "to": "{path}", "with": {"deep": [{"x": "{lines}"}, 1]}}), values
    )
    assert (template.template, template.to, template.with_) == ("{path}.j2", "a b", {"deep": [{"x": "3"}, 1]})
    codemod = in_procedure(Codemod.model_validate({"codemod": "{path}.yml", "with": {"p": "{path}"}}), values)
    assert (codemod.codemod, codemod.with_) == ("{path}.yml", {"p": "a b"})


def test_a_task_that_does_not_fan_out_keeps_its_braces(write: Callable[..., str], compiled: Callable[..., Any]) -> None:
    task = compiled(write("a: {phase: work, goal: 'see {path}', done_when: [{run: 'echo {lines}'}]}")).tasks["c.a"]
    assert task.goal == "see {path}"
    assert task.done_when[0].run == "echo {lines}"
