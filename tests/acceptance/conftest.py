"""Real processes in real folders: what a user would type, and what they would see."""

import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.model_server import ModelServer

_PATIENCE_S = 60.0


class Typed:
    """A command that was typed: its process, with the part of `subprocess.Popen` that the tests use."""

    def __init__(self, typist: str, arguments: tuple[str, ...], folder: Path, environment: dict[str, str]) -> None:
        self.args = arguments
        self._client = socket.socket(socket.AF_UNIX)
        self._client.connect(typist)
        out, err = os.pipe(), os.pipe()
        command = {"arguments": arguments, "folder": str(folder), "environment": environment}
        with open(os.devnull) as nothing:
            socket.send_fds(self._client, [json.dumps(command).encode()], [nothing.fileno(), out[1], err[1]])
        os.close(out[1])
        os.close(err[1])
        self.stdout: IO[str] = open(out[0], encoding="utf-8")  # noqa: SIM115 - closed by communicate
        self.stderr: IO[str] = open(err[0], encoding="utf-8")  # noqa: SIM115
        self.pid = self._number()
        self.returncode: int | None = None

    def wait(self, timeout: float = _PATIENCE_S) -> int:
        """The exit status; negative for a signal."""
        status = self._ended_within(timeout)
        if status is None:
            raise subprocess.TimeoutExpired(self.args, timeout)
        return status

    def poll(self) -> int | None:
        """The exit status, or None while it runs."""
        return self._ended_within(0)

    def _ended_within(self, seconds: float) -> int | None:
        if self.returncode is None and select.select([self._client], [], [], seconds)[0]:
            self.returncode = self._number()
        return self.returncode

    def _number(self) -> int:
        """The typist's next line. Read byte by byte, so that `select` sees whatever comes after it."""
        line = b""
        while not line.endswith(b"\n"):
            line += self._client.recv(1) or pytest.fail("the typist has gone")
        return int(line)

    def communicate(self, timeout: float = _PATIENCE_S) -> tuple[str, str]:
        """What is left on both streams, once the command has ended. It is killed when it takes too long."""
        errors: list[str] = []
        reading = threading.Thread(target=lambda: errors.append("" if self.stderr.closed else self.stderr.read()))
        patience = threading.Timer(timeout, self.kill)
        patience.daemon = True
        patience.start()
        reading.start()
        output = self.stdout.read()
        reading.join()
        self.wait(timeout)
        patience.cancel()
        for each in (self.stdout, self.stderr, self._client):
            each.close()
        return output, errors[0]

    def send_signal(self, number: int) -> None:
        """Signals the process alone, not its children."""
        os.kill(self.pid, number)

    def kill(self) -> None:
        """Ends it at once."""
        self.send_signal(signal.SIGKILL)


@dataclass(frozen=True, slots=True)
class Shell:
    """A folder in which `swarm` is typed."""

    folder: Path
    environment: dict[str, str]
    typist: str

    def swarm(self, *arguments: str, status: int | None = 0) -> subprocess.CompletedProcess[str]:
        """Runs a command to its end; the exit status is checked unless None."""
        process = self.start(*arguments)
        output, errors = process.communicate()
        ended = subprocess.CompletedProcess(arguments, process.wait(), output, errors)
        assert status is None or ended.returncode == status, (arguments, ended.returncode, ended.stdout, ended.stderr)
        assert "Traceback" not in ended.stderr, ended.stderr
        return ended

    def json(self, *arguments: str, status: int | None = 0) -> Any:
        """The JSON document of a looking command."""
        return json.loads(self.swarm(*arguments, "--json", status=status).stdout)

    def start(self, *arguments: str) -> Typed:
        """Starts a command whose progress can be read line by line."""
        return Typed(self.typist, arguments, self.folder, self.environment)

    def using(self, **environment: str) -> "Shell":
        """The same folder, with further variables in the environment."""
        return replace(self, environment={**self.environment, **environment})

    def thinking_with(self, server: "ModelServer", model: str = "openai/gpt-test") -> "Shell":
        """The same folder, with a model for all agents and the right key for it."""
        return self.using(SWARM_LM=f"{model}@{server.base_url}", SWARM_LM_KEY=server.key)

    def write(self, path: str, text: str) -> Path:
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        return target

    def plan(self, tasks: Mapping[str, Mapping[str, Any]], **parts: Any) -> Path:
        """Writes `plan.yaml` (which may be JSON) with the tasks of one category, `c`, for the workspace `ws`.

        Args:
            tasks: entries. `do` may be a command alone; phase `one`, a goal and a check that holds are put in where they are missing.
            parts: top-level keys, instead of or beside those that every plan has.
        """
        (self.folder / "ws").mkdir(exist_ok=True)
        category = {"objective": "o", "lead": "code-generator", "tasks": {name: _entry(task) for name, task in tasks.items()}}
        plan = {"plan": "p", "goal": "g", "workspace": "ws", "limits": {"attempts": 1}, "phases": ["one"], "categories": {"c": category}}
        return self.write("plan.yaml", json.dumps(plan | parts, indent=1))

    def states(self, run: str) -> dict[str, str]:
        """Short task name to state."""
        return {task["id"].removeprefix("c."): task["state"] for task in self.json("status", run)["tasks"]}

    def git(self, *arguments: str) -> str:
        """Asks git about the repository of the home."""
        command = ["git", "--git-dir", ".swarm/workspace.git", "-c", "core.quotePath=false", *arguments]
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=True).stdout

    def tree(self, run: str) -> str:
        """The tree that a run has come to."""
        return self.git("rev-parse", f"refs/swarm/{run}/head^{{tree}}").strip()

    def landed(self, run: str) -> dict[str, str]:
        """What a run has changed against its snapshot: path to git's letter, asked of git itself."""
        base = self.git("rev-list", "--max-parents=0", f"refs/swarm/{run}/head").strip()
        lines = self.git("diff", "--no-renames", "--name-status", base, f"refs/swarm/{run}/head").splitlines()
        return {path: letter for letter, path in (line.split("\t") for line in lines)}


def _entry(task: Mapping[str, Any]) -> dict[str, Any]:
    entry = {"phase": "one", "goal": "g", **task}
    if isinstance(entry.get("do"), str):
        entry["do"] = {"command": entry["do"]}
    checked = any(key in entry for key in ("done_when", "closes", "for_each", "keep", "hands"))
    return entry if checked else {**entry, "keep": [{"run": "true"}]}


class Gate:
    """Where a command waits until the test lets it go on. No sleeps: both sides read named pipes.

    Attributes:
        command: shell text that says its pid and then waits.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._pipes = {}
        for end in ("came", "go"):
            os.mkfifo(folder / f"{name}.{end}")
            # For reading and writing, so that nobody's `open` waits, neither ours nor the command's.
            self._pipes[end] = os.open(folder / f"{name}.{end}", os.O_RDWR | os.O_NONBLOCK)
        self.command = f"echo $$ > '{folder}/{name}.came'; read go < '{folder}/{name}.go'"

    def wait(self, timeout: float = _PATIENCE_S) -> int:
        """Until a command waits at the gate; its pid."""
        assert select.select([self._pipes["came"]], [], [], timeout)[0], "nobody came to the gate"
        return int(os.read(self._pipes["came"], 64).split()[0])

    def open(self) -> None:
        """Lets one command go on, now or when it comes."""
        os.write(self._pipes["go"], b"go\n")

    def close(self) -> None:
        for pipe in self._pipes.values():
            os.close(pipe)


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Callable[[str], Gate]]:
    """Makes gates by name."""
    made: list[Gate] = []

    def make(name: str) -> Gate:
        made.append(Gate(tmp_path, name))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture(scope="session")
def typist() -> Iterator[str]:
    """The socket of a program that types commands without importing everything anew."""
    folder = tempfile.mkdtemp(prefix="typist-")  # not tmp_path: the path of a socket is short
    path = os.path.join(folder, "socket")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SWARM_")}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    script = Path(__file__).with_name("typist.py")
    command, pipe = [sys.executable, str(script), path], subprocess.PIPE
    with subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield path
        process.stdin.close()
    shutil.rmtree(folder)


@pytest.fixture
def shell(tmp_path: Path, typist: str) -> Shell:
    return _shell_in(tmp_path, typist)


@pytest.fixture(scope="module")
def shared_shell(tmp_path_factory: pytest.TempPathFactory, typist: str) -> Shell:
    """One folder for the tests of a module that look at the same run."""
    return _shell_in(tmp_path_factory.mktemp("shared"), typist)


def _shell_in(home: Path, typist: str) -> Shell:
    folder = home / "desk"
    folder.mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SWARM_") and not name.endswith("_API_KEY")}
    kept["LITELLM_LOCAL_MODEL_COST_MAP"] = "true"  # the typist has imported what sets it, in an environment that was another
    return Shell(folder, {**kept, "HOME": str(home), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}, typist)


@pytest.fixture
def following() -> Iterator[Callable[[Typed], Iterator[str]]]:
    """Reads a running command's progress; whatever still runs at the end of the test is killed."""
    started: list[Typed] = []

    def follow(process: Typed) -> Iterator[str]:
        started.append(process)
        yield from process.stderr

    yield follow
    for process in started:
        if process.poll() is None:
            process.kill()
            process.communicate()
