"""Whether a text still reads as the language that its file's ending names.

Python, JSON and TOML are read by Python itself; compiling finds a little more than `ast`, in half the time. For the rest there are
tree-sitter's grammars behind `code_patterns`: a fault is where it would put a mark in place of a node that is broken or that it had to
make up. They are forgiving and not always up to date, so what they say is a hint.
"""

import json
import threading
import tomllib
import warnings
from pathlib import PurePosixPath
from typing import Final

from swarm.agents.tools.answers import one_line
from swarm.plans.code_patterns import PatternError, Rule, language_of, rewrite

__all__ = ["CHECKED_CHARACTERS", "syntax"]

CHECKED_CHARACTERS: Final = 60_000
"""The parsers keep the interpreter to themselves, and this is some 40 ms of it for the densest of texts."""

_FAULT: Final = "SYNTAX ERROR"
_MARK: Final = "\ue000"
_BROKEN: Final = {"rule": {"any": [{"kind": "ERROR"}, {"regex": "^$"}]}}
_ONLY_BROKEN: Final = {"rule": {"kind": "ERROR"}}
"""For languages with nodes that are rightly empty, such as the body of a here-document."""

_WARNINGS: Final = threading.Lock()


def syntax(path: str, text: str, before: str | None = None) -> str:
    """One line about a file's syntax: in order, where it breaks, or that it was not checked.

    Args:
        before: what the file held until now, if there was one; a fault that is no news is told as such.
    """
    finding = _finding(path, text)
    old = before is not None and _FAULT in finding and _FAULT in _finding(path, before)
    return f"{one_line(path)}: {one_line(finding)}{' (there was one before, too)' if old else ''}"


def _finding(path: str, text: str) -> str:
    if len(text) > CHECKED_CHARACTERS:
        return f"syntax not checked, longer than {CHECKED_CHARACTERS:,} characters"
    try:
        fault = _fault(path, text)
    except (RecursionError, MemoryError, OverflowError, SystemError):
        return "syntax not checked, nested too deeply"
    return "syntax ok" if fault is None else fault


def _fault(path: str, text: str) -> str | None:
    match PurePosixPath(path).suffix.lower():
        case ".py" | ".pyi":
            return _python(text)
        case ".json":
            return _json(text)
        case ".toml":
            return _toml(text)
        case _:
            language = language_of(path)
            return _code(text, language) if language else "syntax not checked, no grammar for such files"


def _python(text: str) -> str | None:
    try:
        # The filters are the process's: only one thread at a time may change them and put them back.
        with _WARNINGS, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(text, "<text>", "exec", dont_inherit=True)
    except SyntaxError as error:
        code = f": {error.text.strip()[:100]}" if error.text else ""
        return f"{_FAULT} in line {error.lineno or 1}: {error.msg}{code}"
    except ValueError as error:
        return f"{_FAULT}: {error}"
    return None


def _json(text: str) -> str | None:
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return f"{_FAULT} in line {error.lineno}, column {error.colno}: {error.msg}"
    except ValueError as error:
        return f"{_FAULT}: {error}"
    return None


def _toml(text: str) -> str | None:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return f"{_FAULT}: {error}"
    return None


def _code(text: str, language: str) -> str | None:
    if not text.strip() or _MARK in text:
        return None
    try:
        marked = rewrite(text, Rule("syntax", language, _ONLY_BROKEN if language == "bash" else _BROKEN, _MARK))
    except PatternError as error:
        return f"syntax not checked: {error}"
    at = marked.find(_MARK)
    return None if at < 0 else f"perhaps a {_FAULT} from line {marked.count(chr(10), 0, at) + 1} on ({language})"
