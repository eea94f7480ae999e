"""The pairs that share a path among many patterns."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, takewhile
from operator import attrgetter

from swarm.plans.globs.characters import is_single
from swarm.plans.globs.pattern import Glob
from swarm.plans.globs.reading import Alternative, Segment
from swarm.plans.globs.shared import witness

__all__ = ["Overlaps"]


class Overlaps:
    """Finds the pairs that share a path among many patterns without comparing each with each.

    Every path of a pattern begins with the pattern's literal head and ends with its literal tail. Two patterns can share a path only
    where one head begins with the other and one tail ends with the other; `witness` decides the pairs that are left.
    """

    def __init__(self, globs: Iterable[Glob]) -> None:
        self._globs = tuple(globs)

    def pairs(self) -> Iterator[tuple[int, int, str]]:
        """Yields indices i < j of two patterns (equal ones included) and a path that both match; each pair once, in no promised order.

        Lazy, because n patterns can have n² overlaps: stop as soon as you know enough.

        Raises:
            ValueError: two patterns that were compared differ in case folding.
        """
        decided: set[tuple[int, int]] = set()
        for i, j in self._candidates():
            if (i, j) in decided:
                continue
            if len(self._globs[i].alternatives) > 1 or len(self._globs[j].alternatives) > 1:
                decided.add((i, j))
            if (path := witness(self._globs[i], self._globs[j])) is not None:
                yield i, j, path

    def _candidates(self) -> Iterator[tuple[int, int]]:
        # In sorted order everything that begins with a head follows it at once, so the heads that begin this one form a stack.
        open_shelves: list[_Shelf] = []
        for head, entries in groupby(sorted(self._entries(), key=attrgetter("head")), key=attrgetter("head")):
            while open_shelves and not head.startswith(open_shelves[-1].head):
                open_shelves.pop()
            shelf = _Shelf(head, entries)
            open_shelves.append(shelf)
            for entry in shelf.entries:
                yield from _against(entry, shelf, open_shelves)

    def _entries(self) -> Iterator["_Entry"]:
        for owner, glob in enumerate(self._globs):
            for alternative in glob.alternatives:
                stem = _leading(alternative[-1] or ())
                yield _Entry(owner, _head(alternative), _head(_mirrored(alternative)), stem)


@dataclass(frozen=True, slots=True)
class _Entry:
    """One alternative of the pattern `owner`.

    Paths are taken as `/a/b/`; `tail` reads backwards, so both texts are beginnings. `stem` begins every path's last segment.
    """

    owner: int
    head: str
    tail: str
    stem: str


class _Shelf:
    """The entries with one head, found by tail."""

    def __init__(self, head: str, entries: Iterable[_Entry]) -> None:
        self.head = head
        self.entries = sorted(entries, key=attrgetter("tail"))
        self._tails = [entry.tail for entry in self.entries]
        self._by_tail = {tail: list(group) for tail, group in groupby(self.entries, key=attrgetter("tail"))}
        self._lengths = sorted({len(tail) for tail in self._tails})

    def comparable(self, tail: str) -> Iterator[_Entry]:
        """Entries whose tail begins with this one, then those whose tail is a proper beginning of it."""
        for at in range(bisect_left(self._tails, tail), len(self._tails)):
            if not self._tails[at].startswith(tail):
                break
            yield self.entries[at]
        for length in self._lengths[: bisect_left(self._lengths, len(tail))]:
            yield from self._by_tail.get(tail[:length], ())


def _against(entry: _Entry, own: _Shelf, shelves: Sequence[_Shelf]) -> Iterator[tuple[int, int]]:
    for shelf in shelves:
        for other in shelf.comparable(entry.tail):
            if not (entry.stem.startswith(other.stem) or other.stem.startswith(entry.stem)):
                continue
            if other.owner < entry.owner:
                yield other.owner, entry.owner
            elif other.owner > entry.owner and shelf is not own:
                yield entry.owner, other.owner


def _head(alternative: Alternative) -> str:
    head = "/"
    for segment in alternative:
        if not isinstance(segment, str):
            return head + _leading(segment or ())
        head += segment + "/"
    return head


def _leading(segment: Segment) -> str:
    """The literal text that the segment begins with."""
    if isinstance(segment, str):
        return segment
    singles = takewhile(lambda characters: characters is not None and is_single(characters), segment)
    return "".join(chr(characters[0][0]) for characters in singles if characters is not None)


def _mirrored(alternative: Alternative) -> Alternative:
    return tuple(None if segment is None else segment[::-1] for segment in reversed(alternative))
