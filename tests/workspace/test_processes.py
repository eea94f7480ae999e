"""Commands end when they should, with all they started, and say how; and they see only what they may."""

import asyncio
import os
import signal
import subprocess
import tracemalloc
from pathlib import Path

import pytest

from swarm.errors import EnvironmentFault, UsageError
from swarm.workspace.environment import command_environment
from swarm.workspace.processes import MARK, Outcome, run, shell, sweep
from swarm.workspace.sandbox import choose

pytestmark = pytest.mark.asyncio

PATH = {"PATH": "/usr/bin:/bin"}
STAYS = "exec 3> pipe; echo started >&3; exec sleep 1000"
"""Shell text that holds `pipe` open for as long as it lives."""


class Pipe:
    """A named pipe: its readers see the end once nobody who opened it for writing is alive."""

    def __init__(self, folder: Path) -> None:
        os.mkfifo(folder / "pipe")
        self._fd = os.open(folder / "pipe", os.O_RDONLY | os.O_NONBLOCK)

    async def started(self) -> None:
        assert (await self._read()).startswith(b"started")

    async def ended(self) -> None:
        """Waits for the end; what has been killed may still be closing its files."""
        assert await self._read() == b""

    async def _read(self) -> bytes:
        readable = asyncio.Event()
        asyncio.get_running_loop().add_reader(self._fd, readable.set)
        try:
            await asyncio.wait_for(readable.wait(), 30)
        finally:
            asyncio.get_running_loop().remove_reader(self._fd)
        return os.read(self._fd, 100)


def sleeping(mark: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(["sleep", "1000"], env=PATH | {MARK: mark})


async def done(text: str, folder: Path, **options: object) -> Outcome:
    given = {"timeout": 30.0, "environment": PATH, "mark": "test"} | options
    return await run(shell(text), cwd=folder, **given)  # type: ignore[arg-type]  # the tests' own shorthand


@pytest.mark.parametrize(("text", "status"), [("exit 0", 0), ("exit 3", 3), ("exit 127", 127), ("kill -9 $$", 137), ("kill -TERM $$", 143)])
async def test_the_status_is_the_shells(tmp_path: Path, text: str, status: int) -> None:
    assert (await done(text, tmp_path)).status == status


@pytest.mark.parametrize(
    ("program", "status", "reason"),
    [
        ("no-such-program", 127, "not found"),
        ("./folder", 126, "denied"),
        ("./plain", 126, "denied"),
        ("./garbage", 126, "format"),
        ("a\0b", 126, "null"),
    ],
)
async def test_what_cannot_run_says_why(tmp_path: Path, program: str, status: int, reason: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "plain").write_text("text")
    (tmp_path / "garbage").write_bytes(b"\x7fELF garbage")
    (tmp_path / "garbage").chmod(0o755)
    outcome = await run([program], cwd=tmp_path, environment=PATH, timeout=30, mark="test")
    assert outcome.status == status
    assert reason in outcome.output.lower()


async def test_a_missing_folder_is_not_the_commands_fault(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault, match="no such folder"):
        await done("true", tmp_path / "gone")


async def test_output_and_errors_come_in_order(tmp_path: Path) -> None:
    assert (await done("echo one; echo two >&2; echo three", tmp_path)).output == "one\ntwo\nthree\n"


async def test_output_that_is_no_text_is_escaped(tmp_path: Path) -> None:
    assert (await done(r"printf 'a\377b'", tmp_path)).output == r"a\xffb"


async def test_of_long_output_the_ends_are_kept_and_the_gap_is_counted(tmp_path: Path) -> None:
    outcome = await done("printf 0123456789abcdef", tmp_path, output_limit=8)
    assert outcome.output == "0123\n[... 8 bytes left out ...]\ncdef"


async def test_output_that_just_fits_is_whole(tmp_path: Path) -> None:
    assert (await done("printf 01234567", tmp_path, output_limit=8)).output == "01234567"


async def test_a_flood_of_output_takes_no_memory(tmp_path: Path) -> None:
    tracemalloc.start()
    try:
        outcome = await done("head -c 300000000 /dev/zero; echo end", tmp_path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert outcome.output.endswith("end\n")
    assert f"{300_000_004 - 64 * 1024} bytes left out" in outcome.output
    assert peak < 4_000_000


async def test_a_command_reads_what_it_is_given(tmp_path: Path) -> None:
    assert (await done("cat", tmp_path, stdin=b"x" * 300_000, output_limit=1_000_000)).output == "x" * 300_000


async def test_a_command_that_is_given_nothing_reads_nothing(tmp_path: Path) -> None:
    assert (await done("cat", tmp_path)).output == ""


async def test_a_command_that_does_not_read_does_not_block(tmp_path: Path) -> None:
    assert (await done("exec true", tmp_path, stdin=b"x" * 1_000_000)).status == 0


async def test_a_command_sees_exactly_its_environment(tmp_path: Path) -> None:
    outcome = await run(["/usr/bin/env"], cwd=tmp_path, environment={"A": "1"}, timeout=30, mark="run-7")
    assert {line.partition("=")[0] for line in outcome.output.splitlines()} == {"A", MARK}
    assert f"{MARK}=run-7." in outcome.output


@pytest.mark.parametrize(
    "start", [STAYS, f"({STAYS}) & wait", f"setsid sh -c '{STAYS}' & wait", f"setsid -f setsid -f sh -c '{STAYS}'; sleep 1000"]
)
async def test_when_the_time_is_up_the_whole_tree_ends(tmp_path: Path, start: str) -> None:
    pipe = Pipe(tmp_path)
    outcome, _ = await asyncio.gather(done(start, tmp_path, timeout=1.0), pipe.started())
    assert outcome.timed_out
    assert outcome.status == 128 + signal.SIGKILL
    await pipe.ended()


@pytest.mark.parametrize("start", [STAYS, f"setsid sh -c '{STAYS}' & wait"])
async def test_cancelling_ends_the_whole_tree(tmp_path: Path, start: str) -> None:
    pipe = Pipe(tmp_path)
    command = asyncio.create_task(done(start, tmp_path))
    await pipe.started()
    command.cancel()
    with pytest.raises(asyncio.CancelledError):
        await command
    await pipe.ended()


@pytest.mark.parametrize("start", [f"({STAYS}) &", f"setsid sh -c '{STAYS}' &"])
async def test_what_a_command_leaves_in_the_background_ends_with_it(tmp_path: Path, start: str) -> None:
    pipe = Pipe(tmp_path)
    leave_once_started = f"mkfifo go; {start.replace('>&3;', '>&3; echo > go;')} read line < go; echo done"
    outcome = await done(leave_once_started, tmp_path)
    assert outcome.output == "done\n"
    assert outcome.status == 0
    assert outcome.seconds < 20
    await pipe.started()
    await pipe.ended()


async def test_the_end_of_a_command_leaves_others_with_the_same_mark_alone(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "go")
    waiting = asyncio.create_task(done("read line < go; echo $line", tmp_path))
    writer = await asyncio.to_thread((tmp_path / "go").open, "w")
    assert (await done("true", tmp_path)).status == 0
    with writer:
        writer.write("survived\n")
    assert (await waiting).output == "survived\n"


async def test_a_sweep_ends_what_a_dead_scheduler_left_and_nothing_else() -> None:
    marks = ("run-a.1", "run-a.2", "run-b.1")
    left = [sleeping(mark) for mark in marks]
    try:
        assert sweep("run-a.") == 2
        assert [process.wait() for process in left[:2]] == [-9, -9]
        assert left[2].poll() is None
    finally:
        left[2].kill()
        left[2].wait()


async def test_no_model_key_and_no_secret_reaches_a_command() -> None:
    secrets = {
        "OPENAI_API_KEY": "sk-1",
        "AWS_SECRET_ACCESS_KEY": "x",
        "UV_PUBLISH_TOKEN": "x",
        "PIP_PASSWORD": "x",
        "npm_config__auth": "x",
        "PIP_INDEX_URL": "https://user:secret@index.example.org/simple",
        "HTTPS_PROXY": "http://user:secret@proxy.example.org",
        "SSH_AUTH_SOCK": "/tmp/agent",
        "GIT_DIR": "/somewhere",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    assert command_environment(PATH | secrets) == PATH | {"TERM": "dumb"}


async def test_what_programs_need_reaches_a_command() -> None:
    needed = PATH | {
        "HOME": "/home/u",
        "LC_ALL": "C.UTF-8",
        "VIRTUAL_ENV": "/v",
        "SSL_CERT_FILE": "/c",
        "UV_DEFAULT_INDEX": "https://index.example.org/simple",
        "PIP_CERT": "/c",
        "https_proxy": "http://proxy.example.org:3128",
    }
    assert command_environment(needed, SWARM_RUN="r") == needed | {"TERM": "dumb", "SWARM_RUN": "r"}


async def test_git_in_a_command_does_not_find_a_repository_above_the_pool(tmp_path: Path) -> None:
    pool = tmp_path / ".swarm" / "pool"
    (pool / "000" / "tree").mkdir(parents=True)
    assert (await done("git init", tmp_path)).status == 0
    outcome = await done("git rev-parse", pool / "000" / "tree", environment=command_environment(os.environ, ceiling=pool))
    assert outcome.status == 128


@pytest.mark.parametrize(("mode", "warned"), [("none", False), ("auto", True)])
async def test_without_a_sandbox_commands_stay_as_they_are(tmp_path: Path, mode: str, warned: bool) -> None:
    choice = choose(mode)
    assert choice.sandbox.name == "none"
    assert choice.sandbox.wrap(["a", "b"], worktree=tmp_path, writable=()) == ["a", "b"]
    assert bool(choice.warning) == warned


@pytest.mark.parametrize("mode", ["bwrap", "landlock", "seatbelt", "container"])
async def test_a_sandbox_that_is_not_there_is_refused_and_not_replaced(mode: str) -> None:
    with pytest.raises(EnvironmentFault, match=mode):
        choose(mode)


async def test_a_sandbox_that_nobody_knows_is_a_mistake_of_the_command_line() -> None:
    with pytest.raises(UsageError, match="nonsense: there is no such mode"):
        choose("nonsense")
