"""The trail of an attempt: what is taken from the record, what is done again, and what is never believed."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from swarm.agents.lm.record import MemoryRecord
from swarm.agents.programs.trail import Trail, Way
from swarm.errors import NotRecorded


def telling(text: str, done: list[str]) -> Callable[[], Awaitable[str]]:
    async def do() -> str:
        done.append(text)
        return text

    return do


def walked(record: MemoryRecord, *steps: tuple[str, str, bool], way: Way = Way.ON) -> tuple[list[str], list[str]]:
    """What the steps answered, and which of them were done. A step is a tool, what it would answer now, and whether it changes files."""

    async def walk() -> tuple[list[str], list[str]]:
        trail, done = Trail(record, "c.t", 1, way), list[str]()
        return [await trail.step(tool, [], telling(text, done), changes=changes) for tool, text, changes in steps], done

    return asyncio.run(walk())


def test_a_second_walk_is_told_the_same_and_does_again_only_what_changes_files() -> None:
    record = MemoryRecord()
    walked(record, ("read", "old", False), ("run", "exit status 0\n1 s", True))
    assert walked(record, ("read", "new", False), ("run", "exit status 0\n2 s", True)) == (
        ["old", "exit status 0\n1 s"],
        ["exit status 0\n2 s"],
    )


def test_what_was_told_on_a_path_that_was_left_is_never_believed_again() -> None:
    record = MemoryRecord()
    walked(record, ("run", "exit status 0", True), ("read", "old", False), ("changed", '["a"]', False))
    walked(record, ("run", "exit status 1", True))  # it leaves the path here, and dies
    told, done = walked(record, ("run", "exit status 1", True), ("read", "new", False), ("changed", '["a","b"]', False))
    assert told == ["exit status 1", "new", '["a","b"]']
    assert done == told


def test_steps_of_threads_are_found_whatever_their_order() -> None:
    record = MemoryRecord()

    async def both(first: str, second: str) -> list[str]:
        trail, done = Trail(record, "c.t", 1, in_order=False), list[str]()
        for tool in (first, second, first):
            await trail.step(tool, [], telling(f"{tool} said", done))
        return done

    assert asyncio.run(both("a", "b")) == ["a said", "b said", "a said"]
    assert asyncio.run(both("b", "a")) == ["b said"], "only the second time of b is new"


def test_a_replay_asks_nobody_outside_for_what_is_not_recorded() -> None:
    async def ask() -> str:
        return await Trail(MemoryRecord(), "c.t", 1, Way.ALONE).step("docs_lookup", {}, telling("", []), outside=True)

    with pytest.raises(NotRecorded, match=r"what docs_lookup answers at step 1 of c.t, attempt 1, is not in the record"):
        asyncio.run(ask())


def test_a_walk_anew_believes_nothing() -> None:
    record = MemoryRecord()
    walked(record, ("read", "old", False))
    assert walked(record, ("read", "new", False), way=Way.ANEW) == (["new"], ["new"])
