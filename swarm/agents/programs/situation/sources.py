"""Files of the workspace as they are quoted: read through the desk, which refuses links and special files."""

from collections.abc import Sequence
from dataclasses import dataclass

from swarm.agents.tools.calling import Declined
from swarm.agents.tools.texts import TEXT_BYTES, inside, is_binary, line_list
from swarm.errors import ScopeBreach
from swarm.workspace.desk import Desk

__all__ = ["Source", "Text", "read", "text_of"]

Text = str
"""A file's content as text; bytes that are no UTF-8 are written as `\\xNN`."""


@dataclass(frozen=True, slots=True)
class Source:
    """One file.

    Attributes:
        lines: without their ends; the first is number 1.
        trouble: why there are none to show, or empty.
        missing: whether the trouble is that the file does not exist.
        about: how many lines there are, and what they do not show.
    """

    path: str
    lines: Sequence[str] = ()
    trouble: str = ""
    missing: bool = False
    about: str = ""

    @property
    def is_python(self) -> bool:
        return self.path.endswith((".py", ".pyi"))


def read(desk: Desk, path: str) -> Source:
    """A file of the workspace, or what stands in the way of reading it. Blocks."""
    try:
        content = desk.read(inside(path))
    except FileNotFoundError:
        return Source(path, trouble="this file does not exist yet", missing=True)
    except (Declined, ScopeBreach) as error:
        return Source(path, trouble=str(error))
    except OSError as error:
        return Source(path, trouble=f"it cannot be read: {error.strerror}")
    return _source(path, content)


def _source(path: str, content: bytes) -> Source:
    text = text_of(content)
    if text is None:
        return Source(path, trouble=f"{len(content):,} bytes, {'binary' if is_binary(content) else 'too large to be shown'}")
    lines = line_list(text)
    count = f"{len(lines):,} line{'s' if len(lines) != 1 else ''}"
    return Source(path, lines, about=f"{count}, ended by CR LF" if "\r\n" in text else count)


def text_of(content: bytes) -> Text | None:
    """A content as text; None where it is binary or too large."""
    return None if len(content) > TEXT_BYTES or is_binary(content) else content.decode("utf-8", "backslashreplace")
