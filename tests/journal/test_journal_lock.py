"""One scheduler for a run."""

import fcntl
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from swarm.errors import RecordFault, RunOwned
from swarm.home import Home, RunFolder
from swarm.journal.lock import own, owner

OWNER = """
import sys
from pathlib import Path
from swarm.home import RunFolder
from swarm.journal.lock import own

with own(RunFolder("run-1", Path(sys.argv[1]))):
    print("mine", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def folder(home: Home) -> RunFolder:
    folder = home.run("run-1")
    folder.create()
    return folder


@pytest.fixture
def other(folder: RunFolder) -> Iterator[subprocess.Popen[str]]:
    """Another process that owns the run until its standard input ends."""
    command = [sys.executable, "-c", OWNER, str(folder.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "mine\n"
        yield process
        process.kill()


def test_a_run_has_one_owner_and_the_refusal_names_run_and_pid(folder: RunFolder, other: subprocess.Popen[str]) -> None:
    with pytest.raises(RunOwned, match=rf"run-1.*pid {other.pid}\b"), own(folder):
        raise AssertionError
    assert owner(folder) == other.pid


def test_a_killed_owner_owns_nothing(folder: RunFolder, other: subprocess.Popen[str]) -> None:
    other.kill()
    other.wait()
    assert owner(folder) is None
    with own(folder):
        assert owner(folder) == os.getpid()


def test_an_owner_that_ends_lets_go(folder: RunFolder, other: subprocess.Popen[str]) -> None:
    other.communicate()
    with own(folder):
        pass
    assert owner(folder) is None


def test_the_same_process_cannot_own_a_run_twice(folder: RunFolder) -> None:
    with own(folder), pytest.raises(RunOwned, match=str(os.getpid())), own(folder):
        raise AssertionError
    with own(folder):
        pass


def test_an_error_in_the_block_lets_go(folder: RunFolder) -> None:
    with pytest.raises(ZeroDivisionError), own(folder):
        _ = 1 / 0
    assert owner(folder) is None


def test_asking_who_owns_a_run_writes_nothing(folder: RunFolder) -> None:
    before = sorted(folder.path.iterdir())
    assert owner(folder) is None
    assert sorted(folder.path.iterdir()) == before
    folder.lock.write_text("4242")
    stamp = folder.lock.stat().st_mtime_ns
    assert owner(folder) is None
    assert (folder.lock.read_text(), folder.lock.stat().st_mtime_ns) == ("4242", stamp)


def test_owning_waits_for_one_who_only_asks(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.lock.touch()
    asking = folder.lock.open()
    fcntl.flock(asking, fcntl.LOCK_SH)
    monkeypatch.setattr(time, "sleep", lambda seconds: asking.close())
    with own(folder):
        assert asking.closed


def test_asking_all_the_time_keeps_nobody_from_owning(folder: RunFolder) -> None:
    with own(folder):
        pass
    done, asked = threading.Event(), []

    def ask() -> None:
        while not done.is_set():
            asked.append(owner(folder))

    with ExitStack() as stack:
        askers = [threading.Thread(target=ask) for _ in range(2)]
        for asker in askers:
            asker.start()
            stack.callback(asker.join)
        stack.callback(done.set)
        for _ in range(50):
            with own(folder):
                pass
    assert set(asked) <= {None, 0, os.getpid()}


def test_the_lock_is_for_its_owner_only(folder: RunFolder) -> None:
    with own(folder):
        assert folder.lock.stat().st_mode & 0o777 == 0o600


def test_a_run_without_a_folder_cannot_be_owned(tmp_path: Path) -> None:
    with pytest.raises(RecordFault, match="nowhere"), own(RunFolder("run-1", tmp_path / "nowhere")):
        raise AssertionError
    assert owner(RunFolder("run-1", tmp_path / "nowhere")) is None


def test_a_link_in_place_of_the_lock_is_not_followed(folder: RunFolder, tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_text("precious")
    folder.lock.symlink_to(target)
    with pytest.raises(RecordFault, match="lock"), own(folder):
        raise AssertionError
    assert target.read_text() == "precious"
