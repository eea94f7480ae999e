"""Turning what an attempt left in its worktree into a tree, and judging every changed path against the task's scope.

The result is read as data: paths are listed and hashed with our own git directory, and what could lead git (or a later reader) elsewhere is
refused before git looks at it: nested repositories, special files, links out of the workspace. Ignored files and caches do not count.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from swarm.errors import ScopeBreach
from swarm.plans.globs import Glob
from swarm.workspace.git import Git, decode, encode, paths_in
from swarm.workspace.ignores import ignored
from swarm.workspace.pool import Worktree, entries, is_special, submodules
from swarm.workspace.repository import GITLINK, SYMLINK, Change, Unrecordable, changes_between, is_there, stage

__all__ = ["Change", "Frozen", "breaches", "freeze", "frozen_in_scope"]

_MOST_NAMED: Final = 20
_MOST_LINKS: Final = 40
_RESERVED: Final = frozenset({".git", ".swarm"})
_VERBS: Final = {"A": "added", "M": "changed", "D": "deleted", "T": "changed in type"}


@dataclass(frozen=True, slots=True)
class Frozen:
    """An attempt's result: a tree, and what differs from its base."""

    tree: str
    changes: tuple[Change, ...]


async def frozen_in_scope(worktree: Worktree, base: str, writes: Sequence[Glob]) -> Frozen:
    """The frozen worktree, if all that changed since `base` may land.

    Args:
        base: the commit or tree that the worktree was checked out from.
        writes: the task's scope.

    Raises:
        ScopeBreach: something may not; every path is named, the first twenty of many.
    """
    frozen = await freeze(worktree, base)
    before: dict[str, str] = {}
    after: dict[str, str] = {}
    if any(SYMLINK in (change.old_mode, change.new_mode) for change in frozen.changes):
        before, after = await _links(worktree.git, base), await _links(worktree.git, frozen.tree)
    _refuse(breaches(frozen.changes, writes, after, before))
    return frozen


async def freeze(worktree: Worktree, base: str) -> Frozen:
    """Records the worktree's files as a tree, whatever the scope.

    Raises:
        ScopeBreach: it holds something that can never land: a nested repository, a special file, a path that git cannot hold.
    """
    _refuse(await _unlandable(worktree))
    listed = paths_in(await worktree.git.run("ls-files", "-z", "--modified", "--deleted", "--others", "--exclude-standard"))
    changed = {path for path in listed if not worktree.is_from_setup(path)}
    _refuse(_unreadable(worktree, sorted(changed)))
    try:
        await stage(worktree.git, changed)
    except Unrecordable as error:
        raise ScopeBreach(str(error)) from error
    tree = await worktree.git.text("write-tree")
    return Frozen(tree, await changes_between(worktree.git, base, tree))


def breaches(changes: Sequence[Change], writes: Sequence[Glob], links: Mapping[str, str], before: Mapping[str, str]) -> list[str]:
    """Why changes may not land: one sentence for each fault, none when all is well.

    Args:
        links: path and target of every symbolic link in the new tree; needed only if links changed.
        before: the same for the tree that the changes are against.
    """
    changed = {change.path for change in changes}
    at_fault = (path for path in sorted(links) if _leads_out(path, links) and (path in changed or not _leads_out(path, before)))
    return [
        *(sentence for change in changes for sentence in _faults(change, writes)),
        *(f"{path} links to {links[path]}, which leads out of the workspace or nowhere: link to a path inside it" for path in at_fault),
    ]


def _faults(change: Change, writes: Sequence[Glob]) -> Iterator[str]:
    if not any(glob.matches(change.path) for glob in writes):
        scope = f"this task writes only {', '.join(glob.text for glob in writes)}" if writes else "this task writes nothing"
        yield f"{change.path} was {_VERBS[change.status]} and is outside the scope: {scope}"
    if _RESERVED & set(change.path.casefold().split("/")):
        yield f"{change.path} is a name that git or swarm keeps for itself: it does not land"
    if change.new_mode == GITLINK:
        yield f"{change.path} is another repository's commit: submodules do not land"


def _leads_out(path: str, links: Mapping[str, str]) -> bool:
    """Whether following a link leaves the workspace on the way, or never ends. Paths that are not there count as folders."""
    here: list[str] = []
    ahead, followed = path.split("/"), 0
    while ahead:
        part = ahead.pop(0)
        if part == "..":
            if not here:
                return True
            here.pop()
        elif part not in ("", "."):
            here.append(part)
            target = links.get("/".join(here))
            if target is not None:
                followed += 1
                here.pop()
                ahead = [*target.split("/"), *ahead]
            if part.casefold() in _RESERVED or followed > _MOST_LINKS or (target or "").startswith("/"):
                return True
    return False


async def _links(git: Git, treeish: str) -> dict[str, str]:
    """Path and target of every symbolic link in a tree."""
    lines = paths_in(await git.run("ls-tree", "-r", "-z", treeish))
    found = [(path, meta.split(" ")[2]) for meta, _, path in (line.partition("\t") for line in lines) if meta.startswith(SYMLINK)]
    contents = _contents(await git.run("cat-file", "--batch", stdin=encode("".join(f"{id_}\n" for _, id_ in found))))
    return {path: decode(target) for (path, _), target in zip(found, contents, strict=True)}


def _contents(batch: bytes) -> Iterator[bytes]:
    while batch:
        header, _, rest = batch.partition(b"\n")
        size = int(header.split(b" ")[2])
        yield rest[:size]
        batch = rest[size + 1 :]


async def _unlandable(worktree: Worktree) -> list[str]:
    """Why the worktree's files cannot become a tree, found without letting git near them."""
    git = worktree.git
    hidden = paths_in(await git.run("ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory"))
    found = _walked(os.fspath(worktree.path), hidden)
    inner = await submodules(git)
    special = [path for path, entry in found.items() if is_special(entry)]
    harmless = await ignored(git, special) if special else set()  # git lists only files and links: it has to be asked
    return [
        *(f"{path} makes a repository in the workspace: nested repositories do not land; remove it" for path in found if _is_git(path)),
        *(f"{path} is inside a submodule: changes there do not land; remove it" for path in found if os.path.dirname(path) in inner),
        *(f"{path} is neither a file nor a link: it does not land; remove it" for path in special if path not in harmless),
    ]


def _walked(root: str, hidden: Sequence[str]) -> dict[str, os.DirEntry[str]]:
    pruned = {os.path.join(root, path.rstrip("/")) for path in hidden}
    try:
        return {entry.path[len(root) + 1 :]: entry for entry in entries(root, pruned)}
    except PermissionError as error:
        raise ScopeBreach(f"{os.path.relpath(error.filename, root)} cannot be entered: give it ordinary permissions") from error


def _unreadable(worktree: Worktree, paths: Sequence[str]) -> list[str]:
    there = sorted(is_there(worktree.path, paths))
    return [f"{path} cannot be read: give it ordinary permissions" for path in there if _forbidden(worktree.path / path)]


def _forbidden(path: Path) -> bool:
    return not path.is_symlink() and not os.access(path, os.R_OK)


def _is_git(path: str) -> bool:
    return os.path.basename(path).casefold() == ".git"


def _refuse(faults: Sequence[str]) -> None:
    if not faults:
        return
    more = [f"and {len(faults) - _MOST_NAMED} more"] if len(faults) > _MOST_NAMED else []
    raise ScopeBreach("\n".join([*faults[:_MOST_NAMED], *more]))
