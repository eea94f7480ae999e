"""Frozen trees land on a head by one compare-and-swap; work on different paths merges, work on the same path never by guessing."""

import asyncio
import subprocess
from collections.abc import Awaitable, Callable
from datetime import datetime
from itertools import count
from pathlib import Path

import pytest

from swarm.errors import HeadMoved, Refusal
from swarm.workspace.git import Git, encode
from swarm.workspace.landing import Heads, MergeConflict, head_ref
from swarm.workspace.repository import Change

pytestmark = pytest.mark.asyncio

Files = dict[str, str]
Commit = Callable[..., Awaitable[str]]

REF = head_ref("run-1")
BASE = {"a": "1\n", "docs/d": "".join(f"line {n}\n" for n in range(30)), "src/b": "2\n"}


@pytest.fixture
def heads(repository: Git) -> Heads:
    return Heads(repository)


@pytest.fixture
def commit(repository: Git, heads: Heads, tmp_path: Path, at: datetime) -> Commit:
    """A commit that holds these files, made without a folder."""
    numbers = count()

    async def call(files: Files, *parents: str, mode: str = "100644") -> str:
        git = repository.at(index=tmp_path / f"index-{next(numbers)}")
        for path, text in files.items():
            blob = await git.text("hash-object", "-w", "--stdin", stdin=encode(text))
            await git.run("update-index", "--add", "--cacheinfo", f"{mode},{blob},{path}")
        return await heads.commit(await git.text("write-tree"), parents, "work", {"Swarm-Task": "a.b"}, at)

    return call


async def test_a_commit_says_what_it_is_of(repository: Git, heads: Heads, commit: Commit, at: datetime) -> None:
    base = await commit(BASE)
    made = await heads.commit(await heads.tree(base), [base], "Title\n\nBody\n", {"Swarm-Run": "r", "Swarm-Task": "a.b[x\ny]"}, at)
    who = f"swarm <swarm@localhost> {int(at.timestamp())} +0000"
    header = f"tree {await heads.tree(base)}\nparent {base}\nauthor {who}\ncommitter {who}\n\n"
    assert (await repository.run("cat-file", "commit", made)).decode() == header + "Title\n\nBody\n\nSwarm-Run: r\nSwarm-Task: a.b[x y]\n"
    assert (await repository.text("interpret-trailers", "--parse", stdin=b"x\n\nSwarm-Run: r\n")) == "Swarm-Run: r"


async def test_the_same_landing_is_the_same_commit(commit: Commit) -> None:
    assert await commit(BASE) == await commit(BASE)


async def test_work_on_different_paths_merges(repository: Git, heads: Heads, commit: Commit, at: datetime) -> None:
    base = await commit(BASE)
    one = await commit({**BASE, "a": "changed\n"}, base)
    other = await commit({**BASE, "src/new": "new\n"}, base)
    tree = await heads.merge(one, other)
    merged = await heads.commit(tree, [one, other], "merge", {}, at)
    assert await heads.changed(base, merged) == (Change("a", "100644", "100644", "M"), Change("src/new", "000000", "100644", "A"))


async def test_work_on_the_same_path_is_refused_even_where_lines_differ(heads: Heads, commit: Commit) -> None:
    base = await commit(BASE)
    one = await commit({**BASE, "docs/d": BASE["docs/d"].replace("line 1\n", "x\n")}, base)
    other = await commit({**BASE, "docs/d": BASE["docs/d"].replace("line 28\n", "y\n"), "a": "z\n"}, base)
    with pytest.raises(MergeConflict, match="docs/d") as raised:
        await heads.merge(one, other)
    assert raised.value.paths == ("docs/d",)
    assert isinstance(raised.value, Refusal)


async def test_a_rename_is_never_guessed(heads: Heads, commit: Commit) -> None:
    base = await commit(BASE)
    moved = await commit({"a": "1\n", "src/b": "2\n", "elsewhere/d": BASE["docs/d"]}, base)
    changed = await commit({**BASE, "docs/d": BASE["docs/d"] + "more\n"}, base)
    added = await commit({**BASE, "docs/new": "x\n"}, base)
    with pytest.raises(MergeConflict, match="docs/d"):
        await heads.merge(moved, changed)
    assert {change.path for change in await heads.changed(moved, await heads.merge(moved, added))} == {"docs/new"}


async def test_a_file_where_the_other_puts_a_folder_is_refused(heads: Heads, commit: Commit) -> None:
    base = await commit(BASE)
    one = await commit({**BASE, "new": "x\n"}, base)
    other = await commit({**BASE, "new/deep": "y\n"}, base)
    for pair in ((one, other), (other, one)):
        with pytest.raises(MergeConflict) as raised:
            await heads.merge(*pair)
        assert set(raised.value.paths) == {"new", "new/deep"}


async def test_a_file_changed_here_and_deleted_there_is_refused(heads: Heads, commit: Commit) -> None:
    base = await commit(BASE)
    changed = await commit({**BASE, "a": "x\n"}, base)
    deleted = await commit({path: text for path, text in BASE.items() if path != "a"}, base)
    with pytest.raises(MergeConflict, match="a"):
        await heads.merge(changed, deleted)


async def test_a_merge_leaves_nothing_behind(repository: Git, heads: Heads, commit: Commit) -> None:
    base = await commit(BASE)
    await heads.merge(await commit({**BASE, "a": "x\n"}, base), await commit({**BASE, "b": "x\n"}, base))
    assert not list(repository.git_dir.glob("merge-*"))


async def test_programs_named_for_merging_do_not_run(repository: Git, heads: Heads, commit: Commit, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    await repository.run("config", "merge.evil.driver", f"touch {marker}")
    await repository.run("config", "diff.evil.textconv", f"touch {marker}; cat")
    await repository.run("config", "diff.evil.command", f"touch {marker}")
    base = await commit({**BASE, ".gitattributes": "* merge=evil diff=evil\n"})
    one = await commit({**BASE, ".gitattributes": "* merge=evil diff=evil\n", "a": "x\n"}, base)
    other = await commit({**BASE, ".gitattributes": "* merge=evil diff=evil\n", "a": "y\n"}, base)
    with pytest.raises(MergeConflict):
        await heads.merge(one, other)
    assert b"-1\n+x\n" in await heads.patch(base, one)
    assert not marker.exists()


async def test_a_head_goes_from_old_to_new(heads: Heads, commit: Commit) -> None:
    base = await commit(BASE)
    new = await commit({"a": "x"}, base)
    assert await heads.head(REF) is None
    await heads.create(REF, base)
    await heads.advance(REF, new, base)
    assert await heads.head(REF) == new


async def test_a_head_that_somebody_moved_is_left_where_it_is(heads: Heads, commit: Commit) -> None:
    base = await commit(BASE)
    new, theirs = await commit({"a": "x"}, base), await commit({"a": "y"}, base)
    await heads.create(REF, theirs)
    with pytest.raises(HeadMoved) as raised:
        await heads.advance(REF, new, base)
    assert all(name in str(raised.value) for name in (REF, base, new, theirs))
    with pytest.raises(HeadMoved):
        await heads.create(REF, new)
    assert await heads.head(REF) == theirs


async def test_a_head_that_is_not_there_cannot_go_on(heads: Heads, commit: Commit) -> None:
    base = await commit(BASE)
    with pytest.raises(HeadMoved, match="is at nothing"):
        await heads.advance(REF, await commit({"a": "x"}, base), base)


async def test_a_landing_that_was_done_before_is_done(heads: Heads, commit: Commit) -> None:
    base = await commit(BASE)
    new = await commit({"a": "x"}, base)
    for _ in range(2):
        await heads.create(REF, base) if await heads.head(REF) is None else None
        await heads.advance(REF, new, base)
    assert await heads.head(REF) == new


async def test_of_many_that_land_at_once_one_succeeds(heads: Heads, commit: Commit) -> None:
    base = await commit(BASE)
    await heads.create(REF, base)
    news = [await commit({"a": str(number)}, base) for number in range(6)]
    results = await asyncio.gather(*(heads.advance(REF, new, base) for new in news), return_exceptions=True)
    won = [new for new, result in zip(news, results, strict=True) if result is None]
    assert [await heads.head(REF)] == won


async def test_a_lock_that_a_crash_left_does_not_stop_the_run(repository: Git, heads: Heads, commit: Commit) -> None:
    base = await commit(BASE)
    await heads.create(REF, base)
    (repository.git_dir / f"{REF}.lock").touch()
    new = await commit({"a": "x"}, base)
    await heads.advance(REF, new, base)
    assert await heads.head(REF) == new


async def test_the_patch_makes_the_one_from_the_other(heads: Heads, commit: Commit, repository: Git, tmp_path: Path) -> None:
    old = await commit({"a": "1\n", "gone": "x\n", "no-end": "x", "binary": "\0\1\2"})
    new = await commit({"a": "2\n", "new name": "x\n", "no-end": "y", "binary": "\0\3\4", "größe": "z\n"})
    patch = await heads.patch(old, new)
    assert b"-1\n+2\n" in patch
    folder = tmp_path / "applied"
    folder.mkdir()
    there = repository.at(work_tree=folder, index=tmp_path / "applied-index")
    await there.run("read-tree", "-u", "--reset", old)
    apply(patch, folder)
    await there.run("add", "--all")
    assert await there.text("write-tree") == await heads.tree(new)


def apply(patch: bytes, folder: Path) -> None:
    subprocess.run(["git", "apply", "--whitespace=nowarn"], input=patch, cwd=folder, check=True)


async def test_a_whole_landing_is_a_few_processes(heads: Heads, commit: Commit, at: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    base = await commit(BASE)
    await heads.create(REF, base)
    head = await commit({**BASE, "src/b": "theirs\n"}, base)
    await heads.advance(REF, head, base)
    mine = await commit({**BASE, "a": "mine\n"}, base)
    calls: list[tuple[str, ...]] = []
    real = Git._call

    async def counted(self: Git, arguments: tuple[str, ...], stdin: bytes) -> tuple[int, bytes, bytes]:
        calls.append(arguments)
        return await real(self, arguments, stdin)

    monkeypatch.setattr(Git, "_call", counted)
    landed = await heads.commit(await heads.merge(head, mine), [head, mine], "landing", {}, at)
    await heads.advance(REF, landed, head)
    assert len(calls) == 5
