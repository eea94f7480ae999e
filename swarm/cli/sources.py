"""The texts that problems point into."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

__all__ = ["rendered"]


def rendered(problems: Sequence[Any]) -> str:
    """Problems with their source lines, read again from disk."""
    from swarm.plans.problems import render

    return render(problems, {name: _text(name) for name in {problem.file for problem in problems}})


def _text(name: str) -> str:
    try:
        return Path(name).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
