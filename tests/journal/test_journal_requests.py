"""What other commands ask of a living scheduler."""

import os
from pathlib import Path
from typing import get_args

import pytest

from swarm.errors import RecordFault
from swarm.journal.requests import Approve, Cancel, Letterbox, Request, Retry, leave, pending

ALL: tuple[Request, ...] = (Cancel(), Approve(phase="integration", who="ada\udc80"), Retry(task="analytics.core[a/b.py]"))


def take(folder: Path) -> list[Request]:
    """Takes what is there and settles it."""
    box = Letterbox(folder)
    taken = list(box.take())
    box.settle()
    return taken


def test_a_request_that_is_not_settled_is_there_for_the_next_scheduler(tmp_path: Path) -> None:
    leave(tmp_path, Cancel())
    box = Letterbox(tmp_path)
    assert box.take() == [Cancel()]
    assert box.take() == [], "taken once"
    assert Letterbox(tmp_path).take() == [Cancel()], "after a crash"
    box.settle()
    assert Letterbox(tmp_path).take() == []


def test_every_request_is_taken_as_it_was_left_and_in_order(tmp_path: Path) -> None:
    assert {type(each) for each in ALL} == set(get_args(Request))
    asked = [*ALL, *reversed(ALL), *ALL]
    files = [leave(tmp_path, each) for each in asked]
    assert pending(tmp_path) == list(zip(files, asked, strict=True))
    assert take(tmp_path) == asked
    assert list(tmp_path.iterdir()) == []
    assert take(tmp_path) == []


def test_pending_takes_nothing(tmp_path: Path) -> None:
    leave(tmp_path, Cancel())
    assert pending(tmp_path) == pending(tmp_path) != []


def test_requests_are_for_their_owner_only(tmp_path: Path) -> None:
    assert leave(tmp_path, Cancel()).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b'"cancel"',
        b"{}",
        b'{"request": "destroy"}',
        b'{"request": ["cancel"]}',
        b'{"request": "cancel", "force": "yes"}',
        b'{"request": "approve", "phase": "p"}',
        b'{"request": "retry", "task": 3}',
        b'{"request": "retry", "task": null}',
        b"\xff\xfe",
        b"[" * 60_000,
        b'{"request": "retry", "task": "' + b"x" * 70_000 + b'"}',
    ],
    ids=range(14),
)
def test_what_is_no_request_is_moved_aside_and_hides_nothing(tmp_path: Path, content: bytes) -> None:
    first = leave(tmp_path, Cancel())
    (tmp_path / "0.json").write_bytes(content)
    assert pending(tmp_path) == [(first, Cancel())]
    assert take(tmp_path) == [Cancel()]
    assert [each.name for each in tmp_path.iterdir()] == ["0.refused"]


def test_links_pipes_and_folders_are_no_requests(tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "requests", tmp_path / "elsewhere"
    folder.mkdir()
    elsewhere.mkdir()
    (folder / "1.json").symlink_to(leave(elsewhere, Cancel()))
    os.mkfifo(folder / "2.json")
    (folder / "3.json").mkdir()
    assert take(folder) == []
    assert sorted(each.name for each in folder.iterdir()) == ["1.refused", "2.refused", "3.refused"]


def test_half_written_requests_are_not_seen(tmp_path: Path) -> None:
    (tmp_path / ".00000000000000000001-aa.tmp").write_text('{"request":"can')
    assert pending(tmp_path) == []
    assert take(tmp_path) == []


def test_no_folder_holds_no_requests_and_takes_none(tmp_path: Path) -> None:
    assert pending(tmp_path / "nowhere") == []
    assert take(tmp_path / "nowhere") == []
    with pytest.raises(RecordFault, match="nowhere"):
        leave(tmp_path / "nowhere", Cancel())
