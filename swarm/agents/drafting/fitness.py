"""What a draft may not hold, whoever wrote it: whatever would run, or reach, before a person has read it.

`swarm validate` runs a plan's own commands (`listed_by`, `setup`, `requires`), and drafting proves like it. A text in which they stand is
neither proved nor ever written. The same goes for a text that is no clean YAML, since nobody could say what else stands in it, and for
characters that a person who reads the plan would not see. Decided on the values as they were written, before anything is made of them.
"""

import json
import posixpath
from collections.abc import Iterator
from typing import Any, Final

from swarm.agents.tools.answers import harmless
from swarm.plans.problems import Location, Problem
from swarm.plans.programs import BUILT_IN
from swarm.plans.yaml_text import YamlText, read_yaml

__all__ = ["FILE", "unfit"]

FILE: Final = "plan.yaml"
"""The name that problems of a draft give it."""

_ANY: Final = "*"
_TASK: Final = ("categories", _ANY, "tasks", _ANY)
_MODEL: Final = "which model works is the user's choice: leave lm out"
_AT_ONCE: Final = "it would run a command of yours before anyone has read the plan: leave it out; the user may add it"
_REFUSED: Final[tuple[tuple[tuple[str, ...], str], ...]] = (
    (("gaps", _ANY, "listed_by"), f"{_AT_ONCE}. Find this gap by files with ast, containing or lacking, or by missing"),
    (("workspace", "setup"), _AT_ONCE),
    (("workspace", "requires"), _AT_ONCE),
    (("mcp",), "it starts servers, which are the user's to choose: leave it out; the user may add it"),
    (("lm",), _MODEL),
    (("agents", _ANY, "lm"), _MODEL),
    ((*_TASK, "lm"), _MODEL),
    (("agents", _ANY, "state"), "it names a file beside the plan, and a draft has none: leave it out"),
    (
        (*_TASK, "do"),
        "a draft brings no files and no commands of its own, so its tasks are done by agents: leave do out; the user may add it",
    ),
)
_PROGRAMS: Final = (("agents", _ANY, "program"), (*_TASK, "program"))


def unfit(text: str, workspace: str) -> tuple[Problem, ...]:
    """Why a text can be no draft; empty where it can. Reads nothing and runs nothing.

    Args:
        workspace: what its `workspace:` must say.
    """
    hidden = tuple(_hidden(text))
    source = read_yaml(text, FILE)
    if hidden or source.problems:
        return hidden or source.problems
    if not isinstance(source.value, dict):
        return (Problem(FILE, 1, 1, "wrong-type", "a plan is a mapping that begins with plan: NAME"),)
    return tuple(sorted([*_forbidden(source), *_elsewhere(source, workspace)]))


def _hidden(text: str) -> Iterator[Problem]:
    for number, line in enumerate(text.split("\n"), 1):
        if harmless(line) != line:
            column = next(at for at, (one, other) in enumerate(zip(line, harmless(line), strict=False), 1) if one != other)
            yield Problem(
                FILE, number, column, "syntax", "a character that nobody sees stands here: write it without, or as an escape in quotes"
            )


def _forbidden(source: YamlText) -> Iterator[Problem]:
    for pattern, why in _REFUSED:
        for at, _ in _places(source.value, pattern):
            yield _problem(source, at, f"{at[-1]} is not for a draft: {why}")
    for pattern in _PROGRAMS:
        for at, value in _places(source.value, pattern):
            if value not in BUILT_IN:
                yield _problem(source, at, f"a draft's agents work by {', '.join(BUILT_IN)}: leave program out; the user may name another")


def _places(value: Any, pattern: tuple[str, ...], at: Location = ()) -> Iterator[tuple[Location, Any]]:
    """Where a pattern of keys leads, and what stands there."""
    if not pattern:
        yield at, value
    elif isinstance(value, dict):
        for key in value if pattern[0] == _ANY else [pattern[0]] if pattern[0] in value else []:
            yield from _places(value[key], pattern[1:], (*at, key))


def _elsewhere(source: YamlText, workspace: str) -> Iterator[Problem]:
    given = source.value.get("workspace")
    path = given.get("path") if isinstance(given, dict) else given
    if not isinstance(path, str) or posixpath.normpath(path) != posixpath.normpath(workspace):
        mark = source.mark(("workspace",))
        text = f"the workspace of this plan is {json.dumps(workspace, ensure_ascii=False)}, written so, and no other"
        yield Problem(FILE, *mark, "wrong-type", text)


def _problem(source: YamlText, at: Location, text: str) -> Problem:
    return Problem(FILE, *source.mark(at, key=True), "unknown-key", text)
