"""A model that knows its work: it reads, changes, runs and hands in by whatever tools a request offers, native or in text.

It decides from the conversation alone: what it has not done yet comes next. So it can be interrupted, resumed and asked by many at
once, and does not care how the client shows it the tools' answers.
"""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from .formats import complete, render, wanted_fields
from .protocol import Answer, Call, Chat
from .schemas import Schema, invent, resolve
from .tools import Offer, offers, past_calls

__all__ = ["Coder", "Edit", "Lesson"]

# Known names, the preferred first: other clients name the same tools otherwise.
_READ: Final = ("read_file", "read", "view")
_EDIT: Final = ("edit_file", "edit_files", "edit", "str_replace")
_WRITE: Final = ("write_file", "write_files", "write", "create_file")
_RUN: Final = ("run", "run_command", "shell", "bash")
_FINISH: Final = ("finish", "submit", "done")
_PARAMETERS: Final[Mapping[str, tuple[str, ...]]] = {
    "path": ("path", "file", "filename", "file_path"),
    "old": ("old", "old_text", "old_string", "old_str", "find", "search", "before"),
    "new": ("new", "new_text", "new_string", "new_str", "replace", "replacement", "after"),
    "content": ("content", "contents", "text", "body"),
    "command": ("command", "cmd", "argv", "line"),
    "changes": ("edits", "changes", "replacements", "files", "writes"),
}
_ROLES: Final = {name: role for role, names in _PARAMETERS.items() for name in names}
_PAYLOADS: Final = ("handoff", "payload", "result", "answer")


@dataclass(frozen=True, slots=True)
class Edit:
    """The exact replacement of a text in a file."""

    path: str
    old: str
    new: str

    @property
    def values(self) -> dict[str, Any]:
        return {"path": self.path, "old": self.old, "new": self.new}


@dataclass(frozen=True, slots=True)
class Lesson:
    """What is right when a prompt mentions something."""

    mentions: str
    """A text in the prompt; an empty one fits every prompt."""
    edits: Sequence[Edit] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    """Files to write: path to whole content."""
    reads: Sequence[str] = ()
    """Files to read first, before those that are edited, which are read anyway."""
    commands: Sequence[str] = ()
    """What to run before handing in."""
    payload: Mapping[str, Any] = field(default_factory=dict)
    """Output fields. Fields that are wanted and not here get the plainest value of their type."""

    @property
    def to_read(self) -> list[str]:
        return list(dict.fromkeys((*self.reads, *(edit.path for edit in self.edits))))

    def is_shown(self, path: str, prompt: str) -> bool:
        """Whether each line to replace in a file stands in the prompt, behind its number perhaps."""
        lines = [line for edit in self.edits if edit.path == path for line in edit.old.splitlines()]
        return bool(lines) and path not in self.reads and all(line in prompt for line in lines)


class Coder:
    """A script that does what its lessons say: the first whose text the prompt mentions.

    Args:
        lessons: in the order in which they are tried.
        looks: reads the files first, as far as a tool for it is offered and the prompt does not show already what is to be replaced.
    """

    def __init__(self, *lessons: Lesson, looks: bool = True) -> None:
        self.lessons = lessons
        self.looks = looks

    def __call__(self, chat: Chat) -> Answer:
        lesson, wanted, offered = self._lesson(chat), wanted_fields(chat), offers(chat)
        if chat.tools or wanted.keys() & {"next_tool_name", "tool_calls", "calls"}:
            calls = next(self._unfinished(chat, lesson, offered), [])
            return _act(chat, wanted, lesson, calls)
        return Answer(render(chat, complete(wanted, lesson.payload)) if wanted else "Done.")

    def _lesson(self, chat: Chat) -> Lesson:
        for lesson in self.lessons:
            if lesson.mentions in chat.prompt:
                return lesson
        raise AssertionError(f"no lesson fits the prompt of chat {chat.number}: {chat.prompt[-500:]!r}")

    def _unfinished(self, chat: Chat, lesson: Lesson, offered: Mapping[str, Offer]) -> Iterator[list[Call]]:
        """For each stage with something left, what is left of it. Handing in is never over."""
        done = past_calls(chat)
        for stage in self._stages(chat, lesson, offered):
            if left := [call for call in stage if call not in done]:
                yield left
        finish = _offered(offered, _FINISH)
        yield [Call(finish.name, _payload(finish, lesson))] if finish else []

    def _stages(self, chat: Chat, lesson: Lesson, offered: Mapping[str, Offer]) -> Iterator[list[Call]]:
        reader = _offered(offered, _READ)
        if reader and self.looks:
            yield [_call(reader, {"path": path}) for path in lesson.to_read if not lesson.is_shown(path, chat.prompt)]
        yield [
            *_changes(offered, _EDIT, [edit.values for edit in lesson.edits]),
            *_changes(offered, _WRITE, [{"path": path, "content": content} for path, content in lesson.files.items()]),
        ]
        runner = _offered(offered, _RUN)
        if runner:
            yield [_call(runner, {"command": command}) for command in lesson.commands]


def _act(chat: Chat, wanted: Mapping[str, Schema], lesson: Lesson, calls: Sequence[Call]) -> Answer:
    """Says the calls natively where tools are offered so, else in the fields of `ReAct`, `ReActV2` or a turn."""
    now = calls if chat.parallel else calls[:1]
    if chat.tools:
        said = complete(wanted, {"next_thought": _thought(now), **lesson.payload})
        return Answer(render(chat, said) if said else "" if now else "Done.", tuple(now))
    known: dict[str, Any] = {name: _thought(now) for name in ("next_thought", "thought")}
    known["tool_calls"] = {"tool_calls": [{"name": call.name, "args": call.arguments} for call in now]}
    known["calls"] = [{"tool": call.name, "args": call.arguments} for call in now]
    if calls:
        known |= {"next_tool_name": calls[0].name, "next_tool_args": calls[0].arguments}
    return Answer(render(chat, complete(wanted, known)))


def _thought(calls: Sequence[Call]) -> str:
    return f"Next: {', '.join(call.name for call in calls) or 'nothing'}."


def _offered(offered: Mapping[str, Offer], names: Sequence[str]) -> Offer | None:
    return next((offered[name] for name in names if name in offered), None)


def _changes(offered: Mapping[str, Offer], names: Sequence[str], changes: Sequence[Mapping[str, Any]]) -> Iterator[Call]:
    """One call for all changes, one for each path or one for each change, as the tool takes them."""
    tool = _offered(offered, names)
    if changes and not tool:
        raise AssertionError(f"none of {', '.join(names)} is offered for {[change['path'] for change in changes]}: {', '.join(offered)}")
    if not tool or not changes:
        return
    roles = {_ROLES.get(name) for name in tool.properties}
    if "changes" not in roles:
        yield from (_call(tool, change) for change in changes)
    elif "path" not in roles:
        yield _call(tool, {"changes": changes})
    else:
        for path in dict.fromkeys(change["path"] for change in changes):
            yield _call(tool, {"path": path, "changes": [change for change in changes if change["path"] == path]})


def _call(tool: Offer, values: Mapping[str, Any]) -> Call:
    return Call(tool.name, _filled(tool.parameters, tool.parameters, values))


def _filled(schema: Schema, root: Schema, values: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments by the names of the schema; what is required and unknown gets the plainest value."""
    filled = {}
    for name, parameter in schema.get("properties", {}).items():
        role = _ROLES.get(name, "")
        if role in values:
            filled[name] = _shaped(resolve(parameter, root), root, values[role])
        elif name in schema.get("required", ()):
            filled[name] = invent(parameter, root)
    return filled


def _shaped(schema: Schema, root: Schema, value: Any) -> Any:
    if schema.get("type") == "array" and isinstance(value, str):
        return shlex.split(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        item = resolve(schema.get("items", {}), root)
        return [_filled(item, root, each) for each in value]
    return value


def _payload(finish: Offer, lesson: Lesson) -> dict[str, Any]:
    """By the tool's parameters; the whole payload where there is one parameter for it."""
    whole = [name for name in finish.properties if name in _PAYLOADS and name not in lesson.payload]
    known = {**{name: dict(lesson.payload) for name in whole if lesson.payload}, **lesson.payload}
    given = finish.properties.keys() & known.keys() | finish.required
    return {name: known[name] if name in known else invent(finish.properties[name], finish.parameters) for name in sorted(given)}
