"""The wrapper around git reads nobody's settings, runs nobody's programs, and says what was wrong."""

import asyncio
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from swarm.errors import EnvironmentFault
from swarm.home import Home
from swarm.workspace import git as module
from swarm.workspace.git import Git, GitFailed, decode, encode
from swarm.workspace.repository import open_repository

pytestmark = pytest.mark.asyncio


@pytest.fixture
def another_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Puts a shell script in git's place."""
    programs = tmp_path / "programs"
    programs.mkdir()

    def install(script: str) -> None:
        (programs / "git").write_text(f"#!/bin/sh\n{script}\n")
        (programs / "git").chmod(0o755)

    monkeypatch.setenv("PATH", f"{programs}:/bin:/usr/bin")
    module._program.cache_clear()
    yield install
    module._program.cache_clear()


async def test_a_missing_git_is_reported_with_the_way_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    module._program.cache_clear()
    with pytest.raises(EnvironmentFault, match=r"git is not on PATH: install git 2\.38"):
        await Git(tmp_path).run("version")


async def test_a_git_that_is_too_old_is_reported_with_its_version(tmp_path: Path, another_git: Callable[[str], None]) -> None:
    another_git("echo git version 2.37.9")
    with pytest.raises(EnvironmentFault, match=r"version 2\.37, and swarm needs 2\.38"):
        await Git(tmp_path).run("version")


async def test_the_version_is_asked_for_once(tmp_path: Path, another_git: Callable[[str], None]) -> None:
    another_git(f'[ "$1" = version ] && echo x >> {tmp_path}/asked; echo git version 2.50.1')
    for _ in range(3):
        await Git(tmp_path).run("rev-parse")
    assert (tmp_path / "asked").read_text() == "x\n"


async def test_a_cancelled_call_ends_its_process(tmp_path: Path, another_git: Callable[[str], None]) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    another_git(f'[ "$1" = version ] && exec echo git version 2.50.1; exec 3> {pipe}; echo started >&3; exec sleep 1000')
    call = asyncio.create_task(Git(tmp_path).run("rev-parse"))
    with await asyncio.to_thread(pipe.open) as reader:
        assert await asyncio.to_thread(reader.readline) == "started\n"
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert await asyncio.to_thread(reader.read) == ""


async def test_neither_the_users_nor_the_systems_settings_are_read(repository: Git, user_home: Path) -> None:
    (user_home / ".gitconfig").write_text("[alias]\n\tx = !false\n[user]\n\tname = A User\n")
    assert await repository.status("config", "user.name") == (1, b"")


async def test_no_variable_of_git_is_handed_on(repository: Git, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    assert await repository.text("rev-parse", "--absolute-git-dir") == str(repository.git_dir)


async def test_a_failure_says_which_call_and_what_git_said(repository: Git) -> None:
    with pytest.raises(GitFailed, match="git rev-parse failed with status 128: fatal: Needed a single revision") as raised:
        await repository.run("rev-parse", "--verify", "no-such-thing")
    assert raised.value.status == 128
    assert raised.value.exit_status == 69


async def test_expected_statuses_are_answers(repository: Git) -> None:
    assert await repository.run("config", "no.such", ok=(0, 1)) == b""


async def test_programs_named_in_a_repositorys_own_settings_do_not_run(tmp_path: Path, git: Callable[..., str]) -> None:
    marker = tmp_path / "ran"
    evil = tmp_path / "evil"
    evil.mkdir()
    git(evil, "init")
    (evil / "file").write_text("text")
    git(evil, "add", "file")
    hook = evil / ".git" / "hooks" / "reference-transaction"
    hook.parent.mkdir(exist_ok=True)
    for name in ("reference-transaction", "post-index-change", "pre-commit"):
        (hook.parent / name).write_text(f"#!/bin/sh\ntouch {marker}\n")
        (hook.parent / name).chmod(0o755)
    git(evil, "config", "core.fsmonitor", f"touch {marker}; false")
    hardened = Git(evil / ".git", work_tree=evil)
    await hardened.run("status")
    await hardened.run("update-index", "--refresh")
    tree = await hardened.text("write-tree")
    await hardened.run("update-ref", "refs/heads/x", await hardened.text("commit-tree", "-m", "x", tree))
    assert not marker.exists()


async def test_bytes_that_are_not_text_survive() -> None:
    raw = bytes(range(1, 256))
    assert encode(decode(raw)) == raw


async def test_the_repository_is_private_and_has_nothing_that_runs(repository: Git) -> None:
    assert repository.git_dir.stat().st_mode & 0o777 == 0o700
    assert not (repository.git_dir / "hooks").exists()


async def test_many_may_open_the_repository_at_once(home: Home) -> None:
    opened = await asyncio.gather(*(open_repository(home) for _ in range(8)))
    assert len(set(opened)) == 1
    assert await opened[0].text("hash-object", "-w", "--stdin", stdin=b"x")


@pytest.mark.parametrize("left", [[], ["objects"], ["HEAD"], ["HEAD", "config"], ["HEAD", "config", "objects", "refs"]])
async def test_a_repository_left_half_made_is_completed(home: Home, left: list[str]) -> None:
    home.repository.mkdir(parents=True)
    for name in left:
        (home.repository / name).mkdir() if name in ("objects", "refs") else (home.repository / name).write_text("")
    repository = await open_repository(home)
    assert await repository.text("hash-object", "-w", "--stdin", stdin=b"x")


async def test_opening_again_keeps_what_is_there(home: Home, repository: Git) -> None:
    blob = await repository.text("hash-object", "-w", "--stdin", stdin=b"x")
    again = await open_repository(home)
    assert await again.run("cat-file", "blob", blob) == b"x"
