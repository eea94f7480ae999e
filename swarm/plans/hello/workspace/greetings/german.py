"""Greetings in German."""

from __future__ import annotations


def greet(name: str) -> str:
    """Greets somebody, and returns what was said."""
    words = f"Guten Tag, {name}!"
    print(words)
    return words
