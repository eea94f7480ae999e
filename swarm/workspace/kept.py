"""The run's folder of what a promotion replaces: all that it takes to go either way, on disk before anything moves.

In the folder `keep`::

    old/N, new/N     content of the N-th path; of a link, its target
    manifest.json    renamed into place when everything else is on disk; without it nothing is promoted
    done             all paths are new
    undoing          the paths that an undo is moving back
"""

import json
import os
import secrets
import shutil
import stat
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from swarm.errors import EnvironmentFault, RecordFault, RunRefused
from swarm.home import make_private
from swarm.workspace.no_links import FOLDER, MAKE
from swarm.workspace.placing import Step, UserFolder, about, blob_id, folders_of
from swarm.workspace.repository import EXECUTABLE, SYMLINK, Entry

__all__ = [
    "Manifest",
    "content",
    "forget",
    "is_done",
    "manifest",
    "mark_done",
    "mark_undoing",
    "stage",
    "sync",
    "undoing",
    "unmark_undoing",
]

_PRIVATE: Final = 0o600


@dataclass(frozen=True, slots=True)
class Manifest:
    """A promotion: its steps, how to make them the other way, and the permissions of the folders there were before."""

    steps: tuple[Step, ...]
    old_permissions: tuple[int | None, ...]
    folders: Mapping[str, int]

    def back(self) -> list[Step]:
        """The steps that put back what there was."""
        return [
            Step(step.path, step.end, step.start, self.old_permissions[number], f"old/{number}", step.draft)
            for number, step in enumerate(self.steps)
        ]


def stage(theirs: UserFolder, keep: Path, changes: Mapping[str, tuple[Entry, Entry]], contents: Mapping[str, bytes]) -> Manifest:
    """Puts on disk whatever it takes to go both ways; what was kept before is cleared.

    Args:
        changes: what is to stand at each path, before and after.
        contents: by id, of the files and links after.

    Raises:
        RunRefused: a path is not as it is to be before.
        EnvironmentFault: the disk refuses.
    """
    token = secrets.token_hex(8)
    with about(keep):
        _clear(keep)
        make_private(keep / "old")
        make_private(keep / "new")
    steps, old_permissions = [], []
    for number, (path, (old, new)) in enumerate(changes.items()):
        seen = theirs.look(path)
        if old.is_there and seen.entry != old:
            raise RunRefused(f"nothing was written: {theirs.path / path} was changed in this moment; try again")
        _store(keep / f"old/{number}", seen.content if old.is_there else None)
        _store(keep / f"new/{number}", contents[new.id] if new.is_there else None)
        steps.append(Step(path, old, new, _new_permissions(seen.permissions, new), f"new/{number}", f".swarm-{token}-{number}"))
        old_permissions.append(seen.permissions)
    folders = {folder: found for folder in folders_of(steps) if (found := theirs.permissions(folder)) is not None}
    made = Manifest(tuple(steps), tuple(old_permissions), folders)
    for folder in (keep / "old", keep / "new"):
        sync(folder)
    _mark(keep, "manifest.json", asdict(made))
    sync(keep)
    return made


def manifest(keep: Path) -> Manifest | None:
    """The promotion that is in place or died; None if nothing is promoted.

    Raises:
        RecordFault: the file is damaged.
    """
    found = _marked(keep, "manifest.json")
    if found is None:
        return None
    steps = (Step(**{**step, "start": Entry(**step["start"]), "end": Entry(**step["end"])}) for step in found["steps"])
    return Manifest(tuple(steps), tuple(found["old_permissions"]), found["folders"])


def is_done(keep: Path) -> bool:
    """Whether all paths of the promotion are new."""
    return (keep / "done").exists()


def undoing(keep: Path) -> list[str] | None:
    """The paths that an undo was moving back when it died; None if none did.

    Raises:
        RecordFault: the file is damaged.
    """
    found: list[str] | None = _marked(keep, "undoing")
    return found


def content(keep: Path, step: Step) -> bytes:
    """What is to stand at the end of a step.

    Raises:
        RecordFault: it is damaged.
        EnvironmentFault: it cannot be read.
    """
    with about(keep / step.content):
        found = (keep / step.content).read_bytes()
    if blob_id(found) != step.end.id:
        raise RecordFault(f"{keep / step.content}, which is to become {step.path}, is damaged: restore it from a backup")
    return found


def mark_done(keep: Path) -> None:
    """Records that all paths are new."""
    _mark(keep, "done")


def mark_undoing(keep: Path, paths: Sequence[str]) -> None:
    """Records, on disk when it returns, which paths are about to be moved back."""
    _mark(keep, "undoing", paths)
    sync(keep)


def unmark_undoing(keep: Path) -> None:
    """Records that no undo is under way."""
    with about(keep):
        os.unlink(keep / "undoing")


def forget(keep: Path) -> None:
    """Removes what is kept: nothing is promoted any more."""
    with about(keep):
        os.unlink(keep / "manifest.json")
    # From here on nothing is promoted, whatever becomes of the rest.
    with suppress(EnvironmentFault, OSError):
        sync(keep)
        _clear(keep)


def _new_permissions(old: int | None, new: Entry) -> int | None:
    """The old ones; where the file becomes executable or ceases to be, only those bits change."""
    if old is None or new.mode == SYMLINK or bool(old & stat.S_IXUSR) == (new.mode == EXECUTABLE):
        return old
    return old | (old & 0o444) >> 2 if new.mode == EXECUTABLE else old & ~0o111


def _store(file: Path, content: bytes | None) -> None:
    if content is None:
        return
    with about(file), os.fdopen(os.open(file, MAKE, _PRIVATE), "wb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())


def _mark(keep: Path, name: str, value: Any = None) -> None:
    """Writes a small file, whole or not at all."""
    with about(keep / name):
        draft = keep / f"{name}.new"
        draft.unlink(missing_ok=True)
        _store(draft, json.dumps(value).encode("ascii"))
        os.rename(draft, keep / name)


def _marked(keep: Path, name: str) -> Any:
    try:
        return json.loads((keep / name).read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise RecordFault(f"cannot read {keep / name}: {error}; restore it from a backup") from error


def sync(folder: Path) -> None:
    """Returns once the names in the folder are on disk."""
    with about(folder):
        descriptor = os.open(folder, FOLDER)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _clear(keep: Path) -> None:
    with suppress(FileNotFoundError):
        shutil.rmtree(keep)
