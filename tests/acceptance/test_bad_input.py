"""Wrong command lines, plans, homes and journals: one clear message, the right status, nothing on standard output, nothing changed."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

COMMANDS = [
    # What is typed, the exit status, and what the message has to say.
    ("", 2, "Usage"),
    ("frobnicate", 2, "frobnicate"),
    ("execute", 2, "PLAN"),
    ("execute nowhere.yaml", 2, "there is no plan at nowhere.yaml"),
    ("execute ws", 2, "cannot read the plan ws"),
    ("execute plan.yaml --run r", 2, "the run r exists already"),
    ("execute plan.yaml --run Upper", 2, "'Upper' is no run id"),
    ("execute plan.yaml --run ../up", 2, "'../up' is no run id"),
    ("execute plan.yaml --run a.b", 2, "'a.b' is no run id"),
    ("execute plan.yaml --parallel 0", 2, "--parallel"),
    ("execute plan.yaml --parallel many", 2, "--parallel"),
    ("execute plan.yaml --only c.nobody", 2, "c.nobody"),
    ("execute plan.yaml --only c.nobody --dry-run", 2, "c.nobody"),
    ("execute plan.yaml --workspace nowhere", 2, "nowhere does not exist"),
    ("execute plan.yaml --workspace plan.yaml", 2, "is not a folder"),
    ("execute plan.yaml --workspace .swarm/workspace.git", 2, "is a git directory"),
    ("execute plan.yaml --sandbox iron", 2, "iron"),
    ("execute plan.yaml --frob", 2, "--frob"),
    ("validate nowhere.yaml", 2, "there is no plan at nowhere.yaml"),
    ("validate plan.yaml --workspace nowhere", 2, "nowhere does not exist"),
    ("resume", 2, "RUN"),
    ("resume nobody", 2, "there is no run nobody"),
    ("resume rr", 2, "did you mean r?"),
    ("cancel r", 1, "the run r is complete already"),
    ("cancel nobody", 2, "there is no run nobody"),
    ("approve r", 2, "PHASE"),
    ("approve r nowhere", 2, "there is no phase 'nowhere'"),
    ("approve r one", 2, "asks for no approval"),
    ("retry r c.nobody", 2, "there is no task 'c.nobody'"),
    ("retry r first", 1, "c.first has not failed"),
    ("status nobody", 2, "there is no run nobody"),
    ("status nobody --json", 2, "there is no run nobody"),
    ("status ../r", 2, "is no run id"),
    ("explain r c.frist", 2, 'did you mean "c.first"'),
    ("explain", 2, "TASK"),
    ("handoff r c.nobody", 2, "there is no task 'c.nobody'"),
    ("handoff c.nobody --json", 2, "there is no task 'c.nobody'"),
    ("log nobody", 2, "there is no run nobody"),
    ("replay nobody", 2, "there is no run nobody"),
    ("replay r c.nobody", 2, "there is no task 'c.nobody'"),
    ("replay r --plan nowhere.yaml", 2, "there is no plan at nowhere.yaml"),
    ("diff nobody", 2, "there is no run nobody"),
    ("promote nobody", 2, "there is no run nobody"),
    ("promote r --undo --branch b", 2, "--undo stands alone"),
    ("promote r --undo", 1, "promot"),
    ("promote r --branch b", 1, "branch"),
    ("rollback r nothing", 2, "nothing"),
    ("rollback r phase:nothing", 2, "nothing"),
    ("gc --days -1", 2, "--days"),
    ("agents nobody", 2, "there is no specialist 'nobody'"),
    ("init .", 2, "is there already"),
    ("status --home nowhere", 2, "there is no run in"),
]

JOURNAL = ".swarm/runs/r/journal.db"
HEAD = "plan: p\ngoal: g\nworkspace: ws\nphases: [one]\n"
TASK = "categories: {c: {objective: o, lead: code-generator, tasks: {t: {phase: one, goal: g, writes: [x], %s}}}}\n"
PLANS: dict[str, tuple[Any, str]] = {
    "empty": ("", "1:1"),
    "not a mapping": ("- one\n", "a plan is a mapping"),
    "not YAML": ("plan: [\n", "[syntax]"),
    "a tab": ("plan:\n\tgoal: g\n", "[syntax]"),
    "not UTF-8": (b"plan: \xff\n", "not UTF-8"),
    "an alias": (HEAD + "a: &a 1\nb: *a\n", "[syntax]"),
    "a tag": (HEAD + "a: !!python/object:os.system {}\n", "[syntax]"),
    "nested without end": ("[" * 5000, "[syntax]"),
    "a key twice": (HEAD + "goal: again\n" + TASK % "keep: [{run: x}]", "[duplicate-key]"),
    "an unknown key": (HEAD + TASK % "keep: [{run: x}], wirtes: [y]", 'did you mean "writes"'),
    "a missing key": ("plan: p\n", "[missing-key]"),
    "an octal number": (HEAD + "limits: {parallel: 012}\n" + TASK % "keep: [{run: x}]", "012 has a leading zero"),
    "out of range": (HEAD + "limits: {parallel: 0}\n" + TASK % "keep: [{run: x}]", "[wrong-type]"),
    "a name that is not there": (HEAD + TASK % "keep: [{run: x}], needs: [nobody], do: {command: x}", "[unknown-name]"),
    "a path that leads out": (HEAD + TASK.replace("[x]", "[../x]") % "keep: [{run: x}], do: {command: x}", "[unsafe-path]"),
    "a file that is not there": (HEAD + TASK % "keep: [{run: x}], do: {template: t.j2, to: x}", "t.j2"),
    "no check": (HEAD + TASK % "do: {command: x}", "[no-check]"),
    "a phase that is not there": (HEAD.replace("one", "other") + TASK % "keep: [{run: x}], do: {command: x}", "[unknown-name]"),
    "no workspace": (HEAD.replace("workspace: ws\n", "") + TASK % "keep: [{run: x}], do: {command: x}", "names no workspace"),
}


def _files(folder: Path) -> dict[str, Any]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() and not path.is_symlink() else path.lstat().st_mode
        for path in folder.rglob("*")
    }


def _kept(folder: Path) -> tuple[dict[str, Any], list[Any]]:
    """The files but for what git and SQLite keep for themselves, and the run's events."""
    files = {path: content for path, content in _files(folder).items() if not path.startswith((JOURNAL, ".swarm/workspace.git/objects"))}
    with closing(sqlite3.connect(folder / JOURNAL)) as journal:
        return files, journal.execute("SELECT hash FROM events").fetchall()


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the first test leaves a desk with a complete run for the others of its worker."""
    return tmp_path_factory.mktemp("kept")


@pytest.fixture
def desk(shell: Any, kept: Path) -> Any:
    """A folder with the complete run `r`."""
    if not (kept / "desk").exists():
        shell.plan({"first": {"writes": "x", "do": "echo > x"}})
        shell.swarm("execute", "plan.yaml", "--run", "r")
        shutil.copytree(shell.folder, kept / "desk", symlinks=True)
    else:
        shutil.copytree(kept / "desk", shell.folder, symlinks=True, dirs_exist_ok=True)
    return shell


def _refused(shell: Any, words: list[str], status: int, said: str) -> None:
    """One message, nothing on standard output, no fault of ours."""
    ended = shell.swarm(*words, status=status)
    assert ended.stdout == ""
    assert said in ended.stderr
    assert not any(text in ended.stderr for text in ("Traceback", "internal error", "site-packages"))
    messages = [line for line in ended.stderr.splitlines() if line.startswith(("swarm: error:", "Error:"))]
    assert len(messages) == 1 or (not messages and "Usage" in said)


@pytest.mark.parametrize(("words", "status", "said"), COMMANDS, ids=[words or "nothing" for words, _, _ in COMMANDS])
def test_a_wrong_command_line(desk: Any, words: str, status: int, said: str) -> None:
    before = _kept(desk.folder)
    _refused(desk, words.split(), status, said)
    assert _kept(desk.folder) == before


@pytest.mark.parametrize(("text", "said"), PLANS.values(), ids=PLANS.keys())
def test_a_plan_that_is_wrong(shell: Any, text: str | bytes, said: str) -> None:
    (shell.folder / "ws").mkdir()
    (shell.folder / "bad.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    before = _files(shell.folder)
    _refused(shell, ["execute", "bad.yaml"], 2, said)
    left = {path: content for path, content in _files(shell.folder).items() if not path.startswith(".swarm")}
    assert left == before
    assert shell.json("runs") == []
    assert shell.swarm("execute", "bad.yaml", "--dry-run", status=2).stdout == ""
    shown = shell.swarm("validate", "bad.yaml", status=2)
    assert said in shown.stdout + shown.stderr


# Homes


@pytest.mark.parametrize(("home", "status"), [("plan.yaml", 2), ("plan.yaml/below", 69), ("/dev/null/home", 69), ("loop", 69)])
def test_a_home_that_cannot_be_made(shell: Any, home: str, status: int) -> None:
    shell.plan({"first": {"writes": "x", "do": "echo > x"}})
    (shell.folder / "loop").symlink_to("loop")
    before = _files(shell.folder)
    for words in (["execute", "plan.yaml"], ["execute", "plan.yaml", "--run", "r"]):
        _refused(shell, [*words, "--home", home], status, home.rpartition("/")[2])
    for words in (["status"], ["resume", "r"]):
        _refused(shell, [*words, "--home", home], 2, home.rpartition("/")[2])
    assert _files(shell.folder) == before


def test_a_home_that_cannot_be_written_can_be_looked_at(desk: Any) -> None:
    folders = [path for path in (desk.folder / ".swarm").rglob("*") if path.is_dir()] + [desk.folder / ".swarm"]
    for folder in folders:
        folder.chmod(0o500)
    if os.access(folders[-1], os.W_OK):
        pytest.skip("whoever runs this may write everywhere, as root may")
    try:
        assert desk.json("status")["state"] == "complete"
        desk.swarm("log", "--verify")
        _refused(desk, ["execute", "plan.yaml"], 69, ".swarm")
    finally:
        for folder in reversed(folders):
            folder.chmod(0o700)


# Journals


def _cut(journal: Path) -> None:
    journal.write_bytes(journal.read_bytes()[:-5000])


def _flip(journal: Path) -> None:
    content = bytearray(journal.read_bytes())
    at = content.index(b'"phase_opened"')
    content[at + 2] ^= 1
    journal.write_bytes(content)


def _asked(*statements: str) -> Callable[[Path], None]:
    def ask(journal: Path) -> None:
        connection = sqlite3.connect(journal)
        for statement in statements:
            connection.execute(statement)
        connection.commit()
        connection.close()

    return ask


def _foreign(journal: Path) -> None:
    journal.unlink()
    _asked("CREATE TABLE events (song TEXT)", "INSERT INTO events VALUES ('la')")(journal)


def _text(journal: Path) -> None:
    journal.write_text("no database\n" * 100)


def _folder(journal: Path) -> None:
    journal.unlink()
    journal.mkdir()


DAMAGES: dict[str, Callable[[Path], None]] = {
    "cut short": _cut,
    "one bit": _flip,
    "text": _text,
    "another program's": _foreign,
    "of a newer version": _asked("PRAGMA user_version = 99"),
    "with a foreign table": _asked("CREATE TABLE mine (x)"),
    "a folder": _folder,
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_journal_that_cannot_be_trusted(desk: Any, damage: Callable[[Path], None]) -> None:
    journal = desk.folder / JOURNAL
    damage(journal)
    before = _files(desk.folder)
    for words in (
        ["status", "r"],
        ["status"],
        ["log", "r", "--verify"],
        ["resume", "r"],
        ["promote", "r"],
        ["replay", "r"],
        ["retry", "r", "first"],
    ):
        _refused(desk, words, 74, "journal.db")
    assert [(row["run"], row["state"]) for row in desk.json("runs")] == [("r", "damaged")]
    _refused(desk, ["execute", "plan.yaml", "--run", "r"], 2, "the run r exists already")
    assert _files(desk.folder) == before
    desk.swarm("execute", "plan.yaml", "--run", "other")
    assert [row["state"] for row in desk.json("runs")] == ["complete", "damaged"]
    assert desk.json("status")["run"] == "other"


@pytest.mark.parametrize("words", [["status", "r"], ["resume", "r"], ["log", "r"], ["promote", "r"]], ids=lambda words: words[0])
def test_a_run_folder_without_a_journal_is_no_run(desk: Any, words: list[str]) -> None:
    (desk.folder / JOURNAL).unlink()
    before = _files(desk.folder)
    _refused(desk, words, 2, "there is no run r")
    assert _files(desk.folder) == before


def test_a_run_whose_repository_is_gone_says_so(desk: Any) -> None:
    shutil.rmtree(desk.folder / ".swarm/workspace.git")
    for words in (["promote", "r"], ["replay", "r"], ["diff", "r"]):
        ended = desk.swarm(*words, status=None)
        assert (ended.returncode != 0, ended.stdout, "internal error" in ended.stderr) == (True, "", False), (words, ended)
    assert not (desk.folder / "ws/x").exists()


def test_a_plan_that_needs_a_model_is_told_so_before_the_start(shell: Any) -> None:
    shell.plan({"first": {"writes": "x"}})
    _refused(shell, ["execute", "plan.yaml"], 69, "c.first")
    assert shell.json("runs") == []


def test_an_error_in_the_text_is_shown_with_its_place(shell: Any) -> None:
    (shell.folder / "ws").mkdir()
    shell.write("bad.yaml", PLANS["an unknown key"][0])
    line = PLANS["an unknown key"][0].splitlines()[4]
    shown = shell.swarm("execute", "bad.yaml", status=2).stderr.splitlines()
    assert shown[0].startswith(f"bad.yaml:5:{line.index('wirtes') + 1}: error: ")
    assert (shown[1].strip()[:100], shown[2].index("^") - 4) == (line[:100], line.index("wirtes"))
