"""Storage: blobs on disk, and sessions that end."""

import gc
from pathlib import Path

import pytest

from infrastructure.storage.blob_store import BlobStore
from infrastructure.storage.session_cache import SessionCache


def test_a_blob_comes_back_as_it_was(tmp_path):
    store = BlobStore(tmp_path)
    store.put("scrolls/old/1", b"\x00\xff")
    assert BlobStore(tmp_path).get("scrolls/old/1") == b"\x00\xff"


def test_a_blob_replaces_the_one_of_its_name(tmp_path):
    store = BlobStore(tmp_path)
    store.put("scroll", b"old")
    store.put("scroll", b"newer")
    assert store.get("scroll") == b"newer"
    assert store.describe() == {"names": ["scroll"], "bytes": 5}


def test_a_blob_that_was_deleted_is_gone(tmp_path):
    store = BlobStore(tmp_path)
    store.put("scroll", b"old")
    store.delete("scroll")
    store.delete("scroll")
    with pytest.raises(KeyError, match="scroll"):
        store.get("scroll")


def test_a_disk_that_fills_up_leaves_the_old_blob_and_no_half_of_the_new_one(tmp_path, monkeypatch):
    def write_half(path, content):
        with path.open("wb") as file:
            file.write(content[: len(content) // 2])
        raise OSError("No space left on device")

    store = BlobStore(tmp_path)
    store.put("scroll", b"old")
    monkeypatch.setattr(Path, "write_bytes", write_half)
    with pytest.raises(OSError, match="No space"):
        store.put("scroll", b"newer")
    assert store.get("scroll") == b"old"
    assert store.describe() == {"names": ["scroll"], "bytes": 3}


def test_a_blob_needs_a_name(tmp_path):
    with pytest.raises(ValueError, match="name"):
        BlobStore(tmp_path).put("", b"")


def test_a_store_without_a_folder_takes_one_and_leaves_none():
    store = BlobStore()
    store.put("scroll", b"old")
    folder = store.root
    assert folder.is_dir()
    del store
    gc.collect()
    assert not folder.exists()


async def test_a_store_checks_itself_and_leaves_no_trace(tmp_path):
    store = BlobStore(tmp_path)
    assert await store.self_check()
    assert list(tmp_path.iterdir()) == []


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_session_comes_back_as_it_was():
    data = {"name": "Ada", "visits": 3, "tags": ["queen", None], "seen": {"gate": True}}
    cache = SessionCache()
    cache.save("s1", data)
    assert cache.load("s1") == data


def test_what_is_loaded_is_a_copy():
    cache = SessionCache()
    cache.save("s1", {"tags": []})
    loaded = cache.load("s1")
    assert loaded is not None
    loaded["tags"].append("changed")
    assert cache.load("s1") == {"tags": []}


def test_a_session_ends_when_nobody_used_it_for_a_while():
    clock = Clock()
    cache = SessionCache(idle_seconds=10, clock=clock)
    cache.save("s1", {})
    clock.now += 11
    assert cache.load("s1") is None


def test_loading_a_session_is_using_it():
    clock = Clock()
    cache = SessionCache(idle_seconds=10, clock=clock)
    cache.save("s1", {"visits": 1})
    for _ in range(3):
        clock.now += 9
        assert cache.load("s1") == {"visits": 1}


def test_caches_that_share_a_store_share_sessions():
    store: dict[str, bytes] = {}
    SessionCache(store).save("s1", {"visits": 1})
    assert SessionCache(store).load("s1") == {"visits": 1}


def test_a_session_that_was_ended_is_gone():
    cache = SessionCache()
    cache.save("s1", {})
    cache.end("s1")
    cache.end("s1")
    assert cache.load("s1") is None


async def test_a_cache_checks_itself_and_leaves_no_trace():
    store: dict[str, bytes] = {}
    assert await SessionCache(store).self_check()
    assert store == {}
