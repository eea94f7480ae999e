"""Files as the tools see them: chosen by pattern, read as text, and named by something similar where they are not there."""

import asyncio
import difflib
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Annotated, Final

from pydantic import Field

from swarm.agents.tools.answers import one_line
from swarm.agents.tools.calling import Declined
from swarm.plans import globs
from swarm.workspace.desk import Desk

__all__ = ["TEXT_BYTES", "PathText", "chosen", "content_if_any", "content_of", "inside", "is_binary", "line_list"]

TEXT_BYTES: Final = 1_000_000
"""The largest file that is read, searched and edited as text."""

PathText = Annotated[str, Field(min_length=1, max_length=1_000)]

_COMPARED: Final = 5_000
_NAMED: Final = 5


def inside(path: str) -> str:
    """A path as the workspace writes it.

    Raises:
        Declined: it is git's own.
    """
    path = path.removeprefix("./")
    if any(part.lower() == ".git" for part in path.split("/")):
        raise Declined(f"{path} belongs to git and is no part of the workspace")
    return path


async def content_of(desk: Desk, path: str) -> bytes:
    """A text file's content.

    Raises:
        Declined: it is not there (similar paths are named), too large, or binary.
        ScopeBreach: it is no regular file of the worktree.
    """
    content = await content_if_any(desk, path)
    if content is None:
        files = await desk.list_files()
        raise Declined(await asyncio.to_thread(_missing, path, files))
    return content


async def content_if_any(desk: Desk, path: str) -> bytes | None:
    """As `content_of`; None where there is no such file."""
    try:
        content = await asyncio.to_thread(desk.read, path)
    except FileNotFoundError:
        return None
    if len(content) > TEXT_BYTES:
        raise Declined(f"{path} has {len(content):,} bytes, and tools read at most {TEXT_BYTES:,}: use run with head, grep or sed")
    if is_binary(content):
        raise Declined(f"{path} is binary ({len(content):,} bytes): use run to look into it")
    return content


def is_binary(content: bytes) -> bool:
    """Whether a content is no text."""
    return b"\0" in content


def line_list(text: str) -> list[str]:
    """The lines of a text without their ends, be they of Unix or of Windows."""
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    return [line.removesuffix("\r") for line in lines]


def _missing(path: str, files: Sequence[str]) -> str:
    similar = _similar(path, files)
    return f"there is no file {path}" + (f"; similar: {', '.join(map(one_line, similar))}" if similar else "")


def _similar(path: str, files: Sequence[str]) -> list[str]:
    """Files below it, if it is a folder; those of the same name; else those that are spelled alike."""
    below = [file for file in files if file.startswith(path.rstrip("/") + "/")]
    name = PurePosixPath(path).name.lower()
    same = [file for file in files if PurePosixPath(file).name.lower() == name]
    return (below or same)[:_NAMED] or difflib.get_close_matches(path, files[:_COMPARED], _NAMED)


async def chosen(desk: Desk, pattern: str) -> list[str]:
    """The workspace's files that match a pattern, sorted; a folder stands for all files in it.

    Raises:
        Declined: the pattern is malformed, or nothing matches.
    """
    files = await desk.list_files()
    return await asyncio.to_thread(_chosen, files, pattern)


def _chosen(files: Sequence[str], pattern: str) -> list[str]:
    wanted = pattern.removeprefix("./").rstrip("/")
    wanted = "**" if wanted in ("", ".") else wanted
    found = _matching(files, wanted) or [file for file in files if file.startswith(f"{wanted}/")]
    if not found:
        deeper = 0 if wanted.startswith("**/") else len(_matching(files, f"**/{wanted}"))
        hint = f"; **/{wanted} matches {deeper:,}" if deeper else ""
        raise Declined(f"no file matches {pattern}{hint}" if files else "the workspace has no files")
    return found


def _matching(files: Sequence[str], pattern: str) -> list[str]:
    try:
        glob = globs.parse(pattern)
    except globs.GlobError as error:
        raise Declined(str(error)) from error
    return [file for file in files if glob.matches(file)]
