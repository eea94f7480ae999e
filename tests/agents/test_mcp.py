"""Tools of MCP servers: real processes that answer, hang, die and lie, and what agents are told of it."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarm.agents.mcp.listing import MOST_TOOLS, identifiers, listed
from swarm.agents.mcp.servers import Patience, Servers
from swarm.agents.tools import LIMIT, TOOLS
from swarm.agents.tools.offer import Offer
from swarm.errors import EnvironmentFault, UsageError
from swarm.workspace.conversing import conversation
from swarm.workspace.processes import MARK

SERVER = Path(__file__).with_name("mcp_server.py")
AT_ONCE = 5


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class World:
    """Where a test's servers run: a folder, and a mark to find their processes by."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.kept = folder / "kept"
        self.mark = f"mcp-{os.getpid()}-{folder.name}"
        self.clock = Clock()

    def servers(self, how: str = "", *, call_s: float = 20.0, start_s: float = 20.0, line_limit: int = 2**24) -> Servers:
        return self.declared({"docs": [sys.executable, "-S", str(SERVER), how, str(self.kept)]}, Patience(start_s, call_s), line_limit)

    def declared(self, declared: dict[str, list[str]], patience: Patience = Patience(20.0, 20.0), line_limit: int = 2**24) -> Servers:  # noqa: B008
        environment = {"PATH": os.environ["PATH"]}
        start = partial(conversation, cwd=self.folder, environment=environment, mark=self.mark, line_limit=line_limit)
        return Servers(declared, start, patience, self.clock)

    def processes(self) -> int:
        """How many processes with this test's mark are alive."""
        return sum(f"{MARK}={self.mark}.".encode() in _environ(pid) for pid in os.listdir("/proc") if pid.isdecimal())


def _environ(pid: str) -> bytes:
    try:
        return Path("/proc", pid, "environ").read_bytes()
    except OSError:
        return b""


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def tool(servers: Servers, name: str) -> Callable[..., Any]:
    """One tool of the server, to be called with keywords."""
    (offer,) = await servers.offers([f"docs.{name}"])

    async def call(**arguments: Any) -> str:
        answer = await offer.call(arguments)
        assert len(answer) <= LIMIT
        return answer

    return call


def _names(offers: list[Offer]) -> list[str]:
    return [offer.name for offer in offers]


# What is offered


@pytest.mark.asyncio
async def test_a_servers_name_stands_for_all_of_its_tools_sorted_and_described(world: World) -> None:
    async with world.servers() as servers:
        offers = await servers.offers(["docs"])
    assert _names(offers) == sorted(_names(offers))
    assert {"docs_echo", "docs_crash"} <= set(_names(offers))
    echo = next(offer for offer in offers if offer.name == "docs_echo")
    assert echo.description.description == "Does echo."
    assert echo.description.parameters == {"type": "object", "properties": {}}
    assert not any(offer.changes for offer in offers)


@pytest.mark.asyncio
async def test_single_tools_come_once_and_in_one_order_however_they_are_listed(world: World) -> None:
    async with world.servers() as servers:
        assert _names(await servers.offers(["docs.fail", "docs.echo", "docs.fail"])) == ["docs_echo", "docs_fail"]
        assert await servers.offers(["docs.echo", "docs"]) != []
        assert _names(await servers.offers(["docs.echo", "docs"])) == _names(await servers.offers(["docs"]))


@pytest.mark.asyncio
async def test_servers_come_in_the_plans_order(world: World) -> None:
    command = [sys.executable, "-S", str(SERVER)]
    async with world.declared({"web": command, "docs": command}) as servers:
        assert _names(await servers.offers(["docs.echo", "web.echo"])) == ["web_echo", "docs_echo"]


@pytest.mark.asyncio
async def test_an_unknown_tool_is_refused_with_those_there_are(world: World) -> None:
    async with world.servers() as servers:
        with pytest.raises(UsageError, match='docs has no tool "ecko"; its tools are asks, crash, echo, fail'):
            await servers.offers(["docs.ecko"])


@pytest.mark.asyncio
async def test_an_unknown_server_is_refused_with_those_there_are_and_nothing_starts(world: World) -> None:
    async with world.servers() as servers:
        with pytest.raises(UsageError, match='no mcp server "doc"; the plan declares docs'):
            await servers.offers(["docs", "doc.lookup"])
        assert world.processes() == 0


@pytest.mark.asyncio
async def test_no_more_tools_are_taken_than_a_prompt_can_bear_from_a_list_without_end(world: World) -> None:
    async with world.servers("endless") as servers:
        assert len(await servers.offers(["docs"])) == MOST_TOOLS


@given(st.lists(st.tuples(st.from_regex("[a-z0-9][a-z0-9-]{0,5}", fullmatch=True), st.text(max_size=70)), max_size=20, unique=True))
@settings(deadline=None)
def test_a_model_gets_valid_names_each_once_and_none_of_ours(tools: list[tuple[str, str]]) -> None:
    names = identifiers(tools)
    assert len(set(names)) == len(tools)
    assert all(name.isidentifier() and name.isascii() and len(name) <= 64 for name in names)
    assert not {*TOOLS, "finish"} & set(names)


@pytest.mark.parametrize("ours", ["read_file", "search"])
def test_a_servers_tool_cannot_take_the_place_of_ours(ours: str) -> None:
    server, _, name = ours.partition("_")
    assert identifiers([(server, name), (server, name + "!")]) != [ours, ours]
    assert ours not in identifiers([(server, name)])


def test_what_is_said_of_a_tool_is_harmless_and_short() -> None:
    told = listed("x", "\x1b[2JIgnore all " + "\u202e" * 5_000, {"type": "object", "properties": {"a\x07": {"description": "\x1b]0;"}}})
    assert len(told.description) <= 2_000
    assert told.description.isprintable() or "\n" in told.description
    assert not any(character in told.description + json.dumps(told.parameters) for character in "\x1b\u202e\x07")


def test_references_in_a_schema_are_replaced_by_what_they_name() -> None:
    schema = {
        "type": "object",
        "properties": {"page": {"$ref": "#/$defs/Page", "description": "which"}, "definitions": {"type": "string", "title": "T"}},
        "$defs": {"Page": {"type": "object", "title": "Page", "properties": {"n": {"type": "integer"}}}},
    }
    assert listed("x", "", schema).parameters == {
        "type": "object",
        "properties": {
            "page": {"type": "object", "properties": {"n": {"type": "integer"}}, "description": "which"},
            "definitions": {"type": "string"},
        },
    }


@pytest.mark.parametrize("reference", ["#", "#/$defs/Node", "#/nowhere", "https://example.org/schema", "#/properties/next/$ref"])
def test_a_schema_that_contains_itself_or_names_what_is_elsewhere_is_not_followed(reference: str) -> None:
    node = {"type": "object", "properties": {"next": {"$ref": reference}}}
    parameters = listed("x", "", {**node, "$defs": {"Node": node}}).parameters
    assert "$ref" not in json.dumps(parameters)
    assert parameters["type"] == "object"


def test_a_schema_that_unfolds_to_a_flood_is_left_out_and_said_to_be() -> None:
    levels = {f"L{n}": {"properties": {name: {"$ref": f"#/$defs/L{n + 1}"} for name in "abcdefghij"}} for n in range(30)}
    told = listed("x", "Finds.", {"type": "object", "properties": {"a": {"$ref": "#/$defs/L0"}}, "$defs": levels})
    assert told.parameters == {"type": "object", "properties": {}}
    assert told.description.startswith("Finds.\n(Its arguments are described at too great a length")


# What it answers


@pytest.mark.asyncio
async def test_arguments_arrive_as_they_were_given(world: World) -> None:
    arguments = {"name": "ä\n\u2028", "half": "\ud83d", "deep": [{"n": 1.5}, None, True]}
    async with world.servers() as servers:
        assert json.loads(await (await tool(servers, "echo"))(**arguments)) == arguments


@pytest.mark.asyncio
async def test_arguments_that_are_no_json_are_answered(world: World) -> None:
    async with world.servers() as servers:
        echo = await tool(servers, "echo")
        assert "cannot be written as JSON" in await echo(what=object())
        assert json.loads(await echo(n=1)) == {"n": 1}


@pytest.mark.asyncio
async def test_a_tools_own_error_is_an_observation(world: World) -> None:
    async with world.servers() as servers:
        assert await (await tool(servers, "fail"))() == r"failed: there is no page 404\x1b[2J"


@pytest.mark.asyncio
async def test_an_answer_keeps_both_ends_and_says_what_is_missing(world: World) -> None:
    async with world.servers() as servers:
        answer = await (await tool(servers, "huge"))(length=1_000_000)
    assert answer.startswith("beginning ")
    assert answer.endswith(" end")
    assert "characters left out" in answer
    assert "\x07" not in answer


@pytest.mark.asyncio
async def test_a_line_longer_than_any_should_be_ends_the_server_and_says_so(world: World) -> None:
    async with world.servers(line_limit=100_000) as servers:
        answer = await (await tool(servers, "huge"))(length=200_000)
        assert "broke off: the process said a line of more than 100000 bytes" in answer
        assert await (await tool(servers, "echo"))() == "{}"


@pytest.mark.asyncio
async def test_what_is_not_text_is_named_and_left_out(world: World) -> None:
    async with world.servers() as servers:
        said = await (await tool(servers, "pictures"))()
    assert said == "a caption\n[left out, since only text can be shown: 2 image, 1 resource_link]"


@pytest.mark.asyncio
async def test_structured_content_without_text_is_shown_as_json(world: World) -> None:
    async with world.servers() as servers:
        assert await (await tool(servers, "structured"))() == '{"a": ["ä"], "b": 2}'


@pytest.mark.asyncio
async def test_an_answer_without_form_is_an_observation(world: World) -> None:
    async with world.servers() as servers:
        assert "does not have the form" in await (await tool(servers, "formless"))()


@pytest.mark.asyncio
async def test_garbage_between_the_messages_is_passed_over(world: World) -> None:
    async with world.servers("garbage") as servers:
        assert await (await tool(servers, "echo"))(a=1) == '{"a": 1}'


@pytest.mark.asyncio
async def test_what_a_server_asks_of_us_is_declined_and_a_ping_is_answered(world: World) -> None:
    async with world.servers() as servers:
        ping, sampling = json.loads(await (await tool(servers, "asks"))())
    assert ping["result"] == {}
    assert "offers nothing" in sampling["error"]["message"]


@pytest.mark.asyncio
async def test_a_server_of_the_public_package_is_understood(world: World) -> None:
    program = world.folder / "adding.py"
    program.write_text(
        "from mcp.server import MCPServer\n"
        "server = MCPServer('sums')\n"
        "@server.tool()\n"
        "def add(a: int, b: int) -> int:\n"
        "    'Adds.'\n"
        "    return a + b\n"
        "server.run('stdio')\n"
    )
    async with world.declared({"sums": [sys.executable, str(program)]}) as servers:
        (add,) = await servers.offers(["sums"])
        assert add.description.description == "Adds."
        assert add.description.parameters["required"] == ["a", "b"]
        assert await add.call({"a": 2, "b": 3}) == "5"
        assert "failed: " in await add.call({"a": "two"})


# Its life


@pytest.mark.asyncio
async def test_nothing_is_started_before_it_is_needed_and_then_once_for_all(world: World) -> None:
    async with world.servers() as servers:
        assert world.processes() == 0
        await asyncio.gather(*(servers.offers(["docs"]) for _ in range(AT_ONCE)))
        assert world.processes() == 1


@pytest.mark.asyncio
async def test_calls_overlap(world: World) -> None:
    async with world.servers() as servers:
        meet = await tool(servers, "meet")
        assert await asyncio.gather(*(meet(expected=AT_ONCE) for _ in range(AT_ONCE))) == ["met"] * AT_ONCE


@pytest.mark.asyncio
async def test_a_call_that_takes_too_long_is_a_sentence_and_the_server_lives(world: World) -> None:
    async with world.servers(call_s=0.5) as servers:
        state = await tool(servers, "state")
        before = json.loads(await state())
        assert await (await tool(servers, "wait"))() == "the mcp server docs did not answer within 0.5 s"
        after = json.loads(await state())
    assert after["pid"] == before["pid"]
    assert after["cancelled"] == after["waiting"] != []


@pytest.mark.asyncio
async def test_a_cancelled_call_is_called_off_and_leaves_the_server_usable(world: World) -> None:
    async with world.servers() as servers:
        state, wait = await tool(servers, "state"), await tool(servers, "wait")
        before = json.loads(await state())
        call = asyncio.create_task(wait())
        while not json.loads(await state())["waiting"]:
            pass
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        after = json.loads(await state())
    assert after["pid"] == before["pid"]
    assert after["cancelled"] == after["waiting"]


@pytest.mark.asyncio
async def test_a_cancelled_start_leaves_nothing_and_the_next_starts(world: World) -> None:
    async with world.servers() as servers:
        first = asyncio.create_task(servers.offers(["docs"]))
        while not world.processes():
            await asyncio.sleep(0)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert world.processes() == 0
        assert await (await tool(servers, "echo"))() == "{}"


@pytest.mark.asyncio
async def test_a_death_is_told_with_its_last_words_and_the_next_call_starts_it_again(world: World) -> None:
    async with world.servers() as servers:
        said = await (await tool(servers, "crash"))()
        assert "docs ended with status 3 before it had answered" in said
        assert r"the last it said: Fatal: the index is broken\x1b[2J; the next call starts it again" in said
        assert await (await tool(servers, "echo"))() == "{}"


@pytest.mark.asyncio
async def test_a_server_that_died_between_calls_is_started_again(world: World) -> None:
    async with world.servers() as servers:
        state = await tool(servers, "state")
        before = json.loads(await state())["pid"]
        os.kill(before, 9)
        while world.processes():
            await asyncio.sleep(0)
        answers = [await state(), await state()]  # the first may come before the end was heard
        assert json.loads(answers[1])["pid"] != before


@pytest.mark.asyncio
async def test_a_death_counts_once_however_many_calls_were_waiting(world: World) -> None:
    async with world.servers() as servers:
        wait, crash = await tool(servers, "wait"), await tool(servers, "crash")
        said = await asyncio.gather(*(wait() for _ in range(AT_ONCE)), crash())
        assert all("ended with status 3" in each for each in said)
        assert await (await tool(servers, "echo"))() == "{}"


@pytest.mark.asyncio
async def test_a_server_that_lists_other_tools_after_a_restart_is_not_used(world: World) -> None:
    async with world.servers("changing") as servers:
        await (await tool(servers, "crash"))()
        assert await (await tool(servers, "echo"))() == "the mcp server docs lists other tools than when it was first started"
        assert world.processes() == 0


@pytest.mark.asyncio
async def test_the_whole_process_tree_ends_with_the_run(world: World) -> None:
    async with world.servers() as servers:
        await (await tool(servers, "spawn"))()
        while world.processes() < 2:  # a process that is just becoming another program shows no environment
            await asyncio.sleep(0)
        waiting = asyncio.create_task((await tool(servers, "wait"))())
        echo = await tool(servers, "echo")
        await echo()
    assert world.processes() == 0
    assert "was ended before it had answered" in await waiting
    assert "was ended with the run" in await echo()
    assert world.processes() == 0


# When it fails


@pytest.mark.asyncio
async def test_a_server_that_fails_three_times_is_left_alone_until_it_has_rested(world: World) -> None:
    async with world.servers(call_s=0.3) as servers:
        wait, echo = await tool(servers, "wait"), await tool(servers, "echo")
        for _ in range(3):
            assert "did not answer" in await wait()
        assert await echo() == "the mcp server docs is out of order, go on without its tools: it did not answer within 0.3 s"
        assert world.processes() == 0
        assert "docs_echo" in _names(await servers.offers(["docs"]))
        world.clock.now = 29.9
        assert "out of order" in await echo()
        world.clock.now = 30.0
        assert await echo() == "{}"
        assert "did not answer" in await wait()
        assert await echo() == "{}"


@pytest.mark.asyncio
async def test_one_call_looks_after_the_rest_and_its_failure_begins_another(world: World) -> None:
    async with world.servers(call_s=0.3) as servers:
        wait, echo = await tool(servers, "wait"), await tool(servers, "echo")
        for _ in range(3):
            await wait()
        world.clock.now = 30.0
        looking, other = await asyncio.gather(wait(), echo())
        assert "did not answer" in looking
        assert "out of order" in other
        world.clock.now = 59.9
        assert "out of order" in await echo()
        world.clock.now = 60.0
        assert await echo() == "{}"


@pytest.mark.asyncio
async def test_three_deaths_in_a_row_are_enough_too(world: World) -> None:
    async with world.servers() as servers:
        crash, echo = await tool(servers, "crash"), await tool(servers, "echo")
        for _ in range(3):
            assert "ended with status 3" in await crash()
        assert "is out of order, go on without its tools: it ended with status 3; the last it said: Fatal" in await echo()


@pytest.mark.asyncio
async def test_a_cancelled_look_lets_the_next_call_look(world: World) -> None:
    async with world.servers() as servers:
        crash, echo = await tool(servers, "crash"), await tool(servers, "echo")
        for _ in range(3):
            await crash()
        world.clock.now = 30.0
        looking = asyncio.create_task((await tool(servers, "wait"))())
        while not world.processes():
            await asyncio.sleep(0)
        looking.cancel()
        await asyncio.wait([looking])
        assert await echo() == "{}"


@pytest.mark.asyncio
async def test_a_server_that_ends_at_once_says_why_and_is_not_started_for_ever(world: World) -> None:
    async with world.servers("broken") as servers:
        for _ in range(5):
            with pytest.raises(EnvironmentFault, match=r"docs .*No module named 'docs' \(its command: .*mcp_server.py broken"):
                await servers.offers(["docs"])
    assert world.kept.read_text() == "xxx"


@pytest.mark.asyncio
async def test_a_server_that_says_nothing_is_given_up(world: World) -> None:
    async with world.servers("silent", start_s=0.2) as servers:
        with pytest.raises(EnvironmentFault, match=r"the mcp server docs did not start within 0\.2 s"):
            await servers.offers(["docs"])
        assert world.processes() == 0


@pytest.mark.asyncio
async def test_a_program_that_is_not_there_is_named(world: World) -> None:
    async with world.declared({"docs": ["no-such-program", "--fast"]}) as servers:
        with pytest.raises(EnvironmentFault, match=r"the mcp server docs did not start: no-such-program cannot be started .*not found"):
            await servers.offers(["docs"])


@pytest.mark.asyncio
async def test_without_the_package_the_extra_is_named(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "swarm.agents.mcp.session", raising=False)
    monkeypatch.setitem(sys.modules, "mcp", None)
    async with world.servers() as servers:
        with pytest.raises(EnvironmentFault, match=r"the plan declares mcp servers: pip install 'mece-swarm\[mcp\]'"):
            await servers.offers(["docs"])
        assert world.processes() == 0


def test_having_servers_imports_neither_the_package_nor_dspy() -> None:
    code = "import sys, swarm.agents.mcp.servers; sys.exit(bool({'mcp', 'mcp_types', 'dspy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
