"""`{path}`, `{lines}` and `{gap}` in a fanned-out task: put in once, and always literally.

A gap's path is a file name from the workspace, so it is hostile. In a glob it matches only itself, in a regular
expression only itself, in shell text it stays one word whatever quotes surround it.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from swarm.plans import globs
from swarm.plans.checks import Absent, Exists, GapClosed, Judge, Present, Run
from swarm.plans.fields import is_regex
from swarm.plans.schema import Codemod, Command, Template

__all__ = ["Values", "in_check", "in_glob", "in_procedure", "in_text"]

Values = Mapping[str, str]
_PLACE: Final = re.compile(r"\{(path|lines|gap)\}")
_HARMLESS: Final = re.compile(r"[A-Za-z0-9_@%+:,./-]+")
_UNCERTAIN: Final = re.compile(
    r"\$\(|`|<<|\$'|\$\{(?!\w+\})"  # a language of its own in there
    r"|(?:^|[\s;&|()])#"  # a comment, which a line break would end
    r"|\\\{(?:path|lines|gap)\}"  # the backslash would take our first quote
    r"|\beval\b|sh\s+(?:-\w+\s+)*-\w*c\b"  # read by a shell twice
)
_GLUED: Final = re.compile(r"[$~]\{(?:path|lines|gap)\}")
_NOWHERE: Final = (
    "a file name with special characters cannot stand in a command with $(…), `…`, ${…}, <<, $'…', a comment, eval, sh -c, or a backslash"
    " before it: write the command as a list of words, or put it in a script"
)


def in_text(text: str, values: Values) -> str:
    """Text that nothing interprets."""
    return _PLACE.sub(lambda found: values[found[1]], text)


def in_glob(text: str, values: Values) -> str:
    """A glob in which the values match only themselves."""
    return _PLACE.sub(lambda found: globs.literal(values[found[1]]), text)


def in_pattern(text: str, values: Values) -> str:
    """A text to look for, or a regular expression in which the values match only themselves."""
    if not is_regex(text):
        return in_text(text, values)
    return _PLACE.sub(lambda found: re.escape(values[found[1]]).replace("/", "\\/"), text)


def in_shell(text: str, values: Values) -> str:
    """Shell text in which each value is part of one word, also between quotes.

    Raises:
        ValueError: a value with characters that a shell would obey would stand beside `$(…)`, backquotes or a here-document,
            in a comment, or in what a second shell reads: no quoting is certain there.
    """
    if glued := _GLUED.search(text):
        raise ValueError(f"the shell would read {glued[0]} as more than the value: write it without the {glued[0][0]}")
    harmless = all(_HARMLESS.fullmatch(values[found[1]] or "-") for found in _PLACE.finditer(text))
    if not harmless and _UNCERTAIN.search(text):
        raise ValueError(_NOWHERE)
    return _PLACE.sub(lambda found: _quoted(values[found[1]], _open_quote(text[: found.start()])), text)


def _quoted(value: str, quote: str) -> str:
    if _HARMLESS.fullmatch(value) or (quote and not value):
        return value
    inner = value.replace("'", "'\"'\"'")
    return f"{quote}'{inner}'{quote}"


def _open_quote(before: str) -> str:
    """The quote that is open at the end of a piece of shell text: `'`, `"` or nothing."""
    quote, position = "", 0
    while position < len(before):
        character = before[position]
        if character == "\\" and quote != "'":
            position += 1
        elif character == quote:
            quote = ""
        elif not quote and character in "'\"":
            quote = character
        position += 1
    return quote


def in_check(check: Any, values: Values) -> Any:
    """A check with the values put in."""
    change: dict[str, Any] = {}
    match check:
        case Run():
            change = {"run": in_shell(check.run, values)}
        case Present():
            change = {"present": in_pattern(check.present, values), "in_": _globs(check.in_, values)}
        case Absent():
            change = {"absent": in_pattern(check.absent, values), "in_": _globs(check.in_, values)}
        case Exists():
            change = {"exists": _globs(check.exists, values)}
        case GapClosed() if check.in_:
            change = {"in_": _globs(check.in_, values)}
        case Judge():
            change = {"judge": in_text(check.judge, values)}
        case _:
            pass
    return check.model_copy(update=change) if change else check


def in_procedure(step: Any, values: Values) -> Any:
    """A procedure with the values put in. The names of the plan's own files are left alone."""
    match step:
        case Command():
            return step.model_copy(update={"command": _command(step.command, values)})
        case Template():
            return step.model_copy(update={"to": in_text(step.to, values), "with_": _deep(step.with_, values)})
        case Codemod():
            return step.model_copy(update={"with_": _deep(step.with_, values)})
        case _:
            return step


def _command(command: str | list[str], values: Values) -> str | list[str]:
    if isinstance(command, str):
        return in_shell(command, values)
    return [in_text(word, values) for word in command]


def _globs(texts: tuple[str, ...], values: Values) -> tuple[str, ...]:
    return tuple(in_glob(text, values) for text in texts)


def _deep(value: Any, values: Values) -> Any:
    apply: Callable[[Any], Any] = lambda inner: _deep(inner, values)  # noqa: E731 - a name for the recursion
    if isinstance(value, str):
        return in_text(value, values)
    if isinstance(value, dict):
        return {key: apply(inner) for key, inner in value.items()}
    return [apply(inner) for inner in value] if isinstance(value, (list, tuple)) else value
