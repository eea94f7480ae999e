"""Feature flags: which pieces of work a new thing is on for, the same at every look and on every machine.

A key (a fan-out's gap path, an agent, a task) is placed in [0, 1) by a hash over the flag's name and the key; it is in while its place
is below the flag's share. So there is nothing to store, a share that grows only adds keys, and two flags with the same share pick
different keys. Shares are numbers from 0 to 1, as everywhere in a plan: 20% is 0.2.

Flags are settled once, when a run starts (`evaluated`): a run whose flags change under it could not be explained afterwards.
"""

import difflib
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from swarm.errors import UsageError

__all__ = ["Flag", "evaluated", "is_on", "place", "share_problem", "switched_off"]

_BITS: Final = 53  # as many as a float holds: the place is exact, and never rounds up to 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """A switch.

    Attributes:
        default: whether it is on where neither `rollout` nor `types` says how far.
        rollout: the share of keys that it is on for; None where it is not rolled out by share.
        types: shares by component type, in place of `rollout` for keys of that type.

    Raises:
        ValueError: no name, a share outside 0 to 1, a type twice.
    """

    name: str
    default: bool = False
    rollout: float | None = None
    types: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("a flag needs a name")
        if len(dict(self.types)) != len(self.types):
            raise ValueError(f"flag {self.name}: a component type stands there twice")
        shares = [share for _, share in self.types] + ([] if self.rollout is None else [self.rollout])
        if problem := next(filter(None, map(share_problem, shares)), None):
            raise ValueError(f"flag {self.name}: {problem}")

    def share(self, component_type: str | None = None) -> float:
        """The share of keys of a type that it is on for."""
        otherwise = float(self.default) if self.rollout is None else self.rollout
        return otherwise if component_type is None else dict(self.types).get(component_type, otherwise)

    @property
    def settled(self) -> bool | None:
        """On for every key, off for every key, or None where it depends on the key."""
        shares = {self.share(), *(share for _, share in self.types)}
        return {1.0: True, 0.0: False}.get(shares.pop()) if len(shares) == 1 else None


def is_on(flag: Flag, key: str, component_type: str | None = None) -> bool:
    """Whether a flag is on for a key. The same flag and key always have the same answer; a larger share never takes a key out."""
    return place(flag.name, key) < flag.share(component_type)


def place(name: str, key: str) -> float:
    """Where a key stands in [0, 1): the first 53 bits of SHA-256 over name and key, evenly spread over keys.

    The name's length goes first, so that no two pairs are the same text. Keys may hold anything that a file name may.
    """
    digest = hashlib.sha256(f"{len(name)}:{name}{key}".encode("utf-8", "surrogatepass")).digest()
    return (int.from_bytes(digest[:8], "big") >> (64 - _BITS)) / (1 << _BITS)


def evaluated(flags: Iterable[Flag], overrides: Mapping[str, bool | float] = MappingProxyType({})) -> Mapping[str, Flag]:
    """The flags of a run by name, settled at its start; read-only.

    Args:
        overrides: by name: True or False for every key, or a share. They replace default, rollout and types alike.

    Raises:
        UsageError: an override of a flag that is not declared, or one that is no share.
        ValueError: two flags share a name.
    """
    declared = list(flags)
    named = {flag.name: flag for flag in declared}
    if len(named) != len(declared):
        raise ValueError("two flags share a name")
    for name, value in overrides.items():
        named[name] = _overridden(_declared(named, name), value)
    return MappingProxyType(named)


def switched_off(flags: Mapping[str, Flag], name: str) -> Mapping[str, Flag]:
    """The flags with one off for every key: what an alert does to a flag in the middle of a run.

    Raises:
        UsageError: there is no such flag.
    """
    return MappingProxyType({**flags, name: _overridden(_declared(flags, name), False)})


def share_problem(share: float) -> str | None:
    """What is wrong with a number as a share, if anything; a percentage that was not divided is the usual slip."""
    if 0.0 <= share <= 1.0:
        return None
    meant = f": write {share / 100:g} for {share:g}%" if 1.0 < share <= 100.0 else ""
    return f"{share:g} is no share from 0 to 1{meant}"


def _overridden(flag: Flag, value: bool | float) -> Flag:
    if problem := share_problem(value):
        raise UsageError(f"flag {flag.name}: {problem}")
    return replace(flag, rollout=float(value), types=())


def _declared(flags: Mapping[str, Flag], name: str) -> Flag:
    if name in flags:
        return flags[name]
    near = difflib.get_close_matches(name[:100], flags, n=1)
    known = f"did you mean {near[0]}?" if near else f"declared: {', '.join(sorted(flags)) or 'none'}"
    raise UsageError(f"no flag is named {name[:100]!r}; {known}")
