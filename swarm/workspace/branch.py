"""A run's result as a branch in the user's git repository, where nothing else changes."""

from collections.abc import Sequence
from pathlib import Path

from swarm.errors import RunRefused, UsageError
from swarm.workspace.git import Git, GitFailed, decode, encode, git_dir_of
from swarm.workspace.repository import ABSENT, tree_of

__all__ = ["to_branch"]


async def to_branch(repository: Git, user_folder: Path, name: str, base: str, head: str, user_head: str | None) -> str:
    """Makes a branch with the result in the user's git repository. Nothing there changes but that ref and the objects it needs.

    The run's commits are made again on top of `user_head`; below them stands one with the uncommitted work of the snapshot, if it had any.

    Args:
        user_folder: the top of the user's repository.
        name: the new branch.
        base: the snapshot of the folder.
        head: the result.
        user_head: the commit that the user's repository was at when the snapshot was taken, if any.

    Returns:
        The branch's commit, in the user's repository.

    Raises:
        UsageError: a branch cannot be called that.
        RunRefused: the folder is not a repository's top, the branch exists, or the repository cannot take the commits.
        EnvironmentFault: the disk refuses; there is no branch then.
    """
    theirs = Git(_git_dir(user_folder))
    await _refuse_name(theirs, name)
    await _refuse_repository(theirs, user_head)
    commits = decode(await repository.run("rev-list", "--first-parent", "--reverse", f"{base}..{head}")).split()
    await _carry_over(repository, theirs, [base, *commits])
    tip = await _start(repository, theirs, base, user_head)
    for commit in commits:
        tip = await _made_again(repository, theirs, commit, tip)
    await _create(theirs, name, tip)
    return tip


def _git_dir(folder: Path) -> Path:
    found = git_dir_of(folder)
    if not (found / "HEAD").exists():
        raise RunRefused(f"{folder} is not the top of a git repository, so it has no branches: use `swarm promote` without --branch")
    return found


async def _refuse_name(theirs: Git, name: str) -> None:
    status, output = await theirs.status("check-ref-format", "--branch", name)
    if status != 0 or decode(output).strip() != name:  # git resolves "@{-1}", which is not a name to give
        raise UsageError(f"{name!r} cannot be the name of a branch: choose another (`git help check-ref-format` has the rules)")
    status, _ = await theirs.status("rev-parse", "--verify", "--quiet", f"refs/heads/{name}")
    if status == 0:
        raise RunRefused(f"there is a branch {name} already: choose another name, or remove it with `git branch -D {name}`")


async def _refuse_repository(theirs: Git, user_head: str | None) -> None:
    if await theirs.text("rev-parse", "--show-object-format") != "sha1":
        raise RunRefused(f"{theirs.git_dir} names its objects by SHA-256, and the run's are SHA-1: use `swarm promote` without --branch")
    if user_head is not None and (await theirs.status("cat-file", "-e", f"{user_head}^{{commit}}"))[0] != 0:
        raise RunRefused(
            f"{theirs.git_dir} no longer has commit {user_head}, which the run began from: use `swarm promote` without --branch"
        )


async def _carry_over(ours: Git, theirs: Git, commits: Sequence[str]) -> None:
    """Gives a repository the files and folders of some commits that it lacks, in one pack. The commits themselves are made there."""
    trees = await ours.run(
        "rev-list", "--objects", "--no-object-names", "--stdin", stdin=encode("".join(f"{id_}^{{tree}}\n" for id_ in commits))
    )
    asked = decode(await theirs.run("cat-file", "--batch-check=%(objectname)", stdin=trees)).splitlines()
    missing = [line.split(" ")[0] for line in asked if line.endswith(" missing")]
    if missing:
        pack = await ours.run("pack-objects", "--stdout", "--quiet", stdin=encode("".join(f"{id_}\n" for id_ in missing)))
        await theirs.run("index-pack", "--stdin", stdin=pack)


async def _start(ours: Git, theirs: Git, base: str, user_head: str | None) -> str:
    """The commit in the user's repository that holds the snapshot."""
    if user_head is None:
        return await _made_again(ours, theirs, base, None)
    if await tree_of(theirs, user_head) == await tree_of(ours, base):
        return user_head
    return await _made_again(ours, theirs, base, user_head, b"snapshot of uncommitted work\n")


async def _made_again(ours: Git, theirs: Git, commit: str, parent: str | None, message: bytes | None = None) -> str:
    """The same commit on another parent; same author, dates and, unless another is given, message."""
    header, _, old_message = (await ours.run("cat-file", "commit", commit)).partition(b"\n\n")
    tree, *rest = (line for line in header.split(b"\n") if not line.startswith(b"parent "))
    parents = [encode(f"parent {parent}")] if parent else []
    content = b"\n".join([tree, *parents, *rest]) + b"\n\n" + (old_message if message is None else message)
    return decode(await theirs.run("hash-object", "-t", "commit", "-w", "--stdin", stdin=content)).strip()


async def _create(theirs: Git, name: str, tip: str) -> None:
    try:
        # A log of the ref would be one file more in the user's git directory.
        await theirs.run("-c", "core.logAllRefUpdates=false", "update-ref", "--no-deref", f"refs/heads/{name}", tip, ABSENT.id)
    except GitFailed as error:
        raise RunRefused(f"git does not make the branch {name}: {error.stderr.strip()}; choose another name") from error
