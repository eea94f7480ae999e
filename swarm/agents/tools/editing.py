"""Changing the workspace: exact replacements, several in one go and all or nothing; and whole files."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from swarm.agents.tools.answers import cut, placeless
from swarm.agents.tools.calling import Declined, answering
from swarm.agents.tools.diffs import unified
from swarm.agents.tools.places import places_of
from swarm.agents.tools.replacing import replaced
from swarm.agents.tools.syntax import syntax
from swarm.agents.tools.texts import TEXT_BYTES, PathText, content_if_any, content_of, inside
from swarm.errors import AttemptTimedOut, Refusal
from swarm.workspace.desk import Desk

__all__ = ["Checks", "Edit", "Editing"]

Checks = Callable[[], Awaitable[str]]
"""Runs the task's checks, and says how they came out."""

_DIFF: Final = 5_000
_DIFF_BESIDE_CHECKS: Final = 3_500
_CHECKS: Final = 3_500
_MOST_EDITS: Final = 50


class Edit(BaseModel):
    """An exact replacement in one file: `old` must occur exactly once. An empty `old` makes a new file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: PathText
    old: str
    new: str


def _listed(edits: Any) -> Any:
    """What models give for a list: its JSON, or its only item."""
    if isinstance(edits, str):
        try:
            edits = json.loads(edits)
        except (ValueError, RecursionError):
            return edits
    return [edits] if isinstance(edits, (Mapping, Edit)) else edits


Edits = Annotated[list[Edit], Field(min_length=1, max_length=_MOST_EDITS), BeforeValidator(_listed)]


@dataclass(frozen=True, slots=True)
class _Change:
    """A file before (None: there was none) and after."""

    path: str
    before: str | None
    after: str


@dataclass(frozen=True, slots=True)
class Editing:
    """The tools that write."""

    desk: Desk
    checks: Checks | None = None

    @answering
    async def edit_file(self, edits: Edits, then_check: bool = False) -> str:
        """Replaces exact pieces of text in one or several files. All of the edits are made, or none.

        `old` must occur exactly once in the file: copy it with its white space, without line numbers, and with enough lines around it.
        Edits of one file are made in order, each in what the one before has left. Answers with a unified diff and a syntax check for
        each file, and with the outcome of the task's checks if wanted: the diff is cut after 5,000 characters (3,500 beside checks), the
        checks after 3,500. At most 50 edits in one call; files of more than 1,000,000 bytes are not edited.

        Args:
            edits: a list of {"path": "src/a.py", "old": "text that is there", "new": "text to put there"}; "old": "" makes a new file.
            then_check: run the task's checks afterwards.
        """
        texts = await _texts(self.desk, edits)
        changes = await asyncio.to_thread(_edited, edits, texts)
        await asyncio.to_thread(_write, self.desk, changes)
        told = await asyncio.to_thread(_told, changes, _DIFF_BESIDE_CHECKS if then_check else _DIFF)
        return f"{told}\n{await self._checked()}" if then_check else told

    @answering
    async def write_file(self, path: PathText, content: Annotated[str, Field(max_length=TEXT_BYTES)]) -> str:
        """Makes a file, or replaces all of its content; missing folders are made. To change a part of a file, edit_file is better.

        Answers with a diff, cut after 5,000 characters, and a syntax check. At most 1,000,000 characters.

        Args:
            path: relative to the workspace.
            content: everything that the file shall hold, its last line end included.
        """
        path = inside(path)
        _require_in_scope(self.desk, path)
        before = await content_if_any(self.desk, path)
        change = _Change(path, None if before is None else before.decode("utf-8", "backslashreplace"), content)
        if before == content.encode("utf-8"):
            return f"{path} holds exactly that already; nothing changed"
        await asyncio.to_thread(_write, self.desk, [change])
        return await asyncio.to_thread(_told, [change], _DIFF)

    async def _checked(self) -> str:
        if self.checks is None:
            return "checks: this task has none that can be run here"
        try:
            outcome = await self.checks()
        except AttemptTimedOut:
            raise
        except Refusal as refusal:
            outcome = str(refusal)
        return f"checks:\n{cut(placeless(outcome, places_of(self.desk)), _CHECKS)}"


def _require_in_scope(desk: Desk, path: str) -> None:
    """Lets the desk refuse what it would refuse, in its words and before anything is done."""
    if not desk.in_scope(path):
        desk.write(path, b"")


async def _texts(desk: Desk, edits: Sequence[Edit]) -> dict[str, str | None]:
    """The files to edit as they are; None for those to be made."""
    texts: dict[str, str | None] = {}
    for edit in edits:
        path = inside(edit.path)
        _require_in_scope(desk, path)
        if path not in texts:
            content = await (content_of if edit.old else content_if_any)(desk, path)
            texts[path] = None if content is None else _decoded(path, content)
    return texts


def _decoded(path: str, content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Declined(f"{path} is not UTF-8 text: change it by a command with run") from error


def _edited(edits: Sequence[Edit], texts: Mapping[str, str | None]) -> list[_Change]:
    """What the edits make of the files.

    Raises:
        Declined: one of them does not fit; the text names it.
    """
    after = dict(texts)
    for number, edit in enumerate(edits, 1):
        path = inside(edit.path)
        try:
            after[path] = _after(after[path], edit)
        except Declined as declined:
            which = f"edit {number} of {len(edits)}, " if len(edits) > 1 else ""
            raise Declined(f"Nothing was changed. {which}{path}: {declined}") from declined
    changes = [_Change(path, texts[path], text) for path, text in after.items() if text is not None and text != texts[path]]
    if not changes:
        raise Declined("Nothing was changed: together the edits leave every file as it was")
    return changes


def _after(text: str | None, edit: Edit) -> str:
    if edit.old:
        return replaced(text or "", edit.old, edit.new)
    if text:
        raise Declined("the file is there already: say in old which text to replace, or use write_file")
    return edit.new


def _write(desk: Desk, changes: Sequence[_Change]) -> None:
    """Writes all of the files. What is known to be refused was refused before; if one fails now, those before it are put back."""
    # New files come last: the desk cannot take one away again.
    contents = [(change, change.after.encode("utf-8")) for change in sorted(changes, key=lambda change: change.before is None)]
    written: list[_Change] = []
    try:
        for change, content in contents:
            desk.write(change.path, content)
            written.append(change)
    except BaseException:
        for change in written:
            if change.before is not None:
                desk.write(change.path, change.before.encode("utf-8"))
        raise


def _told(changes: Sequence[_Change], limit: int) -> str:
    diff = "\n".join(unified(change.path, change.before, change.after) for change in changes)
    return "\n".join([cut(diff, limit), *(syntax(change.path, change.after, change.before) for change in changes)])
