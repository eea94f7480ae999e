"""What `program:` may say: how an agent thinks."""

import re
from dataclasses import dataclass
from typing import Final, get_args

from swarm.signatures.specialisms import Program

__all__ = ["BUILT_IN", "USES_TOOLS", "ProgramClass", "is_program", "program_class"]

BUILT_IN: Final[tuple[str, ...]] = get_args(Program)
USES_TOOLS: Final = "react"
"""The built-in program that uses tools; the others answer and change nothing."""

_IN_FILE: Final = re.compile(r"(?P<source>[^:]+\.py):(?P<name>[^\W\d]\w*)")
_INSTALLED: Final = re.compile(r"(?P<source>[^\W\d]\w*(?:\.[^\W\d]\w*)*):(?P<name>[^\W\d]\w*)")


@dataclass(frozen=True, slots=True)
class ProgramClass:
    """A class of the user's own: `path/file.py:Class` or `package.module:Class`.

    Attributes:
        source: the file, relative to the plan; or the module.
        name: of the class.
    """

    source: str
    name: str
    in_file: bool


def program_class(text: str | None) -> ProgramClass | None:
    """The class that a `program:` names; None where it names a built-in program, or nothing that could be one."""
    if text is None:
        return None
    found = _IN_FILE.fullmatch(text)
    if found:
        return ProgramClass(found["source"], found["name"], in_file=True)
    found = _INSTALLED.fullmatch(text)
    return ProgramClass(found["source"], found["name"], in_file=False) if found else None


def is_program(text: str) -> bool:
    """Whether a `program:` has one of the forms that there are."""
    return text in BUILT_IN or program_class(text) is not None
