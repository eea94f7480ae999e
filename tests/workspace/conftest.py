"""What the workspace's tests share: a user with an empty home, real git on the user's side, and our repository."""

import asyncio
import hashlib
import os
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from swarm.home import Home
from swarm.workspace.git import Git
from swarm.workspace.repository import open_repository

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def user_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """HOME, with git settings that make an author and nothing else."""
    home = tmp_path / "user"
    home.mkdir()
    (home / ".gitconfig").write_text("[user]\n\tname = A User\n\temail = user@example.org\n[init]\n\tdefaultBranch = main\n")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    return home


@pytest.fixture
def git(user_home: Path) -> Callable[..., str]:
    """The user's own git: `git(folder, "commit", "-m", "x")`."""

    def call(folder: Path, *arguments: str) -> str:
        plain = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        environment = plain | {"GIT_CONFIG_NOSYSTEM": "1", "GIT_ALLOW_PROTOCOL": "file"}
        done = subprocess.run(["git", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    return call


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "state" / ".swarm")


@pytest.fixture
def repository(home: Home) -> Git:
    """Our own repository."""
    return asyncio.run(open_repository(home))


@pytest.fixture
def at() -> datetime:
    return AT


@pytest.fixture
def fingerprint() -> Callable[[Path], dict[str, object]]:
    """Everything about a folder that a write would change: content, modes, and times."""
    return _fingerprint


def _fingerprint(folder: Path) -> dict[str, object]:
    return {str(path.relative_to(folder)): _seen(path) for path in [folder, *folder.rglob("*")]}


def _seen(path: Path) -> tuple[object, ...]:
    status = path.lstat()
    content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() and not path.is_symlink() else ""
    return status.st_mode, status.st_mtime_ns, status.st_ctime_ns, status.st_size, content
