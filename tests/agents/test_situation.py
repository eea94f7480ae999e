"""The first prompt's account of the workspace, over real folders: what a model must find in it, and what must never be in it."""

import asyncio
import os
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from swarm.agents.programs.situation import LEAST, situation
from swarm.agents.programs.situation.outline import outline_of
from swarm.agents.programs.situation.scope import is_test
from swarm.agents.programs.situation.sources import Source
from swarm.agents.tools import Toolbox
from swarm.errors import AttemptTimedOut
from swarm.plans import globs
from swarm.signatures.brief import Brief
from swarm.signatures.evidence import Evidence, Refused
from swarm.workspace.commands import Commands
from swarm.workspace.desk import Desk
from swarm.workspace.sandbox import NoSandbox

SHAPE = '''"""What every shape can say."""

from abc import ABC, abstractmethod


class Shape(ABC):
    """A figure in the plane."""

    @abstractmethod
    def area(self) -> float:
        """Square units, never negative."""
'''
FILLER = "".join(
    f"\n\ndef helper_{number}(value: int) -> int:\n    secret_{number} = value\n    return secret_{number}\n" for number in range(80)
)
ROUND = f'''"""Round shapes."""

import math
from dataclasses import dataclass

from shapes.base import Shape


@dataclass(frozen=True)
class Circle(Shape):
    """All points of one distance."""

    radius: float

    def area(self) -> float:
        # the stub
        raise NotImplementedError

    def scaled(self, by: float) -> "Circle":
        hidden = self.radius * by
        return Circle(hidden)
{FILLER}'''
TEST = "from shapes.round import Circle\n\n\ndef test_area() -> None:\n    assert round(Circle(1.0).area(), 2) == 3.14\n"
REPORT = '''"""Circle of friends."""
from shapes.round import Circle


def total(circles: list[Circle]) -> float:
    return sum(c.area() for c in circles)
'''
PACKAGE: dict[str, bytes] = {
    "shapes/__init__.py": b"",
    "shapes/base.py": SHAPE.encode(),
    "shapes/round.py": ROUND.encode(),
    "app/report.py": REPORT.encode(),
    "tests/test_round.py": TEST.encode(),
    "README.md": b"# Shapes\n",
}
STUB = 1 + ROUND.splitlines().index("        raise NotImplementedError")
BRIEF = Brief(
    run="r1",
    task="shapes.circle",
    attempt=1,
    agent="code-generator",
    role="Writes code.",
    goal="Implement it.",
    writes=("shapes/round.py",),
    closes=({"gap": "stubs", "path": "shapes/round.py", "lines": str(STUB), "text": ""},),
    done_when=("run: python -m pytest -q tests/test_round.py",),
)

Laid = Callable[..., Desk]


def _desk(
    folder: Path, files: Mapping[str, bytes], *, writes: Iterable[str] = ("shapes/round.py",), owners: Mapping[str, str] | None = None
) -> Desk:
    root, scratch, plan = folder / "slots" / "001" / "tree", folder / "scratch", folder / "the plan"
    for one in (root, scratch, plan):
        one.mkdir(parents=True, exist_ok=True)
    for parent in {(root / name).parent for name in files}:
        parent.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (root / name).write_bytes(content)

    async def listing() -> Iterable[str]:
        return [os.path.relpath(os.path.join(where, name), root) for where, _, names in os.walk(root) for name in names]

    return Desk(
        root=root,
        scope=tuple(map(globs.parse, writes)),
        listing=listing,
        plan_files={},
        commands=Commands(NoSandbox(), {"PATH": os.environ["PATH"]}, plan, f"test-{os.getpid()}"),
        seconds=20.0,
        scratch=scratch,
        owner_of=(owners or {}).get,
    )


@pytest.fixture
def laid(tmp_path: Path) -> Laid:
    """Lays a desk out over a worktree without git: its files are those on disk."""

    def lay(files: Mapping[str, bytes] = PACKAGE, **how: Any) -> Desk:
        return _desk(tmp_path, files, **how)

    return lay


def brief(**changes: Any) -> Brief:
    from dataclasses import replace

    return replace(BRIEF, **changes)


def told(desk: Desk, brief: Brief = BRIEF, **how: Any) -> str:
    return asyncio.run(situation(brief, desk, **how))


def _read(desk: Desk, path: str, lines: str) -> str:
    async def read() -> str:
        return await Toolbox(desk).named(["read_file"])[0](path, lines)

    return asyncio.run(read())


def section(text: str, title: str) -> str:
    """A section without its title; empty where there is none."""
    return text.partition(f"## {title}\n")[2].partition("\n\n## ")[0]


def evidence(check: str, kind: Any = "done_when", *, before: bool | None = False, output: str = "") -> Evidence:
    return Evidence(key=check, check=check, kind=kind, before=before, output=output)


# Where the gaps are


def test_a_stub_comes_with_its_class_its_siblings_and_the_imports_and_not_with_the_rest_of_the_file(laid: Laid) -> None:
    sites = section(told(laid()), "Where the gaps are")
    assert f"### shapes/round.py ({len(ROUND.splitlines()):,} lines): stubs (line {STUB})" in sites
    for wanted in (
        "3\timport math\n",
        "6\tfrom shapes.base import Shape\n",
        "9\t@dataclass(frozen=True)\n10\tclass Circle(Shape):\n",
        f"{STUB}\t        raise NotImplementedError\n",
        '    def scaled(self, by: float) -> "Circle":\n',
        "def helper_0(value: int) -> int:\n",
    ):
        assert wanted in sites
    assert "hidden" not in sites
    assert "secret_3" not in sites


def test_a_small_file_is_told_whole(laid: Laid) -> None:
    small = PACKAGE | {"shapes/round.py": ROUND.removesuffix(FILLER).encode()}
    assert "hidden = self.radius * by" in section(told(laid(small)), "Where the gaps are")


def test_lines_have_the_numbers_and_the_form_of_read_file(laid: Laid) -> None:
    desk = laid()
    assert _read(desk, "shapes/round.py", f"9-{STUB}").partition("\n")[2] in told(desk)


def test_users_of_what_holds_the_gap_are_named_and_prose_is_none(laid: Laid) -> None:
    used = section(told(laid()), "Where the gaps are").partition("Used elsewhere:\n")[2]
    assert used.splitlines() == [
        "app/report.py:5: def total(circles: list[Circle]) -> float:",
        "app/report.py:6: return sum(c.area() for c in circles)",
        "tests/test_round.py:5: assert round(Circle(1.0).area(), 2) == 3.14",
        "tests/test_round.py:1: from shapes.round import Circle",
        "… 1 of 5 lines in 2 files left out: search finds them …",
    ]


def test_at_most_eight_users_are_shown_the_related_ones_first(laid: Laid) -> None:
    strangers = {f"a/{number:03}.py": b"lot.area()\n" * 3 for number in range(50)}
    used = section(told(laid(PACKAGE | strangers)), "Where the gaps are").partition("Used elsewhere:\n")[2].splitlines()
    assert (len(used), used[0]) == (9, "app/report.py:5: def total(circles: list[Circle]) -> float:")
    assert used[-1].startswith("… 147 of 155 lines in 52 files")


def test_the_base_class_is_told_though_nobody_asked_for_it(laid: Laid) -> None:
    files = section(told(laid()), "Files that matter")
    assert "### shapes/base.py (11 lines; defines Shape)" in files
    assert '11\t        """Square units, never negative."""' in files


def test_gaps_of_one_file_are_told_together(laid: Laid) -> None:
    again = {"gap": "undocumented", "path": "shapes/round.py", "lines": ""}
    text = told(laid(), brief(closes=(*BRIEF.closes, again)))
    assert text.count("### shapes/round.py") == 1
    assert f"stubs (line {STUB}), undocumented" in text


def test_a_gap_without_lines_shows_the_head_of_its_file(laid: Laid) -> None:
    sites = section(told(laid(), brief(closes=({"gap": "g", "path": "shapes/round.py", "lines": ""},))), "Where the gaps are")
    assert "1\t" in sites
    assert "hidden = self.radius * by" in sites
    assert "def helper_79(value: int) -> int:" in sites
    assert "secret_79" not in sites
    assert "Used elsewhere:\napp/report.py:5" in sites


def test_lines_that_moved_since_the_gap_was_found_are_those_of_the_base(laid: Laid) -> None:
    stale = ({"gap": "stubs", "path": "shapes/round.py", "lines": "300-301", "text": ""},)
    now = evidence(
        "gap: stubs in **", "closes", output=f"stubs: app/report.py (line 1)\nstubs: shapes/round.py (lines {STUB},{STUB + 1})\n"
    )
    sites = section(told(laid(), brief(closes=stale, before=(now,))), "Where the gaps are")
    assert f"stubs (lines {STUB},{STUB + 1})" in sites
    assert f"{STUB}\t        raise NotImplementedError" in sites


@pytest.mark.parametrize(
    ("path", "where"),
    [
        ("shapes/new.py", "What stands in shapes: __init__.py, base.py, round.py"),
        ("shapes/deep/er/new.py", "What stands in shapes: __init__.py, base.py, round.py"),
        ("core/new.py", "What stands at the top of the workspace: README.md, app/, shapes/, tests/"),
    ],
)
def test_a_file_that_is_not_there_yet_is_told_with_what_stands_beside_it(laid: Laid, path: str, where: str) -> None:
    sites = section(told(laid(), brief(closes=({"gap": "missing", "path": path, "lines": ""},))), "Where the gaps are")
    assert sites.strip() == f"### {path}: missing\nThis file does not exist yet. {where}"


BROKEN = ROUND.replace("import math", "import math (")


@pytest.mark.parametrize("content", [BROKEN, ROUND + "\n# " + "x" * 70_000, ROUND.replace("\n", "\r\n"), "\ufeff" + ROUND])
def test_what_ast_cannot_or_shall_not_read_is_told_alike(laid: Laid, content: str) -> None:
    sites = section(told(laid(PACKAGE | {"shapes/round.py": content.encode()})), "Where the gaps are")
    assert f"{STUB}\t        raise NotImplementedError" in sites
    assert "10\tclass Circle(Shape):" in sites
    assert "def scaled" in sites
    assert "hidden" not in sites
    assert "app/report.py:5: def total" in sites
    assert ("ended by CR LF" in sites) == ("\r\n" in content)


def test_a_language_without_ast_shows_the_lines_around_the_gap(laid: Laid) -> None:
    code = "class Box {\n" + "".join(f"  m{n}() {{\n    return {n};\n  }}\n" for n in range(600)) + "}\n\nexport function after(a) {\n}\n"
    desk = laid({"box.ts": code.encode()})
    sites = section(told(desk, brief(closes=({"gap": "g", "path": "box.ts", "lines": "900"},))), "Where the gaps are")
    assert "1\tclass Box {" in sites
    assert "885\t" in sites
    assert "1804\texport function after(a) {" in sites
    assert "\n600\t" not in sites


def test_of_a_long_function_the_header_and_the_lines_around_the_gap_are_shown(laid: Laid) -> None:
    code = "def long(a: int) -> int:\n" + "".join(f"    line_{n} = {n}\n" for n in range(900))
    sites = section(
        told(laid({"a.py": code.encode()}), brief(closes=({"gap": "g", "path": "a.py", "lines": "700"},))), "Where the gaps are"
    )
    assert "1\tdef long(a: int) -> int:\n685\t" in sites
    assert "700\t    line_698 = 698\n" in sites
    assert "716\t" not in sites


def test_sites_for_which_there_is_no_room_are_named_and_counted(laid: Laid) -> None:
    files = {f"m{number:03}.py": FILLER.encode() for number in range(150)}
    closes = tuple({"gap": "stubs", "path": path, "lines": "3-4"} for path in files)
    sites = section(told(laid(files), brief(closes=closes)), "Where the gaps are")
    shown = sites.count("### ")
    assert shown >= 10
    assert "Not shown here, for want of room:" in sites
    assert f"- m{shown:03}.py: stubs (lines 3-4)" in sites
    assert "- m149.py: stubs (lines 3-4)" in sites


@pytest.mark.parametrize("path", ["../outside.py", "/etc/passwd", ".git", ".git/config", "linked.py", "shapes", "linked/x.py", "a\nb", ""])
def test_nothing_is_read_that_is_no_file_of_the_workspace(laid: Laid, tmp_path: Path, path: str) -> None:
    desk = laid(PACKAGE | {".git": b"gitdir: /a/secret/place\n"})
    (tmp_path / "outside.py").write_text("secret = 1\n")
    (desk.root / "linked.py").symlink_to(tmp_path / "outside.py")
    (desk.root / "linked").symlink_to(tmp_path)
    text = told(desk, brief(closes=({"gap": "g", "path": path, "lines": "1"},), reads=("**",)))
    assert "secret = 1" not in text
    assert "secret/place" not in text
    assert str(tmp_path) not in text


# The checks


def test_a_red_check_comes_with_both_ends_of_its_output_and_a_green_one_in_a_line(laid: Laid) -> None:
    before = (
        evidence("run: pytest", output="BEGINNING\n" + "x" * 9_000 + "\nVERDICT\n(status 1)"),
        evidence("run: ruff", before=True, output="All good"),
        evidence("gap: stubs in shapes/round.py", "closes", output="stubs: shapes/round.py (line 17)"),
        evidence("run: mypy", "keep", before=True, output="Success"),
        evidence("run: docs", "keep", before=False, output="old trouble"),
        evidence("run: unknown", before=None, output="nothing"),
    )
    checks = section(told(laid(), brief(before=before)), "The checks before any change")
    red, rest = checks.split("\n\n### gap: stubs in shapes/round.py\n")
    assert "### run: pytest\nBEGINNING\nxxx" in red
    assert red.endswith("VERDICT\n(status 1)")
    assert "characters left out …" in red
    assert len(red) < 4_200
    assert rest == (
        "stubs: shapes/round.py (line 17)\n\nGreen already: run: ruff\n\nGreen, and has to stay so: run: mypy\n\n"
        "Red already, and not held against you: run: docs"
    )


def test_many_red_checks_share_their_room_and_the_rest_are_named(laid: Laid) -> None:
    before = tuple(evidence(f"run: {number}", output="x" * 6_000) for number in range(60))
    checks = section(told(laid(), brief(before=before)), "The checks before any change")
    assert len(checks) <= 12_000
    assert checks.count("### run:") >= 30
    assert "for want of room:\n- run: " in checks
    assert "- run: 59" in checks


def test_outputs_name_no_place_of_this_machine_and_steer_no_terminal(laid: Laid, tmp_path: Path) -> None:
    desk = laid()
    other = tmp_path / "slots" / "017" / "tree"
    output = f"{other}/shapes/round.py:3: E\n{desk.root}/a.py\n{desk.scratch}/x\n\x1b[31mred\x1b[0m \x1b]0;title\x07 \u202e\n"
    text = told(desk, brief(before=(evidence("run: x", output=output),)))
    assert "shapes/round.py:3: E\na.py\n$SCRATCH/x\nred  \\u202e" in text
    assert str(tmp_path) not in text


# The files


def test_what_is_to_be_read_is_told_whole_when_small_and_as_an_outline_when_large(laid: Laid) -> None:
    files = PACKAGE | {"docs/large.py": ('"""Large."""\n\nimport os\n' + FILLER * 3).encode(), "docs/small.md": b"# Small\n\nAll of it.\n"}
    matter = section(told(laid(files), brief(reads=("docs/**",))), "Files that matter")
    assert "### docs/small.md (3 lines; to be read first)\n1\t# Small\n2\t\n3\tAll of it." in matter
    assert "lines, outline; to be read first)\n3\timport os\n6\tdef helper_0(value: int) -> int:\n" in matter
    assert "secret_0" not in matter


def test_the_test_that_a_check_names_is_told(laid: Laid) -> None:
    assert "### tests/test_round.py (5 lines; named by a check)" in section(told(laid()), "Files that matter")


def test_the_test_that_a_red_check_printed_is_told(laid: Laid) -> None:
    red = evidence("run: pytest -q", output="FAILED tests/test_round.py::test_area - NotImplementedError\n")
    text = told(laid(), brief(done_when=("run: pytest -q",), before=(red,)))
    assert "### tests/test_round.py (5 lines; named by a check)" in section(text, "Files that matter")


def test_a_file_with_gaps_is_not_told_again_as_one_to_be_read(laid: Laid) -> None:
    assert told(laid(), brief(reads=("shapes/round.py",))).count("### shapes/round.py") == 1


def test_few_files_that_may_be_written_are_told_and_many_only_counted(laid: Laid) -> None:
    few, many = (told(laid(writes=(scope,)), brief(writes=(scope,), closes=(), done_when=())) for scope in ("shapes/**", "**"))
    assert "### shapes/round.py" in section(few, "Files that matter")
    assert section(many, "Files that matter") == ""
    assert "May be written: ** (6 existing files, and new ones that match)" in many


def test_files_for_which_there_is_no_room_are_named(laid: Laid) -> None:
    files = {f"docs/{number:03}.md": b"word " * 200 + b"\n" for number in range(90)}
    matter = section(told(laid(files), brief(reads=("docs/**",), closes=())), "Files that matter")
    assert len(matter) <= 20_000
    assert "- docs/089.md: to be read first" in matter


@pytest.mark.parametrize("content", [b"\0binary", b"x" * 1_000_001])
def test_binary_and_very_large_files_are_named_with_their_size_and_not_shown(laid: Laid, content: bytes) -> None:
    matter = section(told(laid({"docs/a": content}), brief(reads=("docs/a",), closes=())), "Files that matter")
    assert matter.strip().startswith(f"### docs/a (to be read first)\nNot shown: {len(content):,} bytes, ")


# The scope and what is left


def test_what_is_outside_the_scope_is_told_with_its_owner(laid: Laid) -> None:
    scope = section(told(laid(owners={"tests/test_round.py": "qa.tests"})), "The scope")
    assert scope.splitlines() == [
        "May be written: shapes/round.py (1 existing file, and new ones that match)",
        "May not be written, since it belongs to task qa.tests: tests/test_round.py",
        "May not be written, by no task of this plan: shapes/base.py",
        "Tests may not be changed: no existing test file is in the scope (1 outside).",
    ]


@pytest.mark.parametrize(
    ("files", "scope", "said"),
    [
        (["tests/a.py", "src/b_test.go"], "src/a.py", "Tests may not be changed: no existing test file is in the scope (2 outside)."),
        (["tests/a.py", "src/b_test.go"], "**", "Tests may be changed, all 2 of them."),
        (["tests/a.py", "src/b_test.go"], "src/**", "Of the 2 test files 1 may be changed: src/b_test.go"),
        (["src/a.py"], "tests/**", "The workspace has no tests yet."),
    ],
)
def test_whether_tests_may_change_is_said(laid: Laid, files: list[str], scope: str, said: str) -> None:
    desk = laid(dict.fromkeys(files, b"x\n"), writes=(scope,))
    assert said in section(told(desk, brief(writes=(scope,), closes=())), "The scope").splitlines()


@pytest.mark.parametrize("path", ["tests/a.txt", "a/test/b.c", "test_a.py", "a/b_test.py", "web/b.test.tsx", "web/b.spec.js"])
def test_tests_are_known_by_their_names(path: str) -> None:
    assert is_test(path)


@pytest.mark.parametrize("path", ["testing/a.py", "latest.py", "tests", "contest.py", "test_a.md"])
def test_what_only_sounds_like_a_test_is_none(path: str) -> None:
    assert not is_test(path)


def test_turns_and_limits_are_told_last(laid: Laid) -> None:
    text = told(laid(), brief(turns=7), limits=["12 model calls are left in this task's budget"])
    end = "\n\n## What is left\n- At most 7 turns: each answer of yours is one.\n- 12 model calls are left in this task's budget"
    assert text.endswith(end)


def test_a_task_about_nothing_in_particular_hears_of_its_scope_and_what_is_left_only(laid: Laid) -> None:
    text = told(laid({"a.md": b"x"}, writes=()), brief(closes=(), done_when=(), writes=()))
    assert text == (
        "## The scope\nNo file may be written.\nThe workspace has no tests yet.\n\n"
        "## What is left\n- At most 40 turns: each answer of yours is one."
    )


def test_sections_come_in_order_and_a_refusal_is_left_to_the_brief(laid: Laid) -> None:
    refusal = Refused(attempt=1, kind="checks", text="said elsewhere")
    text = told(laid(), brief(before=(evidence("run: x"),), refused=refusal))
    titles = ["## Where the gaps are", "## The checks before any change", "## Files that matter", "## The scope", "## What is left"]
    assert [line for line in text.splitlines() if line.startswith("## ")] == titles
    assert "said elsewhere" not in text


# Any workspace


def test_the_same_tree_and_brief_are_told_the_same_wherever_they_lie(tmp_path: Path) -> None:
    first, second = (told(_desk(tmp_path / name, dict(files))) for name, files in (("a", PACKAGE), ("b", reversed(PACKAGE.items()))))
    assert first == second


NASTY = st.text(st.characters(codec="utf-8") | st.sampled_from("\r\n\t\0\x1b\ufeff\u202e\\'\"(){}:@#"), max_size=300)
CODE = st.lists(
    st.sampled_from(["class A(B):", "  def f(self):", "\tpass", "@x", '"""', "def f(", ")", "if x:", "import a", "}", "end", "\x0c", "\r"])
)


@given(
    content=NASTY | CODE.map("\n".join) | CODE.map("\r\n".join),
    repeat=st.sampled_from([1, 50]),
    lines=st.sampled_from(["", "1", "2-3,9", "1-99999999", "0", "x", "9-2"]),
    output=NASTY,
    most=st.sampled_from([LEAST, 60_000]),
)
@example(content="x" * 900_000, repeat=1, lines="1", output="", most=LEAST)
@example(content="\x01" * 20_000, repeat=1, lines="1", output="\x01" * 20_000, most=LEAST)
@example(content="(" * 5_000, repeat=1, lines="1", output="", most=LEAST)
@example(content="def f():\n    '\\d'\n    return 1if 1else 2\n", repeat=1, lines="1", output="", most=LEAST)
@example(content="class A:\n" + "".join(" " * n + "def f():\n" for n in range(1, 300)), repeat=1, lines="200", output="", most=LEAST)
@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_content_breaks_it_or_makes_it_too_long(tmp_path: Path, content: str, repeat: int, lines: str, output: str, most: int) -> None:
    desk = _desk(tmp_path, {name: (content * repeat).encode() for name in ("a.py", "b.py", "tests/c.js")})
    closes = tuple({"gap": "g", "path": path, "lines": lines} for path in ("a.py", "tests/c.js", content or "none"))
    before = (evidence(content, output=output * repeat), evidence(output, "keep", before=True))
    text = told(desk, brief(closes=closes, reads=("**", content), before=before), limits=[content, output * repeat], most=most)
    assert len(text) <= most
    assert not {"\x1b", "\x07", "\u202e", "\ufeff", "\r", "\0"} & set(text)


def test_an_attempt_that_is_over_looks_at_nothing_more(laid: Laid) -> None:
    desk = laid()
    desk.ended = True
    with pytest.raises(AttemptTimedOut):
        told(desk)


def test_three_thousand_files_are_looked_at_in_a_second(laid: Laid) -> None:
    files = {f"pkg{number % 60}/m{number}.py": b"def nothing():\n    return area\n" * 60 for number in range(3_000)}
    desk = laid(PACKAGE | files)
    began = time.perf_counter()
    assert "### shapes/round.py" in told(desk, brief(reads=("shapes/**",)))
    assert time.perf_counter() - began < 1.0


# Outlines


def _names(text: str, path: str = "a.py") -> list[tuple[str, int, int, int]]:
    return [(one.name, one.depth, one.first, one.last) for one in outline_of(Source(path, text.split("\n"))).definitions]


CLASS = '''@dataclass
class A(x.B[int], C):
    """Doc."""

    @property
    def f(
        self,
    ) -> int:
        return 1


async def g():
    pass'''
RUST = "pub fn a(x: u8) -> u8 {\n    x\n}\n\nimpl B {\n    fn c() {\n    }\n}"


@pytest.mark.parametrize("broken", ["", "\n)("])
def test_indentation_and_ast_see_the_same_definitions(broken: str) -> None:
    assert _names(CLASS + broken) == [("A", 0, 1, 9), ("f", 1, 5, 9), ("g", 0, 12, 13)]
    assert outline_of(Source("a.py", (CLASS + broken).split("\n"))).definitions[0].bases == ("B", "C")


def test_definitions_of_other_languages_are_seen() -> None:
    assert _names(RUST, "a.rs") == [("a", 0, 1, 3), ("B", 0, 5, 8), ("c", 1, 6, 7)]
    assert _names("func (s *Server) Run() {\n\treturn\n}", "a.go") == [("Run", 0, 1, 3)]
    assert _names("class A\n  def b\n    1\n  end\nend", "a.rb") == [("A", 0, 1, 5), ("b", 1, 2, 4)]
