"""Tools from MCP servers, told of by the record where there is one: a replay needs no server, and no process is started for it."""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from swarm.agents.mcp.servers import Servers
from swarm.agents.programs.trail import Trail
from swarm.agents.tools.calling import ToolDescription
from swarm.agents.tools.offer import Offer

__all__ = ["offers_outside"]


async def offers_outside(servers: Servers, names: Sequence[str], trail: Trail) -> list[Offer]:
    """The tools behind names of servers, such as `docs` and `docs.lookup`.

    Raises:
        UsageError: a name stands for nothing.
        EnvironmentFault: a server cannot be started.
    """
    if not names:
        return []

    async def listed() -> str:
        offers = await servers.offers(names)
        return json.dumps([[o.name, o.description.description, dict(o.description.parameters)] for o in offers])

    described = json.loads(await trail.step("tools of mcp servers", list(names), listed, outside=True))
    return [Offer(ToolDescription(*each), partial(_called, servers, tuple(names), each[0]), outside=True) for each in described]


async def _called(servers: Servers, names: Sequence[str], tool: str, arguments: Mapping[str, Any]) -> str:
    """Finds the tool when it is called: only then does its server have to be there."""
    offers = {offer.name: offer for offer in await servers.offers(names)}
    return await offers[tool].call(arguments) if tool in offers else f"{tool} is not offered any more: go on without it"
