"""A code base at a glance: its files where they are few, else its folders with what they hold."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Final

from swarm.agents.tools.answers import both_ends, one_line

__all__ = ["overview"]

_ROOM: Final = 6_000
_KINDS: Final = 4


def overview(paths: Sequence[str]) -> str:
    """What is there.

    Args:
        paths: the files, sorted.
    """
    files = [one_line(path) for path in paths]
    count = f"{len(files):,} file{'s' if len(files) != 1 else ''}"
    if sum(len(path) + 1 for path in files) <= _ROOM:
        return "\n".join([f"{count}:", *files])
    return f"{count}, by folder:\n{both_ends(_folders(paths), _ROOM, lambda first, end: f'{end - first:,} folders; list_files shows them')}"


def _folders(paths: Sequence[str]) -> list[str]:
    kinds: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for path in map(PurePosixPath, paths):
        kinds[path.parent.as_posix()][path.suffix or path.name] += 1
    return [f"{one_line(folder)}/  {_counts(kinds[folder])}" for folder in sorted(kinds)]


def _counts(kinds: Counter[str]) -> str:
    shown = [f"{number} {one_line(kind)}" for kind, number in kinds.most_common(_KINDS)]
    rest = kinds.total() - sum(number for _, number in kinds.most_common(_KINDS))
    return ", ".join([*shown, *([f"{rest} others"] if rest else [])])
