"""The trail of an attempt: everything that chance or the outside told its agent, in order, so that it can be walked again.

Model calls are recorded by `swarm.agents.lm`. Here are the texts that came from elsewhere: what the agent was shown at first, and what its
tools answered. Walking again, the recorded texts are given, so the same questions are asked of the model and the record answers them. What
changes the worktree is done again, since the attempt starts from its clean base; if that ends otherwise than it did, the attempt has left
the recorded path and goes on with what is true now.
"""

from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any

from swarm.engine.calls import CallRecord, ToolRow
from swarm.signatures.canonical import digest, sha256

__all__ = ["Trail"]


class Trail:
    """The texts of one start of an attempt.

    Args:
        record: where they are looked for and written down.
        task: its name.
        attempt: the number that the attempt is recorded under: that of the interrupted attempt when it is started again.
        walked: whether there may be something to follow. Without it everything is done, and written down.
    """

    def __init__(self, record: CallRecord, task: str, attempt: int, *, walked: bool = True) -> None:
        self._record = record
        self._task = task
        self._attempt = attempt
        self._following = walked
        self._number = 0

    async def step(self, what: str, given: Any, do: Callable[[], Awaitable[str]], *, changes: bool = False) -> str:
        """The text that something answers.

        Args:
            what: the tool's name, or what else it is.
            given: its arguments, of JSON's types.
            do: does it.
            changes: whether it changes the worktree.
        """
        self._number += 1
        key = digest([what, given])
        known = self._record.told(self._task, self._attempt, self._number, key) if self._following else None
        if known is not None and not changes:
            return known
        began = perf_counter()
        text = await do()
        if known is not None and _ended_alike(known, text):
            return known
        self._following = False  # from here on nothing of the record fits
        await self._put(what, key, text, perf_counter() - began)
        return text

    async def _put(self, what: str, key: str, text: str, seconds: float) -> None:
        hash_ = sha256(text.encode())
        row = ToolRow(
            task=self._task, attempt=self._attempt, number=self._number, tool=what, key=key, answer=hash_, seconds=round(seconds, 6)
        )
        await self._record.put_tool(row, {hash_: text})


def _ended_alike(before: str, now: str) -> bool:
    """First lines tell a command's exit status or an edit's first file; times and addresses further down differ without meaning."""
    return before.partition("\n")[0] == now.partition("\n")[0]
