"""What may be written, whose the rest is, and whether tests may change: computed, so that nobody has to guess."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Final

from swarm.agents.programs.situation.rooms import joined

__all__ = ["is_test", "told_scope"]

_SHOWN: Final = 10
_OWNERS: Final = 5
_TEST_FOLDERS: Final = frozenset({"test", "tests"})
_TEST_NAMES: Final = ("test_*.py", "*_test.*", "*.test.*", "*.spec.*")


def is_test(path: str) -> bool:
    """Whether a path is that of a test, or of something beside tests, by its names."""
    pure = PurePosixPath(path)
    return not _TEST_FOLDERS.isdisjoint(pure.parts[:-1]) or any(fnmatchcase(pure.name, pattern) for pattern in _TEST_NAMES)


def told_scope(
    writes: Sequence[str],
    files: Sequence[str],
    touched: Iterable[str],
    in_scope: Callable[[str], bool],
    owner_of: Callable[[str], str | None],
) -> str:
    """The section about the scope.

    Args:
        writes: its globs.
        files: all paths of the workspace.
        touched: paths that were told of above.
        owner_of: the task that may write a path, if any.
    """
    inside = frozenset(filter(in_scope, files))
    parts = (_may_be_written(writes, inside), *_others(touched, in_scope, owner_of), _tests(files, inside))
    return "\n".join(["## The scope", *filter(None, parts)])


def _may_be_written(writes: Sequence[str], inside: Collection[str]) -> str:
    if not writes:
        return "No file may be written."
    existing = f"{len(inside):,} existing file{'s' if len(inside) != 1 else ''}"
    return f"May be written: {joined(writes, _SHOWN)} ({existing}, and new ones that match)"


def _others(touched: Iterable[str], in_scope: Callable[[str], bool], owner_of: Callable[[str], str | None]) -> list[str]:
    """The paths outside, by whose they are; those of nobody come last."""
    outside: dict[str, list[str]] = defaultdict(list)
    for path in touched:
        if not in_scope(path):
            outside[owner_of(path) or ""].append(path)
    owners = sorted(outside, key=lambda owner: (not owner, owner))
    rows = [f"May not be written, {_whose(owner)}: {joined(outside[owner], _SHOWN)}" for owner in owners[:_OWNERS]]
    return [*rows, *([f"… and files of {len(owners) - _OWNERS:,} more tasks …"] if len(owners) > _OWNERS else [])]


def _whose(owner: str) -> str:
    return f"since it belongs to task {owner}" if owner else "by no task of this plan"


def _tests(files: Iterable[str], inside: Collection[str]) -> str:
    tests = [file for file in files if is_test(file)]
    changeable = [test for test in tests if test in inside]
    if not tests:
        return "The workspace has no tests yet."
    if not changeable:
        return f"Tests may not be changed: no existing test file is in the scope ({len(tests):,} outside)."
    if len(changeable) == len(tests):
        return f"Tests may be changed, all {len(tests):,} of them."
    return f"Of the {len(tests):,} test files {len(changeable):,} may be changed: {joined(changeable, _SHOWN)}"
