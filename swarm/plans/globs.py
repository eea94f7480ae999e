"""The glob language of plans, and the exact questions a plan must answer about globs.

Which paths a pattern matches is the small question (one `re` regex). The large ones are "do these two share a path?" and "does this
one stay inside those?": the proofs that parallel work is safe rest on them, so they are decided on the patterns, not sampled.

How. Braces are expanded first, as text. What is left is a sequence twice over: a path is a sequence of segments in which `**` is the
part of any length, a segment is a sequence of characters in which `*` is the part of any length. So one product search answers both
levels (`_shared`), and characters are sets of code points, never an alphabet: classes and their negations are exact. Two forms are
rewritten so that "at least one" needs no case of its own: a final `**` becomes `**/*`, and a lone `*` becomes `*?`.

Containment needs complements, hence a subset construction over the characters of the whole path (`_escape`); it is exponential for
contrived patterns, so `within` settles the common forms before it comes to that. General regex libraries were not chosen: they
take milliseconds for a pair, and a large plan has millions of pairs.
"""

import re
import string
import sys
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache, partial
from itertools import groupby, takewhile
from operator import attrgetter
from typing import Final, TypeAlias, TypeVar

__all__ = ["Glob", "GlobError", "Overlaps", "literal", "parse", "within", "witness"]

Ranges: TypeAlias = tuple[tuple[int, int], ...]
"""A set of characters: inclusive code point ranges, ascending, apart from one another, never empty inside a pattern."""
Segment: TypeAlias = str | tuple[Ranges | None, ...]
"""One segment: its text where it is literal, else a character set for each character and None for `*`."""
Alternative: TypeAlias = tuple[Segment | None, ...]
"""A pattern without braces: its segments, and None for `**`, which never stands last or beside another."""

_S = TypeVar("_S", bound=Hashable)
_T = TypeVar("_T")

_MOST_ALTERNATIVES: Final = 1024
_LAST: Final = sys.maxunicode
_SLASH: Final[Ranges] = ((ord("/"), ord("/")),)
_ANY: Final[Ranges] = ((0, ord("/") - 1), (ord("/") + 1, _LAST))
_ANY_SEGMENT: Final[Segment] = (None, _ANY)
_READABLE: Final = string.ascii_lowercase + string.digits + "_-" + string.ascii_uppercase

# A `]` that comes first in a class is a member of it, hence the possessive `?+`.
_CLASS: Final = r"\[!?+\]?+[^\]]*+\]"
_BRACE_TOKEN: Final = re.compile(rf"{_CLASS}|[^\[{{}},]+|.", re.DOTALL)
_ATOM: Final = re.compile(rf"{_CLASS}|\*+|.", re.DOTALL)
_WILD: Final = re.compile(r"[*?\[]")
_SPECIAL: Final = re.compile(r"[*?\[\]{},]")


class GlobError(ValueError):
    """A pattern that cannot be used; the text quotes it and says why.

    Attributes:
        unsafe: the pattern is well formed but leads out of the workspace (a leading `/`, a segment `.` or `..`).
    """

    def __init__(self, text: str, *, unsafe: bool = False) -> None:
        super().__init__(text)
        self.unsafe = unsafe


@dataclass(frozen=True, slots=True)
class Glob:
    """A pattern, made by `parse`. Equal when text and case folding are.

    Attributes:
        text: the pattern as written.
        fold: upper and lower case count as the same.
        literal: the one path that it spells, or None where it holds a wildcard or several alternatives. Case is as written.
        alternatives: the pattern with its braces expanded; in folded case where `fold`.
    """

    text: str
    fold: bool
    literal: str | None = field(repr=False, compare=False)
    alternatives: tuple[Alternative, ...] = field(repr=False, compare=False)
    _regex: re.Pattern[str] | None = field(default=None, init=False, repr=False, compare=False)

    def matches(self, path: str) -> bool:
        """Whether a path (relative, `/`-separated) is one of the pattern's."""
        if self.literal is not None:
            return path == self.literal or (self.fold and _folded(path) == _folded(self.literal))
        return self._compiled().fullmatch(_folded(path) if self.fold else path) is not None

    def _compiled(self) -> re.Pattern[str]:
        # Compiling costs a hundred times what parsing does, and most patterns of a large plan are only ever compared.
        if self._regex is None:
            object.__setattr__(self, "_regex", re.compile("|".join(map(_path_regex, self.alternatives))))
        assert self._regex is not None
        return self._regex


@lru_cache(maxsize=1 << 16)
def parse(text: str, *, fold: bool = False) -> Glob:
    """Reads a pattern.

    Args:
        text: the pattern.
        fold: upper and lower case count as the same, character by character (so `ß` is not `ss`).

    Raises:
        GlobError: it is malformed, unsafe, or its braces stand for more than 1024 alternatives.
    """
    alternatives = tuple(dict.fromkeys(_alternative(each, text, fold) for each in _expanded(text)))
    return Glob(text, fold, parse(text).literal if fold else _spelled(alternatives), alternatives)


def literal(path: str) -> str:
    """The pattern that matches exactly this path: special characters become classes of one. Also safe inside braces."""
    return _SPECIAL.sub(r"[\g<0>]", path)


def witness(a: Glob, b: Glob) -> str | None:
    """A path that both patterns match, as readable as they allow, or None where there is no such path.

    Raises:
        ValueError: one folds case and the other does not.
    """
    _refuse_mixed(a, b)
    for x in a.alternatives:
        for y in b.alternatives:
            if (path := _shared_path(x, y)) is not None:
                return a.literal or b.literal or path
    return None


def within(inner: Glob, outer: tuple[Glob, ...]) -> str | None:
    """A path that `inner` matches and no pattern of `outer` does, or None where `inner` is wholly inside their union.

    Raises:
        ValueError: some fold case and others do not.
    """
    _refuse_mixed(inner, *outer)
    around = [alternative for glob in outer for alternative in glob.alternatives]
    doubtful = [each for each in inner.alternatives if not any(_plainly_covers(other, each) for other in around)]
    wild = []
    for alternative in doubtful:
        if (path := _spelled([alternative])) is None:
            wild.append(alternative)
        elif not any(glob.matches(path) for glob in outer):
            return inner.literal or path
    near = [other for other in around if any(_shared_path(other, each) is not None for each in wild)]
    universe = _fixed() if inner.fold else ((0, _LAST),)
    if (path := _escape(wild, near, universe)) is None:
        return None
    return _escape([_readable(each) for each in wild], near, universe) or path


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
    singles = takewhile(lambda characters: characters is not None and _is_single(characters), segment)
    return "".join(chr(characters[0][0]) for characters in singles if characters is not None)


def _mirrored(alternative: Alternative) -> Alternative:
    return tuple(None if segment is None else segment[::-1] for segment in reversed(alternative))


# Reading.


@dataclass(slots=True)
class _Brace:
    """An open `{` (or the whole pattern): the alternatives that are complete, and the beginnings of the one being read."""

    at: int
    complete: list[str] = field(default_factory=list)
    begun: list[str] = field(default_factory=lambda: [""])


def _expanded(text: str) -> list[str]:
    """The pattern without its braces: every alternative as text, repetitions included."""
    if "{" not in text and "[" not in text:
        return [text]
    braces = [_Brace(0)]
    for token in _BRACE_TOKEN.finditer(text):
        _take(token[0], token.start() + 1, braces, text)
    if len(braces) > 1:
        raise GlobError(f"{text!r}: the '{{' at character {braces[-1].at} is never closed; write [{{] for the character itself")
    return braces[0].begun


def _take(token: str, at: int, braces: list[_Brace], text: str) -> None:
    inner = braces[-1]
    if token == "{":
        braces.append(_Brace(at))
    elif token == "[":
        raise GlobError(f"{text!r}: the '[' at character {at} is never closed; write [[] for the character itself")
    elif token == "," and len(braces) > 1:
        inner.complete += inner.begun
        inner.begun = [""]
    elif token == "}" and len(braces) > 1:
        _append(braces[-2], braces.pop().complete + inner.begun, text)
    else:
        inner.begun = [begun + token for begun in inner.begun]


def _append(brace: _Brace, endings: list[str], text: str) -> None:
    if len(brace.begun) * len(endings) > _MOST_ALTERNATIVES:
        raise GlobError(f"{text!r}: the braces stand for more than {_MOST_ALTERNATIVES} alternatives; use wildcards or several patterns")
    brace.begun = [begun + ending for begun in brace.begun for ending in endings]


def _alternative(text: str, whole: str, fold: bool) -> Alternative:
    if not text:
        raise GlobError(f"{whole!r}: the pattern, or one of its alternatives, is empty")
    if text[0] == "/":
        raise GlobError(f"{whole!r} begins with '/': patterns are relative to the workspace", unsafe=True)
    segments = [_segment(each, whole, fold) for each in _segments(text)]
    _refuse_segments(segments, whole)
    return _normal(segments)


def _segments(text: str) -> list[str]:
    """The texts between the slashes; a slash inside a class is none."""
    if "[" not in text:
        return text.split("/")
    segments = [""]
    for atom in _ATOM.findall(text):
        if atom == "/":
            segments.append("")
        else:
            segments[-1] += atom
    return segments


def _refuse_segments(segments: Sequence[Segment | None], whole: str) -> None:
    if "" in segments:
        raise GlobError(f"{whole!r} has an empty segment: take out the extra '/'; a folder's content is 'folder/**'")
    for dots in (".", ".."):
        if dots in segments:
            raise GlobError(f"{whole!r} has a segment {dots!r}: write the path itself, from the workspace's top", unsafe=True)


def _segment(text: str, whole: str, fold: bool) -> Segment | None:
    if text == "**":
        return None
    if not _WILD.search(text):
        return _folded(text) if fold else text
    tokens = tuple(_token(atom, whole, fold) for atom in _ATOM.findall(text))
    if all(token is not None and _is_single(token) for token in tokens):
        return "".join(chr(token[0][0]) for token in tokens if token is not None)
    return _ANY_SEGMENT if tokens == (None,) else tokens


def _token(atom: str, whole: str, fold: bool) -> Ranges | None:
    if atom[0] == "*":
        return None
    if atom == "?":
        return _ANY
    if len(atom) > 1:
        return _class(atom, whole, fold)
    return _only(_folded(atom) if fold else atom)


def _class(atom: str, whole: str, fold: bool) -> Ranges:
    negated = atom[1] == "!"
    members = _members(atom[2:-1] if negated else atom[1:-1], whole)
    if fold:
        members = _folded_ranges(members)
    if negated:
        members = _intersection(_complement(members), _fixed()) if fold else _complement(members)
    if not (members := _intersection(members, _ANY)):
        raise GlobError(f"{whole!r}: the class {atom} matches no character ('/' is never in a class)")
    return members


def _members(body: str, whole: str) -> Ranges:
    spans = []
    for each in re.finditer(r"(.)-(.)|(.)", body, re.DOTALL):
        first, last = (each[1], each[2]) if each[1] else (each[3], each[3])
        if first > last:
            raise GlobError(f"{whole!r}: the range {each[0]} runs backwards")
        spans.append((ord(first), ord(last)))
    return _merged(spans)


def _normal(segments: Iterable[Segment | None]) -> Alternative:
    normal: list[Segment | None] = []
    for segment in segments:
        if segment is not None or normal[-1:] != [None]:
            normal.append(segment)
    return (*normal, _ANY_SEGMENT) if normal[-1] is None else tuple(normal)


def _spelled(alternatives: Sequence[Alternative]) -> str | None:
    """The path that a single alternative without wildcards spells."""
    if len(alternatives) != 1 or not all(isinstance(segment, str) for segment in alternatives[0]):
        return None
    return "/".join(segment for segment in alternatives[0] if isinstance(segment, str))


def _refuse_mixed(*globs: Glob) -> None:
    if any(glob.fold is not globs[0].fold for glob in globs):
        raise ValueError("patterns that fold case were mixed with patterns that do not")


# Matching.


def _path_regex(alternative: Alternative) -> str:
    # The last part is a segment (see Alternative), so the text ends with one '/' too many.
    return _joined([None if segment is None else _segment_regex(segment) + "/" for segment in alternative], "(?:[^/]+/)*")[:-1]


def _segment_regex(segment: Segment) -> str:
    if isinstance(segment, str):
        return re.escape(segment)
    return _joined([None if characters is None else _character_regex(characters) for characters in segment], "[^/]*")


def _character_regex(characters: Ranges) -> str:
    if characters == _ANY:
        return "[^/]"
    return "[" + "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in characters) + "]"


def _joined(parts: Sequence[str | None], loop: str) -> str:
    """One regex for the parts, with `loop` (a repetition) for each None.

    What stands between two loops is of fixed length, so the first place where it fits is as good as any later one, and an atomic
    group may commit to it. Without that a pattern of many `*` takes time exponential in their number.
    """
    runs = [""]
    for part in parts:
        if part is None:
            runs.append("")
        else:
            runs[-1] += part
    if len(runs) == 1:
        return runs[0]
    return runs[0] + "".join(f"(?>{loop}?{run})" for run in runs[1:-1]) + loop + runs[-1]


# A path that two patterns share.


def _shared_path(a: Alternative, b: Alternative) -> str | None:
    path = _shared(a, b, _shared_segment)
    return None if path is None else "/".join(path)


@lru_cache(maxsize=1 << 16)
def _shared_segment(a: Segment, b: Segment) -> str | None:
    if isinstance(a, str) and isinstance(b, str):
        return a if a == b else None
    x, y = _tokens(a), _tokens(b)
    if (plain := _shared(x, y, _shared_character)) is None:
        return None
    return "".join(_shared(_stretched(x), _stretched(y), _shared_character) or plain)


def _tokens(segment: Segment) -> tuple[Ranges | None, ...]:
    return tuple(map(_only, segment)) if isinstance(segment, str) else segment


def _stretched(segment: tuple[Ranges | None, ...]) -> tuple[Ranges | None, ...]:
    """The same with `*` standing for at least one character: `a.py` reads better than `.py` as an example of `*.py`."""
    if segment == _ANY_SEGMENT:
        return segment
    return tuple(part for token in segment for part in ((_ANY, None) if token is None else (token,)))


def _readable(alternative: Alternative) -> Alternative:
    return tuple(_stretched(segment) if isinstance(segment, tuple) else segment for segment in alternative)


@lru_cache(maxsize=1 << 12)
def _shared_character(a: Ranges, b: Ranges) -> str | None:
    common = _intersection(a, b)
    return _picked(common) if common else None


def _shared(a: Sequence[_T | None], b: Sequence[_T | None], meet: Callable[[_T, _T], str | None]) -> list[str] | None:
    """A short sequence that both match, where None stands for any number of parts and `meet` gives what two parts share."""
    return _search([(0, 0)], (len(a), len(b)).__eq__, partial(_steps, a, b, meet))


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


def _search(starts: Iterable[_S], done: Callable[[_S], bool], moves: Callable[[_S], Iterable[tuple[_S, str | None]]]) -> list[str] | None:
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


# A path of one pattern outside others.


def _plainly_covers(outer: Alternative, inner: Alternative) -> bool:
    """Equal, or `outer` is `folder/**` and `inner` goes on below the same folder. False proves nothing."""
    if outer == inner:
        return True
    folder = outer[:-2]
    below = inner[len(folder) :]
    return outer[-2:] == (None, _ANY_SEGMENT) and inner[: len(folder)] == folder and any(segment is not None for segment in below)


@dataclass(slots=True)
class _Machine:
    """A nondeterministic automaton over the characters of whole paths; a state is an index into `moves`."""

    moves: list[list[tuple[Ranges, int]]] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    finals: set[int] = field(default_factory=set)

    def state(self) -> int:
        self.moves.append([])
        return len(self.moves) - 1

    def move(self, state: int, characters: Ranges) -> int:
        self.moves[state].append((characters, self.state()))
        return len(self.moves) - 1

    def loop(self, state: int, characters: Ranges) -> None:
        self.moves[state].append((characters, state))


def _machine(alternatives: Iterable[Alternative]) -> _Machine:
    machine = _Machine()
    for alternative in alternatives:
        state = machine.state()
        machine.starts.append(state)
        for at, segment in enumerate(alternative):
            state = _add_any_segments(machine, state) if segment is None else _add_segment(machine, state, segment)
            if segment is not None and at < len(alternative) - 1:
                state = machine.move(state, _SLASH)
        machine.finals.add(state)
    return machine


def _add_any_segments(machine: _Machine, state: int) -> int:
    # Ends where it began. A `*` that follows puts its own loop on that state, which adds nothing: what it takes before a '/',
    # this loop could have taken as well.
    inside = machine.move(state, _ANY)
    machine.loop(inside, _ANY)
    machine.moves[inside].append((_SLASH, state))
    return state


def _add_segment(machine: _Machine, state: int, segment: Segment) -> int:
    for characters in _tokens(segment):
        if characters is None:
            machine.loop(state, _ANY)
        else:
            state = machine.move(state, characters)
    return state


def _escape(inner: Sequence[Alternative], outer: Sequence[Alternative], universe: Ranges) -> str | None:
    """A shortest path of `inner` outside `outer`: the product of the one's automaton with the other's, made deterministic as we go."""
    a, b = _machine(inner), _machine(outer)
    alphabet = _alphabet([*a.moves, *b.moves], universe)
    taken, held = _table(a, alphabet), _table(b, alphabet)

    @cache
    def following(states: frozenset[int], character: str) -> frozenset[int]:
        return frozenset(target for state in states for target in held[state].get(character, ()))

    def moves(at: tuple[int, frozenset[int]]) -> Iterator[tuple[tuple[int, frozenset[int]], str]]:
        for character, targets in taken[at[0]].items():
            rest = following(at[1], character)
            for target in targets:
                yield (target, rest), character

    everywhere = frozenset(b.starts)
    path = _search([(start, everywhere) for start in a.starts], lambda at: at[0] in a.finals and b.finals.isdisjoint(at[1]), moves)
    return None if path is None else "".join(path)


def _alphabet(moves: Iterable[list[tuple[Ranges, int]]], universe: Ranges) -> list[str]:
    """One character of each kind that the moves can tell apart, the readable ones first."""
    kinds = [universe]
    for characters in {characters for each in moves for characters, _ in each}:
        outside = _complement(characters)
        kinds = [part for kind in kinds for part in (_intersection(kind, characters), _intersection(kind, outside)) if part]
    return sorted(map(_picked, kinds), key=lambda character: (character not in _READABLE, character))


def _table(machine: _Machine, alphabet: Sequence[str]) -> list[dict[str, list[int]]]:
    """For each state, where each character leads; characters that lead nowhere are left out."""
    sets = {characters for moves in machine.moves for characters, _ in moves}
    members = {characters: [each for each in alphabet if _contains(characters, each)] for characters in sets}
    table: list[dict[str, list[int]]] = []
    for moves in machine.moves:
        row: dict[str, list[int]] = {}
        for characters, target in moves:
            for character in members[characters]:
                row.setdefault(character, []).append(target)
        table.append({character: row[character] for character in alphabet if character in row})
    return table


# Sets of characters.


def _only(character: str) -> Ranges:
    return ((ord(character), ord(character)),)


def _is_single(characters: Ranges) -> bool:
    return len(characters) == 1 and characters[0][0] == characters[0][1]


def _contains(characters: Ranges, character: str) -> bool:
    return any(first <= ord(character) <= last for first, last in characters)


def _picked(characters: Ranges) -> str:
    """The most readable member: a letter, a digit, then whatever is no control character."""
    for each in _READABLE:
        if _contains(characters, each):
            return each
    visible = _intersection(characters, ((ord("!"), _LAST),))
    return chr((visible or characters)[0][0])


def _merged(spans: Iterable[tuple[int, int]]) -> Ranges:
    merged: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = merged[-1][0], max(last, merged[-1][1])
        else:
            merged.append((first, last))
    return tuple(merged)


def _complement(characters: Ranges) -> Ranges:
    starts = [0, *(last + 1 for _, last in characters)]
    ends = [*(first - 1 for first, _ in characters), _LAST]
    return tuple((start, end) for start, end in zip(starts, ends, strict=True) if start <= end)


def _intersection(a: Ranges, b: Ranges) -> Ranges:
    common: list[tuple[int, int]] = []
    i = j = 0
    while i < len(a) and j < len(b):
        first, last = max(a[i][0], b[j][0]), min(a[i][1], b[j][1])
        if first <= last:
            common.append((first, last))
        if a[i][1] < b[j][1]:
            i += 1
        else:
            j += 1
    return tuple(common)


# Case folding: patterns and paths are mapped character by character, so every set stays a set of single characters.


def _folded(text: str) -> str:
    return text.lower() if text.isascii() else text.translate(_fold_table())


@cache
def _fold_table() -> dict[int, int]:
    """The characters that folding changes.

    Unicode has no cased script above its second plane, and a full scan would take eight times as long.
    """
    changed = {}
    for code in range(0x20000):
        folded = next((each for each in (chr(code).casefold(), chr(code).lower()) if len(each) == 1), chr(code))
        if ord(folded) != code:
            changed[code] = ord(folded)
    return changed


@cache
def _fixed() -> Ranges:
    """The characters that can occur in folded text."""
    return _complement(_merged((code, code) for code in _fold_table()))


def _folded_ranges(characters: Ranges) -> Ranges:
    moved = [(to, to) for code, to in _fold_table().items() if _contains(characters, chr(code))]
    return _merged([*_intersection(characters, _fixed()), *moved])
