"""The trail of an attempt: everything that chance or the outside told its agent, in order, so that it can be walked again.

Model calls are recorded by `swarm.agents.lm`. Here are the texts that came from elsewhere: what the agent was shown at first, and what its
tools answered. Walking again, the recorded texts are given, so the same questions are asked of the model and the record answers them. What
changes the worktree is done again, since the attempt starts from its clean base; if that ends otherwise than it did, the attempt has left
the recorded path and goes on with what is true now.
"""

from collections import Counter
from collections.abc import Awaitable, Callable
from enum import Enum
from time import perf_counter
from typing import Any

from swarm.engine.calls import CallRecord, ToolRow
from swarm.errors import NotRecorded
from swarm.signatures.canonical import digest, sha256

__all__ = ["Trail", "Way"]


class Way(Enum):
    """How a trail is walked."""

    ON = "on"
    """Along what is recorded, as far as it goes, and on from there."""
    ANEW = "anew"
    """Everything is done, whatever is recorded."""
    ALONE = "alone"
    """Only along what is recorded where the outside is concerned: nothing is asked of anybody."""


class Trail:
    """The texts of one start of an attempt.

    Each step's key holds the key and the answer of the one before. So a step that was recorded after other answers than those of now is
    not found: rows of a path that was left are never believed.

    Args:
        record: where they are looked for and written down.
        task: its name.
        attempt: the number that the attempt is recorded under: that of the interrupted attempt when it is started again.
        way: whether there is something to follow.
        in_order: whether steps come one after the other. Where they do not, as in threads of a user's program, each stands for itself:
            the how-manieth time that this attempt asked exactly this.
    """

    def __init__(self, record: CallRecord, task: str, attempt: int, way: Way = Way.ON, *, in_order: bool = True) -> None:
        self._record = record
        self._task = task
        self._attempt = attempt
        self._way = way
        self._in_order = in_order
        self._last = ""
        self._counted: Counter[str] = Counter()

    async def step(self, what: str, given: Any, do: Callable[[], Awaitable[str]], *, changes: bool = False, outside: bool = False) -> str:
        """The text that something answers.

        Args:
            what: the tool's name, or what else it is.
            given: its arguments, of JSON's types.
            do: does it.
            changes: whether it changes the worktree.
            outside: whether it acts outside of the worktree, which a replay never does.

        Raises:
            NotRecorded: a replay came to such a step, and the record does not know its answer.
        """
        number, key = self._place(digest([what, given]))
        known = None if self._way is Way.ANEW else self._record.told(self._task, self._attempt, number, key)
        if known is None and outside and self._way is Way.ALONE:
            raise NotRecorded(f"what {what} answers at step {number} of {self._task}, attempt {self._attempt}, is not in the record")
        text = known if known is not None and not changes else await self._done(what, number, key, do, known)
        self._last = digest([key, sha256(text.encode())])
        return text

    def _place(self, asked: str) -> tuple[int, str]:
        key = digest([self._last, asked]) if self._in_order else asked
        self._counted["" if self._in_order else key] += 1
        return self._counted["" if self._in_order else key], key

    async def _done(self, what: str, number: int, key: str, do: Callable[[], Awaitable[str]], known: str | None) -> str:
        began = perf_counter()
        text = await do()
        if known is not None and _ended_alike(known, text):
            return known
        await self._put(what, number, key, text, perf_counter() - began)
        return text

    async def _put(self, what: str, number: int, key: str, text: str, seconds: float) -> None:
        hash_ = sha256(text.encode())
        row = ToolRow(task=self._task, attempt=self._attempt, number=number, tool=what, key=key, answer=hash_, seconds=round(seconds, 6))
        await self._record.put_tool(row, {hash_: text})


def _ended_alike(before: str, now: str) -> bool:
    """First lines tell a command's exit status or an edit's first file; times and addresses further down differ without meaning."""
    return before.partition("\n")[0] == now.partition("\n")[0]
