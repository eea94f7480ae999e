"""What the checks said of the base: the red ones with what they printed."""

from collections.abc import Sequence
from typing import Final

from swarm.agents.programs.situation.rooms import dealt, named
from swarm.agents.tools.answers import cut, harmless, one_line
from swarm.signatures.evidence import Evidence

__all__ = ["told_checks"]

_EACH: Final = 4_000
_LEAST: Final = 300
_CHECK: Final = 400
_LINE: Final = 1_000


def told_checks(before: Sequence[Evidence], room: int) -> str:
    """The section about the checks; empty where nothing was measured."""
    red = [one for one in before if one.before is False and one.kind != "keep"]
    texts, rest = dealt(red, room, least=_LEAST, each=_EACH, show=lambda one, share: _told(one, share))
    parts = [
        *(["These are red now; of long outputs both ends are shown:", *texts] if red else []),
        named("Red too, not shown here, for want of room:", (f"- {one.check}" for one in rest)),
        _line("Green already", [one for one in before if one.before and one.kind != "keep"]),
        _line("Green, and has to stay so", [one for one in before if one.before and one.kind == "keep"]),
        _line("Red already, and not held against you", [one for one in before if one.before is False and one.kind == "keep"]),
    ]
    return "\n\n".join(["## The checks before any change", *filter(None, parts)]) if any(parts) else ""


def _told(evidence: Evidence, room: int) -> str:
    title = f"### {_name(evidence)}"
    output = harmless(evidence.output).strip("\n")
    return f"{title}\n{cut(output, max(room - len(title), _LEAST // 2)) or '(it printed nothing)'}"


def _line(title: str, evidence: Sequence[Evidence]) -> str:
    return cut(f"{title}: {'; '.join(map(_name, evidence))}", _LINE, " ") if evidence else ""


def _name(evidence: Evidence) -> str:
    return cut(one_line(evidence.check), _CHECK, " ")
