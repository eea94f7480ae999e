"""Greeting many at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence


def greet_all(names: Sequence[str], greet: Callable[[str], str]) -> str:
    """Greets everybody, and says how many they were."""
    for name in names:
        greet(name)
    count = len(names) - 1
    print(f"greeted {count}")
    return f"greeted {count}"
