"""How long many agents at once take that ask a model in turns, and for how long at most they hold up the event loop.

    python bench/agents_in_flight.py [--agents N] [--turns N] [--latency SECONDS] [--repeat N] [--json]

A server in a process of its own answers after a fixed time, so the ideal is that time for each turn. The same requests are sent three
ways in one run: by a bare asyncio client that does nothing else, by `dspy.Predict` over DSPy's own client, and by our `Single` with
record, budget, limits and a typed contract. On a machine with few cores the bare client is the ideal that can be reached there.
"""

import argparse
import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "true")
sys.path.insert(0, str(Path(__file__).parents[1]))  # for the server, which belongs to the tests

MODEL: Final = "openai/gpt-4o"
KEY: Final = "sk-scripted"
TICK_S: Final = 0.005
ANSWER: Final = {"verdict": "pass", "findings": [{"path": "src/a.py", "line": 3, "text": "fine"}], "score": 0.5, "notes": "All is well."}
CONTRACT: Final = {
    "Finding": {"path": "path", "line": "int", "text": "str"},
    "Review": {"verdict": "literal[pass, fail]", "findings": "list[Finding]", "score": "float", "notes": "str"},
}


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one way. Seconds."""

    way: str
    wall_s: float
    ideal_s: float
    cpu_s: float
    stall_s: float
    """The longest that a ticker had to wait beyond its time."""

    @property
    def ratio(self) -> float:
        return self.wall_s / self.ideal_s


class Ticker:
    """Wakes every few milliseconds and notes how late it was."""

    def __init__(self) -> None:
        self.worst_s = 0.0

    @asynccontextmanager
    async def ticking(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self._tick())
        yield
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    async def _tick(self) -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(TICK_S)
            self.worst_s = max(self.worst_s, time.perf_counter() - before - TICK_S)


@contextmanager
def serving(latency_s: float) -> Iterator[str]:
    """The server's URL."""
    with subprocess.Popen(
        [sys.executable, __file__, "--serve", "--latency", str(latency_s)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.stdin.close()


def serve(latency_s: float) -> None:
    """The server's process: until its input ends."""
    from tests.model_server import Answer, Chat, ModelServer
    from tests.model_server.formats import markers

    review, answer = Answer(markers(ANSWER)), Answer(markers({"answer": "42"}))

    def script(chat: Chat) -> Answer:
        return review if "verdict" in chat.prompt else answer

    with ModelServer(script, key=KEY, latency_s=latency_s).in_thread() as server:
        print(server.base_url, flush=True)
        sys.stdin.read()


async def bare(url: str, agents: int, turns: int) -> Callable[[], Awaitable[None]]:
    """An HTTP client of twenty lines: one connection for each agent, kept open."""
    host, port = url.removeprefix("http://").removesuffix("/v1").split(":")
    body = json.dumps({"model": "gpt-4o", "messages": [{"role": "system", "content": "x" * 3000}, {"role": "user", "content": "y" * 500}]})
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {KEY}\r\ncontent-length: {len(body)}\r\n\r\n"

    async def agent() -> None:
        reader, writer = await asyncio.open_connection(host, int(port))
        for _ in range(turns):
            writer.write((head + body).encode())
            headers = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = int(headers.partition("content-length:")[2].partition("\r\n")[0])
            json.loads(await reader.readexactly(length))["choices"][0]["message"]["content"]
        writer.close()
        await writer.wait_closed()

    async def run() -> None:
        await asyncio.gather(*(agent() for _ in range(agents)))

    return run


async def dspys(url: str, agents: int, turns: int) -> Callable[[], Awaitable[None]]:
    """`dspy.Predict` over DSPy's client, with what makes it fast: no cache, history or trace, and enough connections and threads."""
    import dspy
    from dspy import lm15
    from dspy.clients.engines import AsyncLM15Engine

    class Nobody:
        def complete(self, request: Any) -> Any:
            raise AssertionError("only asynchronous calls are measured")

    routes = lm15.RouterConfig(api_keys={"openai-chat": KEY}, base_urls={"openai-chat": url}, max_connections=256)
    lm = dspy.LM(MODEL, cache=False, num_retries=0, engine=Nobody(), async_engine=AsyncLM15Engine(routes))
    program = dspy.Predict("question -> answer")

    async def agent(number: int) -> None:
        with dspy.context(lm=lm, disable_history=True, trace=None):
            for turn in range(turns):
                await program.acall(question=f"{number} {turn}")

    async def run() -> None:
        await asyncio.gather(*(agent(number) for number in range(agents)))

    return run


async def ours(url: str, agents: int, turns: int) -> Callable[[], Awaitable[None]]:
    """`Single` over our engine. A turn is a whole task: inputs are put together, the answer is read into its contract's types."""
    import dspy

    from swarm.agents.lm.budget import Budget, Ledger
    from swarm.agents.lm.models import Models
    from swarm.agents.lm.record import Caller, MemoryRecord
    from swarm.agents.programs.single import Single
    from swarm.agents.programs.trail import Trail
    from swarm.signatures.brief import Brief
    from swarm.signatures.contracts import Contracts, FieldSpec

    record, ledger = MemoryRecord(), Ledger(Budget(calls=1_000_000))
    models = Models({"SWARM_LM_KEY": KEY}, record, ledger, override=f"{MODEL}@{url}")
    lm = models.lm(None)
    contracts = Contracts({name: {key: FieldSpec(type=type_) for key, type_ in each.items()} for name, each in CONTRACT.items()})

    async def situation() -> str:
        return "The situation.\n" * 20

    async def agent(number: int, single: Single) -> None:
        task = f"c.{number}"
        with dspy.context(lm=lm, swarm_call=Caller(task, "c", 1), disable_history=True, trace=None):
            for turn in range(turns):
                brief = Brief(run="r", task=task, attempt=1, agent="reviewer", role="", goal=f"Review part {turn}.", contract="Review")
                prediction = await single.acall(brief=brief, inbox={}, desk=None)
                assert prediction["handoff"]["verdict"] == "pass"

    def program(number: int) -> Single:
        return Single(
            kind="predict",
            role="a reviewer",
            instruction="Review.",
            contracts=contracts,
            contract="Review",
            situation=situation,
            trail=Trail(record, f"c.{number}", 1),
        )

    programs = [program(number) for number in range(agents)]

    async def run() -> None:
        await asyncio.gather(*(agent(number, single) for number, single in enumerate(programs)))
        assert len(record.rows) == agents * turns
        await models.close()

    return run


WAYS: Final = {"bare": bare, "DSPy's client": dspys, "ours": ours}


async def measured(way: str, url: str, agents: int, turns: int, ideal_s: float) -> Figures:
    from swarm.agents.lm.models import roomy

    await (await WAYS[way](url, 1, 1))()  # tables and pools are looked up once in a run
    roomy(asyncio.get_running_loop())
    run = await WAYS[way](url, agents, turns)
    ticker = Ticker()
    async with ticker.ticking():
        cpu, began = time.process_time(), time.perf_counter()
        await run()
        wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    return Figures(way, wall, ideal_s, cpu, ticker.worst_s)


def table(figures: list[Figures]) -> str:
    rows = [f"{each.way:14} {each.wall_s:7.2f} {each.ratio:7.2f} {each.cpu_s:7.2f} {each.stall_s * 1000:9.0f}" for each in figures]
    return "\n".join([f"{'way':14} {'wall s':>7} {'x ideal':>7} {'cpu s':>7} {'stall ms':>9}", *rows])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agents", type=int, default=200)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--latency", type=float, default=0.2)
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--way", choices=list(WAYS), action="append")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.serve:
        serve(chosen.latency)
        return
    ideal_s = chosen.turns * chosen.latency
    with serving(chosen.latency) as url:
        figures = [
            asyncio.run(measured(way, url, chosen.agents, chosen.turns, ideal_s))
            for _ in range(chosen.repeat)
            for way in chosen.way or WAYS
        ]
    if chosen.json:
        print(json.dumps([asdict(each) | {"ratio": each.ratio} for each in figures], indent=2))
    else:
        print(f"{chosen.agents} agents, {chosen.turns} turns of {chosen.latency:g} s: ideal {ideal_s:.2f} s, {os.cpu_count()} cores")
        print(table(figures))


if __name__ == "__main__":
    main()
