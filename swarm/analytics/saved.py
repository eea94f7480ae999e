"""Metrics as a file and back: roll-ups as JSON, or as JSON lines with one roll-up a line, either of them compressed by gzip or not.

Never pickle: a file may come by mail. A file is written whole or not at all, and one that does not fit is refused whole. The first line of
JSON lines says what the file is and how many lines there are, so that one that was cut off is not taken for whole.
"""

import contextlib
import gzip
import io
import json
import os
import re
import tempfile
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, get_args

from swarm.analytics.rollups import RollUp
from swarm.errors import UsageError

if TYPE_CHECKING:
    from pydantic import TypeAdapter

__all__ = ["MAX_BYTES", "FileFormat", "Saved", "read_metrics", "write_metrics"]

FileFormat = Literal["json", "jsonl"]

MAX_BYTES: Final = 64 * 1024 * 1024
"""Largest content, uncompressed. What would be larger is not written, since a reader of somebody else's file must have a cap too."""

_GZIP: Final = b"\x1f\x8b"
_HEAD: Final = re.compile(rb"\{[^{}\[\]\n]*\}[ \r]*\n")
"""A first line that is an object with nothing inside: the file is JSON lines."""
_UNREADABLE: Final = (OSError, EOFError, zlib.error, ValueError, RecursionError)
"""What reading a damaged file may raise: at its disk, its compression, its JSON or its parts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """What a file holds."""

    format: Literal["swarm-metrics"] = "swarm-metrics"
    version: Literal[1] = 1
    count: int
    """Of roll-ups: shows where a file was cut off."""
    rollups: tuple[RollUp, ...]

    def __post_init__(self) -> None:
        if self.count != len(self.rollups):
            raise ValueError(f"it says that it holds {self.count} roll-ups, and holds {len(self.rollups)}")


def write_metrics(path: Path, roll_ups: Sequence[RollUp], format_type: str = "json", compress: bool = False) -> None:
    """Writes roll-ups to a file that then is there whole, or is what it was. The folder is made where it is missing.

    Raises:
        UsageError: an unknown format, or more than `MAX_BYTES`.
        OSError: the disk refused.
    """
    if format_type not in get_args(FileFormat):
        raise UsageError(f"metrics are saved as {' or '.join(get_args(FileFormat))}, not as {format_type!r:.40}")
    content = _text(roll_ups, lines=format_type == "jsonl").encode()
    if len(content) > MAX_BYTES:
        raise UsageError(f"the metrics take {len(content):,} bytes, and {MAX_BYTES:,} can be saved: shorten the retention period")
    _replace(path, gzip.compress(content, mtime=0) if compress else content)


def read_metrics(path: Path) -> tuple[RollUp, ...]:
    """The roll-ups of a file that `write_metrics` wrote, in whichever format.

    Raises:
        UsageError: there is no such file, it cannot be read, or it holds something else.
    """
    try:
        content = _content(path)
        return _adapter().validate_json(_whole(content), strict=True).rollups
    except _UNREADABLE as error:
        raise UsageError(f"{str(path)!r} holds no saved metrics: {_reason(error)}") from error


def _text(roll_ups: Sequence[RollUp], lines: bool) -> str:
    parts = [json.dumps(asdict(one), allow_nan=False) for one in roll_ups]
    head = json.dumps({"format": "swarm-metrics", "version": 1, "count": len(parts)})
    if lines:
        return "\n".join([head, *parts, ""])
    return f'{head[:-1]}, "rollups": [{", ".join(parts)}]}}\n'


def _replace(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(prefix=f".{path.name[:50]}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(draft).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(draft).unlink()
        raise


def _content(path: Path) -> bytes:
    if not path.is_file():  # opening a pipe would wait for somebody to write to it
        raise ValueError("there is no such file")
    with path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    if content.startswith(_GZIP):
        with gzip.open(io.BytesIO(content)) as packed:
            content = packed.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ValueError(f"it is larger than {MAX_BYTES:,} bytes")
    return content


def _whole(content: bytes) -> bytes:
    """One JSON document, from either format."""
    head = _HEAD.match(content)
    if head is None:
        return content
    lines = (line for line in content[head.end() :].split(b"\n") if line.strip())
    return head[0].rstrip()[:-1] + b', "rollups": [' + b",".join(lines) + b"]}"


def _reason(error: BaseException) -> str:
    """The first thing that is wrong, in one short line. Of a validation error without the input, which may be anything."""
    from pydantic import ValidationError

    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        return f"{'.'.join(map(str, first['loc'])) or 'the file'}: {first['msg']}"[:200]
    return f"{error}"[:200] or type(error).__name__


@cache
def _adapter() -> "TypeAdapter[Saved]":
    from pydantic import TypeAdapter

    return TypeAdapter(Saved)
