"""A path that two patterns share, found by one product search on two levels: of segments, and of the characters in them."""

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from functools import lru_cache, partial
from typing import TypeVar

from swarm.plans.globs.characters import ANY, Ranges, intersection, only, picked
from swarm.plans.globs.pattern import Glob, refuse_mixed
from swarm.plans.globs.reading import ANY_SEGMENT, Alternative, Segment

__all__ = ["readable", "search", "shared_path", "tokens", "witness"]

_S = TypeVar("_S", bound=Hashable)
_T = TypeVar("_T")


def witness(a: Glob, b: Glob) -> str | None:
    """A path that both patterns match, as readable as they allow, or None where there is no such path.

    Raises:
        ValueError: one folds case and the other does not.
    """
    refuse_mixed(a, b)
    for x in a.alternatives:
        for y in b.alternatives:
            if (path := shared_path(x, y)) is not None:
                return a.literal or b.literal or path
    return None


def shared_path(a: Alternative, b: Alternative) -> str | None:
    """A path that both match, or None."""
    path = _shared(a, b, _shared_segment)
    return None if path is None else "/".join(path)


def tokens(segment: Segment) -> tuple[Ranges | None, ...]:
    """The segment as sets of characters, and None for `*`."""
    return tuple(map(only, segment)) if isinstance(segment, str) else segment


def readable(alternative: Alternative) -> Alternative:
    """The same with no `*` standing for nothing; the paths it matches are fewer, and make better examples."""
    return tuple(_stretched(segment) if isinstance(segment, tuple) else segment for segment in alternative)


def search(starts: Iterable[_S], done: Callable[[_S], bool], moves: Callable[[_S], Iterable[tuple[_S, str | None]]]) -> list[str] | None:
    """Breadth first; what the moves on the way to a state that is done spell, or None."""
    came: dict[_S, tuple[_S, str | None] | None] = dict.fromkeys(starts)
    queue = deque(came)
    while queue:
        state = queue.popleft()
        if done(state):
            return _trail(came, state)
        for following, text in moves(state):
            if following not in came:
                came[following] = state, text
                queue.append(following)
    return None


def _trail(came: dict[_S, tuple[_S, str | None] | None], state: _S) -> list[str]:
    texts = []
    while (step := came[state]) is not None:
        state, text = step
        if text is not None:
            texts.append(text)
    return texts[::-1]


@lru_cache(maxsize=1 << 16)
def _shared_segment(a: Segment, b: Segment) -> str | None:
    if isinstance(a, str) and isinstance(b, str):
        return a if a == b else None
    x, y = tokens(a), tokens(b)
    if (plain := _shared(x, y, _shared_character)) is None:
        return None
    return "".join(_shared(_stretched(x), _stretched(y), _shared_character) or plain)


def _stretched(segment: tuple[Ranges | None, ...]) -> tuple[Ranges | None, ...]:
    """The same with `*` standing for at least one character: `a.py` reads better than `.py` as an example of `*.py`."""
    if segment == ANY_SEGMENT:
        return segment
    return tuple(part for token in segment for part in ((ANY, None) if token is None else (token,)))


@lru_cache(maxsize=1 << 12)
def _shared_character(a: Ranges, b: Ranges) -> str | None:
    common = intersection(a, b)
    return picked(common) if common else None


def _shared(a: Sequence[_T | None], b: Sequence[_T | None], meet: Callable[[_T, _T], str | None]) -> list[str] | None:
    """A short sequence that both match, where None stands for any number of parts and `meet` gives what two parts share."""
    return search([(0, 0)], (len(a), len(b)).__eq__, partial(_steps, a, b, meet))


def _steps(
    a: Sequence[_T | None], b: Sequence[_T | None], meet: Callable[[_T, _T], str | None], at: tuple[int, int]
) -> Iterator[tuple[tuple[int, int], str | None]]:
    i, j = at
    x, y = (a[i] if i < len(a) else None), (b[j] if j < len(b) else None)
    if i < len(a) and x is None:
        yield (i + 1, j), None
        if y is not None:
            yield (i, j + 1), meet(y, y)
    if j < len(b) and y is None:
        yield (i, j + 1), None
        if x is not None:
            yield (i + 1, j), meet(x, x)
    if x is not None and y is not None and (both := meet(x, y)) is not None:
        yield (i + 1, j + 1), both
