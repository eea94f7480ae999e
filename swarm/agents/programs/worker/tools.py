"""The agent's tools, as a program in a worker sees them: `dspy.Tool`s that the scheduler performs."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import dspy
from pydantic_core import to_jsonable_python

from swarm.agents.programs.worker.channel import Channel
from swarm.agents.programs.worker.desk import value_of

__all__ = ["tools_of"]


class _Tool(dspy.Tool):  # type: ignore[misc] # dspy is untyped
    """Wrong arguments are answered by the tool itself, in a sentence. DSPy's own check raises, and a model is then told a traceback."""

    def __call__(self, **arguments: Any) -> Any:
        return self.func(**arguments)

    async def acall(self, **arguments: Any) -> Any:
        return await self.func(**arguments)


def tools_of(channel: Channel, descriptions: Sequence[Mapping[str, Any]], *, asynchronous: bool) -> list[Any]:
    """The tools, for `aforward` to be awaited and for `forward` plain."""
    make = _async_call if asynchronous else _sync_call
    return [_tool(make(channel, each["name"]), each) for each in descriptions]


def _tool(call: Any, described: Mapping[str, Any]) -> Any:
    arguments = dict(described["parameters"].get("properties", {}))
    return _Tool(call, name=described["name"], desc=described["description"], args=arguments, arg_types=dict.fromkeys(arguments, Any))


def _sync_call(channel: Channel, name: str) -> Any:
    def call(**arguments: Any) -> str:
        return str(value_of(channel.ask("tool", name=name, arguments=to_jsonable_python(arguments)).result()))

    return call


def _async_call(channel: Channel, name: str) -> Any:
    async def call(**arguments: Any) -> str:
        return str(value_of(await asyncio.wrap_future(channel.ask("tool", name=name, arguments=to_jsonable_python(arguments)))))

    return call
