"""A page of the documents, followed to the letter: its files are written, its commands typed, and what they print is what it shows.

The page tells a reader what to do with a block in the line above it, and that same line tells a test: there is no hidden mark-up
that could say something else. What may differ from what is shown is the small set below, and whatever a line `…` stands for.
"""

import re
import shlex
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Block", "blocks", "compare", "edited", "follow", "write"]

_BLOCK = re.compile(r"(?:^(?P<label>.+)\n\n)?^```(?P<language>\w+)\n(?P<text>(?:.*\n)*?)```$", re.MULTILINE)
_LABEL = re.compile(r"`(?P<path>[^`]+)`(?:, (?P<how>at the end|now whole|(?:below|in place of) `(?P<entry>[^`]+)`))?:")
_LEFT_OUT = "…"
_VARYING = re.compile(
    r"(?P<time>\b\d\d:\d\d:\d\d\b)|(?P<date>\b\d{4}-\d\d-\d\d\b)|(?P<seconds> *\b\d+\.\d s\b)"
    r"|(?P<count>\b[\d,]+ (?:characters|tokens|ms)\b)|(?P<dollars>(?<!\b0 model calls, )\$\d+\.\d\d)"
    r"|(?P<hash>\b(?=[a-f]*\d)[0-9a-f]{7,64}\b)"
)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of the page.

    Attributes:
        line: of its fence in the page, from 1.
        label: the paragraph above it, if that is one line.
    """

    line: int
    label: str | None
    language: str
    text: str


def blocks(page: str) -> list[Block]:
    found = [Block(_line_at(page, one.start("language")), *one.group("label", "language", "text")) for one in _BLOCK.finditer(page)]
    assert page.count("```") == 2 * len(found), "a fence without a language, or without an end"
    return found


def _line_at(page: str, position: int) -> int:
    return page.count("\n", 0, position) + 1


def follow(page: str, shell: Any) -> None:
    """Does all that a page says, and compares what it shows."""
    for block in blocks(page):
        try:
            _type(block, shell) if block.language == "console" else _write(block, shell)
        except AssertionError as error:
            error.add_note(f"in the block on line {block.line} of the guide")
            raise


def write(page: str, shell: Any) -> None:
    """Leaves the files that a page ends with, and types nothing."""
    for block in blocks(page):
        if block.language != "console":
            _write(block, shell)


# Files


def _write(block: Block, shell: Any) -> None:
    label = _LABEL.fullmatch(block.label or "")
    assert label, f"what is to be done with the block under {block.label!r}?"
    file = shell.folder / label["path"]
    if label["how"] is None:
        shell.write(label["path"], block.text)
    elif label["how"] == "now whole":
        assert file.read_text() == block.text, f"{label['path']} looks like this:\n{file.read_text()}\nand not like this:\n{block.text}"
    else:
        file.write_text(edited(file.read_text(), label["how"], label["entry"], block.text))


def edited(old: str, how: str, entry: str | None, new: str) -> str:
    if entry is None:
        return old + new
    start, end = _span(old, entry)
    return old[: end if how.startswith("below") else start] + new + old[end:]


def _span(text: str, entry: str) -> tuple[int, int]:
    """From where to where an entry goes: its line, and all that is indented under it."""
    found = list(re.finditer(rf"^( *){re.escape(entry)}\n(?:\1 +.*\n)*", text, re.MULTILINE))
    assert len(found) == 1, f"{entry!r} is {len(found)} times in the file, and has to be once"
    return found[0].span()


# Commands


def _type(block: Block, shell: Any) -> None:
    for command, shown in _commands(block.text):
        refused = any(" error: " in line and not line.startswith("swarm: ") for line in shown)
        compare(command, shown, _printed(command, shell, refused))


def _commands(text: str) -> Iterator[tuple[str, list[str]]]:
    """Each command with the lines shown under it."""
    assert text.startswith("$ "), "a console block begins with a command"
    for one in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, *shown = one.splitlines()
        yield command, shown


def _printed(command: str, shell: Any, refused: bool) -> str:
    """What a command prints: a run's id and documents first, then progress."""
    program, *arguments = shlex.split(command)
    if program == "export":
        shell.environment.update(argument.split("=", 1) for argument in arguments)
        return ""
    return _swarm(arguments, shell, refused) if program == "swarm" else _other(command, shell)


def _swarm(arguments: Sequence[str], shell: Any, refused: bool) -> str:
    process = shell.start(*arguments)
    output, errors = process.communicate()
    assert not re.search("^Traceback", errors, re.MULTILINE), errors  # an indented one is what a check printed
    assert (process.returncode == 2) == refused, f"`swarm {arguments[0]}` ended with {process.returncode}:\n{errors}"
    return str(output + errors)


def _other(command: str, shell: Any) -> str:
    """A command of the system, which has to succeed."""
    ended = subprocess.run(["sh", "-c", command], cwd=shell.folder, env=shell.environment, capture_output=True, text=True)
    assert ended.returncode == 0, f"`{command}` ended with {ended.returncode}:\n{ended.stderr}"
    return ended.stdout + ended.stderr


def compare(command: str, shown: Sequence[str], printed: str) -> None:
    said = "".join(f"{line}\n" for line in shown)
    alike = _pattern(shown).fullmatch(printed) is not None
    assert alike, f"`{command}` is shown with\n{said}\nand prints\n{printed}"


def _pattern(shown: Sequence[str]) -> re.Pattern[str]:
    return re.compile("".join("(?:.*\n)*?" if line == _LEFT_OUT else _line(line) for line in shown))


def _line(shown: str) -> str:
    """A pattern for one line: times, hashes, and what a prompt's length decides vary; everything else is as shown."""
    pattern, end = "", 0
    for varying in _VARYING.finditer(shown):
        pattern += re.escape(shown[end : varying.start()]) + _any_like(varying)
        end = varying.end()
    return pattern + re.escape(shown[end:]) + "\n"


def _any_like(varying: re.Match[str]) -> str:
    match varying.lastgroup:
        case "time":
            return r"\d\d:\d\d:\d\d"
        case "date":
            return r"\d{4}-\d\d-\d\d"
        case "seconds":
            return r" *\d+\.\d s"
        case "count":
            return rf"[\d,]+ {varying[0].split()[1]}"
        case "dollars":
            return r"\$\d+\.\d\d"
        case _:
            return rf"[0-9a-f]{{{len(varying[0])}}}"
