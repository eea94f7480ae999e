"""Sessions, kept as bytes in a store that several processes may share, until nobody has used them for a while."""

import logging
import pickle
import time
from collections.abc import Callable, MutableMapping
from typing import Any

logger = logging.getLogger(__name__)

PROBE = ".self-check"


class SessionCache:
    """Remembers what belongs to a session: a dict of texts, numbers, lists and dicts.

    Args:
        store: where the bytes go; a shared one makes sessions shared.
        idle_seconds: a session unused for longer is gone.
        clock: seconds since the epoch, for all who share the store; given from outside so that tests decide the time.
    """

    def __init__(
        self, store: MutableMapping[str, bytes] | None = None, idle_seconds: float = 1800.0, clock: Callable[[], float] = time.time
    ) -> None:
        self.idle_seconds = idle_seconds
        self._store = store if store is not None else {}
        self._clock = clock

    def save(self, session: str, data: dict[str, Any]) -> None:
        """Remembers a session's data, in place of what was there."""
        self._store[session] = pickle.dumps([self._clock(), data])

    def load(self, session: str) -> dict[str, Any] | None:
        """A session's data, which counts as using it; None for one that is unknown or was idle too long."""
        stored = self._store.get(session)
        if stored is None:
            return None
        used_at, data = pickle.loads(stored)
        if self._clock() - used_at > self.idle_seconds:
            logger.info("session %s was idle too long", session)
            self.end(session)
            return None
        self.save(session, data)
        return dict(data)

    def end(self, session: str) -> None:
        """Forgets a session; harmless for one that is unknown."""
        self._store.pop(session, None)

    async def self_check(self) -> bool:
        """Whether what is saved can be loaded."""
        self.save(PROBE, {"visits": 1})
        loaded = self.load(PROBE)
        self.end(PROBE)
        return loaded == {"visits": 1}
