"""Greetings in English."""

from __future__ import annotations


def greet(name: str) -> str:
    """Greets somebody, and returns what was said."""
    words = f"Hello, {name}!"
    print(words)
    return words
