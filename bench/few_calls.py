"""How many calls and how much text an agent needs for three tasks: ours beside `dspy.ReAct`, against one scripted model in one run.

    python bench/few_calls.py [--latency SECONDS] [--json]

The model is the same for all: it reads what it needs and was not shown, changes it, runs the task's check if it can, and hands in, with as
many calls in a turn as the program takes. `dspy.ReAct` has five plain tools (list, read, search, edit, write), once with the brief alone,
once with the situation that ours is told. Counted are the requests that reached the server and the characters of their messages;
seconds depend on the machine and on the latency that stands for the model's thinking.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "true")
sys.path.insert(0, str(Path(__file__).parents[1]))  # for the server, which belongs to the tests

import dspy

from swarm.agents.lm.budget import Ledger
from swarm.agents.lm.connection import Endpoint
from swarm.agents.lm.engine import close_lm, open_lm
from swarm.agents.lm.record import Caller, MemoryRecord
from swarm.agents.programs.react import React
from swarm.agents.programs.trail import Trail
from swarm.agents.tools import TOOLS, Toolbox
from swarm.agents.tools.offer import Offer
from swarm.plans import globs
from swarm.signatures.brief import Brief
from swarm.signatures.contracts import Contracts, FieldSpec
from swarm.signatures.programmed import brief_text
from swarm.signatures.specialisms import SPECIALISMS
from swarm.workspace.commands import Commands
from swarm.workspace.desk import Desk
from swarm.workspace.sandbox import NoSandbox
from tests.model_server import Coder, Edit, Lesson, ModelServer
from tests.model_server.protocol import text_of

AGENT = SPECIALISMS["code-generator"]
CONTRACTS = Contracts({"Change": {"files": FieldSpec(type="list[path]"), "summary": FieldSpec(type="str")}})
CHANGING = frozenset({"edit_file", "write_file", "run"})
CHECK = "python -B check.py"


# The tasks


@dataclass(frozen=True)
class Job:
    """A task and its right answer.

    Attributes:
        reads: what has to be known beside the places to change.
    """

    name: str
    goal: str
    files: Mapping[str, str]
    edits: tuple[Edit, ...] = ()
    writes: Mapping[str, str] | None = None
    reads: tuple[str, ...] = ()

    @property
    def right(self) -> dict[str, str]:
        files = {**self.files, **(self.writes or {})}
        for edit in self.edits:
            files[edit.path] = files[edit.path].replace(edit.old, edit.new)
        return files

    @property
    def shown(self) -> str:
        """What the orchestrator knows already: the places to change with their surroundings, and what has to be known beside them."""
        sites = [f"{edit.path}, around what is to be changed:\n{_around(self.files[edit.path], edit.old)}" for edit in self.edits]
        return "\n\n".join([*sites, *(f"{path}:\n{self.files[path]}" for path in self.reads)])

    @property
    def brief(self) -> Brief:
        return Brief(
            run="bench", task=f"bench.{self.name}", attempt=1, agent=AGENT.name, role="", goal=self.goal, contract="Change", writes=("**",)
        )

    def lesson(self, *, told: bool) -> Lesson:
        payload = {"files": sorted({*(edit.path for edit in self.edits), *(self.writes or {})}), "summary": "Done as asked."}
        return Lesson(self.goal, self.edits, self.writes or {}, () if told else self.reads, (CHECK,), payload)


def _around(text: str, site: str, lines: int = 12) -> str:
    """The place and some lines on both sides of it."""
    before, _, after = text.partition(site)
    return "\n".join([*before.split("\n")[-lines:]]) + site + "\n".join(after.split("\n")[:lines])


def _module(name: str, functions: int = 20) -> str:
    """A module of ordinary length."""
    parts = [f'"""What a shop knows of {name}."""\n']
    for number in range(functions):
        parts.append(
            f"def {name}_{number}(values: list[int], limit: int = {number}) -> int:\n"
            f'    """The sum of those {name} values that are above the limit, counted {number + 1} times."""\n'
            f"    chosen = [value for value in values if value > limit]\n"
            f"    return sum(chosen) * {number + 1}\n"
        )
    return "\n\n".join(parts)


def _stubbed(name: str) -> tuple[str, Edit]:
    head = f'def {name}_total(prices: list[int]) -> int:\n    """The sum of all prices, of which none may be negative."""\n'
    edit = Edit(
        f"shop/{name}.py",
        f"{head}    raise NotImplementedError\n",
        f"{head}    if any(price < 0 for price in prices):\n        raise ValueError(prices)\n    return sum(prices)\n",
    )
    return f"{_module(name)}\n\n{edit.old}", edit


def _stubs() -> Job:
    made = {name: _stubbed(name) for name in ("cart", "order", "refund")}
    check = "".join(f"from shop.{name} import {name}_total\nassert {name}_total([1, 2]) == 3\n" for name in made)
    files = {f"shop/{name}.py": text for name, (text, _) in made.items()} | {"shop/__init__.py": "", "check.py": check}
    return Job("stubs", "Implement the three stubbed functions.", files, tuple(edit for _, edit in made.values()), reads=("check.py",))


def _rename() -> Job:
    callers = {f"shop/caller_{number}.py": f"{_module(f'caller{number}')}\n\nfrom shop.tax import rate\n" for number in range(4)}
    files = {"shop/__init__.py": "", "shop/tax.py": f"{_module('tax')}\n\nrate = 19\n", "check.py": "import shop.caller_3\n", **callers}
    edits = [Edit(path, "from shop.tax import rate\n", "from shop.tax import RATE\n") for path in callers]
    return Job("rename", "Rename the constant.", files, (Edit("shop/tax.py", "rate = 19\n", "RATE = 19\n"), *edits), reads=("check.py",))


def _new_module() -> Job:
    files = {
        "shop/__init__.py": "",
        "shop/cart.py": _module("cart", 40),
        "check.py": "from shop.report import report\nassert report([99]) == 99\n",
    }
    report = "from shop.cart import cart_0\n\n\ndef report(values: list[int]) -> int:\n    return cart_0(values)\n"
    edit = Edit("shop/cart.py", "The sum of those cart values that are above the limit, counted 1 times.", "The sum above the limit.")
    return Job("module", "Write the report.", files, (edit,), {"shop/report.py": report}, ("check.py",))


JOBS = (_stubs(), _rename(), _new_module())


# The programs


@dataclass(frozen=True)
class Place:
    """A worktree of one job, and its desk."""

    job: Job
    root: Path
    desk: Desk

    @property
    def tree(self) -> dict[str, str]:
        return {path.relative_to(self.root).as_posix(): path.read_text() for path in self.root.rglob("*") if path.is_file()}

    async def changed(self) -> list[str]:
        return [path for path, text in self.tree.items() if self.job.files.get(path) != text]


def placed(job: Job, folder: Path) -> Place:
    root, scratch, plan = (folder / name for name in ("tree", "scratch", "plan"))
    for path, text in job.files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    for each in (scratch, plan):
        each.mkdir()
    commands = Commands(NoSandbox(), {"PATH": os.environ["PATH"]}, plan, "bench")

    async def listing() -> Iterable[str]:
        return [path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()]

    return Place(job, root, Desk(root, (globs.parse("**"),), listing, {}, commands, 60.0, scratch))


async def ours(place: Place, record: MemoryRecord) -> Any:
    tools = Toolbox(place.desk).named(AGENT.tools)

    async def situation() -> str:
        return place.job.shown

    async def called(tool: Callable[..., Awaitable[str]], args: Mapping[str, Any]) -> str:
        return await tool(**args)

    program = React(
        role=AGENT.role,
        instruction=AGENT.instruction,
        contracts=CONTRACTS,
        contract="Change",
        offers=[Offer(TOOLS[tool.__name__], partial(called, tool), tool.__name__ in CHANGING) for tool in tools],
        trail=Trail(record, place.job.brief.task, 1),
        situation=situation,
        changed=place.changed,
    )
    return await program.acall(brief=place.job.brief, inbox={}, desk=place.desk)


async def plain(place: Place, record: MemoryRecord, *, told: bool) -> Any:
    instructions = f"{AGENT.role}\n\n{AGENT.instruction}"
    signature = dspy.Signature("task: str -> files: list[str], summary: str", instructions)
    program = dspy.ReAct(signature, tools=_plain_tools(place.desk), max_iters=20)
    task = brief_text(place.job.brief)
    return await program.acall(task=f"{task}\n\n{place.job.shown}" if told else task)


def _plain_tools(desk: Desk) -> list[Callable[..., Awaitable[str]]]:
    async def list_files() -> str:
        """Lists the files."""
        return "\n".join(await desk.list_files())

    async def read_file(path: str) -> str:
        """Reads a file."""
        return desk.read(path).decode()

    async def search(text: str) -> str:
        """Finds the lines that hold a text."""
        lines = [(path, line) for path in await desk.list_files() for line in desk.read(path).decode().splitlines()]
        return "\n".join(f"{path}: {line}" for path, line in lines if text in line)

    async def edit_file(path: str, old: str, new: str) -> str:
        """Replaces a text in a file."""
        desk.write(path, desk.read(path).decode().replace(old, new).encode())
        return f"{path} was changed"

    async def write_file(path: str, content: str) -> str:
        """Writes a file."""
        desk.write(path, content.encode())
        return f"{path} was written"

    return [list_files, read_file, search, edit_file, write_file]


PROGRAMS: Mapping[str, tuple[Callable[[Place, MemoryRecord], Awaitable[Any]], bool]] = {
    "dspy.ReAct": (partial(plain, told=False), False),
    "dspy.ReAct, told": (partial(plain, told=True), True),
    "ours": (ours, True),
}


# Measuring


@dataclass(frozen=True, slots=True)
class Measured:
    """What one program needed for one task."""

    task: str
    program: str
    calls: int
    characters: int
    seconds: float
    right: bool


async def measured(job: Job, name: str, latency_s: float) -> Measured:
    program, told = PROGRAMS[name]
    record = MemoryRecord()
    with tempfile.TemporaryDirectory() as folder:
        place = placed(job, Path(folder))
        async with ModelServer(Coder(job.lesson(told=told)), latency_s=latency_s) as server:
            lm = open_lm(Endpoint("openai/scripted", server.key, server.base_url), record, Ledger())
            began = time.monotonic()
            with dspy.context(lm=lm, swarm_call=Caller(job.brief.task, "bench", 1), disable_history=True, trace=None):
                await program(place, record)
            took = time.monotonic() - began
            await close_lm(lm)
        characters = sum(len(text_of(message)) for chat in server.chats for message in chat.messages)
        return Measured(job.name, name, len(server.chats), characters, round(took, 2), place.tree == job.right)


def totals(rows: Iterable[Measured]) -> list[Measured]:
    sums = {name: Measured("together", name, 0, 0, 0.0, True) for name in PROGRAMS}
    for row in rows:
        sum_ = sums[row.program]
        sums[row.program] = replace(
            sum_,
            calls=sum_.calls + row.calls,
            characters=sum_.characters + row.characters,
            seconds=round(sum_.seconds + row.seconds, 2),
            right=sum_.right and row.right,
        )
    return list(sums.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--latency", type=float, default=0.1, help="seconds that the model thinks")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    chosen = parser.parse_args()
    rows = [asyncio.run(measured(job, name, chosen.latency)) for job in JOBS for name in PROGRAMS]
    rows += totals(rows)
    if chosen.json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
        return
    print(f"{'task':10}{'program':18}{'calls':>7}{'characters':>12}{'seconds':>9}  right")
    for row in rows:
        print(f"{row.task:10}{row.program:18}{row.calls:7}{row.characters:12,}{row.seconds:9.2f}  {'yes' if row.right else 'NO'}")


if __name__ == "__main__":
    main()
