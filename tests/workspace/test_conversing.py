"""Conversations with real processes: lines both ways, bounds on what a stranger says, and nothing left behind."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from swarm.errors import EnvironmentFault, ProcedureFailed
from swarm.plans.globs import parse
from swarm.workspace.commands import Commands
from swarm.workspace.conversing import Conversation, LineTooLong, conversation
from swarm.workspace.desk import Desk
from swarm.workspace.environment import command_environment
from swarm.workspace.processes import MARK, shell, sweep
from swarm.workspace.sandbox import NoSandbox

pytestmark = pytest.mark.asyncio

PATH = {"PATH": "/usr/bin:/bin"}
ECHO = 'while read -r line; do echo "heard $line"; done'
GRANDCHILD = "setsid sleep 1000 & echo $!; "
"""Leaves the group and holds every pipe open; only its mark tells whose it is."""


def talking(text: str, folder: Path, **options: Any) -> AbstractAsyncContextManager[Conversation]:
    given = {"environment": PATH, "mark": f"test-{os.getpid()}"} | options
    return conversation(shell(text), cwd=folder, **given)


def alive(pid: int) -> bool:
    """Whether a process still runs; what was killed and not yet reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except (FileNotFoundError, ProcessLookupError):
        return False


def marked(prefix: str) -> list[int]:
    """Processes whose mark begins so."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdecimal() and f"{MARK}={prefix}".encode() in (folder / "environ").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue
    return found


async def heard(talk: Conversation) -> list[bytes]:
    return [line async for line in talk]


async def test_lines_go_both_ways_and_the_end_of_the_context_is_the_end_of_the_process(tmp_path: Path) -> None:
    async with talking(ECHO, tmp_path) as talk:
        for word in (b"one", b"two"):
            await talk.say(word)
            assert await talk.hear() == b"heard " + word
        pid = talk.transport.get_pid()
        assert alive(pid)
    assert not alive(pid)
    assert talk.status == 128 + signal.SIGKILL


async def test_a_process_that_ends_by_itself_is_heard_to_its_last_word_and_has_its_own_status(tmp_path: Path) -> None:
    async with talking("echo a; echo complaint >&2; printf b; exit 3", tmp_path) as talk:
        assert await heard(talk) == [b"a", b"b"]
        assert (talk.status, talk.errors) == (3, "complaint\n")
        assert await talk.hear() is None


async def test_one_that_falls_silent_first_may_still_end_by_itself(tmp_path: Path) -> None:
    async with talking("exec >&-; read word; exit 6", tmp_path) as talk:
        await talk.drained
        hearing = asyncio.create_task(talk.hear())
        await asyncio.sleep(0)
        await talk.say(b"go")
        assert await hearing is None
        assert talk.status == 6


async def test_a_killed_process_says_by_which_signal(tmp_path: Path) -> None:
    async with talking("kill -9 $$", tmp_path) as talk:
        assert await heard(talk) == []
        assert talk.status == 137


async def test_what_the_process_started_neither_delays_the_end_nor_survives_it(tmp_path: Path) -> None:
    async with talking(f"{GRANDCHILD} read word; exit 4", tmp_path) as talk:
        grandchild = int((await talk.hear()) or b"")
        hearing = asyncio.create_task(talk.hear())
        await asyncio.sleep(0)
        await talk.say(b"go")
        assert await asyncio.wait_for(hearing, 10) is None
        assert talk.status == 4
        assert not alive(grandchild)


async def fail(talk: Conversation) -> None:
    raise KeyError("ours")


async def time_out(talk: Conversation) -> None:
    async with asyncio.timeout(0):
        await talk.hear()


async def be_cancelled(talk: Conversation) -> None:
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().call_soon(task.cancel)
    await talk.hear()


@pytest.mark.parametrize(("leave", "by"), [(fail, KeyError), (time_out, TimeoutError), (be_cancelled, asyncio.CancelledError)])
async def test_leaving_in_any_way_ends_the_whole_tree(tmp_path: Path, leave: Callable[..., Any], by: type[BaseException]) -> None:
    pids: list[int] = []

    async def enter_and_leave() -> None:
        async with talking(f"{GRANDCHILD} exec sleep 1000", tmp_path) as talk:
            pids.extend((talk.transport.get_pid(), int((await talk.hear()) or b"")))
            assert all(map(alive, pids))
            await leave(talk)

    with pytest.raises(by):
        await enter_and_leave()
    assert len(pids) == 2
    assert not any(map(alive, pids))


async def test_a_line_of_the_longest_length_is_heard_and_a_longer_one_is_an_error_of_its_own(tmp_path: Path) -> None:
    async with talking("echo 12345678; echo 123456789; echo 1", tmp_path, line_limit=8) as talk:
        assert await talk.hear() == b"12345678"
        with pytest.raises(LineTooLong, match="more than 8 bytes"):
            await talk.hear()
    assert issubclass(LineTooLong, ProcedureFailed)


async def test_a_line_without_end_is_given_up_without_waiting_for_it(tmp_path: Path) -> None:
    async with talking("printf 123456789; exec sleep 1000", tmp_path, line_limit=8) as talk:
        with pytest.raises(LineTooLong):
            await asyncio.wait_for(talk.hear(), 10)


async def test_a_process_that_says_more_than_is_listened_to_waits(tmp_path: Path) -> None:
    script = "import os\nfor number in range(3000): os.write(1, b'%0999d\\n' % number)\nos.write(2, b'done')"
    async with conversation([sys.executable, "-c", script], cwd=tmp_path, environment=PATH, mark="test", line_limit=1000) as talk:
        assert await talk.hear() == b"%0999d" % 0
        ended, _ = await asyncio.wait([talk.exited], timeout=0.2)
        assert not ended
        assert [int(line) async for line in talk] == list(range(1, 3000))
        assert talk.errors == "done"


async def test_whoever_talks_to_one_that_does_not_listen_waits_until_it_ends(tmp_path: Path) -> None:
    async with talking("read line; echo up; exec sleep 1000", tmp_path) as talk:
        await talk.say(b"x")
        assert await talk.hear() == b"up"
        saying = asyncio.create_task(talk.say(b"y" * 2**20))
        await asyncio.sleep(0)
        assert not saying.done()
        os.kill(talk.transport.get_pid(), signal.SIGTERM)
        await asyncio.wait_for(saying, 10)
        assert await talk.hear() is None
        await talk.say(b"lost")
        assert talk.status == 143


async def test_of_many_errors_head_and_tail_are_kept(tmp_path: Path) -> None:
    async with talking("echo first >&2; seq 1 20000 >&2; echo last >&2", tmp_path, errors_limit=200) as talk:
        assert await heard(talk) == []
    assert talk.errors.startswith("first\n")
    assert talk.errors.endswith("last\n")
    assert "bytes left out" in talk.errors
    assert len(talk.errors) < 300


@pytest.mark.parametrize(
    ("program", "folder", "reason"), [("no-such-program", ".", "not found"), ("sh", "nowhere", "not found"), ("/", ".", "denied")]
)
async def test_what_cannot_be_started_says_why(tmp_path: Path, program: str, folder: str, reason: str) -> None:
    with pytest.raises(EnvironmentFault, match=f"{program} cannot be started in .*: .*{reason}"):
        async with conversation([program], cwd=tmp_path / folder, environment=PATH, mark="test"):
            pass


# As commands of a run


@asynccontextmanager
async def at_a_desk(folder: Path, *argv: str) -> AsyncIterator[Conversation]:
    async def listing() -> list[str]:
        return []

    environment = command_environment({**os.environ, "OPENAI_API_KEY": "sk-secret", "MY_TOKEN": "secret"})
    commands = Commands(NoSandbox(), environment, folder / "the plan", f"run-{os.getpid()}")
    desk = Desk(
        root=folder,
        scope=(parse("**"),),
        listing=listing,
        plan_files={},
        commands=commands,
        seconds=20,
        scratch=folder,
        variables={"SWARM_TASK": "c.t"},
    )
    async with desk.converse(argv) as talk:
        yield talk


async def test_a_desk_gives_a_process_the_environment_the_folder_and_the_mark_of_its_commands(tmp_path: Path) -> None:
    async with at_a_desk(tmp_path, "/bin/sh", "-c", "pwd; env; echo end; cat") as talk:
        assert await talk.hear() == os.fsencode(tmp_path.resolve())
        seen: dict[str, str] = {}
        while (line := await talk.hear()) not in (b"end", None):
            name, _, value = (line or b"").decode().partition("=")
            seen[name] = value
    assert not [name for name in seen if "KEY" in name or "TOKEN" in name]
    assert seen["SWARM_TASK"] == "c.t"
    assert seen["SWARM_PLAN_DIR"] == str(tmp_path / "the plan")
    assert seen[MARK].startswith(f"run-{os.getpid()}:")


async def test_a_sweep_by_the_mark_of_the_run_finds_the_process_of_a_dead_scheduler(tmp_path: Path) -> None:
    async with at_a_desk(tmp_path, "sleep", "1000") as talk:
        assert talk.transport.get_pid() in marked(f"run-{os.getpid()}")
        assert sweep(f"run-{os.getpid()}") >= 1
        assert await talk.hear() is None
        assert talk.status == 137
    assert not marked(f"run-{os.getpid()}")
