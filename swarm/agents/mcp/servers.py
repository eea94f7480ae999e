"""The MCP servers of a run: started by the first agent that lists one, shared by all, ended with the run."""

import asyncio
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import Self

from swarm.agents.mcp.failures import OutOfOrder
from swarm.agents.mcp.listing import Listed, identifiers
from swarm.agents.mcp.replies import brief
from swarm.agents.mcp.server import Patience, Server, Start
from swarm.agents.tools.answers import one_line
from swarm.agents.tools.calling import ToolDescription
from swarm.agents.tools.offer import Offer
from swarm.errors import EnvironmentFault, UsageError

__all__ = ["Patience", "Servers"]

_NAMED = 1_000


class Servers:
    """What a plan declares under `mcp`. An async context manager: leaving it ends every process tree.

    Args:
        declared: each server's name and command, in the plan's order.
        start: starts a command as a process to talk with: `swarm.workspace.conversing.conversation` with all but the command given.
        patience: how long and how often a server may fail.
        clock: seconds from anywhere.
    """

    def __init__(
        self,
        declared: Mapping[str, Sequence[str]],
        start: Start,
        patience: Patience = Patience(),  # noqa: B008 - frozen
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._servers = {name: Server(name, tuple(command), start, patience, clock) for name, command in declared.items()}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await asyncio.gather(*(server.close() for server in self._servers.values()))

    async def offers(self, names: Sequence[str]) -> list[Offer]:
        """The tools behind names such as `docs` (all of a server's) and `docs.lookup`.

        Each comes once, servers in the plan's order and their tools by name: a prompt shall not depend on how a plan lists them. What a
        server listed when it was first started in this run is kept, so this needs no server that is alive.

        Raises:
            UsageError: a name stands for nothing; the text says what there is.
            EnvironmentFault: a server cannot be started, or the package `mcp` is missing.
        """
        wanted = self._wanted(names)
        tools = [(server, tool) for server in wanted for tool in _chosen(server, await _listed(server), wanted[server])]
        called = identifiers([(server.name, tool.name) for server, tool in tools])
        return [_offer(name, server, tool) for name, (server, tool) in zip(called, tools, strict=True)]

    def _wanted(self, names: Sequence[str]) -> dict[Server, set[str]]:
        """The tools wanted of each server; an empty name stands for all of them."""
        asked: dict[str, set[str]] = {}
        for name in names:
            server, _, tool = name.partition(".")
            asked.setdefault(server, set()).add(tool)
        if unknown := asked.keys() - self._servers.keys():
            raise UsageError(f'there is no mcp server "{one_line(min(unknown))}"; the plan declares {", ".join(self._servers) or "none"}')
        return {server: asked[name] for name, server in self._servers.items() if name in asked}


async def _listed(server: Server) -> tuple[Listed, ...]:
    try:
        return await server.tools()
    except OutOfOrder as failure:
        raise EnvironmentFault(f"{failure} (its command: {brief(one_line(shlex.join(server.command)), _NAMED)})") from failure


def _chosen(server: Server, tools: Sequence[Listed], wanted: set[str]) -> list[Listed]:
    there = {tool.name for tool in tools}
    if unknown := wanted - there - {""}:
        known = brief(one_line(", ".join(sorted(there))), _NAMED) or "none"
        raise UsageError(f'the mcp server {server.name} has no tool "{one_line(min(unknown))}"; its tools are {known}')
    return [tool for tool in tools if "" in wanted or tool.name in wanted]


def _offer(name: str, server: Server, tool: Listed) -> Offer:
    return Offer(ToolDescription(name, tool.description, tool.parameters), partial(server.call, tool.name))
