"""YAML as plans may be written in it: what a scalar means, where everything stands, and what is refused."""

from collections.abc import Callable
from pathlib import Path

import pytest

from swarm.errors import PlanRefused, UsageError
from swarm.plans.load import load_plan
from swarm.plans.problems import Problem, render
from swarm.plans.yaml_text import MAX_BYTES, read_yaml

SCALARS = {
    "no": "no", "yes": "yes", "on": "on", "Off": "Off", "true": True, "True": True, "FALSE": False, "null": None, "~": None, "": None,
    "12": 12, "-3": -3, "+4": 4, "0": 0, "1.5": 1.5, ".5": 0.5, "1e3": 1000.0, "-1.5E-2": -0.015, "1_000": "1_000", "0x1F": "0x1F",
    "12:30": "12:30", "2026-01-02": "2026-01-02", "1.2.3": "1.2.3",
    "'12'": "12", '"no"': "no", "'012'": "012", "-": [None], "=": "=", ".inf": ".inf",
}  # fmt: skip

REFUSED = {
    "a leading zero": ("a: 012", 1, 4, "leading zero"),
    "a leading zero behind a sign": ("a: -007", 1, 4, "leading zero"),
    "a number without end": ("a: " + "9" * 400, 1, 4, "more than 18 digits"),
    "a number beyond all numbers": ("a:\n  - 1e999", 2, 5, "too large"),
    "an alias": ("a: *x", 1, 4, "write *x out"),
    "an anchor": ("a: 1\nb: &x {c: 1}", 2, 4, "remove &x"),
    "an anchor on a key": ("&x a: 1", 1, 1, "remove &x"),
    "a tag": ("a: !!python/object:os.system x", 1, 4, "tags are not part"),
    "a tag of one's own": ("- !mine {}", 1, 3, "!mine"),
    "a list as a key": ("? [a]\n: b", 1, 3, "a key is text"),
    "a second document": ("a: 1\n---\nb: 2", 2, 1, "one YAML document"),
    "a tab as indentation": ("a:\n\tb: 1", 2, 1, "cannot start any token"),
    "a bracket that is never closed": ("a: [1,\nb", 3, 1, "flow sequence"),
    "an indentation that fits nowhere": ("a:\n    b: 1\n  c: 2", 3, 3, "block mapping"),
    "a NUL": ("a: 1\nb: x\0y", 2, 5, "does not allow"),
    "an escape character": ("a: \x1b[31m", 1, 4, "does not allow"),
    "33 levels": ("[" * 33, 1, 33, "deeper than 32"),
    "100,000 brackets": ("[" * 100_000, 1, 33, "deeper than 32"),
    "100,000 braces": ("{a: " * 100_000, 1, 129, "deeper than 32"),
    "100,000 levels of dashes": ("- " * 100_000, 1, 65, "deeper than 32"),
    "a text that laughs a billion times": (
        "a: &a [x,x,x]\n" + "".join(f"{new}: &{new} [*{old},*{old},*{old}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)),
        1,
        4,
        "anchors",
    ),
}


@pytest.mark.parametrize(("written", "meant"), SCALARS.items(), ids=lambda value: repr(value))
def test_scalars_mean_what_yaml_1_2_says(written: str, meant: object) -> None:
    value = read_yaml(f"key: {written}\n" if written != "-" else "key:\n- \n", "f").value["key"]
    assert value == meant
    assert type(value) is type(meant) or isinstance(value, list)


@pytest.mark.parametrize(("text", "line", "column", "says"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_refused_is_refused_where_it_stands(text: str, line: int, column: int, says: str) -> None:
    read = read_yaml(text, "f.yaml")
    assert read.value is None
    (problem,) = read.problems
    assert (problem.code, problem.line, problem.column) == ("syntax", line, column), str(problem)
    assert says in problem.text


def test_32_levels_are_read() -> None:
    value = read_yaml("[" * 32 + "]" * 32, "f").value
    depth = 0
    while value is not None:
        value, depth = (value[0] if value else None), depth + 1
    assert depth == 32


def test_every_duplicate_key_is_reported() -> None:
    read = read_yaml("a: {x: 1, x: 2}\nb: 1\na: 3\n", "f")
    assert [(p.code, p.line, p.column) for p in read.problems] == [("duplicate-key", 1, 11), ("duplicate-key", 3, 1)]
    assert "first on line 1" in read.problems[1].text


def test_marks_are_exact_whatever_the_style() -> None:
    read = read_yaml('top:\n  - a: "é\\u0041"   # ✓\n    "b c": [1, {d: 2}]\n  - |\n    text\n', "f")
    assert (read.mark(("top",), key=True).line, read.mark(("top",), key=True).column) == (1, 1)
    assert (read.mark(("top", 0, "a")).line, read.mark(("top", 0, "a")).column) == (2, 8)
    assert (read.mark(("top", 0, "b c", 1, "d")).line, read.mark(("top", 0, "b c", 1, "d")).column) == (3, 20)
    assert (read.mark(("top", 1)).line, read.mark(("top", 1)).column) == (4, 5)


def test_the_mark_of_a_place_that_is_not_there_is_that_of_its_nearest_parent() -> None:
    read = read_yaml("a:\n  b: 1\n", "f")
    assert read.mark(("a", "zzz", 5)) == read.mark(("a",))
    assert (read.mark(("zzz",)).line, read.mark(("zzz",)).column) == (1, 1)


# Files


def refused(folder: Path, content: bytes) -> tuple[Problem, ...]:
    path = folder / "plan.yaml"
    path.write_bytes(content)
    with pytest.raises(PlanRefused) as caught:
        load_plan(path, "plan.yaml")
    return caught.value.problems


def test_a_file_that_is_not_utf_8_says_where(tmp_path: Path) -> None:
    (problem,) = refused(tmp_path, "plan: p\ngoal: é".encode() + b"\xff")
    assert (problem.code, problem.line, problem.column) == ("syntax", 2, 8)
    assert "0xff" in problem.text


@pytest.mark.parametrize("content", ["plan: é".encode("latin-1"), "plan: p\n".encode("utf-16")], ids=["latin-1", "utf-16"])
def test_other_encodings_are_refused(tmp_path: Path, content: bytes) -> None:
    assert [problem.code for problem in refused(tmp_path, content)] == ["syntax"]


@pytest.mark.parametrize(
    "content",
    [b"", b"# nothing\n", b"- a\n- b\n", b"text", b"---\n...\n"],
    ids=["empty", "a comment", "a list", "a text", "an empty document"],
)
def test_what_is_no_mapping_is_no_plan(tmp_path: Path, content: bytes) -> None:
    (problem,) = refused(tmp_path, content)
    assert (problem.code, problem.line, problem.column) == ("wrong-type", 1, 1)
    assert "a plan is a mapping" in problem.text


def test_more_than_32_mib_are_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1024 * 1024)
    with pytest.raises(PlanRefused) as caught:
        load_plan(path)
    assert [problem.code for problem in caught.value.problems] == ["syntax"]
    assert "32 MiB" in caught.value.problems[0].text


@pytest.mark.parametrize("name", ["missing.yaml", "."], ids=["no file", "a folder"])
def test_what_cannot_be_read_is_the_callers_mistake(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError):
        load_plan(tmp_path / name)


@pytest.mark.parametrize("ending", ["\r\n", "\r"], ids=["CRLF", "CR"])
def test_line_endings_and_a_byte_order_mark_move_no_mark(tmp_path: Path, ending: str, write: Callable[..., str]) -> None:
    text = write("a: {BASICS}\nb: {BASICS, zzz: 1}")
    (plain,) = refused(tmp_path, text.encode())
    (other,) = refused(tmp_path, b"\xef\xbb\xbf" + text.replace("\n", ending).encode())
    assert plain == other
    (first,) = refused(
        tmp_path,
        b"\xef\xbb\xbf" + text.replace("plan: p", "zzz: 1\nplan: p").replace("b: {BASICS, zzz: 1}", "").replace(", zzz: 1", "").encode(),
    )
    assert (first.line, first.column) == (1, 1)


def test_a_problem_is_shown_with_its_line_and_a_caret() -> None:
    text = "a: 1\n\tb: \x1b[31mred\n"
    shown = render([Problem("f.yaml", 2, 5, "syntax", "why")], {"f.yaml": text}).splitlines()
    assert shown == ["f.yaml:2:5: error: why [syntax]", "     b: \ufffd[31mred", "        ^"]


def test_a_problem_of_the_whole_file_is_shown_alone() -> None:
    assert render([Problem("f.yaml", 0, 0, "syntax", "why")], {"f.yaml": "a"}) == "f.yaml:0:0: error: why [syntax]"
