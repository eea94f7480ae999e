"""What an attempt left is recorded exactly, and nothing gets past the scope: by write, delete, mode, link, repository or special file."""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from pathlib import Path

import pytest

from swarm.errors import ScopeBreach
from swarm.home import Home
from swarm.plans.globs import parse
from swarm.workspace.freeze import Change, Frozen, breaches, freeze, frozen_in_scope
from swarm.workspace.git import Git
from swarm.workspace.pool import Pool, Setup, Worktree
from swarm.workspace.processes import Outcome, run, shell
from swarm.workspace.snapshot import take_snapshot

pytestmark = pytest.mark.asyncio

Attempt = Callable[..., AbstractAsyncContextManager[tuple[Worktree, str]]]

FILES = """
mkdir -p src/deep docs
echo 1 > a; echo 2 > src/b; echo 3 > src/deep/c; echo 4 > docs/d; echo run > tool; chmod 755 tool
ln -s a link; ln -s docs/d src/to-doc
printf '/out/\\n*.log\\n*.sock\\n' > .gitignore
"""


@pytest.fixture
def attempt(home: Home, repository: Git, user_home: Path, tmp_path: Path, at: datetime) -> Attempt:
    """A worktree of `FILES`, in which a shell text was run."""

    @asynccontextmanager
    async def call(
        text: str = ":", setup: str | None = None, keep: tuple[str, ...] = (), files: str = FILES
    ) -> AsyncIterator[tuple[Worktree, str]]:
        base, excludes = await snapshot(files, keep)
        prepared = Setup(setup, lambda folder: in_shell(folder, setup)) if setup else None
        async with Pool(home.pool, repository, excludes=excludes, keep=keep, setup=prepared).lease() as worktree:
            await worktree.checkout(base)
            assert (await in_shell(worktree.path, text)).status == 0
            yield worktree, base

    async def snapshot(files: str, keep: tuple[str, ...]) -> tuple[str, Path]:
        folder, scratch = tmp_path / "project", tmp_path / "scratch"
        folder.mkdir()
        scratch.mkdir()
        await in_shell(folder, files)
        taken = await take_snapshot(folder, repository, scratch, at=at, keep=keep)
        (tmp_path / "exclude").write_text(taken.excludes)
        return taken.commit, tmp_path / "exclude"

    return call


async def in_shell(folder: Path, text: str) -> Outcome:
    return await run(shell(text), cwd=folder, environment=os.environ | {"LC_ALL": "C.UTF-8"}, timeout=60, mark="test")


async def paths(frozen: Frozen, worktree: Worktree) -> set[str]:
    return set((await worktree.git.text("ls-tree", "-r", "--name-only", frozen.tree)).splitlines())


async def test_an_untouched_worktree_is_its_base(attempt: Attempt, repository: Git) -> None:
    async with attempt() as (worktree, base):
        frozen = await frozen_in_scope(worktree, base, [])
        assert frozen == Frozen(await repository.text("rev-parse", f"{base}^{{tree}}"), ())


async def test_every_kind_of_change_is_recorded(attempt: Attempt) -> None:
    changes = "echo x > a; rm src/b; echo new > src/new; chmod 755 docs/d; rm link; echo x > link"
    async with attempt(f"{changes}; mkdir more; echo x > more/deep; ln -s a more/link") as (worktree, base):
        frozen = await frozen_in_scope(worktree, base, [parse("**")])
        assert frozen.changes == (
            Change("a", "100644", "100644", "M"),
            Change("docs/d", "100644", "100755", "M"),
            Change("link", "120000", "100644", "T"),
            Change("more/deep", "000000", "100644", "A"),
            Change("more/link", "000000", "120000", "A"),
            Change("src/b", "100644", "000000", "D"),
            Change("src/new", "000000", "100644", "A"),
        )
        assert await worktree.git.text("show", f"{frozen.tree}:a") == "x"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("rm a; mkdir a; echo x > a/b", {"a": "D", "a/b": "A"}),
        ("rm -r src; echo x > src", {"src": "A", "src/b": "D", "src/deep/c": "D", "src/to-doc": "D"}),
        ("rm -r src; ln -s docs src", {"src": "A", "src/b": "D", "src/deep/c": "D", "src/to-doc": "D"}),
        ("rm -r docs; mkdir new; ln -s ../a new/link", {"docs/d": "D", "new/link": "A"}),
        ("rm link; mkdir link; echo x > link/x", {"link": "D", "link/x": "A"}),
        ("mv a b", {"a": "D", "b": "A"}),
        ("rm -rf * .gitignore", dict.fromkeys((".gitignore", "a", "docs/d", "link", "src/b", "src/deep/c", "src/to-doc", "tool"), "D")),
    ],
)
async def test_what_takes_anothers_place_is_recorded_as_both(attempt: Attempt, change: str, expected: dict[str, str]) -> None:
    async with attempt(change) as (worktree, base):
        frozen = await freeze(worktree, base)
        assert {change.path: change.status for change in frozen.changes} == expected


async def test_freezing_again_after_more_work_sees_all_of_it(attempt: Attempt) -> None:
    async with attempt("echo x > a; echo x > new") as (worktree, base):
        await freeze(worktree, base)
        (worktree.path / "new").unlink()
        (worktree.path / "docs" / "d").write_text("x")
        assert {change.path for change in (await freeze(worktree, base)).changes} == {"a", "docs/d"}


async def test_a_frozen_tree_comes_back_by_checkout(attempt: Attempt) -> None:
    async with attempt("echo x > a; mkdir -p new; echo x > new/y; chmod 755 docs/d; rm -r src") as (worktree, base):
        frozen = await freeze(worktree, base)
        await worktree.checkout(base)
        await worktree.checkout(frozen.tree)
        assert (await freeze(worktree, frozen.tree)).changes == ()
        assert (worktree.path / "new" / "y").read_text() == "x\n"


async def test_ignored_files_and_caches_do_not_count(attempt: Attempt) -> None:
    noise = "mkdir -p out/deep src/__pycache__ .pytest_cache .swarm src/.swarm .venv/bin; touch out/deep/x src/x.log x.pyc"
    hidden = "touch src/__pycache__/x .pytest_cache/x .swarm/x src/.swarm/x .venv/bin/x; git init -q out/repository; mkfifo out/pipe a.sock"
    async with attempt(f"{noise}; {hidden}", keep=(".venv",)) as (worktree, base):
        assert (await frozen_in_scope(worktree, base, [])).changes == ()


async def test_a_tracked_file_counts_though_a_rule_ignores_it(attempt: Attempt) -> None:
    async with attempt("echo '*' > .gitignore; echo x > a; echo x > hidden") as (worktree, base):
        assert {change.path for change in (await freeze(worktree, base)).changes} == {".gitignore", "a"}


async def test_what_setup_made_does_not_count_until_it_is_touched(attempt: Attempt) -> None:
    async with attempt(setup="mkdir -p made; echo x > made/by-setup; echo x > made/too; echo changed > a") as (worktree, base):
        assert (await frozen_in_scope(worktree, base, [])).changes == ()
        (worktree.path / "made" / "too").write_text("mine\n")
        assert [change.path for change in (await freeze(worktree, base)).changes] == ["made/too"]


async def test_any_name_that_the_disk_can_hold_is_recorded(attempt: Attempt) -> None:
    async with attempt("""touch -- "$(printf 'a\\377')" "$(printf 'a\\nb')" 'with space' -n ':(top)x' '"q"' """) as (worktree, base):
        names = {change.path for change in (await freeze(worktree, base)).changes}
        assert names == {"a\udcff", "a\nb", "with space", "-n", ":(top)x", '"q"'}


async def test_bytes_are_recorded_as_they_are_whatever_attributes_say(attempt: Attempt) -> None:
    change = r"echo '* text=auto eol=crlf ident filter=evil' > .gitattributes; printf 'a\r\nb\n$Id$\n' > a"
    async with attempt(change) as (worktree, base):
        frozen = await freeze(worktree, base)
        assert await worktree.git.run("cat-file", "blob", f"{frozen.tree}:a") == b"a\r\nb\n$Id$\n"


BREACHES = {
    "a write": ("echo x > docs/d", "docs/d was changed"),
    "a write of the same length with the old times": ("touch -r docs/d ../t; echo 9 > docs/d; touch -r ../t docs/d", "docs/d was changed"),
    "a new file": ("echo x > docs/new", "docs/new was added"),
    "a deletion": ("rm docs/d", "docs/d was deleted"),
    "a rename out of the scope": ("mv src/b docs/b", "docs/b was added"),
    "a rename into the scope": ("mv docs/d src/d", "docs/d was deleted"),
    "a mode": ("chmod 755 docs/d", "docs/d was changed"),
    "a type": ("rm docs/d; ln -s ../a docs/d", "docs/d was changed in type"),
    "a folder for a file": ("rm a; mkdir a; echo x > a/x", "a/x was added"),
    "a name in other case": ("echo x > SRC", "SRC was added"),
    "an absolute link": ("ln -s /etc/passwd src/out", "src/out links to /etc/passwd"),
    "an absolute link to itself": ("ln -s $PWD/a src/out", "src/out links to /"),
    "a link out": ("ln -s ../../x src/out", "src/out links to ../../x"),
    "a link out and in again": ("ln -s ../../tree/a src/out", "src/out links to"),
    "a chain of links out": ("ln -s deep src/one; ln -s one/../../../x src/two", "src/two links to"),
    "a link through a link to the top": ("ln -s .. src/top; ln -s top/../x src/out", "src/out links to top/../x"),
    "a link that turns an old one outward": ("rm -r src/deep; ln -s .. src/deep", "old links to src/deep/../.."),
    "a circle of links": ("ln -s two src/one; ln -s one src/two", "src/one links to"),
    "a link into a git directory": ("ln -s ../.git/config src/out", "src/out links to"),
    "a link into the home": ("ln -s deep/.SWARM/x src/out", "src/out links to"),
    "a link in place of a file": ("rm src/b; ln -s /etc/hostname src/b", "src/b links to /etc/hostname"),
    "a repository at the top": ("git init -q .", ".git makes a repository"),
    "a repository in a tracked folder": ("git init -q src", "src/.git makes a repository"),
    "a repository in a new folder": ("git init -q src/new; touch src/new/x", "src/new/.git makes a repository"),
    "an empty repository": ("git init -q src/new", "src/new/.git makes a repository"),
    "a repository with a commit": ("git init -q src/new; git -C src/new commit -q --allow-empty -m x", "src/new/.git makes a repository"),
    "a file that names a git directory": ("echo 'gitdir: /x' > src/deep/.git", "src/deep/.git makes a repository"),
    "a link named like a git directory": ("ln -s a src/.git", "src/.git makes a repository"),
    "a git directory in other case": ("mkdir src/.Git; touch src/.Git/config", "src/.Git makes a repository"),
    "a git directory by its short name": ("mkdir src/git~1; touch src/git~1/config", "src/git~1/config"),
    "a file of ours": ("echo '!.swarm/' >> src/.gitignore; mkdir src/.swarm; touch src/.swarm/x", "src/.swarm/x is a name"),
    "a pipe": ("mkfifo src/pipe", "src/pipe is neither a file nor a link"),
    "a pipe in place of a file": ("rm src/b; mkfifo src/b", "src/b is neither a file nor a link"),
    "a socket": ("python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"src/socket\")'", "src/socket is neither"),
}


@pytest.mark.parametrize(("change", "named"), BREACHES.values(), ids=BREACHES.keys())
async def test_what_may_not_land_is_refused_by_name(attempt: Attempt, change: str, named: str) -> None:
    files = f"{FILES}\nln -s src/deep/../.. old"
    async with attempt(change, files=files) as (worktree, base):
        with pytest.raises(ScopeBreach) as raised:
            await frozen_in_scope(worktree, base, [parse("src/**"), parse("new")])
        assert named in str(raised.value)


ALLOWED = {
    "changes in the scope": "echo x > src/b; rm src/deep/c; chmod 755 src/b; echo x > src/new; echo x > new",
    "a link inside": "ln -s ../docs/d src/in; ln -s . src/here; ln -s nowhere src/dangling; ln -s .. src/top",
    "a chain of links inside": "ln -s deep src/one; ln -s one/../b src/two; ln -s ../src/one/c src/three",
    "a link that loses its target": "rm -r src",
    "names that only look like git's": "touch src/.gitignore src/.gitkeep src/.github src/git; mkdir src/x.git; touch src/x.git/y",
    "an old link outward that stays": "ln -s b src/link",
}


@pytest.mark.parametrize("change", ALLOWED.values(), ids=ALLOWED.keys())
async def test_what_may_land_is_not_refused(attempt: Attempt, change: str) -> None:
    async with attempt(change, files=f"{FILES}\nln -s /etc/hostname outward") as (worktree, base):
        assert (await frozen_in_scope(worktree, base, [parse("src/**"), parse("new")])).changes


async def test_work_inside_a_submodule_is_refused(attempt: Attempt, tmp_path: Path) -> None:
    await in_shell(tmp_path, "git init -q other; git -C other commit -q --allow-empty -m x")
    add = f"git init -q; git -c protocol.file.allow=always submodule --quiet add {tmp_path / 'other'} module"
    async with attempt(files=f"{FILES}\n{add}") as (worktree, base):
        assert (await frozen_in_scope(worktree, base, [])).changes == ()
        (worktree.path / "module" / "new").write_text("x")
        with pytest.raises(ScopeBreach, match="module/new is inside a submodule"):
            await freeze(worktree, base)


@pytest.mark.parametrize("locked", ["src/b", "src/deep"])
async def test_what_cannot_be_read_is_the_attempts_fault(attempt: Attempt, locked: str) -> None:
    async with attempt(f"echo x > src/b; chmod 000 {locked}") as (worktree, base):
        if os.access(worktree.path / locked, os.R_OK):
            pytest.skip("this user may read everything")
        with pytest.raises(ScopeBreach, match=locked):
            await freeze(worktree, base)


async def test_programs_named_by_what_an_agent_left_do_not_run(attempt: Attempt, git: Callable[..., str], tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    async with attempt("echo '* filter=evil diff=evil' > .gitattributes; echo x > a") as (worktree, base):
        for place in (worktree.path, worktree.path / "src", worktree.path / "out"):
            place.mkdir(exist_ok=True)
            git(place, "init", "-q")
            for name in ("core.fsmonitor", "filter.evil.clean", "filter.evil.smudge", "diff.evil.textconv"):
                git(place, "config", name, f"touch {marker}; cat")
        with pytest.raises(ScopeBreach):
            await freeze(worktree, base)
        await in_shell(worktree.path, "rm -rf .git src/.git")
        assert {change.path for change in (await freeze(worktree, base)).changes} == {".gitattributes", "a"}
    assert not marker.exists()


async def test_the_scope_is_said_with_the_breach() -> None:
    change = Change("docs/d", "100644", "100644", "M")
    assert breaches([change], [parse("src/**"), parse("a")], {}, {}) == [
        "docs/d was changed and is outside the scope: this task writes only src/**, a"
    ]
    assert breaches([change], [], {}, {}) == ["docs/d was changed and is outside the scope: this task writes nothing"]
    assert breaches([change], [parse("docs/*")], {}, {}) == []


async def test_a_new_submodule_is_refused_even_in_the_scope() -> None:
    change = Change("module", "000000", "160000", "A")
    assert breaches([change], [parse("**")], {}, {}) == ["module is another repository's commit: submodules do not land"]


async def test_of_many_breaches_twenty_are_named_and_the_rest_counted(attempt: Attempt) -> None:
    async with attempt("for n in $(seq 100 124); do echo x > docs/$n; done") as (worktree, base):
        with pytest.raises(ScopeBreach) as raised:
            await frozen_in_scope(worktree, base, [parse("src/**")])
        lines = str(raised.value).splitlines()
        assert len(lines) == 21
        assert lines[0].startswith("docs/100 was added")
        assert lines[-1] == "and 5 more"
