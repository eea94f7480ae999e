"""Taking the user's folder as it is into our repository, without writing a byte there.

One mechanism for every kind of folder, clean, dirty or without git: the paths are what the user's index names plus what no ignore rule
hides, and each is hashed anew from the bytes on disk. The user's `git status` is never asked for, nor filters, nor submodules: those
run programs, and what the agents shall work on are the files that are there. The user's git directory is opened for two questions
that only read (the index's paths, HEAD), through the hardened wrapper.

A folder below a repository's top is taken with that repository's ignore rules, unless these ignore the folder itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from swarm.errors import EnvironmentFault, UsageError
from swarm.workspace.git import Git, GitFailed, encode, git_dir_of, paths_in
from swarm.workspace.ignores import CACHES, anchored, ignored, outside_rules, parent_rules, restated
from swarm.workspace.repository import GITLINK, Unrecordable, stage, write_commit

__all__ = ["Snapshot", "take_snapshot"]

_OURS: Final = ".swarm"
_BARE: Final = ("HEAD", "objects", "refs")
_ID_LENGTH: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A folder, recorded.

    Attributes:
        commit: a commit without parents, in our repository.
        tree: its tree.
        files: how many paths it holds.
        head: the commit that the user's repository is at, if the folder is the top of one and it has a commit.
        clean: whether the snapshot is exactly that commit; None where there is none to compare with.
        excludes: ignore rules for worktrees of this snapshot, beside those in the tree itself.
    """

    commit: str
    tree: str
    files: int
    head: str | None
    clean: bool | None
    excludes: str


async def take_snapshot(
    folder: Path, repository: Git, scratch: Path, *, at: datetime, keep: tuple[str, ...] = (), home: Path | None = None
) -> Snapshot:
    """Records a folder in our repository.

    Left out: ignored files that the user's index does not name, caches, `.swarm`, the home, `keep`, nested repositories, and what is
    neither file nor link. Submodules stay as the commit that the index names.

    Args:
        scratch: a folder for temporary files, outside the other; the caller removes it.
        at: the commit's date.
        keep: ignore patterns, relative to the folder.
        home: left out if it is inside the folder.

    Raises:
        UsageError: there is no such folder, or it is not one to work on.
        EnvironmentFault: something in it cannot be read; the path is named.
    """
    try:
        place = await _place(folder, repository, scratch, keep, home)
        tree, files = await _record(place, place.seen_by(repository, scratch))
        head, clean = await _compared(place, tree)
    except (GitFailed, Unrecordable, OSError) as error:
        raise EnvironmentFault(f"cannot take a snapshot of {folder}: {error}; mend that, or name it in a .gitignore") from error
    commit = await write_commit(repository, tree, (), f"snapshot of {place.folder.name}", at)
    return Snapshot(commit=commit, tree=tree, files=files, head=head, clean=clean, excludes=_rules_inside(place))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """A folder and what is around it.

    Attributes:
        top: the top of the user's repository, or the folder itself.
        git_dir: the user's git directory, if any.
        below: the folder's path from the top: empty, or ending with a slash.
        outside: ignore rules of the user's settings, relative to the top.
        keep: see `take_snapshot`.
        home: the home's path from the top, if it is in there, ending with a slash.
    """

    folder: Path
    top: Path
    git_dir: Path | None
    below: str
    keep: tuple[str, ...]
    home: str | None
    outside: tuple[str, ...] = ()

    def seen_by(self, repository: Git, scratch: Path) -> Git:
        return repository.at(work_tree=self.top, index=scratch / "index", excludes=scratch / "exclude")

    def holds(self, path: str) -> bool:
        """Whether a path from the top can be in the snapshot at all."""
        ours = _OURS in path.casefold().split("/") or (self.home is not None and path.startswith(self.home))
        return path.startswith(self.below) and not path.endswith("/") and not ours


async def _place(folder: Path, repository: Git, scratch: Path, keep: tuple[str, ...], home: Path | None) -> _Place:
    place = _found(_checked(folder), keep, home)
    place = replace(place, outside=tuple(await outside_rules(repository, _shared(place.git_dir))))
    _set_out(place, scratch)
    if place.below and await _is_ignored(place, place.seen_by(repository, scratch)):
        place = replace(_standing_alone(place.folder, keep, home), outside=place.outside)
        _set_out(place, scratch)
    return place


def _checked(folder: Path) -> Path:
    if not folder.exists():
        raise UsageError(f"the workspace {folder} does not exist: name a folder with --workspace, or correct the plan's `workspace`")
    if not folder.is_dir():
        raise UsageError(f"the workspace {folder} is not a folder: name the folder that the work is in")
    if all((folder / name).exists() for name in _BARE):
        raise UsageError(f"the workspace {folder} is a git directory without files: name a checkout of it")
    return folder.resolve()


def _found(folder: Path, keep: tuple[str, ...], home: Path | None) -> _Place:
    for top in (folder, *folder.parents):
        git_dir = _git_dir(top)
        if git_dir is not None:
            below = folder.relative_to(top).as_posix() + "/"
            return _Place(folder=folder, top=top, git_dir=git_dir, below=below.removeprefix("./"), keep=keep, home=_path_of(home, top))
    return _standing_alone(folder, keep, home)


def _standing_alone(folder: Path, keep: tuple[str, ...], home: Path | None) -> _Place:
    return _Place(folder=folder, top=folder, git_dir=None, below="", keep=keep, home=_path_of(home, folder))


def _path_of(home: Path | None, top: Path) -> str | None:
    inside = home is not None and home.resolve().is_relative_to(top)
    return home.resolve().relative_to(top).as_posix() + "/" if home is not None and inside else None


def _git_dir(top: Path) -> Path | None:
    entry = top / ".git"
    found = git_dir_of(top).resolve() if entry.is_file() else entry
    if (found / "HEAD").exists():
        return found
    if entry.is_file():
        raise UsageError(f"{entry} points to {found}, which is no git directory: mend it with `git worktree repair`, or remove the file")
    return None


def _shared(git_dir: Path | None) -> Path | None:
    """The git directory that a linked worktree shares with its main one."""
    if git_dir is None or not (git_dir / "commondir").exists():
        return git_dir
    return git_dir / (git_dir / "commondir").read_text().strip()


def _set_out(place: _Place, scratch: Path) -> None:
    (scratch / "index").unlink(missing_ok=True)
    (scratch / "exclude").write_bytes(encode("\n".join([*place.outside, *_own_rules(place, place.below), ""])))


def _rules_inside(place: _Place) -> str:
    return "\n".join([*restated(place.outside, place.below), *parent_rules(place.top, place.below), *_own_rules(place, ""), ""])


def _own_rules(place: _Place, prefix: str) -> list[str]:
    keep = [anchored(prefix) + pattern.strip("/") for pattern in place.keep]
    return [*CACHES, f"{_OURS}/", *keep, *([anchored(place.home)] if place.home and prefix == place.below else [])]


async def _is_ignored(place: _Place, git: Git) -> bool:
    return bool(await ignored(git, [place.below.rstrip("/")]))


async def _record(place: _Place, git: Git) -> tuple[str, int]:
    """The tree, and how many paths it holds."""
    tracked, submodules = await _tracked(place)
    listed = paths_in(await git.run("ls-files", "-z", "--others", "--exclude-standard", "--", place.below or "."))
    there = await stage(git, (path for path in (*tracked, *listed) if place.holds(path)))
    await _stage_submodules(git, submodules)
    files = len(there) + len(submodules)
    subtree = [f"--prefix={place.below}"] if place.below and files else []
    return await git.text("write-tree", *subtree), files


async def _stage_submodules(git: Git, submodules: Mapping[str, str]) -> None:
    if submodules:
        lines = (f"{GITLINK} {id_}\t{path}\0" for path, id_ in submodules.items())
        await git.run("update-index", "-z", "--index-info", stdin=encode("".join(lines)))


async def _tracked(place: _Place) -> tuple[list[str], Mapping[str, str]]:
    """The files in the user's index, and the submodules' commits."""
    if place.git_dir is None:
        return [], {}
    output = paths_in(await Git(place.git_dir, work_tree=place.top).run("ls-files", "-z", "--stage"))
    entries = [(path, mode, id_) for meta, _, path in (entry.partition("\t") for entry in output) for mode, id_, _ in [meta.split(" ")]]
    submodules = {path: id_ for path, mode, id_ in entries if mode == GITLINK and len(id_) == _ID_LENGTH and place.holds(path)}
    return [path for path, mode, _ in entries if mode != GITLINK], {p: id_ for p, id_ in submodules.items() if (place.top / p).is_dir()}


async def _compared(place: _Place, tree: str) -> tuple[str | None, bool | None]:
    """The user's HEAD, and whether the tree is its."""
    if place.git_dir is None or place.below:
        return None, None
    answer = await Git(place.git_dir).text("cat-file", "--batch-check=%(objectname)", stdin=b"HEAD^{commit}\nHEAD^{tree}\n")
    head, head_tree = (None if line.endswith("missing") else line for line in answer.splitlines())
    return head, head_tree == tree if head_tree and len(head_tree) == _ID_LENGTH else None
