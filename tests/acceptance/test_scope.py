"""What leaves a task's scope by one path never lands, and everybody is told the path; the task beside it is not disturbed."""

import subprocess
from typing import Any

import pytest

# Name, scope, command, and the path that the refusal has to name.
TRESPASSES = [
    ("write", "write/**", "mkdir write; echo x > write/in.txt; echo x > elsewhere.txt", "elsewhere.txt"),
    ("edit", "edit/**", "echo more >> base.txt", "base.txt"),
    ("delete", "delete/**", "rm base.txt", "base.txt"),
    ("empty", "empty/**", ": > base.txt", "base.txt"),
    ("rename-out", "moved/**", "mv moved/a.txt outside.txt", "outside.txt"),
    ("rename-in", "rename-in/**", "mkdir rename-in; mv base.txt rename-in/b.txt", "base.txt"),
    ("mode", "mode/**", "chmod +x base.txt", "base.txt"),
    ("file-to-link", "file-to-link/**", "ln -sf moved/a.txt base.txt", "base.txt"),
    ("file-to-folder", "base.txt", "rm base.txt; mkdir base.txt; echo x > base.txt/in.txt", "base.txt/in.txt"),
    ("link-absolute", "link-absolute/**", "mkdir link-absolute; ln -s /etc/hostname link-absolute/l", "link-absolute/l"),
    ("link-up", "link-up/**", "mkdir link-up; ln -s ../../ws link-up/l", "link-up/l"),
    ("link-chain", "link-chain/**", "mkdir link-chain; ln -s .. link-chain/one; ln -s one/../x link-chain/two", "link-chain/two"),
    ("link-relay", "link-relay/**", "mkdir link-relay; ln -s two link-relay/one; ln -s /etc link-relay/two", "link-relay/one"),
    ("link-round", "link-round/**", "mkdir link-round; ln -s b link-round/a; ln -s a link-round/b", "link-round/a"),
    ("link-to-git", "link-to-git/**", "mkdir link-to-git; ln -s ../.git/config link-to-git/l", "link-to-git/l"),
    ("link-parent", "link-parent/**", "ln -s /tmp link-parent", "link-parent"),
    ("git-top", "git-top/**", "git init -q .", ".git"),
    ("git-new", "git-new/**", "git init -q git-new/inner; echo x > git-new/inner/f", "git-new/inner/.git"),
    ("git-tracked", "tracked/**", "git init -q tracked", "tracked/.git"),
    ("git-file", "git-file/**", "mkdir git-file; echo 'gitdir: /tmp' > git-file/.git", "git-file/.git"),
    ("git-upper", "git-upper/**", "mkdir -p git-upper/.GIT; echo x > git-upper/.GIT/config", "git-upper/.GIT"),
    ("submodule", "sub/**", "echo x > sub/x", "sub/x"),
    ("fifo", "fifo/**", "mkdir fifo; mkfifo fifo/pipe", "fifo/pipe"),
    ("spaces", "spaces/**", "echo x > 'two words  and more.txt'", "two words  and more.txt"),
]
TIDY = """
mkdir -p good/__pycache__ good/build && echo kept > good/kept.txt && echo x > good/__pycache__/m.pyc
echo x > build.log && echo x > good/build/o
mkdir -p .pytest_cache && echo x > .pytest_cache/c && mkfifo build.fifo.log
"""


def _workspace(shell: Any) -> None:
    for path in ("base.txt", "moved/a.txt", "tracked/t.txt"):
        shell.write(f"ws/{path}", f"{path}\n")
    shell.write("ws/.gitignore", "build/\n*.log\n")
    inner = shell.write("ws/sub/inside.txt", "x\n").parent
    identity = ("-c", "user.name=n", "-c", "user.email=e")
    for folder in (inner, inner.parent):
        subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
        subprocess.run(["git", *identity, "add", "-A"], cwd=folder, check=True, capture_output=True)
        subprocess.run(["git", *identity, "commit", "-qm", "m"], cwd=folder, check=True)


def test_one_path_outside_the_scope_and_nothing_lands(shell: Any) -> None:
    _workspace(shell)
    trespassing = {name: {"writes": scope, "do": command} for name, scope, command, _ in TRESPASSES}
    shell.plan({**trespassing, "good": {"writes": "good/**", "do": TIDY, "done_when": [{"exists": "good/kept.txt"}]}})
    shell.swarm("execute", "plan.yaml", "--run", "r", status=1)
    assert shell.landed("r") == {"good/kept.txt": "A"}
    assert shell.states("r") == {**{name: "failed" for name, *_ in TRESPASSES}, "good": "verified"}
    refusals = {event["task"]: event["refused"] for event in shell.json("log", "r") if event["kind"] == "attempt_refused"}
    told = {name: (refusals[f"c.{name}"]["kind"], _names(path, refusals[f"c.{name}"]["text"])) for name, _, _, path in TRESPASSES}
    assert told == {name: ("scope", True) for name, *_ in TRESPASSES}


def _names(path: str, text: str) -> bool:
    """Whether a sentence of the refusal begins with the path."""
    return any(line.startswith(f"{path} ") for line in text.splitlines())


@pytest.mark.parametrize("command", ["explain", "handoff", "status"])
def test_a_person_is_told_the_path(shell: Any, command: str) -> None:
    shell.plan({"out": {"writes": "in/**", "do": "echo x > elsewhere.txt"}})
    shell.write("ws/base.txt", "x\n")
    shell.swarm("execute", "plan.yaml", "--run", "r", status=1)
    arguments = (command, "r") if command == "status" else (command, "r", "c.out")
    assert "elsewhere.txt was added and is outside the scope: this task writes only in/**" in shell.swarm(*arguments).stdout
    assert "elsewhere.txt" in shell.swarm("log", "r").stdout


def test_a_path_that_a_terminal_would_obey_is_shown_harmless(shell: Any) -> None:
    shell.plan({"out": {"writes": "in/**", "do": r"""echo x > "$(printf 'red\033[31mline\nbreak')" """}})
    ended = shell.swarm("execute", "plan.yaml", "--run", "r", status=1)
    shown = [ended.stderr, *(shell.swarm(*words).stdout for words in (("explain", "out"), ("handoff", "out"), ("log",), ("status",)))]
    assert not any("\x1b" in text for text in shown)
    assert all("red" in text for text in shown)
    assert shell.landed("r") == {}
