"""The gateway's limit on how often a client may ask: a token bucket for each client."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

logger = logging.getLogger(__name__)

PROBE = ".self-check"
CLIENTS = 10_000  # buckets kept at a time; the ones that are full again are the first to go


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled_at: float


class RateLimiter:
    """Lets each client ask `burst` times at once and `per_second` times a second in the long run.

    Args:
        clock: seconds that only ever grow; given from outside so that tests decide the time.
    """

    def __init__(self, per_second: float = 10.0, burst: int = 20, clock: Callable[[], float] = time.monotonic) -> None:
        self.per_second = per_second
        self.burst = burst
        self._clock = clock
        self._buckets: dict[str, _Bucket] = {}
        if per_second <= 0 or burst < 1:
            raise ValueError("a limit needs a rate above 0 and a burst of at least 1")

    def allow(self, client: str) -> bool:
        """Whether a client may ask now; if so, that is counted."""
        bucket = self._filled(client)
        if bucket.tokens < 1:
            logger.info("%s asks too often", client)
            return False
        bucket.tokens -= 1
        return True

    def seconds_until_allowed(self, client: str) -> float:
        """How long a client has to wait before it may ask; 0 where it may ask now."""
        return max(0.0, (1 - self._filled(client).tokens) / self.per_second)

    def status(self) -> dict[str, Any]:
        """The limit, and how many clients it watches."""
        return {"per_second": self.per_second, "burst": self.burst, "clients": len(self._buckets)}

    async def self_check(self) -> bool:
        """Whether a new client may ask."""
        allowed = self.allow(PROBE)
        del self._buckets[PROBE]
        return allowed

    def _filled(self, client: str) -> _Bucket:
        now = self._clock()
        if client not in self._buckets and len(self._buckets) >= CLIENTS:
            self._forget_full(now)
        bucket = self._buckets.setdefault(client, _Bucket(self.burst, now))
        bucket.tokens = self._tokens(bucket, now)
        bucket.filled_at = now
        return bucket

    def _tokens(self, bucket: _Bucket, now: float) -> float:
        return min(self.burst, bucket.tokens + (now - bucket.filled_at) * self.per_second)

    def _forget_full(self, now: float) -> None:
        """A full bucket says nothing that a new one would not say."""
        self._buckets = {client: one for client, one in self._buckets.items() if self._tokens(one, now) < self.burst}
