"""What checks printed, and with it a brief, without this machine's folders: it is told to a model, and compared on replay."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from swarm.agents.tools.answers import colourless, harmless, placeless
from swarm.agents.tools.places import places_of
from swarm.signatures.brief import Brief
from swarm.signatures.evidence import Refused
from swarm.workspace.desk import Desk

__all__ = ["cleaner", "placeless_brief"]


def cleaner(desk: Desk) -> Callable[[str], str]:
    """Makes what checks printed fit to be told. They ran in other worktrees, which lie beside the desk's."""
    beside = re.compile("|".join(sorted(map(_worktree_beside, {desk.root, desk.root.resolve()}))))
    places = places_of(desk)

    def clean(text: str) -> str:
        return harmless(placeless(colourless(text).replace("\r\n", "\n"), {**places, **dict.fromkeys(beside.findall(text), ".")}))

    return clean


def placeless_brief(brief: Brief, desk: Desk) -> Brief:
    """The brief with what checks printed, now and when the last attempt was refused, made fit to be told."""
    clean = cleaner(desk)
    before = tuple(replace(one, output=clean(one.output)) for one in brief.before)
    return replace(brief, before=before, refused=None if brief.refused is None else _cleaned(brief.refused, clean))


def _cleaned(refused: Refused, clean: Callable[[str], str]) -> Refused:
    evidence = tuple(replace(one, output=clean(one.output)) for one in refused.evidence)
    return replace(refused, text=clean(refused.text), evidence=evidence)


def _worktree_beside(root: Path) -> str:
    """A regular expression for the worktrees of the same pool: `pool/007/tree` beside `pool/003/tree`."""
    return rf"{re.escape(str(root.parent.parent))}/[^/\s]+/{re.escape(root.name)}(?![\w.-])"
