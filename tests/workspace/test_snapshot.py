"""A snapshot holds the folder's bytes, whatever kind of folder it is, and leaves no trace there."""

import os
import socket
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path

import pytest

from swarm.errors import EnvironmentFault, UsageError
from swarm.workspace.git import Git, decode
from swarm.workspace.snapshot import Snapshot, take_snapshot

pytestmark = pytest.mark.asyncio

UserGit = Callable[..., str]
Take = Callable[..., Awaitable[Snapshot]]
Files = Callable[[Snapshot], Awaitable[dict[str, tuple[str, bytes]]]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "project"
    made.mkdir()
    return made


@pytest.fixture
def take(repository: Git, user_home: Path, tmp_path: Path, at: datetime, fingerprint: Callable[[Path], dict[str, object]]) -> Take:
    """Takes a snapshot and checks that nothing of the user's was touched."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()

    async def call(folder: Path, **options: object) -> Snapshot:
        before = fingerprint(tmp_path / "project")
        snapshot = await take_snapshot(folder, repository, scratch, at=at, **options)  # type: ignore[arg-type]  # the tests' own shorthand
        assert fingerprint(tmp_path / "project") == before
        return snapshot

    return call


@pytest.fixture
def files(repository: Git) -> Files:
    """What a snapshot holds: mode and content by path."""

    async def call(snapshot: Snapshot) -> dict[str, tuple[str, bytes]]:
        lines = (await repository.run("ls-tree", "-r", "-z", snapshot.commit)).split(b"\0")[:-1]
        entries = [(decode(path), *meta.decode().split()) for meta, path in (line.split(b"\t", 1) for line in lines)]
        assert len(entries) == snapshot.files
        return {
            path: (mode, await repository.run("cat-file", "blob", id_) if kind == "blob" else id_.encode())
            for path, mode, kind, id_ in entries
        }

    return call


def write(folder: Path, **texts: str) -> None:
    """Files by path, with `__` for `/` and `_dot_` for `.`."""
    for name, text in texts.items():
        path = folder / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def bind_socket(path: Path) -> None:
    """A socket file, by a short path: the longest that a socket may have is about a hundred characters."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(path))


def committed(git: UserGit, folder: Path, **texts: str) -> None:
    git(folder, "init", "-q")
    write(folder, **texts)
    git(folder, "add", "--all", "--force")
    git(folder, "commit", "-q", "--allow-empty", "-m", "first")


def plain(text: str) -> tuple[str, bytes]:
    return "100644", text.encode()


async def test_a_clean_repository_is_its_head(folder: Path, take: Take, git: UserGit) -> None:
    committed(git, folder, a="1", sub__b="2")
    snapshot = await take(folder)
    assert snapshot.head == git(folder, "rev-parse", "HEAD")
    assert snapshot.tree == git(folder, "rev-parse", "HEAD^{tree}")
    assert snapshot.clean is True


async def test_a_dirty_repository_is_the_folder_as_it_is(folder: Path, take: Take, files: Files, git: UserGit) -> None:
    committed(git, folder, _dot_gitignore="*.log\n", same="1", modified="1", staged="1", deleted="1", removed="1", mode="1", turned="1")
    write(folder, modified="2", staged="2", untracked="new", noise_dot_log="x")
    git(folder, "add", "staged")
    git(folder, "rm", "-q", "removed")
    (folder / "deleted").unlink()
    (folder / "mode").chmod(0o755)
    (folder / "turned").unlink()
    (folder / "turned").symlink_to("same")
    snapshot = await take(folder)
    assert snapshot.clean is False
    assert await files(snapshot) == {
        ".gitignore": plain("*.log\n"),
        "same": plain("1"),
        "modified": plain("2"),
        "staged": plain("2"),
        "untracked": plain("new"),
        "mode": ("100755", b"1"),
        "turned": ("120000", b"same"),
    }


async def test_a_folder_without_git_is_all_its_files_but_caches_and_ignored_ones(folder: Path, take: Take, files: Files) -> None:
    write(folder, a="1", sub__b="2", _dot_gitignore="/out\n", out="x", sub____pycache____c_dot_pyc="x", _dot_mypy_cache__d="x")
    (folder / "sub" / "__pycache__").mkdir()
    (folder / "sub" / "__pycache__" / "c.pyc").write_text("x")
    snapshot = await take(folder)
    assert set(await files(snapshot)) == {"a", "sub/b", ".gitignore"}
    assert (snapshot.head, snapshot.clean) == (None, None)


async def test_an_empty_folder_is_an_empty_tree(folder: Path, take: Take, files: Files) -> None:
    assert await files(await take(folder)) == {}


async def test_a_repository_without_commits_has_no_head(folder: Path, take: Take, files: Files, git: UserGit) -> None:
    git(folder, "init", "-q")
    write(folder, a="1")
    snapshot = await take(folder)
    assert set(await files(snapshot)) == {"a"}
    assert (snapshot.head, snapshot.clean) == (None, None)


async def test_a_linked_worktree_is_taken_like_its_repository(folder: Path, take: Take, files: Files, git: UserGit) -> None:
    (folder / "main").mkdir()
    committed(git, folder / "main", a="1")
    (folder / "main" / ".git" / "info" / "exclude").write_text("secret\n")
    git(folder / "main", "worktree", "add", "-q", "../linked")
    write(folder / "linked", a="2", secret="x")
    snapshot = await take(folder / "linked")
    assert await files(snapshot) == {"a": plain("2")}
    assert snapshot.head == git(folder / "main", "rev-parse", "HEAD")


async def test_a_folder_below_a_repositorys_top_follows_the_repositorys_rules(folder: Path, take: Take, files: Files, git: UserGit) -> None:
    rules = "*.log\n/deep/project/out\nproject/gone/\n/deep/*/wild\n**/any/where\n!kept.log\n/elsewhere\n# remark\n"
    committed(git, folder, _dot_gitignore=rules, outside="x", deep__project__a="1")
    write(folder, deep___dot_gitignore="/project/near\n")
    inside = folder / "deep" / "project"
    for name in ("x.log", "out/x", "wild/x", "any/where/x", "near/x", "kept.log", "elsewhere", "sub/out"):
        write(inside, **{name.replace("/", "__").replace(".", "_dot_"): "1"})
    snapshot = await take(inside)
    assert set(await files(snapshot)) == {"a", "kept.log", "elsewhere", "sub/out"}
    assert (snapshot.head, snapshot.clean) == (None, None)


async def test_the_rules_above_a_folder_hold_in_its_worktrees(
    folder: Path, take: Take, repository: Git, tmp_path: Path, git: UserGit
) -> None:
    rules = "*.log\n/deep/project/out\nproject/gone/\n/deep/*/wild\n**/any/where\n!kept.log\n/elsewhere\n"
    committed(git, folder, _dot_gitignore=rules, deep___dot_gitignore="/project/near\n", deep__project__a="1")
    snapshot = await take(folder / "deep" / "project")
    worktree = tmp_path / "worktree"
    names = ("x.log", "out", "wild", "any/where", "near", "kept.log", "elsewhere", "sub/out", "sub/wild", "__pycache__/x", ".swarm/x")
    for name in names:
        (worktree / name).parent.mkdir(parents=True, exist_ok=True)
        (worktree / name).write_text("x")
    (tmp_path / "exclude").write_text(snapshot.excludes)
    there = repository.at(work_tree=worktree, index=tmp_path / "index", excludes=tmp_path / "exclude")
    listed = await there.text("ls-files", "--others", "--exclude-standard")
    assert set(listed.split()) == {"kept.log", "elsewhere", "sub/out", "sub/wild"}


async def test_a_folder_that_the_repository_around_it_ignores_stands_alone(folder: Path, take: Take, files: Files, git: UserGit) -> None:
    committed(git, folder, _dot_gitignore="/scratch/\n*.log\n", a="1")
    write(folder, scratch__b="2", scratch__c_dot_log="3")
    assert set(await files(await take(folder / "scratch"))) == {"b", "c.log"}


async def test_a_tracked_file_stays_in_though_a_rule_ignores_it(folder: Path, take: Take, files: Files, git: UserGit) -> None:
    committed(git, folder, _dot_gitignore="build/\n", build__kept="1")
    write(folder, build__made="2")
    snapshot = await take(folder)
    assert set(await files(snapshot)) == {".gitignore", "build/kept"}
    assert snapshot.clean is True


async def test_the_users_own_ignore_rules_hold(folder: Path, take: Take, files: Files, git: UserGit, user_home: Path) -> None:
    committed(git, folder, a="1")
    write(user_home, _dot_config__git__ignore="*.swp\n", mine="*.orig\n")
    write(folder, x_dot_swp="x", x_dot_orig="x", local="x")
    (folder / ".git" / "info" / "exclude").write_text("local\n")
    assert set(await files(await take(folder))) == {"a", "x.orig"}
    with (user_home / ".gitconfig").open("a") as settings:
        settings.write("[core]\n\texcludesFile = ~/mine\n")
    assert set(await files(await take(folder))) == {"a", "x.swp"}


async def test_the_home_and_what_is_kept_are_never_in_it(folder: Path, take: Take, files: Files, git: UserGit) -> None:
    committed(git, folder, a="1", _dot_swarm__x="1", sub___dot_swarm__y="1", state__db="1")
    write(folder, _dot_venv__lib="x", sub__vendor__lib="x", vendor__lib="x")
    snapshot = await take(folder, keep=(".venv", "sub/vendor/"), home=folder / "state")
    assert set(await files(snapshot)) == {"a", "vendor/lib"}


async def test_submodules_stay_as_they_are_and_nested_repositories_stay_out(
    folder: Path, take: Take, files: Files, git: UserGit, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    committed(git, other, inner="1")
    committed(git, folder, a="1")
    git(folder, "submodule", "--quiet", "add", str(other), "module")
    git(folder, "commit", "-q", "-m", "with a submodule")
    git(folder, "clone", "-q", str(other), "nested")
    snapshot = await take(folder)
    assert (await files(snapshot))["module"] == ("160000", git(other, "rev-parse", "HEAD").encode())
    assert set(await files(snapshot)) == {"a", ".gitmodules", "module"}
    assert snapshot.clean is True


async def test_bytes_are_taken_as_they_are_whatever_attributes_say(folder: Path, take: Take, files: Files, git: UserGit) -> None:
    git(folder, "init", "-q")
    attributes = "* text=auto eol=lf ident\n*.enc working-tree-encoding=UTF-16 filter=lfs\n"
    write(folder, _dot_gitattributes=attributes)
    contents = {
        "crlf": b"a\r\nb\r\n",
        "mixed": b"a\nb\r\n",
        "ident": b"$Id$\n",
        "wide.enc": "x\n".encode("utf-16"),
        "binary": bytes(range(256)),
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    taken = await files(await take(folder))
    assert {name: taken[name][1] for name in contents} == contents


async def test_links_are_taken_as_links_and_never_followed(folder: Path, take: Take, files: Files, git: UserGit, tmp_path: Path) -> None:
    committed(git, folder, was__a="1", was__b="2")
    outside = tmp_path / "outside"
    write(outside, a="secret", c="secret")
    for name in ("a", "b"):
        (folder / "was" / name).unlink()
    (folder / "was").rmdir()
    (folder / "was").symlink_to(outside)
    (folder / "dangling").symlink_to("nowhere")
    assert await files(await take(folder)) == {"was": ("120000", str(outside).encode()), "dangling": ("120000", b"nowhere")}


async def test_what_is_neither_file_nor_link_is_left_out(folder: Path, take: Take, files: Files, git: UserGit) -> None:
    committed(git, folder, a="1", was_a_file="1")
    (folder / "was_a_file").unlink()
    os.mkfifo(folder / "was_a_file")
    os.mkfifo(folder / "pipe")
    bind_socket(folder / "socket")
    assert set(await files(await take(folder))) == {"a"}


async def test_any_name_that_the_disk_can_hold_is_taken(folder: Path, take: Take, files: Files) -> None:
    names = {b"with space", b"new\nline", b"tab\t", b'"quoted"', "größe".encode(), b"not-utf8-\xff", b"-n", b":(top)x", b"*"}
    for name in names:
        write(folder, **{os.fsdecode(name): "x"})
    assert {os.fsencode(name) for name in await files(await take(folder))} == names


async def test_programs_named_in_a_hostile_folder_do_not_run(folder: Path, take: Take, files: Files, git: UserGit, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    committed(git, folder, a="1", _dot_gitattributes="* filter=evil diff=evil merge=evil\n", nested__a="1")
    for place in (folder, folder / "nested", folder / "deeper" / "nested"):
        place.mkdir(parents=True, exist_ok=True)
        git(place, "init", "-q")
        for name in (
            "core.fsmonitor",
            "filter.evil.clean",
            "filter.evil.smudge",
            "filter.evil.process",
            "diff.evil.textconv",
            "core.sshCommand",
        ):
            git(place, "config", name, f"touch {marker}; cat")
        git(place, "config", "filter.evil.required", "true")
        (place / ".git" / "hooks" / "post-index-change").write_text(f"#!/bin/sh\ntouch {marker}\n")
        (place / ".git" / "hooks" / "post-index-change").chmod(0o755)
    write(folder, deeper__nested__x="1", a="2")
    assert (await files(await take(folder)))["a"] == plain("2")
    assert not marker.exists()


async def test_a_repository_with_longer_ids_is_taken_too(folder: Path, take: Take, files: Files, git: UserGit) -> None:
    git(folder, "init", "-q", "--object-format=sha256")
    committed(git, folder, _dot_gitignore="kept\n", kept="1")
    snapshot = await take(folder)
    assert set(await files(snapshot)) == {".gitignore", "kept"}
    assert snapshot.head == git(folder, "rev-parse", "HEAD")
    assert snapshot.clean is None


async def test_the_same_folder_gives_the_same_commit(folder: Path, take: Take) -> None:
    write(folder, a="1")
    assert (await take(folder)).commit == (await take(folder)).commit


async def test_a_link_to_the_folder_is_the_folder(folder: Path, take: Take, files: Files, tmp_path: Path) -> None:
    write(folder, a="1")
    (tmp_path / "link").symlink_to(folder)
    assert set(await files(await take(tmp_path / "link"))) == {"a"}


@pytest.mark.parametrize(
    ("name", "reason"), [("gone", "does not exist"), ("file", "is not a folder"), ("bare", "without files"), ("broken", "no git directory")]
)
async def test_what_is_no_folder_of_work_is_refused(folder: Path, take: Take, git: UserGit, name: str, reason: str) -> None:
    write(folder, file="x", broken___dot_git="gitdir: /nowhere\n")
    git(folder, "init", "-q", "--bare", "bare")
    with pytest.raises(UsageError, match=reason) as raised:
        await take(folder / name)
    assert str(folder / name) in str(raised.value)


async def test_a_name_that_cannot_be_recorded_is_not_silently_lost(folder: Path, take: Take) -> None:
    write(folder, a="1", **{"git~1__config": "x"})
    with pytest.raises(EnvironmentFault, match="git~1/config"):
        await take(folder)


@pytest.mark.parametrize("locked", ["a", "sub"])
async def test_what_cannot_be_read_is_named(folder: Path, repository: Git, git: UserGit, tmp_path: Path, at: datetime, locked: str) -> None:
    committed(git, folder, a="1", sub__b="1")
    mode = (folder / locked).stat().st_mode
    (folder / locked).chmod(0)
    if os.access(folder / locked, os.R_OK):
        pytest.skip("this user may read everything")
    try:
        with pytest.raises(EnvironmentFault, match=locked):
            await take_snapshot(folder, repository, tmp_path, at=at)
    finally:
        (folder / locked).chmod(mode)
