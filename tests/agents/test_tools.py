"""The tools of language-model agents, at a real desk over real folders: what they answer, and what they never do."""

import asyncio
import errno
import inspect
import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from swarm.agents.tools import LIMIT, TOOLS, Edit, Tool, Toolbox
from swarm.agents.tools.answers import both_ends, cut, harmless, placeless
from swarm.agents.tools.calling import Declined
from swarm.agents.tools.diffs import unified
from swarm.agents.tools.reading import LINE_LIMIT
from swarm.agents.tools.recording import MOST_METRICS, MOST_NOTES
from swarm.agents.tools.replacing import replaced
from swarm.agents.tools.searching import MOST_HITS
from swarm.agents.tools.syntax import CHECKED_CHARACTERS, syntax
from swarm.agents.tools.texts import TEXT_BYTES
from swarm.errors import AttemptTimedOut, EnvironmentFault, ProcedureFailed, RecordFault, UsageError
from swarm.plans import globs, vocabulary
from swarm.workspace.commands import Commands
from swarm.workspace.desk import Desk
from swarm.workspace.sandbox import NoSandbox

Laid = Callable[..., Desk]


@pytest.fixture
def laid(tmp_path: Path) -> Laid:
    """Lays a desk out over a worktree without git: its files are those on disk."""
    root, scratch, plan = (tmp_path / name for name in ("tree", "scratch", "the plan"))
    for folder in (root, scratch, plan):
        folder.mkdir()

    async def listing() -> Iterable[str]:
        return [path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()]

    def lay(*writes: str, files: dict[str, bytes] | None = None, seconds: float = 20.0, path: str | None = None) -> Desk:
        for name, content in (files or {}).items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(content)
        return Desk(
            root=root,
            scope=tuple(map(globs.parse, writes or ("**",))),
            listing=listing,
            plan_files={},
            commands=Commands(NoSandbox(), {"PATH": path or os.environ["PATH"]}, plan, f"test-{os.getpid()}"),
            seconds=seconds,
            scratch=scratch,
        )

    return lay


def _call(desk: Desk, name: str, /, *args: Any, **kwargs: Any) -> str:
    return _call_in(Toolbox(desk), name, *args, **kwargs)


def _call_in(toolbox: Toolbox, name: str, /, *args: Any, **kwargs: Any) -> str:
    async def call() -> str:
        return await toolbox.named([name])[0](*args, **kwargs)

    answer = asyncio.run(call())
    assert len(answer) <= LIMIT
    return answer


def _tree(desk: Desk) -> dict[str, bytes]:
    return {path.relative_to(desk.root).as_posix(): path.read_bytes() for path in desk.root.rglob("*") if path.is_file()}


def _edit(path: str, old: str, new: str) -> dict[str, str]:
    return {"path": path, "old": old, "new": new}


# The toolbox


def test_the_tools_are_those_of_the_plan_language_in_its_order() -> None:
    assert tuple(TOOLS) == vocabulary.TOOLS


def test_tools_come_once_and_in_one_order_however_they_are_listed(laid: Laid) -> None:
    tools = Toolbox(laid()).named(["note", "run", "read_file", "run"])
    assert [tool.__name__ for tool in tools] == ["read_file", "run", "note"]


def test_an_unknown_tool_is_named_with_those_there_are(laid: Laid) -> None:
    with pytest.raises(UsageError, match='no tool "frobnicate"; the tools are list_files, read_file'):
        Toolbox(laid()).named(["read_file", "frobnicate"])


def test_having_the_tools_does_not_import_dspy() -> None:
    code = "import sys, swarm.agents.tools; sys.exit('dspy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_tool_is_async_described_and_has_a_schema_without_references(laid: Laid) -> None:
    for tool, description in zip(Toolbox(laid()).named(list(TOOLS)), TOOLS.values(), strict=True):
        assert inspect.iscoroutinefunction(tool)
        assert "$ref" not in json.dumps(description.parameters)
        assert list(description.parameters["properties"]) == list(inspect.signature(tool).parameters)
        assert all(f"{name}: " in description.description for name in description.parameters["properties"])


def test_the_schema_says_what_an_edit_is_and_what_may_be_left_out() -> None:
    schema = TOOLS["edit_file"].parameters
    assert schema["required"] == ["edits"]
    assert schema["properties"]["edits"]["items"]["required"] == ["path", "old", "new"]
    assert schema["properties"]["then_check"] == {"type": "boolean", "default": False}


@pytest.mark.parametrize(
    ("tool", "limits"),
    [
        ("list_files", [LIMIT]),
        ("read_file", [LIMIT, LINE_LIMIT, TEXT_BYTES]),
        ("search", [LIMIT, MOST_HITS, TEXT_BYTES]),
        ("edit_file", [5_000, 3_500, 50, TEXT_BYTES]),
        ("write_file", [5_000, TEXT_BYTES]),
        ("run", [LIMIT]),
        ("record_metric", [MOST_METRICS]),
        ("note", [2_000, MOST_NOTES]),
    ],
)
def test_limits_stand_in_the_description(tool: str, limits: list[int]) -> None:
    assert all(f"{limit:,}" in TOOLS[tool].description for limit in limits)


def test_dspy_reads_the_same_arguments_from_a_tool_and_can_call_it(laid: Laid) -> None:
    import dspy

    desk = laid(files={"a.py": b"x = 1\n"})
    tools = {tool.name: tool for tool in map(dspy.Tool, Toolbox(desk).named(list(TOOLS)))}
    assert {name: list(tool.args) for name, tool in tools.items()} == {name: list(t.parameters["properties"]) for name, t in TOOLS.items()}
    asyncio.run(tools["edit_file"].acall(edits=[_edit("a.py", "1", "2")]))
    assert _tree(desk) == {"a.py": b"x = 2\n"}


# Wrong calls and errors


@pytest.mark.parametrize(
    ("tool", "arguments", "answer"),
    [
        ("read_file", {}, "read_file: missing a required argument: 'path'; it takes path, lines (optional)"),
        ("read_file", {"pth": "a"}, "it takes path, lines (optional)"),
        ("read_file", {"path": "a", "why": "so"}, "read_file: got an unexpected keyword argument 'why'; it takes path"),
        ("read_file", {"path": ["a"]}, "read_file: path: Input should be a valid string"),
        ("read_file", {"path": ""}, "read_file: path: String should have at least 1 character"),
        ("run", {"command": "true", "seconds": "soon"}, "run: seconds: Input should be a valid number"),
        ("run", {"command": "true", "seconds": 0}, "run: seconds: Input should be greater than 0"),
        ("run", {"command": "true", "seconds": float("nan")}, "run: seconds: "),
        ("run", {"command": ""}, "run: command: "),
        ("edit_file", {"edits": []}, "edit_file: edits: List should have at least 1 item"),
        ("edit_file", {"edits": "[{"}, "edit_file: edits: Input should be a valid list"),
        ("edit_file", {"edits": [{"path": "a", "old": "x"}]}, "edit_file: edits.0.new: Field required"),
        ("edit_file", {"edits": [_edit("a", "x", "y")] * 51}, "edit_file: edits: List should have at most 50 items"),
        ("record_metric", {"name": "two words", "value": 1}, "record_metric: name: "),
        ("record_metric", {"name": "n", "value": float("inf")}, "record_metric: value: Input should be a finite number"),
        ("note", {"text": "x" * 2_001}, "note: text: String should have at most 2000 characters"),
    ],
)
def test_a_wrong_call_is_answered_with_what_the_tool_takes(laid: Laid, tool: str, arguments: dict[str, Any], answer: str) -> None:
    said = _call(laid(files={"a": b"x"}), tool, **arguments)
    assert answer in said
    assert "; it takes " in said
    assert "\n" not in said


@pytest.mark.parametrize("edits", [_edit("a", "x", "y"), json.dumps([_edit("a", "x", "y")]), Edit(path="a", old="x", new="y")])
def test_what_models_give_for_a_list_is_taken(laid: Laid, edits: Any) -> None:
    desk = laid(files={"a": b"x"})
    _call(desk, "edit_file", edits=edits)
    assert _tree(desk) == {"a": b"y"}


def test_numbers_in_words_and_words_in_numbers_are_taken(laid: Laid) -> None:
    desk = laid(files={"a": b"one\ntwo\n"})
    assert _call(desk, "read_file", path="a", lines=2).endswith("2\ttwo")
    assert _call(desk, "run", command="true", seconds="5") == "exit status 0, no output"


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (PermissionError(errno.EACCES, "Permission denied", "/secret/place"), "read_file failed: Permission denied"),
        (RuntimeError("one\n  File /secret/place"), "read_file failed: RuntimeError: one"),
        (ProcedureFailed("no."), "no."),
    ],
)
def test_an_error_is_one_sentence_without_a_trace_or_a_place(laid: Laid, error: Exception, answer: str) -> None:
    assert _call(_broken(laid(files={"a": b"x"}), error), "read_file", "a") == answer


@pytest.mark.parametrize("error", [AttemptTimedOut("over"), EnvironmentFault("missing"), RecordFault("disk"), KeyboardInterrupt()])
def test_what_is_no_part_of_the_conversation_is_raised(laid: Laid, error: BaseException) -> None:
    with pytest.raises(type(error)):
        _call_in(Toolbox(laid(), _raising(error)), "edit_file", edits=[_edit("a", "", "x")], then_check=True)


def test_a_full_disk_is_a_fault_of_the_machine(laid: Laid) -> None:
    with pytest.raises(EnvironmentFault, match="read_file cannot go on: No space left"):
        _call(_broken(laid(), OSError(errno.ENOSPC, "No space left")), "read_file", "a")


def _raising(error: BaseException) -> Callable[[], Awaitable[str]]:
    async def checks() -> str:
        raise error

    return checks


def _broken(desk: Desk, error: Exception) -> Desk:
    async def listing() -> Iterable[str]:
        raise error

    (desk.root / "a").unlink(missing_ok=True)
    desk.listing = listing
    return desk


# Answers


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\0b", "a\\x00b"),
        ("user\u202egpj.exe", "user\\u202egpj.exe"),
        ("a\u2066b\u200bc\ufeff", "a\\u2066b\\u200bc\\ufeff"),
        ("\udc80", "\\udc80"),
        ("\U000e0041\U000e0101", "\\U000e0041\\U000e0101"),
        ("\u2028\x85", "\\u2028\\x85"),
        ("tab\tand\nnew line", "tab\tand\nnew line"),
        ("größe 漢字 👩\u200d🔬 ⚠\ufe0f", "größe 漢字 👩\u200d🔬 ⚠\ufe0f"),
    ],
)
def test_what_steers_or_hides_is_written_out_and_the_rest_is_left(text: str, shown: str) -> None:
    assert harmless(text) == shown


@given(st.text(), st.integers(100, 300))
def test_a_cut_text_keeps_both_ends_and_counts_what_is_missing(text: str, limit: int) -> None:
    text = text * 50
    short = cut(text, limit)
    assert len(short) <= limit or short == text
    if short != text:
        head, _, rest = short.partition("\n… ")
        missing, _, tail = rest.partition(" characters left out …\n")
        assert text.startswith(head)
        assert text.endswith(tail)
        assert len(head) + len(tail) + int(missing.replace(",", "")) == len(text)


@given(st.lists(st.text("ab", max_size=30), max_size=40), st.integers(80, 200))
def test_rows_are_whole_and_both_ends_are_kept(rows: list[str], limit: int) -> None:
    shown = both_ends(rows, limit, lambda first, end: f"{first}:{end}").split("\n")
    gap = [row for row in shown if row.startswith("… ")]
    if gap:
        first, end = map(int, gap[0].removesuffix(" …").rpartition(": ")[2].split(":"))
        assert shown == [*rows[:first], gap[0], *rows[end:]]
        assert f"{sum(len(row) + 1 for row in rows[first:end]):,} characters" in gap[0]
    else:
        assert shown == (rows or [""])


def test_only_this_folder_and_what_is_in_it_are_renamed() -> None:
    places = {"/tmp/tree": ".", "/tmp/tree/plan": "$PLAN"}
    text = "/tmp/tree/a.py:3 in /tmp/tree, not /tmp/tree2/b or /tmp/tree-3; /tmp/tree/plan/x"
    assert placeless(text, places) == "a.py:3 in ., not /tmp/tree2/b or /tmp/tree-3; $PLAN/x"


# list_files


def test_files_are_listed_by_pattern_or_folder(laid: Laid) -> None:
    desk = laid(files={"b.py": b"", "src/a.py": b"", "src/deep/c.txt": b""})
    assert _call(desk, "list_files") == "3 files:\nb.py\nsrc/a.py\nsrc/deep/c.txt"
    assert _call(desk, "list_files", "**/*.py") == "2 files:\nb.py\nsrc/a.py"
    for folder in ("src", "src/", "./src", "src/**"):
        assert _call(desk, "list_files", folder) == "2 files:\nsrc/a.py\nsrc/deep/c.txt"


def test_a_pattern_without_files_says_what_would_match(laid: Laid) -> None:
    desk = laid(files={"src/a.py": b"", "src/b.py": b""})
    assert _call(desk, "list_files", "*.py") == "no file matches *.py; **/*.py matches 2"
    assert _call(desk, "list_files", "**/*.rs") == "no file matches **/*.rs"
    assert "the '[' at character 1 is never closed" in _call(desk, "list_files", "[")
    assert "patterns are relative to the workspace" in _call(desk, "list_files", "/etc/**")


def test_an_empty_workspace_says_so(laid: Laid) -> None:
    assert _call(laid(), "list_files") == "the workspace has no files"


def test_a_long_listing_keeps_both_ends(laid: Laid) -> None:
    said = _call(laid(files={f"{n:04}-{'x' * 90}": b"" for n in range(200)}), "list_files")
    assert said.startswith("200 files:\n0000-")
    assert said.split("\n")[-1].startswith("0199-")
    assert "characters left out: 120 files; narrow the pattern …" in said


def test_a_file_name_cannot_pass_for_two(laid: Laid) -> None:
    assert _call(laid(files={"a\nb\x1b[2J": b""}), "list_files") == "1 file:\na\\nb\\x1b[2J"


# read_file

TEN = b"".join(b"line %d\n" % n for n in range(1, 11))


@pytest.mark.parametrize(
    ("lines", "numbers"),
    [
        ("", range(1, 11)),
        ("3-5", [3, 4, 5]),
        ("9-", [9, 10]),
        ("-2", [1, 2]),
        ("7", [7]),
        (" 1 - 2 , 9-99", [1, 2, 9, 10]),
        ("5,4-6", [4, 5, 6]),
    ],
)
def test_lines_are_numbered_from_one(laid: Laid, lines: str, numbers: Iterable[int]) -> None:
    said = _call(laid(files={"a.txt": TEN}), "read_file", "./a.txt", lines)
    assert said == "\n".join(["a.txt: 10 lines", *(f"{n}\tline {n}" for n in numbers)])


@pytest.mark.parametrize("lines", ["all", "0", "0-3", "5-3", "1--2", "-", ",", "1;2", "3-x", "9" * 30])
def test_lines_that_cannot_be_read_show_how_to_write_them(laid: Laid, lines: str) -> None:
    assert 'cannot be read: write "10-40"' in _call(laid(files={"a.txt": TEN}), "read_file", "a.txt", lines)


def test_lines_behind_the_end_are_answered_with_the_length(laid: Laid) -> None:
    assert _call(laid(files={"a.txt": TEN}), "read_file", "a.txt", "40-50") == "a.txt has 10 lines; 40-50 is behind its end"


def test_a_long_file_keeps_both_ends_and_names_the_lines_between(laid: Laid) -> None:
    said = _call(laid(files={"a": b"".join(b"this is line %04d\n" % n for n in range(1, 1001))}), "read_file", "a")
    rows = said.split("\n")
    gap = next(row for row in rows if row.startswith("… "))
    assert rows[:2] == ["a: 1,000 lines", "1\tthis is line 0001"]
    assert rows[-1] == "1000\tthis is line 1000"
    first, last = gap.removesuffix(" …").rpartition(" lines ")[2].split("-")
    assert rows[rows.index(gap) - 1].startswith(f"{int(first) - 1}\t")
    assert rows[rows.index(gap) + 1].startswith(f"{int(last) + 1}\t")


def test_a_long_line_is_cut_in_its_place(laid: Laid) -> None:
    said = _call(laid(files={"a": b"x" * 12_000 + b"\nsecond\n"}), "read_file", "a")
    assert "xx … 11,060 characters left out … xx" in said
    assert said.endswith("\n2\tsecond")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "a: 0 lines"),
        (b"x", "a: 1 line, no line end after the last\n1\tx"),
        (b"x\r\ny\r\n", "a: 2 lines, ended by CR LF\n1\tx\n2\ty"),
        (b"caf\xe9\n", "a: 1 line, not UTF-8: odd bytes are shown as \\xNN\n1\tcaf\\xe9"),
        (b"\x1b[2J\xe2\x80\xae\n", "a: 1 line\n1\t\\x1b[2J\\u202e"),
        (b"\0\1\2", "a is binary (3 bytes): use run to look into it"),
    ],
)
def test_an_odd_file_is_shown_harmlessly_and_named_as_odd(laid: Laid, content: bytes, said: str) -> None:
    assert _call(laid(files={"a": content}), "read_file", "a") == said


def test_a_file_that_is_too_large_says_so(laid: Laid) -> None:
    assert "a has 1,000,001 bytes, and tools read at most 1,000,000" in _call(laid(files={"a": b"x" * (TEXT_BYTES + 1)}), "read_file", "a")


def test_a_missing_file_is_answered_with_similar_paths(laid: Laid) -> None:
    desk = laid(files={"src/core/engine.py": b"", "src/other.py": b"", "README.md": b""})
    assert _call(desk, "read_file", "engine.py") == "there is no file engine.py; similar: src/core/engine.py"
    assert _call(desk, "read_file", "src/othr.py") == "there is no file src/othr.py; similar: src/other.py, src/core/engine.py"
    assert _call(desk, "read_file", "zzz") == "there is no file zzz"


@pytest.mark.parametrize("path", ["../out", "/etc/passwd", "link/out", "leak", "src", "a//b", "a\0b", "\ud800"])
def test_nothing_outside_the_worktree_is_read_or_written(laid: Laid, tmp_path: Path, path: str) -> None:
    desk = laid(files={"src/a": b""})
    (tmp_path / "out").write_text("secret")
    (desk.root / "link").symlink_to(tmp_path)
    (desk.root / "leak").symlink_to(tmp_path / "out")
    before = {each: each.read_bytes() for each in tmp_path.rglob("*") if each.is_file()}
    said = [
        _call(desk, "read_file", path),
        _call(desk, "write_file", path, "changed"),
        _call(desk, "edit_file", [_edit(path, "secret", "changed")]),
        _call(desk, "edit_file", [_edit(path, "", "changed")]),
    ]
    assert {each: each.read_bytes() for each in tmp_path.rglob("*") if each.is_file()} == before
    assert not any("changed" in text or str(tmp_path) in text or "secret" in text for text in said)


@pytest.mark.parametrize("path", [".git", ".git/config", "sub/.GIT/hooks/x", "./.git/config"])
def test_gits_own_files_are_no_part_of_the_workspace(laid: Laid, path: str) -> None:
    desk = laid()
    for said in (_call(desk, "read_file", path), _call(desk, "write_file", path, "x"), _call(desk, "edit_file", [_edit(path, "", "x")])):
        assert said.endswith("belongs to git and is no part of the workspace")
    assert _tree(desk) == {}


# search


def test_a_search_answers_with_file_line_and_text(laid: Laid) -> None:
    desk = laid(files={"b.py": b"x = 1\nneedle (a+b)\n", "a.py": b"    needle (a+b)\r\n", "c.md": b"needle\n", "bin": b"needle (a+b)\0"})
    assert _call(desk, "search", "needle (a+b)") == (
        "2 lines in 2 of 4 files; 1 binary, large or missing passed over:\na.py:1:     needle (a+b)\nb.py:2: needle (a+b)"
    )
    assert _call(desk, "search", "needle", "*.md") == "1 line in 1 of 1 files:\nc.md:1: needle"
    assert _call(desk, "search", "nothing", "*.md") == "no line matches nothing (1 files)"


@pytest.mark.parametrize("pattern", ["/needle \\(a\\+b\\)$/", "/(?i)^NEEDLE/", "/\\bneedle\\b/"])
def test_a_search_reads_regular_expressions_by_line(laid: Laid, pattern: str) -> None:
    assert _call(laid(files={"a": b"first\r\nneedle (a+b)\r\n"}), "search", pattern).endswith("\na:2: needle (a+b)")


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("/(/", "unclosed group"),
        ("/(?=x)/", "look-around, including look-ahead and look-behind, is not supported"),
        ("/(x)\\1/", "backreferences are not supported"),
        ("/(a{1000}){1000}/", "Compiled regex exceeds size limit"),
    ],
)
def test_an_expression_that_cannot_be_used_says_why(laid: Laid, pattern: str, why: str) -> None:
    said = _call(laid(files={"a": b"x"}), "search", pattern)
    assert said.startswith(f"{pattern} is no regular expression that can be used here: {why}")


def test_an_expression_that_python_would_take_ages_for_is_done_at_once(laid: Laid) -> None:
    desk = laid(files={"a": b"a" * 50_000 + b"!\n"})
    began = time.perf_counter()
    assert _call(desk, "search", "/(a+)+(a|aa)+$/") == "no line matches /(a+)+(a|aa)+$/ (1 files)"
    assert time.perf_counter() - began < 5


def test_a_search_over_lines_says_that_it_looks_at_one(laid: Laid) -> None:
    assert _call(laid(files={"a": b"x\ny\n"}), "search", "x\ny").startswith("search looks at one line at a time")


def test_a_search_that_finds_too_much_stops_and_keeps_both_ends(laid: Laid) -> None:
    said = _call(laid(files={f"f{n:02}": b"needle\n" * 90 for n in range(20)}), "search", "needle")
    assert said.startswith("1,000 lines in 12 of 20 files; stopped there, narrow pattern or files:\nf00:1: needle")
    assert said.endswith("f11:10: needle")
    assert "lines; narrow pattern or files …" in said


def test_a_long_line_that_matches_is_cut(laid: Laid) -> None:
    said = _call(laid(files={"a": b"needle" + b"x" * 5_000}), "search", "needle")
    assert len(said) < 400
    assert "characters left out" in said


def test_a_search_ends_with_its_attempt(laid: Laid) -> None:
    desk = laid(files={"a": b"x"})
    desk.ended = True
    with pytest.raises(AttemptTimedOut):
        _call(desk, "search", "x")


# edit_file


def test_an_edit_answers_with_a_diff_and_a_syntax_check(laid: Laid) -> None:
    desk = laid(files={"src/a.py": b"def f():\n    return 1\n"})
    assert _call(desk, "edit_file", [_edit("src/a.py", "return 1", "return 2")]) == (
        "--- src/a.py\n+++ src/a.py\n@@ -1,2 +1,2 @@\n def f():\n-    return 1\n+    return 2\nsrc/a.py: syntax ok"
    )
    assert _tree(desk) == {"src/a.py": b"def f():\n    return 2\n"}


def test_a_syntax_error_is_told_and_the_edit_stays(laid: Laid) -> None:
    desk = laid(files={"a.py": b"def f():\n    return 1\n"})
    said = _call(desk, "edit_file", [_edit("a.py", "return 1", "return (1")])
    assert said.endswith("a.py: SYNTAX ERROR in line 2: '(' was never closed: return (1")
    assert b"return (1" in (desk.root / "a.py").read_bytes()


def test_edits_of_one_file_build_on_each_other_and_a_file_can_be_made(laid: Laid) -> None:
    desk = laid(files={"a": b"one\n", "b": b"x"})
    said = _call(
        desk, "edit_file", [_edit("a", "one", "two"), _edit("a", "two", "three"), _edit("./b", "x", "y"), _edit("n/c", "", "new\n")]
    )
    assert _tree(desk) == {"a": b"three\n", "b": b"y", "n/c": b"new\n"}
    assert "--- /dev/null\n+++ n/c\n@@ -0,0 +1 @@\n+new" in said


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (_edit("b", "absent", "y"), "edit 2 of 2, b: old does not occur"),
        (_edit("b", "x", "y"), "edit 2 of 2, b: old occurs 3 times (lines 1, 2): take more"),
        (_edit("b", "x x", "x x"), "edit 2 of 2, b: old and new are the same"),
        (_edit("b", "", "all"), "edit 2 of 2, b: the file is there already"),
        (_edit("missing", "x", "y"), "there is no file missing"),
        (_edit("odd", "x", "y"), "odd is not UTF-8 text"),
        (_edit("theirs/t", "x", "y"), "theirs/t is outside this task's scope (a, b, m*, odd): it belongs to c.other"),
        (_edit("theirs/new", "", "y"), "theirs/new is outside this task's scope (a, b, m*, odd): no task of this plan may write it"),
    ],
)
def test_one_edit_that_does_not_fit_leaves_every_file_as_it_was(laid: Laid, bad: dict[str, str], why: str) -> None:
    desk = laid("a", "b", "m*", "odd", files={"a": b"one\n", "b": b"x x\nx\n", "odd": b"x\xff", "theirs/t": b"x"})
    desk.owner_of = {"theirs/t": "c.other"}.get
    before = _tree(desk)
    assert why in _call(desk, "edit_file", [_edit("a", "one", "two"), bad])
    assert _tree(desk) == before


def test_a_write_that_fails_half_way_is_taken_back(laid: Laid, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = laid(files={"a": b"x", "b": b"x"})
    write = Desk.write

    def failing(desk: Desk, path: str, content: bytes) -> bool:
        if path == "b":
            raise PermissionError(errno.EACCES, "Permission denied")
        return write(desk, path, content)

    monkeypatch.setattr(Desk, "write", failing)
    assert (
        _call(desk, "edit_file", [_edit("a", "x", "y"), _edit("new", "", "n"), _edit("b", "x", "y")])
        == "edit_file failed: Permission denied"
    )
    assert _tree(desk) == {"a": b"x", "b": b"x"}


def test_edits_that_undo_each_other_are_told(laid: Laid) -> None:
    said = _call(laid(files={"a": b"x"}), "edit_file", [_edit("a", "x", "y"), _edit("a", "y", "x")])
    assert said == "Nothing was changed: together the edits leave every file as it was"


@pytest.mark.parametrize(
    ("old", "where"),
    [
        ("def f(a):\n  return a", "lines 3-4 are the same but for white space:\n3\tdef f(a):\n4\t    return a"),
        ("def f(a):\n    return b", "lines 3-4 are nearest:\n3\tdef f(a):\n4\t    return a"),
        ("def ff(a):", "line 3 is nearest:\n3\tdef f(a):"),
        ("    return c", "line 4 is nearest:\n4\t    return a"),
        ("qqqqqqqqqqqqqqqqqqqqqqqq", "nor anything like it"),
    ],
)
def test_an_edit_that_matches_nowhere_shows_the_nearest_lines(laid: Laid, old: str, where: str) -> None:
    desk = laid(files={"a.py": b"import os\n\ndef f(a):\n    return a\n"})
    assert _call(desk, "edit_file", [_edit("a.py", old, "x")]).endswith(where)


def test_an_edit_that_matches_often_names_the_first_lines(laid: Laid) -> None:
    said = _call(laid(files={"a": b"x\n" * 200}), "edit_file", [_edit("a", "x", "y")])
    assert "old occurs 200 times (lines 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 190 more)" in said


def test_windows_line_ends_match_and_stay(laid: Laid) -> None:
    desk = laid(files={"a": b"one\r\ntwo\r\nthree\r\n"})
    _call(desk, "edit_file", [_edit("a", "one\ntwo", "1\n2\n2b")])
    assert _tree(desk) == {"a": b"1\r\n2\r\n2b\r\nthree\r\n"}


def test_a_large_diff_is_cut_and_still_has_its_syntax_checks(laid: Laid) -> None:
    desk = laid(files={"a.py": b"pass\n", "b.py": b"pass\n"})
    said = _call(desk, "edit_file", [_edit("a.py", "pass", "x = 1\n" * 5_000), _edit("b.py", "pass", "(")])
    assert "characters left out" in said
    assert "\na.py: syntax ok\nb.py: SYNTAX ERROR in line 1" in said


WORDS = st.text("ab \n", max_size=6)


@given(text=st.text("ab \n", max_size=40), old=WORDS.filter(bool), new=WORDS)
@example(text="aaa", old="aa", new="b")
def test_a_replacement_is_made_where_the_text_occurs_exactly_once_and_nowhere_else(text: str, old: str, new: str) -> None:
    places = [n for n in range(len(text)) if text.startswith(old, n)]
    if len(places) == 1 and old != new:
        assert replaced(text, old, new) == text[: places[0]] + new + text[places[0] + len(old) :]
    else:
        with pytest.raises(Declined):
            replaced(text, old, new)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(
    texts=st.lists(st.text("ab\n", max_size=12), min_size=2, max_size=2),
    edits=st.lists(st.tuples(st.integers(0, 1), st.text("ab\n", min_size=1, max_size=3), WORDS), min_size=1, max_size=4),
)
def test_edits_are_made_all_or_none(laid: Laid, texts: list[str], edits: list[tuple[int, str, str]]) -> None:
    before = {str(n): text.encode() for n, text in enumerate(texts)}
    desk = laid(files=before)
    said = _call(desk, "edit_file", [_edit(str(n), old, new) for n, old, new in edits])
    assert _tree(desk) == (before if "Nothing was changed" in said else _all_made(texts, edits))


def _all_made(texts: list[str], edits: list[tuple[int, str, str]]) -> dict[str, bytes]:
    after = list(texts)
    for n, old, new in edits:
        assert after[n].count(old) == 1
        after[n] = after[n].replace(old, new)
    assert after != texts
    return {str(n): text.encode() for n, text in enumerate(after)}


@given(st.lists(st.sampled_from(["a", "b", "c", ""]), max_size=30), st.lists(st.sampled_from(["a", "b", "c", ""]), max_size=30))
@settings(deadline=None)
def test_a_diff_applies(before: list[str], after: list[str]) -> None:
    diff = unified("f", "".join(f"{line}\n" for line in before), "".join(f"{line}\n" for line in after))
    assert _applied(before, diff.split("\n")[2:]) == after


def _applied(lines: list[str], rows: list[str]) -> list[str]:
    made, at = [], 0
    for row in rows:
        if row.startswith("@@ "):
            first, _, count = row.split()[1].removeprefix("-").partition(",")
            start = int(first) - (count != "0")
            made += lines[at:start]
            at = start
        elif row[:1] in (" ", "-"):
            assert lines[at] == row[1:], "context and what is taken away are what is there"
            at += 1
            made += [row[1:]] if row[0] == " " else []
        elif row.startswith("+"):
            made.append(row[1:])
    return made + lines[at:]


def test_the_task_is_checked_after_the_edit_when_wanted(laid: Laid) -> None:
    desk = laid(files={"a.py": b"x = 1\n"})

    async def checks() -> str:
        return f"1 red: {desk.root}/a.py holds {(desk.root / 'a.py').read_text()}" + "." * 9_000 + "the end"

    said = _call_in(Toolbox(desk, checks), "edit_file", [_edit("a.py", "1", "2")], then_check=True)
    assert "a.py: syntax ok\nchecks:\n1 red: a.py holds x = 2\n" in said
    assert said.endswith("the end")
    assert "checks" not in _call_in(Toolbox(desk, checks), "edit_file", [_edit("a.py", "2", "3")])


def test_checks_that_refuse_or_are_not_there_do_not_hide_the_edit(laid: Laid) -> None:
    desk = laid(files={"a": b"x"})
    said = _call_in(Toolbox(desk, _raising(ProcedureFailed("pytest ended with 2"))), "edit_file", [_edit("a", "x", "y")], then_check=True)
    assert said.startswith("--- a")
    assert said.endswith("checks:\npytest ended with 2")
    assert _call(desk, "edit_file", [_edit("a", "y", "z")], True).endswith("checks: this task has none that can be run here")


def test_checks_are_not_run_after_an_edit_that_was_not_made(laid: Laid) -> None:
    toolbox = Toolbox(laid(files={"a": b"x"}), _raising(AssertionError("they ran")))
    assert "they ran" not in _call_in(toolbox, "edit_file", [_edit("a", "q", "y")], then_check=True)


# Syntax


@pytest.mark.parametrize(
    ("path", "good", "bad", "line"),
    [
        ("a.py", "def f() -> str:\n    return '\\d'\n", "x = 1\ndef f(:\n", "line 2"),
        ("a.json", '{"a": [1]}', '{\n"a": [1,]}', "line 2"),
        ("a.toml", "[a]\nb = 1\n", "[a]\nb = \n", "line 2"),
        ("a.js", "function f() { return `${a}` }\n", "let a = 1\nfunction f() {\n", "line 2"),
        ("a.ts", "interface A { b?: string }\n", "let a: = 1\n", "line 1"),
        ("a.tsx", "const A = () => <div>{a}</div>\n", "const A = () => <div>\n", "line 1"),
        ("a.yaml", "a: [1]\nb:\n---\nc: |\n  x\n\n", "a: [1\nb: 2\n", "line 1"),
        ("a.go", "package a\n\nfunc f() {\n}\n", "package a\nfunc f() {\n", "line 2"),
        ("a.sh", "cat <<E\nE\nif true; then\n  x=\nfi\n", "a=1\necho $(\n", "line 2"),
        ("a.rs", "fn a() { let x = 1; }\n", "fn a() { let x = ; }\n", "line 1"),
        ("a.c", "int main(void) { return 0; }\n", "int main(void) { return 0 }\n", "line 1"),
        ("a.java", 'class A { String s = ""; }\n', "class A { int x }\n", "line 1"),
    ],
)
def test_each_language_is_read_by_its_grammar(path: str, good: str, bad: str, line: str) -> None:
    assert syntax(path, good) == f"{path}: syntax ok"
    assert syntax(path, "") == f"{path}: syntax ok" or path == "a.json"
    assert "SYNTAX ERROR" in syntax(path, bad)
    assert line in syntax(path, bad)


@pytest.mark.parametrize(
    ("path", "text"),
    [("a.md", "# x"), ("a.py", "x" * (CHECKED_CHARACTERS + 1)), ("a.json", "[" * 100_000), ("LICENSE", "x")],
)
def test_what_cannot_be_checked_says_so(path: str, text: str) -> None:
    assert syntax(path, text).startswith(f"{path}: syntax not checked, ")


@given(st.text(max_size=80), st.sampled_from(["a.py", "a.json", "a.toml", "a.js", "a.yaml", "a.sh", "a.html"]))
@settings(deadline=None)
def test_any_text_gets_one_line(text: str, path: str) -> None:
    assert len(syntax(path, text).splitlines()) == 1


def test_a_fault_that_was_there_before_is_no_news(laid: Laid) -> None:
    desk = laid(files={"a.json": b'{"a": 1,}'})
    assert _call(desk, "edit_file", [_edit("a.json", "1", "2")]).endswith("(there was one before, too)")


# write_file


def test_a_file_is_made_replaced_and_left(laid: Laid) -> None:
    desk = laid(files={"bin": b"\xff\n"})
    assert _call(desk, "write_file", "n/a.py", "x = 1\n") == "--- /dev/null\n+++ n/a.py\n@@ -0,0 +1 @@\n+x = 1\nn/a.py: syntax ok"
    assert "-x = 1\n+x = 2" in _call(desk, "write_file", "./n/a.py", "x = 2\n")
    assert _call(desk, "write_file", "n/a.py", "x = 2\n") == "n/a.py holds exactly that already; nothing changed"
    assert "-\\xff\n+ok" in _call(desk, "write_file", "bin", "ok\n")
    assert _tree(desk) == {"n/a.py": b"x = 2\n", "bin": b"ok\n"}


def test_a_write_outside_the_scope_names_the_owner(laid: Laid) -> None:
    desk = laid("src/**")
    desk.owner_of = {"docs/a.md": "docs.write"}.get
    assert _call(desk, "write_file", "docs/a.md", "x") == "docs/a.md is outside this task's scope (src/**): it belongs to docs.write"
    assert _tree(desk) == {}


def test_a_text_that_no_file_can_hold_is_answered(laid: Laid) -> None:
    desk = laid()
    assert _call(desk, "write_file", "a", "\ud800").startswith("write_file: content: Input should be a valid string")
    assert _tree(desk) == {}


@pytest.mark.parametrize(("tool", "arguments"), [("write_file", ("a", "x")), ("edit_file", ([_edit("a", "", "x")],)), ("run", ("true",))])
def test_nothing_is_done_once_the_attempt_is_over(laid: Laid, tool: str, arguments: tuple[Any, ...]) -> None:
    desk = laid()
    desk.ended = True
    with pytest.raises(AttemptTimedOut, match="the attempt is over"):
        _call(desk, tool, *arguments)
    assert _tree(desk) == {}


# run


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("echo out; echo err >&2", "exit status 0\nout\nerr"),
        ("exit 3", "exit status 3, no output"),
        ("(exit 4) | cat", "exit status 4, no output"),
        ("false | true", "exit status 1, no output"),
        ("frobnicate", "exit status 127 (a program was not found)\nbash: line 1: frobnicate: command not found"),
        (
            "seq 100000 | head -1",
            "exit status 141 (a part of the pipe wrote to one that had stopped reading, such as head: mostly harmless)\n1",
        ),
        ("kill -9 $$", "exit status 137, no output"),
        ("[[ a == a ]] && echo bash", "exit status 0\nbash"),
        ("cat", "exit status 0, no output"),
        ("# only a remark", "exit status 0, no output"),
        ("printf 'a\\nb' > made; cat made", "exit status 0\na\nb"),
    ],
)
def test_the_status_is_that_of_the_command_pipes_included(laid: Laid, command: str, answer: str) -> None:
    assert _call(laid(), "run", command) == answer


def test_the_plans_folder_is_the_shells_to_expand(laid: Laid, tmp_path: Path) -> None:
    tool = tmp_path / "the plan" / "tool"
    tool.write_text("#!/bin/sh\necho ran $0")
    tool.chmod(0o755)
    assert _call(laid(), "run", '"$SWARM_PLAN_DIR"/tool') == "exit status 0\nran $SWARM_PLAN_DIR/tool"


def test_a_long_output_keeps_both_ends_and_counts_what_is_missing(laid: Laid) -> None:
    said = _call(laid(), "run", "echo begin; seq 1000000 1019999; echo end")
    assert said.startswith("exit status 0\nbegin\n1000000\n")
    assert said.endswith("end")
    missing = int(said.partition("… ")[2].partition(" characters left out …")[0].replace(",", ""))
    shown = said.partition("\n")[2].replace(f"\n… {missing:,} characters left out …\n", "")
    assert abs(missing + len(shown) - (20_000 * 8 + len("begin\nend"))) < 100


def test_a_command_that_takes_too_long_is_ended_and_told(laid: Laid) -> None:
    assert _call(laid(), "run", "echo begun; sleep 60", 0.3) == "ended after 0.3 s because its time was up\nbegun"


def test_a_command_cannot_outlive_its_attempt(laid: Laid) -> None:
    async def at_the_end() -> str:
        desk = laid()
        desk.deadline = asyncio.get_running_loop().time() + 0.3
        return await Toolbox(desk).named(["run"])[0]("echo begun; sleep 60")

    with pytest.raises(AttemptTimedOut, match="the attempt's time was up while `echo begun; sleep 60` ran:\nbegun"):
        asyncio.run(at_the_end())


def test_what_a_command_prints_is_made_harmless_and_names_no_place(laid: Laid) -> None:
    desk = laid()
    assert _call(desk, "run", "printf '\\033[31mred\\033[0m \\033]0;title\\007x\\000y\\377z\\n10%%\\r20%%\\r\\n'").endswith(
        "\nred x\\x00y\\xffz\n10%\n20%"
    )
    assert _call(desk, "run", 'pwd; echo $PWD/src/a.py:1; echo "$SWARM_PLAN_DIR"') == "exit status 0\n.\nsrc/a.py:1\n$SWARM_PLAN_DIR"


def test_two_runs_of_one_command_answer_the_same(laid: Laid) -> None:
    desk = laid(files={"a.py": b"raise ValueError('no')\n"})
    command = f"{sys.executable} a.py; {sys.executable} $PWD/a.py"
    assert _call(desk, "run", command) == _call(desk, "run", command)


def test_a_machine_without_bash_is_told_what_to_install(laid: Laid, tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault, match="bash was not found, and the run tool needs it: install it"):
        _call(laid(path=str(tmp_path)), "run", "true")


# record_metric and note


def test_numbers_and_remarks_are_kept_in_order(laid: Laid) -> None:
    toolbox = Toolbox(laid())
    assert _call_in(toolbox, "record_metric", "seconds", 1.25) == "recorded: seconds = 1.25"
    assert _call_in(toolbox, "record_metric", "tests", "12") == "recorded: tests = 12.0"
    assert toolbox.metrics == [("seconds", 1.25), ("tests", 12.0)]
    assert _call_in(toolbox, "note", "odd: \x1b[2J") == "noted"
    assert toolbox.desk.notes == ["odd: \\x1b[2J"]


def test_the_record_cannot_be_filled_without_end(laid: Laid) -> None:
    toolbox = Toolbox(laid(), metrics=[("n", 1.0)] * MOST_METRICS)
    toolbox.desk.notes.extend(["x"] * MOST_NOTES)
    assert _call_in(toolbox, "record_metric", "n", 1).startswith("1,000 numbers are recorded, the most")
    assert _call_in(toolbox, "note", "x").startswith("100 remarks are left, the most")
    assert (len(toolbox.metrics), len(toolbox.desk.notes)) == (MOST_METRICS, MOST_NOTES)


# The event loop


def _longest_stall(work: Callable[[], Coroutine[Any, Any, str]]) -> float:
    """The longest time, in seconds, that the loop does not come to run something that is always ready."""

    async def measured() -> float:
        task, longest = asyncio.ensure_future(work()), 0.0
        while not task.done():
            before = time.perf_counter()
            await asyncio.sleep(0)
            longest = max(longest, time.perf_counter() - before)
        await task
        return longest

    return asyncio.run(measured())


def test_a_search_over_two_thousand_files_leaves_the_loop_free(laid: Laid) -> None:
    desk = laid(files={f"src/d{n % 40}/f{n}.py": b"def some_function(of, arguments):\n    return 1\n" * 40 for n in range(2_000)})
    names = sorted(_tree(desk))

    async def listing() -> Iterable[str]:
        return names

    desk.listing = listing
    search, edit = Toolbox(desk).named(["search", "edit_file"])
    assert _is_free(lambda: search("/nothing.*here/"))
    source = "x = [1, 2, 3]\n" * (CHECKED_CHARACTERS // 14)
    paths = map(str, itertools.count())
    assert _is_free(lambda: edit([_edit(f"{next(paths)}.py", "", source)]))


def _is_free(work: Callable[[], Awaitable[str]]) -> bool:
    """Whether the loop stays free; other processes share the machine, so one quiet time of ten will do."""
    return any(_longest_stall(lambda: _text_of(work())) < 0.05 for _ in range(10))


async def _text_of(answer: Awaitable[str]) -> str:
    return await answer


def test_a_cancelled_tool_is_cancelled(laid: Laid) -> None:
    async def cancelled(tool: Tool) -> None:
        task = asyncio.ensure_future(tool("sleep 60"))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled(Toolbox(laid()).named(["run"])[0]))
