"""Space is given back only where nobody can miss it, and a removal that died is finished the next time."""

import asyncio
import fcntl
import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from swarm.errors import EnvironmentFault, UsageError
from swarm.home import Home
from swarm.workspace import retention
from swarm.workspace.git import Git
from swarm.workspace.pool import Pool
from swarm.workspace.repository import write_commit
from swarm.workspace.retention import RunAge, compact, removable, remove_run

NOW = datetime(2026, 3, 1, tzinfo=UTC)
BIG = 200_000


@pytest.fixture
def commit(repository: Git, at: datetime) -> Callable[..., str]:
    """A commit of ours with much in it, on a ref if one is given."""

    def call(seed: str, ref: str | None = None) -> str:
        async def made() -> str:
            content = b"".join(bytes(f"{seed} {number}\n", "ascii") for number in range(BIG // 10))
            blob = await repository.text("hash-object", "-w", "--stdin", stdin=content)
            tree = await repository.text("mktree", stdin=f"100644 blob {blob}\tfile\n".encode())
            commit = await write_commit(repository, tree, [], seed, at)
            if ref:
                await repository.run("update-ref", ref, commit)
            return commit

        return asyncio.run(made())

    return call


@pytest.fixture
def run(home: Home, commit: Callable[..., str]) -> str:
    """A run with a folder and two refs."""
    folder = home.run("run-1")
    folder.create()
    (folder.promoted / "old").mkdir(parents=True)
    (folder.promoted / "old" / "0").write_text("replaced")
    commit("head", "refs/swarm/run-1/head")
    commit("attempt", "refs/swarm/run-1/attempt/1")
    commit("other", "refs/swarm/run-10/head")
    return "run-1"


def has(repository: Git, commit: str) -> bool:
    return asyncio.run(repository.status("cat-file", "-e", commit))[0] == 0


def refs(repository: Git) -> list[str]:
    return asyncio.run(repository.text("for-each-ref", "--format=%(refname)")).split()


# Which


def test_runs_that_ended_long_enough_ago_may_go() -> None:
    def ago(days: float) -> datetime:
        return NOW - timedelta(days=days)

    runs = [
        RunAge("new", ago(29.9), "complete"),
        RunAge("just", ago(30), "complete"),
        *(RunAge(state, ago(90), state) for state in ("incomplete", "stalled", "cancelled")),
        *(RunAge(state, None, state) for state in ("running", "paused", "interrupted")),
        RunAge("resumed", ago(90), "running"),
    ]
    assert removable(runs, 30, NOW) == ["just", "incomplete", "stalled", "cancelled"]


# A run


def test_a_removed_run_leaves_neither_folder_nor_refs(home: Home, repository: Git, run: str) -> None:
    asyncio.run(remove_run(home, run, repository))
    assert list(home.runs.iterdir()) == []
    assert refs(repository) == ["refs/swarm/run-10/head"]
    asyncio.run(remove_run(home, run, repository))


def test_no_link_is_followed_out_of_the_run(home: Home, repository: Git, run: str, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir(mode=0o755)
    (precious / "file").write_text("mine")
    (home.run(run).path / "link").symlink_to(precious)
    asyncio.run(remove_run(home, run, repository))
    assert (precious / "file").read_text() == "mine"
    assert precious.stat().st_mode & 0o777 == 0o755


def test_only_a_run_id_names_a_run(home: Home, repository: Git) -> None:
    with pytest.raises(UsageError, match="no run id"):
        asyncio.run(remove_run(home, "../pool", repository))


def test_a_removal_that_died_looks_like_no_run_and_is_finished_later(
    home: Home, repository: Git, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(retention, "_remove_refs", _die)
        with pytest.raises(KeyboardInterrupt):
            asyncio.run(remove_run(home, run, repository))
    assert home.run_folders() == []
    assert asyncio.run(compact(home, repository)) > 0
    assert list(home.runs.iterdir()) == []
    assert refs(repository) == ["refs/swarm/run-10/head"]


async def _die(*_: object) -> None:
    raise KeyboardInterrupt


def test_leftovers_of_a_run_do_not_take_the_refs_of_its_successor(home: Home, repository: Git, run: str) -> None:
    shutil.copytree(home.run(run).path, home.runs / f".removed-{run}.0")
    asyncio.run(compact(home, repository))
    assert [folder.run for folder in home.run_folders()] == [run]
    assert f"refs/swarm/{run}/head" in refs(repository)


def test_a_disk_that_refuses_names_the_path(home: Home, repository: Git, run: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(shutil, "rmtree", refuse)
    with pytest.raises(EnvironmentFault, match=r"\.removed-run-1\.0: Permission denied"):
        asyncio.run(remove_run(home, run, repository))


# The rest


def slot(home: Home, name: str) -> Path:
    tree = home.pool / name / "tree"
    (tree / "closed").mkdir(parents=True)
    (tree / "closed" / "file").write_bytes(b"x" * 1000)
    (tree / "closed").chmod(0)
    (home.pool / name / "lock").touch()
    return home.pool / name


def test_worktrees_that_nobody_has_leased_go_and_leased_ones_stay(home: Home, repository: Git) -> None:
    free, leased = slot(home, "000"), slot(home, "001")
    lock = os.open(leased / "lock", os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        assert asyncio.run(compact(home, repository)) >= 1000
    finally:
        os.close(lock)
    assert [entry.name for entry in free.iterdir()] == ["lock"]
    assert (leased / "tree").is_dir()


def test_the_pool_works_on_after_its_worktrees_went(home: Home, repository: Git, commit: Callable[..., str], tmp_path: Path) -> None:
    async def lease() -> list[str]:
        async with Pool(home.pool, repository, excludes=tmp_path / "exclude").lease() as worktree:
            await worktree.checkout("refs/swarm/run-1/head")
            return [entry.name for entry in worktree.path.iterdir()]

    (tmp_path / "exclude").touch()
    commit("head", "refs/swarm/run-1/head")
    assert asyncio.run(lease()) == ["file"]
    asyncio.run(compact(home, repository))
    assert asyncio.run(lease()) == ["file"]


def test_objects_that_nothing_names_go_and_the_others_are_packed(home: Home, repository: Git, commit: Callable[..., str]) -> None:
    kept, lost = commit("kept", "refs/swarm/run-1/head"), commit("lost")
    assert asyncio.run(compact(home, repository)) > 0
    assert has(repository, kept)
    assert not has(repository, lost)
    assert list((repository.git_dir / "objects" / "pack").glob("*.pack"))


def test_an_unfinished_landing_keeps_its_commit(home: Home, repository: Git, commit: Callable[..., str]) -> None:
    landing = commit("landing")
    asyncio.run(compact(home, repository, [landing, landing, "1" * 40]))
    assert has(repository, landing)
    assert refs(repository) == []
    asyncio.run(compact(home, repository))
    assert not has(repository, landing)


@pytest.mark.parametrize("place", ["runs/run-1", "pool/000"])
def test_while_a_run_lives_nothing_of_its_unnamed_work_goes(
    home: Home, repository: Git, run: str, commit: Callable[..., str], place: str
) -> None:
    unnamed = commit("being made")
    (home.path / place).mkdir(parents=True, exist_ok=True)
    lock = os.open(home.path / place / "lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        asyncio.run(compact(home, repository))
        assert has(repository, unnamed)
    finally:
        os.close(lock)
    asyncio.run(compact(home, repository))
    assert not has(repository, unnamed)


def test_an_empty_home_has_nothing_to_give(home: Home, repository: Git) -> None:
    shutil.rmtree(home.runs, ignore_errors=True)
    shutil.rmtree(home.pool, ignore_errors=True)
    asyncio.run(compact(home, repository))
