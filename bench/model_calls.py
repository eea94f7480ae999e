"""How long 200 agents with five model calls each take, over our engine and over DSPy's own client, against one server in one run.

    python bench/model_calls.py [--agents N] [--calls N] [--latency SECONDS]

The server answers after a fixed time, so the ideal is that time for each of an agent's calls. What is compared is the ratio; seconds
depend on the machine, which the server shares.
"""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "true")
sys.path.insert(0, str(Path(__file__).parents[1]))  # for the server, which belongs to the tests

import dspy
from dspy import lm15
from dspy.clients.engines import AsyncLM15Engine

from swarm.agents.lm.budget import Ledger
from swarm.agents.lm.connection import Endpoint
from swarm.agents.lm.engine import close_lm, open_lm
from swarm.agents.lm.record import Caller, MemoryRecord
from tests.model_server import Fixed, ModelServer, fields

MODEL = "openai/gpt-4o"


class NoSync:
    """An engine that nobody asks."""

    def complete(self, request: Any) -> Any:
        raise AssertionError("only asynchronous calls are measured")


async def seconds(lm: Any, close: Callable[[], Awaitable[Any]], agents: int, calls: int) -> float:
    """The time from the first call to the last answer; prices and pools are looked up before."""
    program = dspy.Predict("question -> answer")

    async def agent(number: int) -> None:
        with dspy.context(lm=lm, swarm_call=Caller(f"c.{number}", "c", 1), disable_history=True, trace=None):
            for each in range(calls):
                await program.acall(question=f"{number} {each}")

    with dspy.context(lm=lm, swarm_call=Caller("c.first", "c", 1)):
        await program.acall(question="first")
    began = time.monotonic()
    await asyncio.gather(*map(agent, range(agents)))
    took = time.monotonic() - began
    await close()
    return took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agents", type=int, default=200)
    parser.add_argument("--calls", type=int, default=5)
    parser.add_argument("--latency", type=float, default=0.2)
    chosen = parser.parse_args()
    with ModelServer(Fixed(then=fields(answer="42")), latency_s=chosen.latency).in_thread() as server:
        routes = {"api_keys": {"openai-chat": server.key}, "base_urls": {"openai-chat": server.base_url}}
        bare = AsyncLM15Engine(lm15.RouterConfig(**routes, max_connections=256))
        plain = dspy.LM(MODEL, cache=False, num_retries=0, engine=NoSync(), async_engine=bare)
        own = open_lm(Endpoint(MODEL, server.key, server.base_url), MemoryRecord(), Ledger())
        bare_s = asyncio.run(seconds(plain, bare.aclose, chosen.agents, chosen.calls))
        own_s = asyncio.run(seconds(own, lambda: close_lm(own), chosen.agents, chosen.calls))
    ideal = chosen.calls * chosen.latency
    print(f"ideal {ideal:.2f} s   DSPy's client {bare_s:.2f} s   ours {own_s:.2f} s   ours/DSPy's {own_s / bare_s:.2f}")


if __name__ == "__main__":
    main()
