"""Makes components work at the level DEBUG, and reads what they write: JSON lines, each with its correlation id.

`probe_logs.py PATH` judges the logger of one file alone: others may still be on their way. Without a path everything is judged, and
whatever stands on stderr or stdout and is no such line is a complaint. A silent component does not pass: each logger must write when asked.
What the work does not come by is read: no component prints.
"""

import ast
import asyncio
import contextlib
import io
import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import village

__all__ = ["main"]

WANTED = ("timestamp", "level", "logger", "message", "correlation_id")
AT_LEAST = 20  # lines that the whole village writes on its own while it checks itself and fails one task an agent
ASKED = "asked to say something"
BOUND = "probe-of-the-logs"

Line = dict[str, Any]


def main(arguments: list[str]) -> int:
    """Prints what is wrong with the lines; 1 where anything is."""
    village.enter()
    if arguments:
        logging.lastResort = None  # a logger of another file that is not structured yet is none of this file's business
    written = io.StringIO()
    with contextlib.redirect_stderr(written), contextlib.redirect_stdout(written):
        failures = list(_work(arguments, written))
    lines, unstructured = _read(written.getvalue())
    failures += [f"no structured line: {text!r}" for text in unstructured]
    own = sum(line["message"] != ASKED for line in lines)
    if not arguments and own < AT_LEAST:
        failures.append(f"only {own} lines were written; a village at work writes {AT_LEAST} or more")
    for failure in failures:
        print(failure)
    print(f"{len(lines)} lines read, {len(failures)} complaints")
    return 1 if failures else 0


def _work(paths: list[str], written: io.StringIO) -> Iterator[str]:
    """Makes each component work, and says what its lines lack."""
    try:
        from core import registry
        from core.monitoring import structured_logging
    except ImportError as error:
        yield f"structured logging cannot be imported: {error}"
        return
    structured_logging.configure({"": "DEBUG"})
    everything = (*registry.BASES, *registry.AGENTS, *registry.SPECIALIZED, *registry.INFRASTRUCTURE, *registry.INTEGRATION)
    for path in paths or list(registry.paths(everything)):
        yield from _prints(path)
        try:
            cls = registry.component_of(path)
        except Exception as error:  # noqa: BLE001 - a module may fail in any way while it is imported
            yield f"{path} cannot be imported: {type(error).__name__}: {error}"
            continue
        if cls is not None:
            yield from (f"{path}: {failure}" for failure in _probe(cls, not paths, written, structured_logging))
        elif paths:
            yield f"{path} holds no component"


def _prints(path: str) -> Iterator[str]:
    calls = (node.func for node in ast.walk(ast.parse(Path(path).read_text())) if isinstance(node, ast.Call))
    yield from (f"{path} line {call.lineno} prints past the logger" for call in calls if isinstance(call, ast.Name) and call.id == "print")


def _probe(cls: type, whole: bool, written: io.StringIO, logs: Any) -> Iterator[str]:
    """Lets a component check itself and its logger speak; where the file correlates tasks (or all do), a task fails too."""
    start = written.tell()
    asyncio.run(_speak(cls, logs))
    said = [(line["logger"], line["message"], line["correlation_id"]) for line in _read(written.getvalue()[start:])[0]]
    has_logger = hasattr(sys.modules[cls.__module__], "logger")
    if (has_logger or not whole) and (cls.__module__, ASKED, BOUND) not in said:
        yield f"the logger {cls.__module__} wrote no structured line with the id that was bound when it was asked to"
    if "execute_task" in vars(cls) or (whole and hasattr(cls, "execute_task")):
        yield from _fail_a_task(cls, written)


async def _speak(cls: type, logs: Any) -> None:
    component = cls()
    with contextlib.suppress(Exception):  # whether it works is another probe's question
        await component.self_check()
    logs.bind_correlation(BOUND)
    logging.getLogger(cls.__module__).info(ASKED)


def _fail_a_task(cls: Any, written: io.StringIO) -> Iterator[str]:
    start, given, agent = written.tell(), f"task-of-{cls.__name__}", cls()
    agent._process_task = _refuse
    asyncio.run(agent.execute_task({"content": "anything", "correlation_id": given}))
    lines, _ = _read(written.getvalue()[start:])
    if not lines:
        yield "a task failed in silence"
    strangers = sorted({line["correlation_id"] for line in lines} - {given})
    if strangers:
        yield f"the lines of the task {given!r} have the ids {', '.join(strangers)}"


async def _refuse(task: Line) -> Line:
    raise RuntimeError("this task fails on purpose")


def _read(text: str) -> tuple[list[Line], list[str]]:
    """The structured lines, and those that are not."""
    lines: list[Line] = []
    unstructured: list[str] = []
    for one in text.splitlines():
        line = _structured(one)
        if line is None:
            unstructured.append(one)
        else:
            lines.append(line)
    return lines, unstructured


def _structured(text: str) -> Line | None:
    try:
        line = json.loads(text)
    except ValueError:
        return None
    sound = isinstance(line, dict) and all(isinstance(line.get(key), str) for key in WANTED) and line["correlation_id"]
    return line if sound else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
