"""Worktrees come back exact from anything that was done to them, belong to one holder at a time, and are set up no more than needed."""

import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest

from swarm.errors import EnvironmentFault
from swarm.home import Home
from swarm.workspace.git import Git
from swarm.workspace.pool import Pool, Setup
from swarm.workspace.processes import Outcome, run, shell
from swarm.workspace.snapshot import take_snapshot

pytestmark = pytest.mark.asyncio

Commit = Callable[..., Awaitable[str]]
Seen = dict[str, tuple[int, bytes]]


@pytest.fixture
def excludes(tmp_path: Path) -> Path:
    file = tmp_path / "exclude"
    file.write_text("__pycache__/\n.venv\n")
    return file


@pytest.fixture
def commit(repository: Git, user_home: Path, tmp_path: Path, at: datetime) -> Commit:
    """A commit of the files that a shell text makes, in a folder that stays from one call to the next."""
    folder, scratch = tmp_path / "project", tmp_path / "scratch"
    folder.mkdir()
    scratch.mkdir()

    async def call(text: str) -> str:
        await shell_in(folder, text)
        return (await take_snapshot(folder, repository, scratch, at=at)).commit

    return call


async def shell_in(folder: Path, text: str) -> Outcome:
    outcome = await run(shell(text), cwd=folder, environment=os.environ | {"LC_ALL": "C.UTF-8"}, timeout=60, mark="test")
    assert outcome.status == 0, outcome.output
    return outcome


def seen(folder: Path) -> Seen:
    """All files and links: whether they can be run, and content or target."""
    return {str(path.relative_to(folder)): look(path) for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()}


def look(path: Path) -> tuple[int, bytes]:
    if path.is_symlink():
        return 0, os.fsencode(path.readlink())
    return path.stat().st_mode & 0o111, path.read_bytes() if path.is_file() else b"special"


FILES = """
mkdir -p src/deep docs
echo 1 > a; echo 2 > src/b; echo 3 > src/deep/c; echo 4 > docs/d; echo run > tool; chmod 755 tool
ln -s a link"""

DAMAGE = {
    "modified": "echo other > a",
    "modified to the same length with the old times": "touch -r a ../times; echo 9 > a; touch -r ../times a",
    "emptied": ": > src/b",
    "deleted": "rm a src/b",
    "everything deleted": "rm -rf * ..?* .[!.]*",
    "added": "echo x > new; mkdir -p more/deep; echo x > more/deep/new; echo x > src/new",
    "added but ignored": "mkdir -p src/__pycache__ .venv; echo x > src/__pycache__/x; echo x > .venv/x",
    "ignored by a new rule": "echo '*' > .gitignore; echo x > hidden",
    "made executable": "chmod 755 a",
    "made plain": "chmod 644 tool",
    "locked": "chmod 000 a src/deep src",
    "renamed": "mv a z; mv src source",
    "file replaced by a folder": "rm a; mkdir -p a/b; echo x > a/b/c",
    "folder replaced by a file": "rm -r src; echo x > src",
    "file replaced by a link": "rm a; ln -s /etc/hostname a",
    "folder replaced by a link to another": "rm -r src; ln -s docs src",
    "link replaced by a folder": "rm link; mkdir link; echo x > link/x",
    "link turned": "ln -sfn docs link",
    "file replaced by a pipe": "rm a; mkfifo a; mkfifo src/pipe",
    "a repository at the top": "git init -q .; git -c user.name=a -c user.email=b commit -q --allow-empty -m x",
    "a repository in a tracked folder": "git init -q src; echo x > src/new",
    "a repository in a new folder": "git init -q fresh; echo x > fresh/new",
    "a file that names a git directory": "echo 'gitdir: /nowhere' > .git; echo 'gitdir: /nowhere' > src/.git",
    "names that are no text": "touch \"$(printf 'a\\377')\" \"$(printf 'a\\nb')\" -- '-n' ':x'",
    "a damaged index": "echo nonsense > ../index",
    "no index": "rm ../index",
    "a lock that a crash left": "touch ../index.lock",
    "the folder gone": "rm -r ../tree",
    "the folder a link": "mv ../tree ../moved; ln -s moved ../tree",
    "the folder a file": "rm -r ../tree; echo x > ../tree",
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
async def test_a_checkout_restores_exactly(
    home: Home, repository: Git, excludes: Path, commit: Commit, tmp_path: Path, damage: str
) -> None:
    base = await commit(FILES)
    async with Pool(home.pool, repository, excludes=excludes).lease() as worktree:
        await worktree.checkout(base)
        assert seen(worktree.path) == seen(tmp_path / "project")
        await shell_in(worktree.path, damage)
        await worktree.checkout(base)
        assert seen(worktree.path) == seen(tmp_path / "project")


async def test_a_checkout_goes_from_any_commit_to_any_other(
    home: Home, repository: Git, excludes: Path, commit: Commit, tmp_path: Path
) -> None:
    steps = [FILES, "rm -r src; echo x > src; chmod 755 a", "rm src; mkdir src; ln -s ../docs src/docs", "rm -r *", FILES]
    commits, contents = [], []
    for step in steps:
        commits.append(await commit(step))
        contents.append(seen(tmp_path / "project"))
    async with Pool(home.pool, repository, excludes=excludes).lease() as worktree:
        for number in (0, 1, 0, 2, 4, 3, 1, 2, 0):
            await worktree.checkout(commits[number])
            assert seen(worktree.path) == contents[number]


async def test_cleaning_never_follows_a_link_outside(home: Home, repository: Git, excludes: Path, commit: Commit, tmp_path: Path) -> None:
    base = await commit(FILES)
    outside = tmp_path / "outside"
    await shell_in(
        tmp_path, "mkdir -p outside/deep outside/.git; echo mine > outside/b; echo mine > outside/deep/c; echo mine > outside/.git/x"
    )
    before = seen(outside)
    async with Pool(home.pool, repository, excludes=excludes, keep=(".venv",)).lease() as worktree:
        await worktree.checkout(base)
        await shell_in(worktree.path, f"rm -r src; for name in src new docs/x .venv .git; do ln -s {outside} $name; done")
        await worktree.checkout(base)
        assert not (worktree.path / "src").is_symlink()
        await shell_in(worktree.path, "mkdir -m 000 locked; rm ../index; touch ../index.lock")
        await worktree.checkout(base)
    assert seen(outside) == before


async def test_what_is_kept_survives_and_nothing_else_does(home: Home, repository: Git, excludes: Path, commit: Commit) -> None:
    base = await commit(FILES)
    async with Pool(home.pool, repository, excludes=excludes, keep=(".venv", "/docs/cache/")).lease() as worktree:
        await worktree.checkout(base)
        await shell_in(worktree.path, "git init -q .venv/lib; mkdir -p docs/cache src/.venv; touch docs/cache/x src/.venv/x other")
        await worktree.checkout(base)
        assert (worktree.path / ".venv" / "lib" / ".git" / "HEAD").exists()
        assert (worktree.path / "docs" / "cache" / "x").exists()
        assert not (worktree.path / "src" / ".venv").exists()
        assert not (worktree.path / "other").exists()


async def test_there_is_nothing_in_a_worktree_that_leads_git_anywhere(home: Home, repository: Git, excludes: Path, commit: Commit) -> None:
    base = await commit(FILES)
    async with Pool(home.pool, repository, excludes=excludes).lease() as worktree:
        await worktree.checkout(base)
        assert not (worktree.path / ".git").exists()


async def test_what_was_written_into_a_submodule_goes(
    home: Home, repository: Git, excludes: Path, commit: Commit, tmp_path: Path, git: Callable[..., str]
) -> None:
    other, project = tmp_path / "other", tmp_path / "project"
    await shell_in(tmp_path, "git init -q other; git -C other commit -q --allow-empty -m x; git -C project init -q")
    git(project, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other), "module")
    base = await commit(FILES)
    async with Pool(home.pool, repository, excludes=excludes).lease() as worktree:
        await worktree.checkout(base)
        (worktree.path / "module" / "leak").write_text("x")
        await worktree.checkout(base)
        assert list((worktree.path / "module").iterdir()) == []


async def test_programs_named_by_what_an_agent_left_do_not_run(
    home: Home, repository: Git, excludes: Path, commit: Commit, tmp_path: Path, git: Callable[..., str]
) -> None:
    marker = tmp_path / "ran"
    base = await commit(f"{FILES}; echo '* filter=evil' > .gitattributes")
    async with Pool(home.pool, repository, excludes=excludes).lease() as worktree:
        await worktree.checkout(base)
        for place in (worktree.path, worktree.path / "src"):
            git(place, "init", "-q")
            for name in ("core.fsmonitor", "filter.evil.smudge", "filter.evil.clean"):
                git(place, "config", name, f"touch {marker}; cat")
        (worktree.path / "a").write_text("x")
        await worktree.checkout(base)
    assert not marker.exists()


async def test_a_missing_commit_does_not_cost_the_slot(home: Home, repository: Git, excludes: Path, commit: Commit) -> None:
    base = await commit(FILES)
    async with Pool(home.pool, repository, excludes=excludes, keep=(".venv",)).lease() as worktree:
        await worktree.checkout(base)
        (worktree.path / ".venv").mkdir()
        with pytest.raises(EnvironmentFault):
            await worktree.checkout("0" * 39 + "1")
        assert (worktree.path / ".venv").exists()


async def test_a_worktree_has_one_holder_at_a_time_and_is_used_again(home: Home, repository: Git, excludes: Path) -> None:
    one, other = (Pool(home.pool, repository, excludes=excludes) for _ in range(2))
    async with one.lease() as first, other.lease() as second, one.lease() as third:
        held = {first.path, second.path, third.path}
        assert len(held) == 3
    async with other.lease() as again, one.lease() as fourth:
        assert {again.path, fourth.path} < held


HOLD = """
import asyncio, sys
from pathlib import Path
from swarm.workspace.git import Git
from swarm.workspace.pool import Pool

async def hold():
    async with Pool(Path(sys.argv[1]), Git(Path(sys.argv[2])), excludes=Path("/dev/null")).lease() as worktree:
        print(worktree.path, flush=True)
        sys.stdin.read()

asyncio.run(hold())
"""


@pytest.fixture
def holder(home: Home) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Another process that holds a worktree, and which."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, home.pool, home.repository], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        yield process, Path(process.stdout.readline().strip())
        process.kill()


async def test_a_worktree_held_by_another_process_is_free_once_that_is_dead(
    home: Home, repository: Git, excludes: Path, holder: tuple[subprocess.Popen[str], Path]
) -> None:
    process, held = holder
    pool = Pool(home.pool, repository, excludes=excludes)
    async with pool.lease() as worktree:
        assert worktree.path != held
        process.kill()
        process.wait()
        async with pool.lease() as second:
            assert second.path == held


class Counted:
    """A setup command that counts its runs outside the worktree."""

    def __init__(self, text: str) -> None:
        self.runs: list[Path] = []
        self.setup = Setup(text, self._run)

    async def _run(self, folder: Path) -> Outcome:
        self.runs.append(folder)
        return await run(shell(self.setup.command), cwd=folder, environment=os.environ, timeout=60, mark="test")


async def test_setup_runs_once_for_each_worktree(home: Home, repository: Git, excludes: Path, commit: Commit) -> None:
    base, counted = await commit(FILES), Counted("mkdir -p .venv")
    pool = Pool(home.pool, repository, excludes=excludes, keep=(".venv",), setup=counted.setup)
    for _ in range(2):
        async with pool.lease() as one, pool.lease() as two:
            await one.checkout(base)
            await two.checkout(base)
            await one.checkout(base)
    assert len(counted.runs) == 2
    assert len(set(counted.runs)) == 2


@pytest.mark.parametrize(
    ("change", "again"),
    [
        ("echo x > pyproject.toml", True),
        ("echo x > requirements-dev.txt", True),
        ("echo x > tools/setup.sh", True),
        ("rm uv.lock", True),
        ("echo x > a", False),
        ("echo x > tools/pyproject.toml", False),
    ],
)
async def test_setup_runs_again_when_what_it_reads_changes(
    home: Home, repository: Git, excludes: Path, commit: Commit, change: str, again: bool
) -> None:
    first = await commit(f"{FILES}; mkdir tools; echo 'mkdir -p .venv' > tools/setup.sh; echo 1 > pyproject.toml; echo 1 > uv.lock")
    counted = Counted("mkdir -p .venv; true ./tools/setup.sh")
    async with Pool(home.pool, repository, excludes=excludes, keep=(".venv",), setup=counted.setup).lease() as worktree:
        await worktree.checkout(first)
        await worktree.checkout(await commit(change))
    assert len(counted.runs) == 1 + again


async def test_setup_runs_again_when_what_it_made_is_gone(home: Home, repository: Git, excludes: Path, commit: Commit) -> None:
    base, counted = await commit(FILES), Counted("mkdir -p .venv")
    async with Pool(home.pool, repository, excludes=excludes, keep=(".venv",), setup=counted.setup).lease() as worktree:
        await worktree.checkout(base)
        (worktree.path / ".venv").rmdir()
        await worktree.checkout(base)
    assert len(counted.runs) == 2


async def test_setup_runs_each_time_when_nothing_is_kept(home: Home, repository: Git, excludes: Path, commit: Commit) -> None:
    base, counted = await commit(FILES), Counted("mkdir -p .venv")
    async with Pool(home.pool, repository, excludes=excludes, setup=counted.setup).lease() as worktree:
        await worktree.checkout(base)
        await worktree.checkout(base)
    assert len(counted.runs) == 2


async def test_a_worktree_that_was_set_up_is_preferred(home: Home, repository: Git, excludes: Path, commit: Commit) -> None:
    base, counted = await commit(FILES), Counted("mkdir -p .venv")
    plain = Pool(home.pool, repository, excludes=excludes)
    prepared = Pool(home.pool, repository, excludes=excludes, keep=(".venv",), setup=counted.setup)
    async with plain.lease(), prepared.lease() as worktree:
        await worktree.checkout(base)
        expected = worktree.path
    async with plain.lease(), plain.lease():
        pass
    async with prepared.lease() as worktree:
        assert worktree.path == expected


async def test_tracked_files_that_setup_changed_are_put_back(home: Home, repository: Git, excludes: Path, commit: Commit) -> None:
    base, counted = await commit(FILES), Counted("mkdir -p .venv; echo changed > a; rm src/b")
    async with Pool(home.pool, repository, excludes=excludes, keep=(".venv",), setup=counted.setup).lease() as worktree:
        await worktree.checkout(base)
        assert (worktree.path / "a").read_text() == "1\n"
        assert (worktree.path / "src" / "b").read_text() == "2\n"


async def test_a_failing_setup_says_what_failed_and_is_tried_again(home: Home, repository: Git, excludes: Path, commit: Commit) -> None:
    base, counted = await commit(FILES), Counted("mkdir -p .venv; echo no such index; exit 3")
    async with Pool(home.pool, repository, excludes=excludes, keep=(".venv",), setup=counted.setup).lease() as worktree:
        for _ in range(2):
            with pytest.raises(EnvironmentFault, match=r"status 3: mkdir -p \.venv.*\n.*no such index"):
                await worktree.checkout(base)
    assert len(counted.runs) == 2
