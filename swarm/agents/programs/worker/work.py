"""The assignment in a worker: the module is made and called, under settings that keep it what it is and its prompts the same."""

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from swarm.agents.programs.state import load_state
from swarm.agents.programs.worker.calling import arguments, brief_of, is_async, returned
from swarm.agents.programs.worker.channel import Channel
from swarm.agents.programs.worker.desk import AsyncDesk, SyncDesk
from swarm.agents.programs.worker.engine import lm_of
from swarm.agents.programs.worker.loading import class_of, made, own_folder
from swarm.agents.programs.worker.tools import tools_of

import dspy  # isort: skip # after the engine, whose package keeps it from the network

__all__ = ["work"]

_THREADS: Final = 32
"""DSPy hops through the loop's default threads for each call; the default number follows the processors."""


def work(hello: dict[str, Any], channel: Channel) -> dict[str, Any]:
    """Does the assignment; gives what is to be told of it.

    Raises:
        CannotLoad, EnvironmentFault: the program, or its state, cannot be used.
    """
    plan_folder = Path(hello["plan_folder"])
    sys.dont_write_bytecode = True  # the plan's folder is not ours to fill
    sys.path.insert(0, str(plan_folder))
    dspy.configure_cache(enable_disk_cache=False, enable_memory_cache=False)
    kind = class_of(hello["program"], plan_folder)
    lm = lm_of(channel, hello["model"])
    with _settings(lm):
        module = made(kind, own_folder(hello["program"], plan_folder))
    if hello["state"] is not None:
        load_state(module, hello["state"].encode("utf-8", "surrogateescape"))
    with _settings(lm):  # again: a constructor may have called `dspy.configure`
        return returned(_called(module, hello, channel))


def _settings(lm: Any) -> Any:
    """Settings that a program has configured stay, but for the model; only what DSPy sets by default is pinned here."""
    adapter = dspy.settings.get("adapter") or dspy.ChatAdapter()
    return dspy.context(lm=lm, adapter=adapter, disable_history=True, trace=None)


def _called(module: Any, hello: dict[str, Any], channel: Channel) -> Any:
    asynchronous = is_async(type(module))
    given = arguments(
        type(module),
        brief_of(hello["brief"]),
        inbox=hello["inbox"],
        desk=(AsyncDesk if asynchronous else SyncDesk)(channel),
        tools=tools_of(channel, hello["tools"], asynchronous=asynchronous),
    )
    return _awaited(module, given) if asynchronous else module(**given)


def _awaited(module: Any, given: dict[str, Any]) -> Any:
    """On a loop that is left as it is: closing it would wait for threads that the program no longer waits for."""
    loop = asyncio.new_event_loop()
    loop.set_default_executor(ThreadPoolExecutor(_THREADS))
    return loop.run_until_complete(module.acall(**given))
