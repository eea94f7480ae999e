"""A path of one pattern outside others.

Containment needs complements, hence a subset construction over the characters of the whole path (`_escape`); it is exponential for
contrived patterns, so `within` settles the common forms before it comes to that.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache

from swarm.plans.globs.characters import ANY, EVERY, READABLE, SLASH, Ranges, complement, contains, fixed, intersection, picked
from swarm.plans.globs.pattern import Glob, refuse_mixed
from swarm.plans.globs.reading import ANY_SEGMENT, Alternative, Segment, spelled
from swarm.plans.globs.shared import readable, search, shared_path, tokens

__all__ = ["within"]


def within(inner: Glob, outer: tuple[Glob, ...]) -> str | None:
    """A path that `inner` matches and no pattern of `outer` does, or None where `inner` is wholly inside their union.

    Raises:
        ValueError: some fold case and others do not.
    """
    refuse_mixed(inner, *outer)
    around = [alternative for glob in outer for alternative in glob.alternatives]
    doubtful = [each for each in inner.alternatives if not any(_plainly_covers(other, each) for other in around)]
    wild = []
    for alternative in doubtful:
        if (path := spelled([alternative])) is None:
            wild.append(alternative)
        elif not any(glob.matches(path) for glob in outer):
            return inner.literal or path
    near = [other for other in around if any(shared_path(other, each) is not None for each in wild)]
    universe = fixed() if inner.fold else EVERY
    if (path := _escape(wild, near, universe)) is None:
        return None
    return _escape([readable(each) for each in wild], near, universe) or path


def _plainly_covers(outer: Alternative, inner: Alternative) -> bool:
    """Equal, or `outer` is `folder/**` and `inner` goes on below the same folder. False proves nothing."""
    if outer == inner:
        return True
    folder = outer[:-2]
    below = inner[len(folder) :]
    return outer[-2:] == (None, ANY_SEGMENT) and inner[: len(folder)] == folder and any(segment is not None for segment in below)


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
                state = machine.move(state, SLASH)
        machine.finals.add(state)
    return machine


def _add_any_segments(machine: _Machine, state: int) -> int:
    # Ends where it began. A `*` that follows puts its own loop on that state, which adds nothing: what it takes before a '/',
    # this loop could have taken as well.
    inside = machine.move(state, ANY)
    machine.loop(inside, ANY)
    machine.moves[inside].append((SLASH, state))
    return state


def _add_segment(machine: _Machine, state: int, segment: Segment) -> int:
    for characters in tokens(segment):
        if characters is None:
            machine.loop(state, ANY)
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
    path = search([(start, everywhere) for start in a.starts], lambda at: at[0] in a.finals and b.finals.isdisjoint(at[1]), moves)
    return None if path is None else "".join(path)


def _alphabet(moves: Iterable[list[tuple[Ranges, int]]], universe: Ranges) -> list[str]:
    """One character of each kind that the moves can tell apart, the readable ones first."""
    kinds = [universe]
    for characters in {characters for each in moves for characters, _ in each}:
        outside = complement(characters)
        kinds = [part for kind in kinds for part in (intersection(kind, characters), intersection(kind, outside)) if part]
    return sorted(map(picked, kinds), key=lambda character: (character not in READABLE, character))


def _table(machine: _Machine, alphabet: Sequence[str]) -> list[dict[str, list[int]]]:
    """For each state, where each character leads; characters that lead nowhere are left out."""
    sets = {characters for moves in machine.moves for characters, _ in moves}
    members = {characters: [each for each in alphabet if contains(characters, each)] for characters in sets}
    table: list[dict[str, list[int]]] = []
    for moves in machine.moves:
        row: dict[str, list[int]] = {}
        for characters, target in moves:
            for character in members[characters]:
                row.setdefault(character, []).append(target)
        table.append({character: row[character] for character in alphabet if character in row})
    return table
