"""Greetings in Spanish."""

from __future__ import annotations


def greet(name: str) -> str:
    """Greets somebody, and returns what was said."""
    words = f"Hola, {name}!"
    print(words)
    return words
