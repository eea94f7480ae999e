"""What an attempt asks of models, as rows and texts; and a record of them in memory. The port is `swarm.engine.calls.CallRecord`.

A row stands under task, attempt, request key and occurrence: the how-manieth time that this attempt asked exactly this. Two equal
questions of one attempt (a second sample, say) so get their own answers, in order, and calls that an attempt makes side by side are
found in whatever order they come. An attempt leaves the recorded path question by question: what differs is asked anew, and an
answer to a question that is asked again is never paid again.

Texts are kept once, by content hash. A conversation repeats what was said before in each request, so a request is kept as a chain
of links, each naming its predecessor: requests that begin alike share the links of their beginning, and a conversation costs what
it adds, whether it adds messages or lengthens one.
"""

import asyncio
import hashlib
import json
import threading
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from swarm.engine.calls import CallRecord, CallRow, ToolRow

__all__ = ["Caller", "MemoryRecord", "chained", "unchained"]

_LINK_CHARS: Final = 2048


class Caller:
    """Who asks: an attempt, and how far it has come. Each start of an attempt needs a new one; it goes into `dspy.context(swarm_call=…)`.

    Args:
        task: its name.
        category: of the task.
        attempt: its number; the one of the interrupted attempt when that is started again.
    """

    def __init__(self, task: str, category: str, attempt: int) -> None:
        self.task = task
        self.category = category
        self.attempt = attempt
        self.unanswered: dict[int, float] = {}
        """The questions that wait for an answer now, by number: since when, on the clock of the lines."""
        self._number = 0
        self._occurrences: Counter[str] = Counter()
        self._lock = threading.Lock()

    def asks(self, key: str) -> tuple[int, int]:
        """Counts a question: its number in the attempt and its occurrence, both from 1."""
        with self._lock:
            self._number += 1
            self._occurrences[key] += 1
            return self._number, self._occurrences[key]


class MemoryRecord:
    """A record that ends with its process. Safe to share between threads.

    Args:
        rows: to begin with.
        texts: that they name.
    """

    def __init__(self, rows: Iterable[CallRow] = (), texts: Mapping[str, str] | None = None) -> None:
        self.rows: list[CallRow] = []
        self.texts: dict[str, str] = dict(texts or {})
        self.tools: dict[tuple[str, int, int, str], ToolRow] = {}
        self._by_question: defaultdict[tuple[str, int, str, int], list[CallRow]] = defaultdict(list)
        self._lock = threading.Lock()
        for row in rows:
            self._add(row)

    def recorded(self, task: str, attempt: int, key: str, occurrence: int) -> CallRow | None:
        with self._lock:
            rows = self._by_question.get((task, attempt, key, occurrence), [])
            answers = [row for row in rows if row.response is not None]
            return next(iter(answers or rows[-1:]), None)

    def text(self, digest: str) -> str:
        return self.texts[digest]

    async def put(self, row: CallRow, texts: Mapping[str, str]) -> None:
        await asyncio.sleep(0)  # a record on disk gives way too: let tests meet it
        with self._lock:
            self.texts.update(texts)
            self._add(row)

    def told(self, task: str, attempt: int, number: int, key: str) -> str | None:
        with self._lock:
            row = self.tools.get((task, attempt, number, key))
            return None if row is None else self.texts[row.answer]

    async def put_tool(self, row: ToolRow, texts: Mapping[str, str]) -> None:
        await asyncio.sleep(0)
        with self._lock:
            self.texts.update(texts)
            self.tools[row.task, row.attempt, row.number, row.key] = row

    def _add(self, row: CallRow) -> None:
        self.rows.append(row)
        self._by_question[(row.task, row.attempt, row.key, row.occurrence)].append(row)


def chained(request: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    """A request's JSON as a chain of links.

    Returns:
        The hash of the last link, and all links by hash.
    """
    last, links = "", {}
    for piece in _pieces(request):
        link = _dumps([last, *piece])
        last = hashlib.sha256(link.encode()).hexdigest()
        links[last] = link
    return last, links


def unchained(last: str, record: CallRecord) -> dict[str, Any]:
    """The request whose last link has this hash."""
    texts: list[str] = []
    while last:
        last, text, ends = json.loads(record.text(last))
        texts.append(text + "\n" * ends)
    rest, *messages = [json.loads(text) for text in "".join(reversed(texts)).splitlines()]
    return {**rest, "messages": messages}


def _pieces(request: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
    """What does not change within a conversation comes first, then message by message; long texts in lengths."""
    rest = {name: value for name, value in request.items() if name != "messages"}
    for part in (rest, *request["messages"]):
        text = _dumps(part)
        for start in range(0, len(text), _LINK_CHARS):
            yield text[start : start + _LINK_CHARS], start + _LINK_CHARS >= len(text)


def _dumps(value: Any) -> str:
    """In ASCII, so that no character of a text can be taken for a line's end."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
