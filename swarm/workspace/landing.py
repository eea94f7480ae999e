"""Landing a frozen tree on a run's head: a commit, a merge without files, one compare-and-swap of a ref.

No work tree takes part, so the cost is a few git processes. A crash leaves the head either before or after a landing; the caller
journals both sides and can tell which by `head`.

The merge is git's three-way merge of trees by path (`read-tree -m`), and no file's content is ever merged. `merge-tree --write-tree` was
not chosen: git 2.39's guesses renames whatever `merge.renames` says, and so may carry a change to a path that nobody was allowed to
write.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from swarm.errors import HeadMoved, Refusal
from swarm.workspace.git import Git, GitFailed, decode, paths_in
from swarm.workspace.repository import Change, changes_between, tree_of, write_commit

__all__ = ["Heads", "MergeConflict", "head_ref"]

_NOTHING: Final = "0" * 40
_LOCK_WAIT_MS: Final = 1000


class MergeConflict(Refusal):
    """The change and the work landed since its base touch the same paths. The next attempt starts from the new head."""

    def __init__(self, paths: Sequence[str]) -> None:
        super().__init__(f"other work that landed meanwhile changed the same paths: {', '.join(paths)}; start again from the present head")
        self.paths = tuple(paths)


def head_ref(run: str) -> str:
    """The ref that a run's work lands on."""
    return f"refs/swarm/{run}/head"


@dataclass(frozen=True, slots=True)
class Heads:
    """The heads of the runs in one repository."""

    repository: Git

    async def commit(self, tree: str, parents: Sequence[str], message: str, trailers: Mapping[str, str], at: datetime) -> str:
        """Writes a commit and returns its id; the same arguments give the same id.

        Args:
            trailers: `Key: value` lines below the message, in order.
        """
        tail = "\n".join(f"{key}: {' '.join(value.split())}" for key, value in trailers.items())
        return await write_commit(self.repository, tree, parents, f"{message.strip()}\n\n{tail}", at)

    async def merge(self, head: str, commit: str) -> str:
        """The tree that holds the changes of both commits since their common ancestor.

        Raises:
            MergeConflict: they change the same path, or one puts a file where the other puts a folder.
        """
        base = await self.repository.text("merge-base", head, commit)
        with TemporaryDirectory(prefix="merge-", dir=self.repository.git_dir) as scratch:
            git = self.repository.at(index=Path(scratch, "index"))
            await git.run("read-tree", "-i", "-m", "--aggressive", base, head, commit)
            return await _whole(git)

    async def head(self, ref: str) -> str | None:
        """The commit that a ref names."""
        status, output = await self.repository.status("rev-parse", "--verify", "--quiet", ref)
        return decode(output).strip() if status == 0 else None

    async def create(self, ref: str, new: str) -> None:
        """Makes a ref. Harmless when it names that commit already.

        Raises:
            HeadMoved: it names another one.
        """
        await self.advance(ref, new, _NOTHING)

    async def advance(self, ref: str, new: str, old: str) -> None:
        """Moves a ref from one commit to another, or not at all. Harmless when it has been done before.

        Raises:
            HeadMoved: it names neither.
            GitFailed: the disk refuses.
        """
        try:
            await self._swap(ref, new, old)
        except GitFailed:
            found = await self.head(ref)
            if found == new:
                return
            if (found or _NOTHING) != old:
                raise HeadMoved(f"{ref} is at {found or 'nothing'}, not at {old}, and was to go to {new}: somebody else moved it") from None
            await self._swap_again(ref, new, old)

    async def tree(self, commit: str) -> str:
        """The tree id of a commit."""
        return await tree_of(self.repository, commit)

    async def changed(self, old: str, new: str) -> tuple[Change, ...]:
        """The paths that differ between two commits or trees, sorted."""
        return await changes_between(self.repository, old, new)

    async def patch(self, old: str, new: str) -> bytes:
        """The difference as a patch that `git apply` takes, binary files included."""
        return await self.repository.run(
            "diff", "--binary", "--full-index", "--no-renames", "--no-ext-diff", "--no-textconv", "--no-color", "--ignore-submodules=none",
            old, new, "--",
        )  # fmt: skip

    async def _swap(self, ref: str, new: str, old: str) -> None:
        await self.repository.run("-c", f"core.filesRefLockTimeout={_LOCK_WAIT_MS}", "update-ref", "--no-deref", ref, new, old)

    async def _swap_again(self, ref: str, new: str, old: str) -> None:
        # The ref is where it should be, so a lock stood in the way. A run has one scheduler, which is us: whoever left it is dead.
        _unlock(self.repository.git_dir / f"{ref}.lock")
        await self._swap(ref, new, old)


async def _whole(git: Git) -> str:
    """The index as a tree; if it cannot be one, the reason is either paths that are in conflict or not ours."""
    try:
        return await git.text("write-tree")
    except GitFailed:
        entries = paths_in(await git.run("ls-files", "-z", "--unmerged"))
        if not entries:
            raise
        raise MergeConflict(sorted({entry.partition("\t")[2] for entry in entries})) from None


def _unlock(lock: Path) -> None:
    lock.unlink(missing_ok=True)
