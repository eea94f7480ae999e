"""Every kind of folder can be worked on, none is touched but by `promote`, and what promote wrote can be taken back."""

import hashlib
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

IDENTITY = ("-c", "user.name=n", "-c", "user.email=e@e", "-c", "init.defaultBranch=main")
WORK: dict[str, Any] = {"writes": "src/**", "do": "mkdir -p src && cat base.txt > src/new.txt", "done_when": [{"exists": "src/new.txt"}]}


def _git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *IDENTITY, *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def _committed(folder: Path) -> None:
    _git(folder, "init", "-q")
    _git(folder, "add", "-A")
    _git(folder, "commit", "-qm", "first")


def _plain(folder: Path) -> None:
    """A folder that no repository knows."""


def _dirty(folder: Path) -> None:
    _committed(folder)
    (folder / "base.txt").write_text("edited\n")
    (folder / "untracked.txt").write_text("mine\n")


def _in_a_larger_repository(folder: Path) -> None:
    (folder.parent / "beside.txt").write_text("not of the workspace\n")
    (folder.parent / ".gitignore").write_text("ignored.txt\n.swarm/\n")
    _committed(folder.parent)


def _everything(folder: Path) -> dict[str, tuple[object, ...]]:
    """Path to kind, mode, size, time and content, of all that is in a folder, `.git` included."""
    found: dict[str, tuple[object, ...]] = {}
    for root, folders, names in os.walk(folder):
        for name in (*folders, *names):
            path = Path(root, name)
            seen = path.lstat()
            content = os.readlink(path) if path.is_symlink() else hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
            found[str(path.relative_to(folder))] = (seen.st_mode, seen.st_size, seen.st_mtime_ns, content)
    return found


def _contents(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file() and ".git" not in path.parts}


@pytest.mark.parametrize("prepare", [_plain, _committed, _dirty, _in_a_larger_repository], ids=["plain", "clean", "dirty", "below"])
def test_a_run_works_beside_the_folder_and_promote_writes_into_it(shell: Any, prepare: Callable[[Path], None]) -> None:
    folder = shell.write("ws/base.txt", "base\n").parent
    shell.write("ws/ignored.txt", "x\n")
    shell.write("ws/.gitignore", "ignored.txt\n")
    (folder / "link").symlink_to("base.txt")
    prepare(folder)
    shell.plan({"work": WORK | {"do": WORK["do"] + " && test ! -e ignored.txt && test ! -e beside.txt && test -L link"}})
    before, base = _everything(folder), (folder / "base.txt").read_text()
    shell.swarm("execute", "plan.yaml", "--run", "r")
    shell.swarm("replay", "r")
    assert _everything(folder) == before
    assert shell.landed("r") == {"src/new.txt": "A"}
    contents = _contents(folder)
    shell.swarm("promote", "r")
    assert _contents(folder) == contents | {"src/new.txt": base}
    changed = {path for path, seen in _everything(folder).items() if before.get(path) != seen}
    assert changed == {"src", "src/new.txt"}, "files only: git's index and refs are the user's"
    assert "holds the result already" in shell.swarm("promote", "r").stderr
    shell.swarm("promote", "--undo", "r")
    assert _everything(folder).items() == before.items()


def test_an_empty_folder_can_be_worked_on(shell: Any) -> None:
    (shell.folder / "ws").mkdir()
    shell.plan({"work": {"writes": "**", "do": "echo x > one.txt; mkdir -p a/b; echo y > a/b/two.txt"}})
    shell.swarm("execute", "plan.yaml", "--run", "r")
    shell.swarm("promote", "r")
    assert _contents(shell.folder / "ws") == {"one.txt": "x\n", "a/b/two.txt": "y\n"}
    shell.swarm("promote", "r", "--undo")
    assert list((shell.folder / "ws").iterdir()) == []


def test_a_run_from_within_its_workspace_leaves_its_home_out(shell: Any) -> None:
    shell.write("base.txt", "base\n")
    shell.plan({"work": WORK | {"do": WORK["do"] + " && test ! -e .swarm"}}, workspace=".")
    (shell.folder / "ws").rmdir()
    shell.swarm("execute", "plan.yaml", "--run", "r")
    shell.swarm("execute", "plan.yaml", "--run", "again")
    assert "swarm" not in shell.git("ls-tree", "-r", "--name-only", "refs/swarm/again/head")
    shell.swarm("promote", "again")
    assert (shell.folder / "src/new.txt").read_text() == "base\n"


def test_workspace_wins_over_the_plans(shell: Any) -> None:
    shell.write("other/base.txt", "the other\n")
    shell.plan({"work": WORK})
    shell.swarm("execute", "plan.yaml", "--run", "r", "--workspace", "other")
    shell.swarm("promote", "r")
    assert (shell.folder / "other/src/new.txt").read_text() == "the other\n"
    assert list((shell.folder / "ws").iterdir()) == []


def test_setup_runs_once_for_each_worktree_and_what_it_keeps_stays(shell: Any) -> None:
    shell.write("ws/base.txt", "base\n")
    count = f"echo x >> '{shell.folder}/setups' && mkdir -p tools && echo 'made by setup' > tools/made"
    tasks = {name: {"writes": name, "do": f"cat tools/made > {name}", "done_when": [{"run": "test -s tools/made"}]} for name in "abc"}
    tasks["a"]["done_when"] = [{"exists": "a"}]
    plan = {"workspace": {"path": "ws", "setup": count, "keep": ["tools"]}, "limits": {"parallel": 1, "attempts": 1}}
    shell.plan(tasks, **plan)
    shell.swarm("execute", "plan.yaml", "--run", "r")
    assert shell.landed("r") == {"a": "A"}, "b and c were done once the setup was"
    slots = [slot for slot in (shell.folder / ".swarm/pool").iterdir() if slot.name.isdecimal()]
    setups = (shell.folder / "setups").read_text()
    assert 1 <= setups.count("x") <= len(slots)
    shell.swarm("execute", "plan.yaml", "--run", "again")
    assert (shell.folder / "setups").read_text() == setups, "a worktree that is set up stays so"
    shell.plan(tasks, **plan | {"workspace": {"path": "ws", "setup": f"{count} ", "keep": ["tools"]}})
    shell.swarm("execute", "plan.yaml", "--run", "third")
    assert (shell.folder / "setups").read_text() != setups, "another command is another setup"


@pytest.mark.parametrize(
    ("workspace", "said"),
    [
        (
            {"requires": ["true", "echo no tool here; exit 3"]},
            "the plan requires `echo no tool here; exit 3`, which ended with 3: no tool here",
        ),
        ({"requires": ["frobnicate --version"]}, "`frobnicate --version`"),
        ({"setup": "echo broken; exit 4"}, "setup failed with status 4: echo broken; exit 4\nbroken"),
    ],
    ids=["requires", "requires-missing", "setup"],
)
def test_what_is_missing_before_the_start_is_no_run(shell: Any, workspace: dict[str, object], said: str) -> None:
    shell.plan({"work": {"writes": "x", "do": "echo > x"}}, workspace={"path": "ws", **workspace}, gaps={"g": {"listed_by": "true"}})
    refused = shell.swarm("execute", "plan.yaml", "--run", "r", status=69)
    assert (refused.stdout, said in refused.stderr) == ("", True), refused.stderr
    assert shell.json("runs") == []


def test_a_run_whose_setup_breaks_pauses_and_goes_on_once_it_is_mended(shell: Any) -> None:
    shell.plan({"work": {"writes": "x", "do": "echo > x"}}, workspace={"path": "ws", "setup": f"test -e '{shell.folder}/ready'"})
    assert "setup failed" in shell.swarm("execute", "plan.yaml", "--run", "r", status=69).stderr
    assert shell.json("status", "r")["state"] == "paused"
    shell.write("ready", "")
    shell.swarm("resume", "r")
    assert shell.json("status", "r")["tasks"][0]["attempts"] == 1


def _changed_run(shell: Any) -> Path:
    """A complete run that edits one file, deletes another and makes a third."""
    folder: Path = shell.write("ws/base.txt", "base\n").parent
    shell.write("ws/old.txt", "old\n")
    shell.plan({"work": {"writes": "**", "do": "echo more >> base.txt; rm old.txt; echo new > new.txt; chmod +x new.txt"}})
    shell.swarm("execute", "plan.yaml", "--run", "r")
    return folder


@pytest.mark.parametrize("path", ["base.txt", "old.txt", "new.txt"])
def test_promote_is_refused_when_a_path_has_changed_meanwhile(shell: Any, path: str) -> None:
    folder = _changed_run(shell)
    (folder / path).write_text("my own\n")
    (folder / "unrelated.txt").write_text("harmless\n")
    before = _everything(folder)
    refused = shell.swarm("promote", "r", status=1)
    assert path in refused.stderr
    assert _everything(folder) == before


def test_undo_is_refused_when_a_path_has_changed_since_the_promotion(shell: Any) -> None:
    folder = _changed_run(shell)
    shell.swarm("promote", "r")
    assert (_contents(folder), os.access(folder / "new.txt", os.X_OK)) == ({"base.txt": "base\nmore\n", "new.txt": "new\n"}, True)
    (folder / "new.txt").write_text("my own\n")
    assert "new.txt" in shell.swarm("promote", "--undo", "r", status=1).stderr
    (folder / "new.txt").write_text("new\n")
    (folder / "new.txt").chmod(0o755)
    shell.swarm("promote", "--undo", "r")
    assert _contents(folder) == {"base.txt": "base\n", "old.txt": "old\n"}
    shell.swarm("promote", "--undo", "r", status=1)


def test_promote_to_a_branch_leaves_the_files_alone(shell: Any) -> None:
    folder = shell.write("ws/base.txt", "base\n").parent
    _committed(folder)
    shell.plan({"work": WORK})
    shell.swarm("execute", "plan.yaml", "--run", "r")
    files = _contents(folder)
    shell.swarm("promote", "r", "--branch", "swarm/work")
    assert (_contents(folder), _git(folder, "status", "--porcelain"), _git(folder, "branch", "--show-current")) == (files, "", "main")
    assert _git(folder, "diff", "--name-status", "main", "swarm/work") == "A\tsrc/new.txt"
    assert _git(folder, "merge-base", "main", "swarm/work") == _git(folder, "rev-parse", "main")
    assert shell.swarm("promote", "r", "--branch", "main", status=None).returncode in (1, 2)
    assert _git(folder, "log", "--format=%s", "main") == "first"


def test_an_incomplete_run_is_promoted_on_demand_only(shell: Any) -> None:
    shell.write("ws/base.txt", "base\n")
    shell.plan({"work": WORK, "bad": {"writes": "y", "do": "exit 1"}})
    shell.swarm("execute", "plan.yaml", "--run", "r", status=1)
    assert "incomplete" in shell.swarm("promote", "r", status=1).stderr
    assert not (shell.folder / "ws/src").exists()
    shell.swarm("promote", "r", "--incomplete")
    assert (shell.folder / "ws/src/new.txt").read_text() == "base\n"
