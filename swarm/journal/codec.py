"""Events as text and back: a kind, a version and a JSON body.

No Python name and no pickle is ever stored, so that a rename cannot lose the past and a journal by mail cannot run code.
A changed shape gets a higher number in `VERSIONS` and a step in `UPCASTS`, which old bodies climb one version at a time.

What is encoded is decoded again before anyone writes it: an event that could not be read back is refused while the caller
can still be blamed, and what the live run believes is exactly what a resumed run will read.

Lone surrogates need a detour. Python's `json` keeps them as escapes, pydantic's parser refuses them; so they are masked
for the validation and put back after it. Only bodies that hold one pay for that.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Final, cast

from swarm.engine.events import Event, task_of
from swarm.errors import JournalDamaged
from swarm.signatures.canonical import canonical, sha256

if TYPE_CHECKING:
    from pydantic import TypeAdapter

__all__ = ["MAX_BYTES", "UPCASTS", "VERSIONS", "Encoded", "check_texts", "decode", "encode"]

VERSIONS: Final[dict[str, int]] = {}
"""Current version of each kind that is not at its first."""

UPCASTS: Final[dict[tuple[str, int], Callable[[dict[str, Any]], dict[str, Any]]]] = {}
"""(kind, version) to the step that turns a body of that version into one of the next."""

MAX_BYTES: Final = 64 * 1024 * 1024
"""Largest body or text. Refused before it is written, since a reader of somebody else's journal must have a cap too."""

_ESCAPE: Final = "\U0010f7ff"
_MASKED: Final = 0x10F800 - 0xD800
"""Distance from the surrogates to the last 2048 private code points, where they wait, each after `_ESCAPE`."""
_TO_MASK: Final = re.compile("[\ud800-\udfff\U0010f7ff]")
_TO_UNMASK: Final = re.compile("\U0010f7ff(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Encoded:
    """An event ready to be written, and the event as it will be read."""

    kind: str
    version: int
    task: str | None
    body: str
    event: Event


def encode(event: Event) -> Encoded:
    """The stored form of an event.

    Raises:
        ValueError: the event holds what the journal cannot give back (NaN, a value of no JSON type, a wrong type, too much).
    """
    try:
        body = canonical(_adapter().dump_python(event, warnings="error"))
        read = _validated(body)
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"the journal cannot record this {event.kind} event{_of(event)}: {_reason(error)}") from error
    _refuse_too_much(f"{event.kind} event{_of(event)}", len(body))
    return Encoded(event.kind, _version(event.kind), task_of(read), body, read)


def decode(seq: int, kind: str, version: int, body: str) -> Event:
    """The event of a stored body.

    Raises:
        JournalDamaged: a newer swarm wrote it, or the body does not fit its kind; the sequence number is named.
    """
    if kind not in _kinds() or version > _version(kind):
        raise JournalDamaged(f"event {seq} is of kind {kind!r}, version {version}: a newer swarm wrote it; read it with that one")
    try:
        event = _validated(_upcast(kind, version, body))
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise JournalDamaged(f"event {seq} is no {kind}, version {version}: {_reason(error)}") from error
    if event.kind != kind:
        raise JournalDamaged(f"event {seq} is filed as {kind} and calls itself {event.kind}")
    return event


def check_texts(texts: Mapping[str, bytes]) -> None:
    """Checks that each text may be stored under its name.

    Raises:
        ValueError: a name is not its content's SHA-256, or the content is too large.
    """
    for name, content in texts.items():
        _refuse_too_much(f"text {name}", len(content))
        if sha256(content) != name:
            raise ValueError(f"the text given as {name} hashes to {sha256(content)}: name texts by their SHA-256")


@cache
def _adapter() -> "TypeAdapter[Event]":
    # Imported and built at first use: together they cost a tenth of a second, which `swarm --help` should not pay.
    from pydantic import Field, TypeAdapter

    return TypeAdapter(Annotated[Event, Field(discriminator="kind")])


@cache
def _kinds() -> frozenset[str]:
    return frozenset(cast(str, member.__dataclass_fields__["kind"].default) for member in Event.__args__)


def _version(kind: str) -> int:
    return VERSIONS.get(kind, 1)


def _upcast(kind: str, version: int, body: str) -> str:
    if version == _version(kind):
        return body
    value = json.loads(body)
    for step in range(version, _version(kind)):
        value = UPCASTS[kind, step](value)
    return canonical(value)


def _validated(body: str) -> Event:
    if "\\ud" not in body:
        return _adapter().validate_json(body, strict=True)
    # Escapes are gone from this text, and JSON's own characters are ASCII: masking it whole masks the strings only.
    text = json.dumps(json.loads(body), ensure_ascii=False)
    event = _adapter().validate_json(_TO_MASK.sub(_mask, text), strict=True)
    return cast(Event, _unmasked(event))


def _mask(match: re.Match[str]) -> str:
    char = match[0]
    return _ESCAPE + (char if char == _ESCAPE else chr(ord(char) + _MASKED))


def _unmask(match: re.Match[str]) -> str:
    char = match[1]
    return char if char == _ESCAPE else chr(ord(char) - _MASKED)


def _unmasked(value: Any) -> Any:
    if isinstance(value, str):
        return _TO_UNMASK.sub(_unmask, value)
    if isinstance(value, dict):
        return {_unmasked(key): _unmasked(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_unmasked(item) for item in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{field.name: _unmasked(getattr(value, field.name)) for field in fields(value)})
    return value


def _refuse_too_much(what: str, size: int) -> None:
    if size > MAX_BYTES:
        raise ValueError(f"the journal cannot record this {what}: {size} bytes, at most {MAX_BYTES} are kept")


def _of(event: Event) -> str:
    task = task_of(event)
    return f" of task {task}" if task else ""


def _reason(error: Exception) -> str:
    from pydantic import ValidationError

    if isinstance(error, ValidationError):
        return "; ".join(f"{'.'.join(map(str, each['loc'])) or 'body'}: {each['msg']}" for each in error.errors(include_url=False))
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return f"version step {error} is missing" if isinstance(error, LookupError) else str(error).replace("\n", " ")
