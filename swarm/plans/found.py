"""A gap as a detector finds it."""

from dataclasses import dataclass

__all__ = ["Found", "said_lines"]


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Found:
    """Something missing in the code: one gap name and one path.

    `path` is None for a `listed_by` line that names no file (then `text` holds the line). `lines` is text like `12,40-43`,
    or empty where the whole file is meant.
    """

    gap: str
    path: str | None
    lines: str = ""
    text: str = ""

    def __str__(self) -> str:
        where = self.path if self.path is not None else self.text
        return f"{self.gap}: {where}" + (f" ({said_lines(self.lines)})" if self.lines else "")


def said_lines(lines: str) -> str:
    """Text like `12,40-43` as people say it."""
    if not lines:
        return ""
    return f"line {lines}" if lines.isdigit() else f"lines {lines}"
