"""What the plan's tools share: the workspace's import roots, and how a procedure hands over its payload."""

import json
import os
import sys
from pathlib import Path
from typing import Any

__all__ = ["enter", "hand", "inbox"]


def enter() -> Path:
    """Makes the worktree's modules importable, as its own pytest settings do, and leaves no bytecode behind."""
    sys.dont_write_bytecode = True
    root = Path.cwd()
    sys.path[:0] = [str(root), str(root / "experiments/agents/agents")]
    return root


def hand(payload: dict[str, Any]) -> None:
    """Writes the payload where the run expects it; on standard output when nobody does."""
    text = json.dumps(payload, indent=1, sort_keys=True)
    answer = os.environ.get("SWARM_HANDOFF")
    if answer is None:
        print(text)
    else:
        Path(answer).write_text(text)


def inbox() -> dict[str, dict[str, Any]]:
    """The payloads of the needed tasks, by full task name."""
    place = os.environ.get("SWARM_INBOX")
    return dict(json.loads(Path(place).read_text())) if place else {}
