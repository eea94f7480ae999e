"""Which names and tags are kept: they come from plans, agents and files, and end up in reports, pages and Prometheus text."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

__all__ = ["LONGEST_NAME", "LONGEST_TAG", "MOST_TAGS", "Labels", "is_name", "labels_of"]

Labels = tuple[tuple[str, str], ...]
"""Tags in the order of their names, so that equal tags are equal labels."""

LONGEST_NAME: Final = 100
LONGEST_TAG: Final = 200
MOST_TAGS: Final = 8

_NAME: Final = re.compile(rf"[A-Za-z_][A-Za-z0-9_]{{0,{LONGEST_NAME - 1}}}", re.ASCII)


def is_name(text: object) -> bool:
    """Whether a metric or a tag may be called so: a Python identifier in ASCII of at most 100 characters."""
    return isinstance(text, str) and _NAME.fullmatch(text) is not None


def labels_of(tags: Mapping[str, str]) -> Labels | None:
    """Tags as labels; None where they are no mapping of names to texts of at most 200 characters, or more than 8."""
    given: Any = tags  # whatever an agent hands over
    if not isinstance(given, Mapping) or len(given) > MOST_TAGS:
        return None
    try:
        return _labels(tuple(given.items()))
    except (TypeError, ValueError):  # what cannot be looked up is no text
        return None


@lru_cache(maxsize=1_024)
def _labels(items: Labels) -> Labels:
    """Remembered, since few different tags come again and again. What is refused is not: it may be of any size."""
    if not all(is_name(name) and _is_value(value) for name, value in items):
        raise ValueError("no tags")
    return tuple(sorted(items))


def _is_value(value: object) -> bool:
    return isinstance(value, str) and len(value) <= LONGEST_TAG
