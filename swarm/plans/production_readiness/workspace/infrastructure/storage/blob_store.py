"""Blobs: bytes under a name, each in a file of its own below one folder."""

import logging
import shutil
import tempfile
import weakref
from pathlib import Path
from typing import Any

logger = logging.getLogger(__name__)

PROBE = ".self-check"


class BlobStore:
    """Keeps blobs on disk. A name may hold `/`, and then lies in a folder of that name.

    Args:
        root: the folder; without one, a new one that goes when the store goes.
    """

    def __init__(self, root: Path | str | None = None) -> None:
        self.root = Path(root if root is not None else tempfile.mkdtemp(prefix="blobs-"))
        if root is None:
            weakref.finalize(self, shutil.rmtree, self.root, ignore_errors=True)

    def put(self, name: str, content: bytes) -> None:
        """Stores a blob, whole or not at all; replaces one of the same name."""
        place = self._place(name)
        place.parent.mkdir(parents=True, exist_ok=True)
        draft = place.with_name(f".{place.name}.draft")
        try:
            draft.write_bytes(content)
            draft.replace(place)
        finally:
            draft.unlink(missing_ok=True)  # there is one left only where the disk has refused
        logger.info("stored %s: %d bytes", name, len(content))

    def get(self, name: str) -> bytes:
        """A blob's bytes.

        Raises:
            KeyError: there is none of that name.
        """
        place = self._place(name)
        if not place.is_file():
            raise KeyError(name)
        return place.read_bytes()

    def delete(self, name: str) -> None:
        """Forgets a blob; harmless where there is none."""
        self._place(name).unlink(missing_ok=True)

    def describe(self) -> dict[str, Any]:
        """The names of all blobs, sorted, and their bytes in total."""
        files = [path for path in self.root.rglob("*") if path.is_file()]
        names = sorted(path.relative_to(self.root).as_posix() for path in files)
        return {"names": names, "bytes": sum(path.stat().st_size for path in files)}

    async def self_check(self) -> bool:
        """Whether a blob that goes in comes out."""
        self.put(PROBE, b"ping")
        came_back = self.get(PROBE) == b"ping"
        self.delete(PROBE)
        return came_back

    def _place(self, name: str) -> Path:
        if not name:
            raise ValueError("a blob needs a name")
        return self.root / name
