"""The only caller of git: hardened, bound to one git directory, with an environment made from nothing.

A file that an agent may write (a `.git`, a nested repository, a `.gitattributes`) can make git run programs as soon as we
ask git about it. So no call here discovers anything: git directory, work tree, index and ignore rules are named each time,
no system or user configuration is read, and the settings that run programs are overruled on the command line, which wins
over a repository's own configuration.
"""

import asyncio
import os
import re
import shutil
import subprocess
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Final

from swarm.errors import EnvironmentFault

__all__ = ["ENCODING", "IDENTITY", "OLDEST", "Git", "GitFailed", "decode", "encode", "git_dir_of", "paths_in"]

OLDEST: Final = (2, 38)
"""`merge-tree --write-tree` came with this version."""

IDENTITY: Final = ("swarm", "swarm@localhost")
ENCODING: Final = "utf-8"

_NOWHERE: Final = "/nonexistent"
_SETTINGS: Final = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.attributesFile=/dev/null",
    "core.protectHFS=true",
    "core.protectNTFS=true",
    "core.quotePath=false",
    "core.symlinks=true",
    "core.autocrlf=false",
    "core.fsync=committed,loose-object,reference",
    "protocol.allow=never",
    "safe.directory=*",
    "gc.auto=0",
    "maintenance.auto=false",
    "merge.renames=false",
    "merge.directoryRenames=false",
    "diff.ignoreSubmodules=all",
    "submodule.recurse=false",
)
_ENVIRONMENT: Final = {
    "HOME": _NOWHERE,
    "XDG_CONFIG_HOME": _NOWHERE,
    "LC_ALL": "C",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_AUTHOR_NAME": IDENTITY[0],
    "GIT_AUTHOR_EMAIL": IDENTITY[1],
    "GIT_COMMITTER_NAME": IDENTITY[0],
    "GIT_COMMITTER_EMAIL": IDENTITY[1],
}


class GitFailed(EnvironmentFault):
    """git ended with a status that was not expected: a full disk, a missing permission, a damaged repository."""

    def __init__(self, arguments: tuple[str, ...], status: int, stderr: str) -> None:
        lines = [line for line in stderr.splitlines() if line.strip()]
        super().__init__(f"git {_verb(arguments)} failed with status {status}: {lines[0] if lines else 'it gave no reason'}")
        self.status = status
        self.stderr = stderr


def _verb(arguments: tuple[str, ...]) -> str:
    """The command among the arguments: what stands after the settings."""
    at = 0
    while arguments[at] == "-c":
        at += 2
    return arguments[at]


@dataclass(frozen=True, slots=True)
class Git:
    """One git directory and the places that go with it.

    Args:
        git_dir: the git directory; never looked for.
        work_tree: the folder of the files, for calls that need one; git is started there.
        index: the index file; git's own if not given.
        excludes: a file with ignore rules beside the `.gitignore` files in the work tree.
        alternates: a folder of objects to read from as well.
    """

    git_dir: Path
    _: KW_ONLY
    work_tree: Path | None = None
    index: Path | None = None
    excludes: Path | None = None
    alternates: Path | None = None

    def at(
        self,
        *,
        work_tree: Path | None = None,
        index: Path | None = None,
        excludes: Path | None = None,
        alternates: Path | None = None,
    ) -> "Git":
        """The same repository with other places; those not given stay."""
        return replace(
            self,
            work_tree=work_tree or self.work_tree,
            index=index or self.index,
            excludes=excludes or self.excludes,
            alternates=alternates or self.alternates,
        )

    async def run(self, *arguments: str, stdin: bytes = b"", ok: tuple[int, ...] = (0,)) -> bytes:
        """The standard output of one git call.

        Args:
            ok: the statuses that are answers rather than failures.

        Raises:
            GitFailed: any other status, with git's first line of complaint.
            EnvironmentFault: git is missing or too old.
        """
        stdout, _ = await self.told(*arguments, stdin=stdin, ok=ok)
        return stdout

    async def told(self, *arguments: str, stdin: bytes = b"", ok: tuple[int, ...] = (0,)) -> tuple[bytes, str]:
        """The standard output, and what git remarked while it succeeded. Raises like `run`."""
        status, stdout, stderr = await self._call(arguments, stdin)
        if status not in ok:
            raise GitFailed(arguments, status, decode(stderr))
        return stdout, decode(stderr)

    async def status(self, *arguments: str, stdin: bytes = b"") -> tuple[int, bytes]:
        """Exit status and standard output, for calls whose status is the answer."""
        status, stdout, _ = await self._call(arguments, stdin)
        return status, stdout

    async def text(self, *arguments: str, stdin: bytes = b"") -> str:
        """The standard output as text, without surrounding white space. Raises like `run`."""
        return decode(await self.run(*arguments, stdin=stdin)).strip()

    async def _call(self, arguments: tuple[str, ...], stdin: bytes) -> tuple[int, bytes, bytes]:
        process = await asyncio.create_subprocess_exec(
            _program(), *self._flags(), *arguments, cwd=self._folder(), env=self._environment(), stdin=PIPE, stdout=PIPE, stderr=PIPE
        )
        try:
            stdout, stderr = await process.communicate(stdin)
        except asyncio.CancelledError:
            await _end(process)
            raise
        return process.returncode or 0, stdout, stderr

    def _folder(self) -> Path:
        folder = self.work_tree or self.git_dir
        if not folder.is_dir():
            raise EnvironmentFault(f"the folder {folder} is gone")
        return folder

    def _flags(self) -> list[str]:
        settings = [*_SETTINGS, f"core.excludesFile={self.excludes or '/dev/null'}"]
        return [word for setting in settings for word in ("-c", setting)]

    def _environment(self) -> Mapping[str, str]:
        places = {
            "GIT_DIR": self.git_dir,
            "GIT_WORK_TREE": self.work_tree,
            "GIT_INDEX_FILE": self.index,
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": self.alternates,
        }
        given = {name: os.path.abspath(place) for name, place in places.items() if place is not None}
        return {"PATH": os.environ.get("PATH", os.defpath), **_ENVIRONMENT, **given}


def decode(raw: bytes) -> str:
    """Git's bytes as text; bytes that are not UTF-8 survive the way back through `encode`."""
    return raw.decode(ENCODING, "surrogateescape")


def encode(text: str) -> bytes:
    """The bytes that `decode` came from."""
    return text.encode(ENCODING, "surrogateescape")


def paths_in(output: bytes) -> list[str]:
    """The fields of a `-z` output."""
    return [decode(field) for field in output.split(b"\0") if field]


def git_dir_of(top: Path) -> Path:
    """Where the git directory of a folder would be: its `.git`, or what that file points to. Whether one is there, its `HEAD` tells."""
    entry = top / ".git"
    return top / decode(entry.read_bytes()).removeprefix("gitdir:").strip() if entry.is_file() else entry


async def _end(process: Process) -> None:
    # SIGTERM, not SIGKILL: git then takes its lock files with it.
    if process.returncode is None:
        process.terminate()
        await process.wait()


@cache
def _program() -> str:
    found = shutil.which("git")
    if found is None:
        raise EnvironmentFault(f"git is not on PATH: install git {_dotted(OLDEST)} or newer (https://git-scm.com/downloads)")
    _require(found, subprocess.run([found, "version"], capture_output=True, check=False).stdout)
    return found


def _require(program: str, answer: bytes) -> None:
    numbers = re.search(rb"(\d+)\.(\d+)", answer)
    version = (int(numbers[1]), int(numbers[2])) if numbers else (0, 0)
    if version < OLDEST:
        raise EnvironmentFault(
            f"{program} is version {_dotted(version)}, and swarm needs {_dotted(OLDEST)} or newer: upgrade git (https://git-scm.com/downloads)"
        )


def _dotted(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))
