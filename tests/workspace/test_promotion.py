"""A result goes into the user's folder wholly or not at all, whatever dies on the way, and can be taken out again."""

import asyncio
import errno
import os
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from swarm.errors import EnvironmentFault, RecordFault, RunRefused, UsageError
from swarm.workspace import kept, placing
from swarm.workspace.branch import to_branch
from swarm.workspace.git import Git
from swarm.workspace.promotion import promote, recover, undo
from swarm.workspace.repository import tree_of, write_commit
from swarm.workspace.snapshot import take_snapshot

pytestmark = pytest.mark.asyncio

Look = dict[str, tuple[int, bytes]]
UserGit = Callable[..., str]


@dataclass(frozen=True)
class Link:
    target: str


@dataclass(frozen=True)
class Mode:
    bits: int
    text: str = ""


Spec = Mapping[str, str | Link | Mode]

# Every kind of move there is: changed, added, removed, made executable, to and from a link, a file for a folder and a folder for a file.
BASE: Spec = {
    ".gitignore": "*.log\n",
    "stays.txt": "as ever\n",
    "changed.txt": Mode(0o640, "old\n"),
    "tool.sh": "#!/bin/sh\n",
    "gone/away.txt": "bye\n",
    "half/away.txt": "bye\n",
    "half/ignored.log": "kept by the user\n",
    "file-then-folder": "flat\n",
    "folder-then-file/x/y.txt": "deep\n",
    "file-then-link": "text\n",
    "link-then-file": Link("stays.txt"),
    "link": Link("stays.txt"),
}
HEAD: Spec = {
    ".gitignore": "*.log\n",
    "stays.txt": "as ever\n",
    "changed.txt": "new\n",
    "tool.sh": Mode(0o755, "#!/bin/sh\n"),
    "file-then-folder/in/side.txt": "deep\n",
    "folder-then-file": "flat\n",
    "file-then-link": Link("nowhere"),
    "link-then-file": "text\n",
    "link": Link("changed.txt"),
    "new/deep/er.sh": Mode(0o755, "\0binary\xff"),
    "new/empty": "",
}


def lay(folder: Path, spec: Spec) -> Path:
    """Makes the files of a spec."""
    for path, what in spec.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(what, Link):
            place.symlink_to(what.target)
        else:
            place.write_text(what.text if isinstance(what, Mode) else what)
            place.chmod(what.bits if isinstance(what, Mode) else 0o644)
    return folder


def look(folder: Path) -> Look:
    """Everything in a folder: modes of all, contents of files, targets of links."""
    return {str(path.relative_to(folder)): (path.lstat().st_mode, _content(path)) for path in _paths(folder)}


def _paths(folder: Path) -> Iterator[Path]:
    for top, folders, files in os.walk(folder):
        yield from (Path(top, name) for name in (*folders, *files))


def _content(path: Path) -> bytes:
    if path.is_symlink():
        return os.readlink(path).encode()
    return path.read_bytes() if path.is_file() else b""


class Killed(BaseException):
    """The process is gone: no handler of it runs any more."""


@dataclass
class Disk:
    """`os`, where the N-th call that writes does not happen. Syncs are counted and not made: no power is cut here.

    Attributes:
        first: the number of the call that fails, from 1.
        failing: what it raises.
        last: the last one that fails.
    """

    first: int
    failing: Callable[[], BaseException]
    last: int
    calls: int = field(default=0)

    WRITING = ("open", "rename", "unlink", "rmdir", "mkdir", "symlink", "fsync", "fchmod", "chmod")

    def __getattr__(self, name: str) -> Any:
        found = getattr(os, name)
        return self._counted(name, found) if name in self.WRITING else found

    def _counted(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            if name != "open" or arguments[1] & os.O_CREAT:
                self.calls += 1
                if self.first <= self.calls <= self.last:
                    raise self.failing()
            return None if name == "fsync" else function(*arguments, **options)

        return call


def killed_at(number: int) -> Disk:
    return Disk(number, Killed, last=10**9)


def full_at(number: int, *, for_good: bool = False) -> Disk:
    return Disk(number, lambda: OSError(errno.ENOSPC, "No space left on device"), last=10**9 if for_good else number)


NEVER = killed_at(10**9)


def put_in(monkeypatch: pytest.MonkeyPatch, disk: object) -> None:
    """Makes this the `os` of whatever writes for a promotion."""
    for module in (kept, placing):
        monkeypatch.setattr(module, "os", disk)


def put_aside(*folders: Path) -> Callable[[], None]:
    """Copies folders; what is returned puts the copies in their place, each time anew."""
    copies = {folder: shutil.copytree(folder, folder.with_name(f"{folder.name}-aside"), symlinks=True) for folder in folders}

    def set_back() -> None:
        for folder, copy in copies.items():
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(copy, folder, symlinks=True)

    return set_back


@dataclass
class Stage:
    """A folder as it was at the snapshot, and a result."""

    repository: Git
    template: Path
    base: str
    head: str
    folder: Path
    keep: Path

    def again(self) -> None:
        """The folder as at the beginning, and nothing kept."""
        for place in (self.folder, self.keep):
            if place.exists():
                shutil.rmtree(place)
        shutil.copytree(self.template, self.folder, symlinks=True)

    async def promote(self) -> tuple[str, ...]:
        return (await promote(self.repository, self.folder, self.base, self.head, self.keep)).paths


@pytest.fixture
def commit(repository: Git, user_home: Path, tmp_path: Path, at: datetime) -> Callable[..., Awaitable[str]]:
    """Records a folder as a commit of ours."""

    async def call(folder: Path, parent: str | None = None, message: str = "work", later: int = 0) -> str:
        with tempfile.TemporaryDirectory(dir=tmp_path) as scratch:
            tree = (await take_snapshot(folder, repository, Path(scratch), at=at)).tree
        return await write_commit(repository, tree, [parent] if parent else [], message, at + timedelta(seconds=later))

    return call


@pytest.fixture
def stage(repository: Git, tmp_path: Path, commit: Callable[..., Coroutine[None, None, str]]) -> Stage:
    template = lay(tmp_path / "template", BASE)
    (template / "gone").chmod(0o775)  # more than the umask leaves
    (template / "folder-then-file/x").chmod(0o711)
    base, head = asyncio.run(commit(template)), asyncio.run(commit(lay(tmp_path / "result", HEAD)))
    made = Stage(repository, template, base, head, tmp_path / "project", tmp_path / "keep")
    made.again()
    return made


@pytest.fixture
def before(stage: Stage) -> Look:
    return look(stage.folder)


@pytest.fixture
def after(stage: Stage) -> Look:
    asyncio.run(stage.promote())
    seen = look(stage.folder)
    stage.again()
    return seen


# All


async def test_a_promoted_folder_is_the_result(stage: Stage, commit: Callable[..., Awaitable[str]]) -> None:
    paths = await stage.promote()
    assert await tree_of(stage.repository, await commit(stage.folder)) == await tree_of(stage.repository, stage.head)
    assert set(paths) == {path for path in {**BASE, **HEAD} if path not in ("stays.txt", ".gitignore", "half/ignored.log")}


async def test_what_is_not_part_of_the_result_stays(stage: Stage) -> None:
    await stage.promote()
    assert (stage.folder / "half/ignored.log").read_text() == "kept by the user\n"


async def test_a_folder_that_comes_to_be_empty_goes(stage: Stage) -> None:
    await stage.promote()
    assert not (stage.folder / "gone").exists()


async def test_a_replaced_file_keeps_its_permissions_but_for_the_executable_bits(stage: Stage) -> None:
    (stage.folder / "tool.sh").chmod(0o660)
    await stage.promote()
    found = {path: (stage.folder / path).lstat().st_mode & 0o777 for path in ("changed.txt", "tool.sh", "new/empty", "new/deep/er.sh")}
    assert found == {"changed.txt": 0o640, "tool.sh": 0o770, "new/empty": 0o644, "new/deep/er.sh": 0o755}


async def test_a_folder_keeps_its_permissions_when_all_its_files_are_replaced(
    tmp_path: Path, repository: Git, commit: Callable[..., Awaitable[str]]
) -> None:
    folder = lay(tmp_path / "project", {"in/old": "text\n"})
    (folder / "in").chmod(0o700)
    base, head = await commit(folder), await commit(lay(tmp_path / "result", {"in/new": "text\n"}))
    await promote(repository, folder, base, head, tmp_path / "keep")
    assert (folder / "in").lstat().st_mode & 0o777 == 0o700


async def test_nothing_is_written_where_the_result_stands_already(stage: Stage) -> None:
    await stage.promote()
    seen = look(stage.keep)
    assert await stage.promote() == ()
    assert look(stage.keep) == seen


# Or nothing


def edit(folder: Path) -> None:
    (folder / "changed.txt").write_text("by the user\n")


def remove(folder: Path) -> None:
    (folder / "changed.txt").unlink()


def make_executable(folder: Path) -> None:
    (folder / "changed.txt").chmod(0o755)


def link_to_the_same(folder: Path) -> None:
    (folder / "changed.txt").rename(folder / "elsewhere")
    (folder / "changed.txt").symlink_to("elsewhere")


def edit_what_goes(folder: Path) -> None:
    (folder / "gone/away.txt").write_text("not yet\n")


def stand_in_the_way(folder: Path) -> None:
    lay(folder, {"new/empty": "mine\n"})


def stand_in_the_way_with_a_folder(folder: Path) -> None:
    (folder / "new/empty").mkdir(parents=True)


def stand_in_the_way_of_a_folder(folder: Path) -> None:
    (folder / "new").write_text("mine\n")


def link_a_folder_outside(folder: Path) -> None:
    outside = lay(folder.parent / "outside", {"away.txt": "bye\n"})
    shutil.rmtree(folder / "gone")
    (folder / "gone").symlink_to(outside)


def link_a_new_folder_outside(folder: Path) -> None:
    (folder / "new").symlink_to(lay(folder.parent / "outside", {"away.txt": "bye\n"}))


def add_to_a_folder_that_goes(folder: Path) -> None:
    (folder / "folder-then-file/x/mine.log").write_text("ignored by git, and mine\n")


def add_an_empty_folder_to_one_that_goes(folder: Path) -> None:
    (folder / "folder-then-file/z").mkdir()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (edit, "changed.txt: has changed"),
        (remove, "changed.txt: is gone"),
        (make_executable, "changed.txt: has changed"),
        (link_to_the_same, "changed.txt: has changed"),
        (edit_what_goes, "gone/away.txt: has changed"),
        (stand_in_the_way, "new/empty: is in the way"),
        (stand_in_the_way_with_a_folder, "new/empty: is in the way"),
        (stand_in_the_way_of_a_folder, "new/empty: new is no folder"),
        (link_a_folder_outside, "gone/away.txt: gone is no folder"),
        (link_a_new_folder_outside, "new/empty: new is no folder"),
        (add_to_a_folder_that_goes, "folder-then-file: is in the way"),
        (add_an_empty_folder_to_one_that_goes, "folder-then-file: is in the way"),
    ],
)
async def test_a_folder_that_changed_since_the_snapshot_is_refused_whole(stage: Stage, change: Callable[[Path], None], named: str) -> None:
    change(stage.folder)
    world = look(stage.folder.parent)
    with pytest.raises(RunRefused) as refused:
        await stage.promote()
    assert f"\n  {named}\n" in str(refused.value)
    assert look(stage.folder.parent) == world


async def test_at_most_twenty_paths_are_named(tmp_path: Path, repository: Git, commit: Callable[..., Awaitable[str]]) -> None:
    names = [f"file-{number:02}" for number in range(25)]
    folder = lay(tmp_path / "project", dict.fromkeys(names, "by the user\n"))
    base, head = await commit(lay(tmp_path / "base", {"x": ""})), await commit(lay(tmp_path / "result", dict.fromkeys(names, "by us\n")))
    with pytest.raises(RunRefused) as refused:
        await promote(repository, folder, base, head, tmp_path / "keep")
    assert "file-18" in str(refused.value)
    assert "file-20" not in str(refused.value)
    assert "and 6 more" in str(refused.value)  # twenty-five of these, and one that is gone


async def test_a_second_result_waits_until_the_first_is_put_back(
    stage: Stage, tmp_path: Path, commit: Callable[..., Awaitable[str]]
) -> None:
    await stage.promote()
    stage.head = await commit(lay(tmp_path / "later", {**HEAD, "changed.txt": "newer\n"}))
    with pytest.raises(RunRefused, match="--undo"):
        await stage.promote()
    await undo(stage.folder, stage.keep)
    await stage.promote()
    assert (stage.folder / "changed.txt").read_text() == "newer\n"


# Whatever dies


async def test_a_promotion_killed_at_any_write_is_wholly_put_back(
    stage: Stage, before: Look, after: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    for number in range(1, 1000):
        stage.again()
        put_in(monkeypatch, killed_at(number))
        try:
            await stage.promote()
            break
        except Killed:
            put_in(monkeypatch, NEVER)
            seen.append(look(stage.folder) not in (before, after))
            recovered = await recover(stage.folder, stage.keep)
            assert look(stage.folder) == (before if recovered or not (stage.keep / "done").exists() else after)
            assert not await recover(stage.folder, stage.keep)
    assert number > 60
    assert any(seen)
    assert look(stage.folder) == after


@pytest.mark.parametrize("marker", ["manifest.json", "done"])
async def test_the_next_promotion_succeeds_after_a_dead_one(
    stage: Stage, after: Look, monkeypatch: pytest.MonkeyPatch, marker: str
) -> None:
    await _die_before(marker, stage, monkeypatch)
    await stage.promote()
    assert look(stage.folder) == after


async def test_a_recovery_killed_at_any_write_can_be_repeated(stage: Stage, before: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    await _die_before("done", stage, monkeypatch)
    set_back = put_aside(stage.folder, stage.keep)
    for number in range(1, 1000):
        set_back()
        put_in(monkeypatch, killed_at(number))
        try:
            await recover(stage.folder, stage.keep)
            break
        except Killed:
            put_in(monkeypatch, NEVER)
            await recover(stage.folder, stage.keep)
            assert look(stage.folder) == before
    assert number > 20
    assert look(stage.folder) == before


async def test_what_somebody_touched_after_a_death_is_left_alone(stage: Stage, before: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    await _die_before("done", stage, monkeypatch)
    edit(stage.folder)
    await recover(stage.folder, stage.keep)
    assert (stage.folder / "changed.txt").read_text() == "by the user\n"
    assert {path for path, found in look(stage.folder).items() if before.get(path) != found} == {"changed.txt"}


async def _die_before(marker: str, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the manifest, all is prepared; before `done`, all is moved."""

    def mark(keep: Path, name: str, value: Any = None, *, real: Callable[..., None] = kept._mark) -> None:
        if name == marker:
            raise Killed
        real(keep, name, value)

    with monkeypatch.context() as patch:
        patch.setattr(kept, "_mark", mark)
        with pytest.raises(Killed):
            await stage.promote()


async def fault_of(work: Awaitable[object]) -> str:
    """What the machine is blamed for; empty when all went well."""
    try:
        await work
    except EnvironmentFault as fault:
        return str(fault)
    return ""


async def test_a_disk_that_refuses_any_write_leaves_the_folder_as_it_was(
    stage: Stage, before: Look, after: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(1, 1000):
        stage.again()
        disk = full_at(number)
        put_in(monkeypatch, disk)
        said = await fault_of(stage.promote())
        assert (look(stage.folder), "No space left" in said) == ((before, True) if said else (after, False))
        if disk.calls < number:
            break
    assert number > 60


async def test_a_disk_that_goes_on_refusing_says_so_and_is_put_right_later(
    stage: Stage, before: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    half_way = 0
    for number in range(1, 1000):
        stage.again()
        put_in(monkeypatch, full_at(number, for_good=True))
        said = await fault_of(stage.promote())
        put_in(monkeypatch, NEVER)
        if not said:
            break
        half_way += "partly written" in said
        assert look(stage.folder) == before or "partly written" in said
        await recover(stage.folder, stage.keep)
        assert look(stage.folder) == before
    assert half_way > 10


async def test_a_folder_that_becomes_a_link_after_the_check_leads_nowhere(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    outside = lay(stage.folder.parent / "outside", {"away.txt": "bye\n"})
    seen = look(outside)

    def swap(keep: Path, name: str, value: Any = None, *, real: Callable[..., None] = kept._mark) -> None:
        real(keep, name, value)
        for folder in ("half", "new"):
            shutil.rmtree(stage.folder / folder, ignore_errors=True)
            (stage.folder / folder).symlink_to(outside)

    monkeypatch.setattr(kept, "_mark", swap)
    with pytest.raises((EnvironmentFault, RunRefused)):
        await stage.promote()
    assert look(outside) == seen
    assert (stage.folder / "changed.txt").read_text() == "old\n"


async def test_a_path_that_cannot_be_written_is_named(
    tmp_path: Path, repository: Git, commit: Callable[..., Awaitable[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = lay(tmp_path / "project", {"locked/in": "text\n", "open": "text\n"})
    base = await commit(folder)
    head = await commit(lay(tmp_path / "result", {"locked/in": "other\n", "open": "other\n"}))
    seen = look(folder)
    put_in(monkeypatch, _Locked())
    with pytest.raises(EnvironmentFault, match=str(folder / "locked/in")):
        await promote(repository, folder, base, head, tmp_path / "keep")
    assert look(folder) == seen


class _Locked:
    """`os`, where a file called `in` cannot be replaced: permissions would not stop root."""

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def rename(self, source: str, target: str, **folders: int) -> None:
        if target == "in":
            raise PermissionError(errno.EACCES, "Permission denied", target)
        os.rename(source, target, **folders)


# Undone


async def test_an_undo_puts_the_folder_back_mode_for_mode(stage: Stage, before: Look) -> None:
    paths = await stage.promote()
    assert await undo(stage.folder, stage.keep) == paths
    assert look(stage.folder) == before
    assert not stage.keep.exists()


async def test_an_empty_folder_of_the_users_is_there_after_an_undo(stage: Stage) -> None:
    (stage.folder / "new").mkdir(mode=0o700)
    before = look(stage.folder)
    await stage.promote()
    await undo(stage.folder, stage.keep)
    assert look(stage.folder) == before


async def test_there_is_nothing_to_undo_twice(stage: Stage) -> None:
    with pytest.raises(RunRefused, match="no promotion to undo"):
        await undo(stage.folder, stage.keep)
    await stage.promote()
    await undo(stage.folder, stage.keep)
    with pytest.raises(RunRefused, match="no promotion to undo"):
        await undo(stage.folder, stage.keep)


async def test_an_undo_would_not_lose_what_was_changed_since(stage: Stage) -> None:
    await stage.promote()
    edit(stage.folder)
    seen = look(stage.folder)
    with pytest.raises(RunRefused, match=r"changed\.txt: has changed"):
        await undo(stage.folder, stage.keep)
    assert look(stage.folder) == seen


async def test_a_path_put_back_by_hand_is_no_obstacle_to_an_undo(stage: Stage, before: Look) -> None:
    await stage.promote()
    shutil.rmtree(stage.folder)
    shutil.copytree(stage.template, stage.folder, symlinks=True)
    await undo(stage.folder, stage.keep)
    assert look(stage.folder) == before


async def test_an_undo_killed_at_any_write_never_began_or_is_complete(stage: Stage, before: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    await stage.promote()
    shutil.copy2(stage.template / "changed.txt", stage.folder / "changed.txt")  # one path is back already, and is to stay so
    promoted, set_back = look(stage.folder), put_aside(stage.folder, stage.keep)
    for number in range(1, 1000):
        set_back()
        put_in(monkeypatch, killed_at(number))
        try:
            await undo(stage.folder, stage.keep)
            break
        except Killed:
            put_in(monkeypatch, NEVER)
            await recover(stage.folder, stage.keep)
            assert look(stage.folder) == (promoted if (stage.keep / "manifest.json").exists() else before)
    assert number > 40
    assert look(stage.folder) == before


async def test_a_disk_that_refuses_an_undo_leaves_the_result_in_place(stage: Stage, after: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    await stage.promote()
    refusals = 0
    for number in range(1, 1000):
        put_in(monkeypatch, full_at(number))
        try:
            await undo(stage.folder, stage.keep)
            break
        except EnvironmentFault:
            refusals += 1
            assert look(stage.folder) == after
    assert refusals > 40


async def test_kept_content_that_is_damaged_is_not_put_back(stage: Stage, after: Look) -> None:
    await stage.promote()
    for file in (stage.keep / "old").iterdir():
        file.write_text("rot")
    with pytest.raises(RecordFault, match="damaged"):
        await undo(stage.folder, stage.keep)
    assert look(stage.folder) == after


# As a branch


@dataclass
class User:
    """A user's repository, a snapshot of it, and a run's two commits."""

    git: UserGit
    folder: Path
    head: str | None
    base: str
    tip: str


@pytest.fixture
def ran(repository: Git, tmp_path: Path, git: UserGit, commit: Callable[..., Awaitable[str]]) -> Callable[..., Awaitable[User]]:
    async def call(folder: Path, head: str | None) -> User:
        base = await commit(folder, message="snapshot of project")
        first = await commit(lay(tmp_path / "first", {"a.txt": "one\n"}), base, "First\n\nSwarm-Task: a.one", later=60)
        tip = await commit(
            lay(tmp_path / "second", {"a.txt": "one\n", "b/c.txt": "two\n"}), first, "Second\n\nSwarm-Task: a.two", later=120
        )
        return User(git, folder, head, base, tip)

    return call


@pytest.fixture
def project(tmp_path: Path, git: UserGit) -> Path:
    folder = lay(tmp_path / "project", {"a.txt": "zero\n"})
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "Begin")
    return folder


def untouched(folder: Path, but: str) -> Look:
    """The git directory without objects and one ref."""
    return {path: found for path, found in look(folder / ".git").items() if not path.startswith("objects") and path != f"refs/heads/{but}"}


LOG = "--format=%s|%an|%ae|%at|%ct|%(trailers:key=Swarm-Task,valueonly,separator=%x2c)"


async def test_the_run_becomes_commits_on_top_of_the_users_head(
    ran: Callable[..., Awaitable[User]], project: Path, git: UserGit, repository: Git, at: datetime
) -> None:
    user = await ran(project, git(project, "rev-parse", "HEAD"))
    seen, files = untouched(project, "result"), look(project / "a.txt")
    tip = await to_branch(repository, project, "result", user.base, user.tip, user.head)
    assert git(project, "rev-parse", "result") == tip
    assert untouched(project, "result") == seen
    assert look(project / "a.txt") == files
    now = int(at.timestamp())
    assert git(project, "log", LOG, "main..result").splitlines() == [
        f"Second|swarm|swarm@localhost|{now + 120}|{now + 120}|a.two",
        f"First|swarm|swarm@localhost|{now + 60}|{now + 60}|a.one",
    ]
    assert git(project, "merge-base", "main", "result") == user.head
    assert git(project, "rev-parse", "result^{tree}") == await tree_of(repository, user.tip)
    git(project, "fsck", "--strict", "--no-dangling")
    assert git(project, "show", "result:b/c.txt") == "two"


async def test_uncommitted_work_of_the_snapshot_is_a_commit_of_its_own(
    ran: Callable[..., Awaitable[User]], project: Path, git: UserGit, repository: Git
) -> None:
    lay(project, {"draft.txt": "not committed\n"})
    user = await ran(project, git(project, "rev-parse", "HEAD"))
    await to_branch(repository, project, "result", user.base, user.tip, user.head)
    assert git(project, "log", "--format=%s", "main..result").splitlines() == ["Second", "First", "snapshot of uncommitted work"]
    assert git(project, "show", "result~2:draft.txt") == "not committed"
    git(project, "fsck", "--strict", "--no-dangling")


async def test_without_a_commit_of_the_users_the_branch_begins_with_the_snapshot(
    ran: Callable[..., Awaitable[User]], tmp_path: Path, git: UserGit, repository: Git
) -> None:
    folder = lay(tmp_path / "project", {"a.txt": "zero\n"})
    git(folder, "init", "-q")
    user = await ran(folder, None)
    await to_branch(repository, folder, "result", user.base, user.tip, None)
    assert git(folder, "log", "--format=%s", "result").splitlines() == ["Second", "First", "snapshot of project"]


async def test_a_branch_holds_only_what_the_repository_lacked(
    ran: Callable[..., Awaitable[User]], project: Path, git: UserGit, repository: Git
) -> None:
    user = await ran(project, git(project, "rev-parse", "HEAD"))
    objects = int(git(project, "count-objects").split()[0])
    await to_branch(repository, project, "result", user.base, user.tip, user.head)
    counts = dict(line.split(": ") for line in git(project, "count-objects", "-v").splitlines())
    assert int(counts["in-pack"]) == 5  # two files, two trees of the top, one of b
    assert int(counts["count"]) == objects + 2  # the two commits


async def test_a_linked_worktree_has_the_branches_of_its_repository(
    ran: Callable[..., Awaitable[User]], project: Path, git: UserGit, repository: Git
) -> None:
    git(project, "worktree", "add", "-q", "../linked")
    user = await ran(project.parent / "linked", git(project, "rev-parse", "HEAD"))
    tip = await to_branch(repository, project.parent / "linked", "topic/result", user.base, user.tip, user.head)
    assert git(project, "rev-parse", "topic/result") == tip


@pytest.mark.parametrize("name", ["", "-x", "a..b", "a b", "@{-1}", "x.lock", "refs/", "HEAD~1"])
async def test_what_git_would_not_call_a_branch_is_refused(
    ran: Callable[..., Awaitable[User]], project: Path, git: UserGit, repository: Git, name: str
) -> None:
    git(project, "checkout", "-qb", "before")
    git(project, "checkout", "-q", "main")
    user = await ran(project, git(project, "rev-parse", "HEAD"))
    seen = look(project)
    with pytest.raises(UsageError, match="name of a branch"):
        await to_branch(repository, project, name, user.base, user.tip, user.head)
    assert look(project) == seen


@pytest.mark.parametrize("name", ["main", "main/below"])
async def test_a_branch_that_is_there_is_not_touched(
    ran: Callable[..., Awaitable[User]], project: Path, git: UserGit, repository: Git, name: str
) -> None:
    user = await ran(project, git(project, "rev-parse", "HEAD"))
    seen = untouched(project, "none")
    with pytest.raises(RunRefused, match="another name"):
        await to_branch(repository, project, name, user.base, user.tip, user.head)
    assert untouched(project, "none") == seen


async def test_only_the_top_of_a_repository_has_branches(
    ran: Callable[..., Awaitable[User]], project: Path, git: UserGit, repository: Git
) -> None:
    folder = lay(project / "below", {"a.txt": "zero\n"})
    user = await ran(folder, None)
    with pytest.raises(RunRefused, match="not the top of a git repository"):
        await to_branch(repository, folder, "result", user.base, user.tip, None)


async def test_a_repository_that_lost_the_runs_beginning_is_refused(
    ran: Callable[..., Awaitable[User]], project: Path, git: UserGit, repository: Git
) -> None:
    user = await ran(project, "1" * 40)
    with pytest.raises(RunRefused, match="no longer has commit 1111"):
        await to_branch(repository, project, "result", user.base, user.tip, user.head)


async def test_hooks_of_the_users_repository_do_not_run(
    ran: Callable[..., Awaitable[User]], project: Path, git: UserGit, repository: Git
) -> None:
    user = await ran(project, git(project, "rev-parse", "HEAD"))
    hook = lay(project / ".git/hooks", {"reference-transaction": Mode(0o755, "#!/bin/sh\ntouch ran\nexit 1\n")})
    await to_branch(repository, project, "result", user.base, user.tip, user.head)
    assert not list(hook.rglob("ran"))
    assert not (project / "ran").exists()
