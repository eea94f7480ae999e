"""Text on its way to a terminal: made safe, made to fit, made encodable.

Task names hold file names, reasons hold what commands printed, and both may come from somebody else's repository. So
whatever is shown passes `plain` or `block` first: a terminal obeys escape sequences, a reader is fooled by text that
runs backwards or is not visible at all. Lines are drawn in Unicode and translated, column for column, where the
stream's encoding cannot say them.
"""

import os
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Final, TextIO

__all__ = ["COLUMNS", "block", "cell", "clip", "colourful", "encodes", "in_ascii", "interactive", "plain", "shorten", "width", "write"]

COLUMNS: Final = 100
"""The widest line we draw of our own accord."""

_UNSEEN_KINDS: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_UNSEEN: Final = frozenset(
    map(
        chr,
        (0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0, *range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)),
    )
)
"""Letters and marks that show nothing, though Unicode does not call them controls."""
_DRAWN: Final = "█░┃…✓✗·–→"
_ASCII: Final = str.maketrans(_DRAWN, "#.|~+x-->")


def plain(text: str) -> str:
    """Any text as one line that is safe to print: what could steer, reorder or hide is written as `\\xNN`, `\\uNNNN` or `\\UNNNNNNNN`."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(c) if c in _UNSEEN or unicodedata.category(c) in _UNSEEN_KINDS else c for c in text)


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def block(text: str, indent: int = 0, last: int | None = None) -> list[str]:
    """Text of several lines, each made safe and indented. Tabs become spaces.

    Args:
        indent: columns.
        last: keep only so many lines, from the end, and say how many went before.
    """
    lines = [plain(line.removesuffix("\r").expandtabs(8)) for line in text.rstrip("\n").split("\n")]
    if last is not None and len(lines) > last:
        lines = [f"… {len(lines) - last} lines before", *lines[-last:]]
    return [" " * indent + line for line in lines]


def width(text: str) -> int:
    """Columns that a safe text takes: East Asian wide characters take two, combining marks none."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def _columns(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def shorten(text: str, columns: int) -> str:
    """The text, cut in the middle with `…` where it is wider: ids and paths are told apart by both ends."""
    if width(text) <= columns:
        return text
    tail = max(0, columns - 1) // 2
    return _first(text, columns - 1 - tail) + "…" * (columns > 0) + _first(text[::-1], tail)[::-1]


def clip(text: str, columns: int) -> str:
    """The text, cut at its end with `…` where it is wider: sentences say the most important first."""
    return text if width(text) <= columns else _first(text, columns - 1) + "…" * (columns > 0)


def _first(text: str, columns: int) -> str:
    used = 0
    for position, character in enumerate(text):
        used += _columns(character)
        if used > columns:
            return text[:position]
    return text


def cell(text: str, columns: int) -> str:
    """The text in exactly so many columns."""
    fitting = shorten(text, columns)
    return fitting + " " * (columns - width(fitting))


def interactive(stream: TextIO, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether somebody looks at the stream through a terminal that can move its cursor."""
    return environment.get("TERM", "").lower() not in ("dumb", "unknown") and _is_terminal(stream)


def colourful(stream: TextIO, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether colour is welcome there: on such a terminal, unless `NO_COLOR` is set to anything."""
    return interactive(stream, environment) and not environment.get("NO_COLOR")


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except ValueError:  # closed
        return False


def encodes(stream: TextIO) -> bool:
    """Whether the stream's encoding has the characters that we draw with."""
    try:
        _DRAWN.encode(_encoding(stream))
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def in_ascii(line: str) -> str:
    """The line with our drawing in ASCII, column for column."""
    return line.translate(_ASCII)


def write(stream: TextIO, lines: Iterable[str]) -> None:
    """Prints lines, in whatever the stream's encoding can say.

    Raises:
        OSError: the stream's other end is gone, or its disk is full.
        ValueError: the stream is closed.
    """
    drawn = lines if encodes(stream) else map(in_ascii, lines)
    text = "".join(f"{line}\n" for line in drawn)
    encoding = _encoding(stream)
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
    stream.flush()


def _encoding(stream: TextIO) -> str:
    """A stream in memory has none and takes everything."""
    return getattr(stream, "encoding", None) or "utf-8"
