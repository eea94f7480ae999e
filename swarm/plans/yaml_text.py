"""YAML text to plain values that know where they stood.

We read libyaml's *events* and build the values ourselves rather than call its composer, because a plan is hostile text:
the composer recurses once per nesting level in C, expands aliases and forgets duplicate keys. One flat loop over events
does the whole job: depth and size are bounded, aliases, tags and duplicate keys are refused where they stand.

Scalars follow YAML 1.2's core schema, so `no` is text. Numbers with a leading zero are refused rather than guessed at.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from swarm.plans.problems import Mark, Problem

__all__ = ["MAX_BYTES", "Sequence", "Table", "YamlText", "read_yaml"]

MAX_BYTES: Final = 32 * 1024 * 1024
_MAX_DEPTH: Final = 32
_MAX_DIGITS: Final = 18

_NULL: Final = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL: Final = {word: word.lower() == "true" for word in ("true", "True", "TRUE", "false", "False", "FALSE")}
_INT: Final = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_LEADING_ZERO: Final = re.compile(r"[-+]?0[0-9]+")


class Table(dict[str, Any]):
    """A mapping that knows where each key and value stands."""

    __slots__ = ("at", "keys_at", "values_at")

    def __init__(self, at: Mark) -> None:
        super().__init__()
        self.at = at
        self.keys_at: dict[str, Mark] = {}
        self.values_at: dict[str, Mark] = {}


class Sequence(list[Any]):
    """A list that knows where each item stands."""

    __slots__ = ("at", "items_at")

    def __init__(self, at: Mark) -> None:
        super().__init__()
        self.at = at
        self.items_at: list[Mark] = []


@dataclass(frozen=True, slots=True)
class YamlText:
    """A text that was read: its value (None when there is none) and what is wrong with it as YAML."""

    file: str
    text: str
    value: Any
    problems: tuple[Problem, ...] = ()

    def mark(self, path: tuple[str | int, ...], *, key: bool = False) -> Mark:
        """Where the value at a path stands; the deepest part of the path that exists counts.

        Args:
            path: keys and positions from the top. Parts that are not there are skipped.
            key: the place of the last key instead of its value.
        """
        here, at = self.value, Mark(1, 1)
        for part in path:
            if isinstance(here, Table) and part in here.keys_at:
                at = here.keys_at[str(part)] if key else here.values_at[str(part)]
                here = here[str(part)]
            elif isinstance(here, Sequence) and isinstance(part, int) and part < len(here):
                at, here = here.items_at[part], here[part]
        return at


class _Refused(Exception):
    """Reading cannot go on."""

    def __init__(self, mark: Mark, text: str) -> None:
        super().__init__(text)
        self.mark = mark


@dataclass(slots=True)
class _Open:
    """A collection that is being filled; for a mapping also the key that waits for its value."""

    into: Table | Sequence
    key: str | None = None
    expects_key: bool = True


@dataclass(slots=True)
class _Builder:
    file: str
    top: Any = None
    stack: list[_Open] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    documents: int = 0

    def take(self, event: Any) -> None:
        match event:
            case yaml.ScalarEvent():
                self._scalar(event)
            case yaml.MappingStartEvent():
                self._open(Table(_mark(event)), event)
            case yaml.SequenceStartEvent():
                self._open(Sequence(_mark(event)), event)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self.stack.pop()
            case yaml.AliasEvent():
                raise _Refused(_mark(event), f"aliases are not part of the plan language: write *{event.anchor} out")
            case yaml.DocumentStartEvent():
                self._document(event)
            case _:
                pass

    def _document(self, event: Any) -> None:
        self.documents += 1
        if self.documents > 1:
            raise _Refused(_mark(event), "a plan is one YAML document: remove what follows '---'")

    def _open(self, into: Table | Sequence, event: Any) -> None:
        _refuse_tag(event)
        if len(self.stack) >= _MAX_DEPTH:
            raise _Refused(into.at, f"nested deeper than {_MAX_DEPTH} levels")
        self._put(into, into.at)
        self.stack.append(_Open(into))

    def _scalar(self, event: Any) -> None:
        _refuse_tag(event)
        mark = _mark(event)
        parent = self.stack[-1] if self.stack else None
        if parent is not None and isinstance(parent.into, Table) and parent.expects_key:
            self._key(parent, event.value, mark)
        else:
            self._put(_value(event, mark), mark)

    def _key(self, parent: _Open, key: str, mark: Mark) -> None:
        table = parent.into
        assert isinstance(table, Table)
        if key in table.keys_at:
            first = table.keys_at[key].line
            text = f'the key "{key}" stands twice, first on line {first}: remove one'
            self.problems.append(Problem(self.file, mark.line, mark.column, "duplicate-key", text))
        else:
            table.keys_at[key] = mark
        parent.key, parent.expects_key = key, False

    def _put(self, value: Any, mark: Mark) -> None:
        if not self.stack:
            self.top = value
            return
        parent = self.stack[-1]
        if isinstance(parent.into, Sequence):
            parent.into.append(value)
            parent.into.items_at.append(mark)
            return
        if parent.expects_key:
            raise _Refused(mark, "a key is text, not a list or mapping")
        assert parent.key is not None
        parent.into[parent.key] = value
        parent.into.values_at[parent.key] = mark
        parent.expects_key = True


def read_yaml(text: str, file: str) -> YamlText:
    """Reads one document.

    Args:
        text: the YAML; at most `MAX_BYTES` when written as UTF-8.
        file: the name to give in problems.
    """
    builder = _Builder(file)
    try:
        for event in _events(text):
            builder.take(event)
    except _Refused as refused:
        builder.problems.append(Problem(file, refused.mark.line, refused.mark.column, "syntax", str(refused)))
        return YamlText(file, text, None, tuple(builder.problems))
    return YamlText(file, text, builder.top, tuple(builder.problems))


def _events(text: str) -> Iterator[Any]:
    if len(text) > MAX_BYTES:
        raise _Refused(Mark(1, 1), f"larger than {MAX_BYTES // 1024 // 1024} MiB")
    try:
        yield from yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        at = error.problem_mark or error.context_mark
        mark = Mark(at.line + 1, at.column + 1) if at else Mark(1, 1)
        raise _Refused(mark, ": ".join(filter(None, (error.context, error.problem)))) from error
    except yaml.reader.ReaderError as error:
        before = text[: error.position] if isinstance(error.position, int) else ""
        mark = Mark(before.count("\n") + 1, len(before) - before.rfind("\n"))
        raise _Refused(mark, f"a character that YAML does not allow: {error.reason}") from error
    except (RecursionError, UnicodeEncodeError) as error:
        raise _Refused(Mark(1, 1), "this is no text that YAML can hold") from error


def _mark(event: Any) -> Mark:
    return Mark(event.start_mark.line + 1, event.start_mark.column + 1)


def _refuse_tag(event: Any) -> None:
    if event.tag is not None and event.tag != "!":
        raise _Refused(_mark(event), f"tags are not part of the plan language: remove {event.tag}")
    if event.anchor is not None:
        raise _Refused(_mark(event), f"anchors are not part of the plan language: remove &{event.anchor}")


def _value(event: Any, mark: Mark) -> Any:
    text: str = event.value
    if not event.implicit[0]:
        return text
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    return _number(text, mark) if text[0] in "+-.0123456789" else text


def _number(text: str, mark: Mark) -> Any:
    if _LEADING_ZERO.fullmatch(text):
        raise _Refused(mark, f'{text} has a leading zero: write "{text}" for text, or the number without it')
    if _INT.fullmatch(text):
        if len(text) > _MAX_DIGITS:
            raise _Refused(mark, f"a number of more than {_MAX_DIGITS} digits: quote it if it is text")
        return int(text)
    return _finite(text, mark) if _FLOAT.fullmatch(text) else text


def _finite(text: str, mark: Mark) -> float:
    number = float(text)
    if math.isinf(number):
        raise _Refused(mark, f"{text} is too large for a number: quote it if it is text")
    return number
