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
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pytest

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
        """What is left on both streams, once the command has ended."""
        errors: list[str] = []
        reading = threading.Thread(target=lambda: errors.append(self.stderr.read()))
        with self.stdout, self.stderr, self._client:
            reading.start()
            output = self.stdout.read()
            reading.join()
            self.wait(timeout)
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

    def write(self, path: str, text: str) -> Path:
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        return target

    def plan(self, tasks: str, *, limits: str = "{attempts: 1}", phases: str = "[one]", more: str = "", workspace: str = "ws") -> Path:
        """Writes `plan.yaml` with tasks of one category, `c`, and makes its workspace.

        Args:
            tasks: entries, not indented; `{phase: one}` and a goal are put into those that begin with a brace.
            more: further top-level keys.
        """
        entries = textwrap.indent(textwrap.dedent(tasks).replace(": {", ": {goal: g, phase: one, ", 0), " " * 6)
        text = f"plan: p\ngoal: g\nworkspace: {workspace}\nlimits: {limits}\nphases: {phases}\n{textwrap.dedent(more)}\n"
        (self.folder / "ws").mkdir(exist_ok=True)
        return self.write("plan.yaml", f"{text}categories:\n  c:\n    objective: o\n    lead: code-generator\n    tasks:\n{entries}\n")


@pytest.fixture(scope="session")
def typist() -> Iterator[str]:
    """The socket of a program that types commands without importing everything anew."""
    folder = tempfile.mkdtemp(prefix="typist-")  # not tmp_path: the path of a socket is short
    path = os.path.join(folder, "socket")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SWARM_")}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    script = Path(__file__).with_name("typist.py")
    with subprocess.Popen([sys.executable, script, path], env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield path
        process.kill()
    shutil.rmtree(folder)


@pytest.fixture
def shell(tmp_path: Path, typist: str) -> Shell:
    folder = tmp_path / "desk"
    folder.mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SWARM_")}
    return Shell(folder, {**kept, "HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}, typist)


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
