"""The worker's line to the scheduler: requests up, answers down, from whatever thread or event loop.

Imported before anything else, so only from the standard library.
"""

import itertools
import json
import os
import threading
from concurrent.futures import Future
from typing import Any, BinaryIO

__all__ = ["Channel", "private_streams"]


def private_streams() -> tuple[BinaryIO, BinaryIO]:
    """What the scheduler says, and where it is spoken to.

    From here on 0 is empty and 1 leads where 2 does: a program may read and print as it likes without being taken for the worker.
    """
    heard, said = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return os.fdopen(heard, "rb"), os.fdopen(said, "wb")


class Channel:
    """One conversation. `line_limit` is the scheduler's, in bytes."""

    def __init__(self, heard: BinaryIO, said: BinaryIO) -> None:
        self._heard = heard
        self._said = said
        self._numbers = itertools.count()
        self._waiting: dict[int, Future[dict[str, Any]]] = {}
        self._lock = threading.Lock()
        self.line_limit = 0

    def hello(self) -> dict[str, Any]:
        """The first line. What comes after it is listened to by a thread of its own."""
        hello: dict[str, Any] = json.loads(self._heard.readline())
        self.line_limit = hello["line_limit"]
        threading.Thread(target=self._listen, name="swarm-channel", daemon=True).start()
        return hello

    def ask(self, kind: str, **content: Any) -> "Future[dict[str, Any]]":
        """Sends a request; its answer holds either `value` or `error`.

        Raises:
            ValueError, TypeError: JSON cannot hold it, or it is too long.
        """
        number = next(self._numbers)
        line = self._line({"id": number, "kind": kind, **content})
        asked: Future[dict[str, Any]] = Future()
        with self._lock:
            self._waiting[number] = asked
            self._send(line)
        return asked

    def tell(self, kind: str, **content: Any) -> None:
        """Says what has no answer.

        Raises:
            ValueError, TypeError: JSON cannot hold it, or it is too long.
        """
        line = self._line({"kind": kind, **content})
        with self._lock:
            self._send(line)

    def _line(self, message: dict[str, Any]) -> bytes:
        line = json.dumps(message, ensure_ascii=False, allow_nan=False).encode() + b"\n"
        if len(line) > self.line_limit:
            raise ValueError(
                f"{message['kind']}: {len(line):,} bytes are more than the {self.line_limit:,} that go to the scheduler at once"
            )
        return line

    def _send(self, line: bytes) -> None:
        self._said.write(line)
        self._said.flush()

    def _listen(self) -> None:
        for line in self._heard:
            self._answered(json.loads(line))
        os._exit(1)  # the scheduler is dead: whatever is still at work here works for nobody

    def _answered(self, answer: dict[str, Any]) -> None:
        with self._lock:
            asked = self._waiting.pop(answer["id"])
        if asked.set_running_or_notify_cancel():  # it may no longer be wanted
            asked.set_result(answer)
