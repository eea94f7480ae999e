"""The desk, as a program in a worker sees it: the scheduler's real one carries everything out, scope and sandbox included."""

import asyncio
import base64
import builtins
from collections.abc import Sequence
from typing import Any

import swarm.errors
from swarm.agents.programs.worker.channel import Channel
from swarm.workspace.processes import Outcome

__all__ = ["AsyncDesk", "SyncDesk", "value_of"]


class _Desk:
    """What is plain for every program: a file is read and written in no time."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def read(self, path: str) -> bytes:
        """A file's content.

        Raises:
            FileNotFoundError: there is none.
            ScopeBreach: the path is no regular file inside the worktree.
        """
        return base64.b64decode(value_of(self._channel.ask("read", path=str(path)).result()))

    def write(self, path: str, content: bytes | str) -> bool:
        """Makes a file's content; says whether it changed.

        Raises:
            ScopeBreach: the path is outside the task's scope; the text names whose it is.
        """
        raw = content.encode() if isinstance(content, str) else content
        changed = self._channel.ask("write", path=str(path), content=base64.b64encode(raw).decode()).result()
        return bool(value_of(changed))

    def note(self, text: str) -> None:
        """Leaves a remark in the attempt's record: at most 2,000 characters, and 100 remarks."""
        value_of(self._channel.ask("note", text=text).result())


class SyncDesk(_Desk):
    """For `forward`."""

    def list_files(self) -> list[str]:
        """The files that count, sorted."""
        return list(value_of(self._channel.ask("list_files").result()))

    def run(self, command: str | Sequence[str], seconds: float | None = None) -> Outcome:
        """Runs shell text or a list of words in the worktree's root."""
        return _outcome(self._channel.ask("run", **_run(command, seconds)).result())


class AsyncDesk(_Desk):
    """For `aforward`."""

    async def list_files(self) -> list[str]:
        """The files that count, sorted."""
        return list(value_of(await asyncio.wrap_future(self._channel.ask("list_files"))))

    async def run(self, command: str | Sequence[str], seconds: float | None = None) -> Outcome:
        """Runs shell text or a list of words in the worktree's root."""
        return _outcome(await asyncio.wrap_future(self._channel.ask("run", **_run(command, seconds))))


def value_of(answer: dict[str, Any]) -> Any:
    """What was answered, or the error of the class that the scheduler names."""
    if "error" in answer:
        raise _kind(answer["error"])(answer["text"])
    return answer["value"]


def _kind(name: str) -> type[Exception]:
    found = getattr(swarm.errors, name, None) or getattr(builtins, name, None)
    known = isinstance(found, type) and issubclass(found, (swarm.errors.Refusal, OSError))
    return found if known else RuntimeError  # type: ignore[return-value] # of one of the two kinds, seen just now


def _run(command: str | Sequence[str], seconds: float | None) -> dict[str, Any]:
    words = command if isinstance(command, str) else [str(word) for word in command]
    return {"command": words, "seconds": None if seconds is None else float(seconds)}


def _outcome(answer: dict[str, Any]) -> Outcome:
    return Outcome(**value_of(answer))
