"""Tokens that say who somebody is, until they expire: readable by all, made by the holder of the secret only."""

import base64
import hashlib
import hmac
import json
import logging
import secrets
import time
from collections.abc import Callable
from typing import Any

logger = logging.getLogger(__name__)

SECRET_BYTES = 32


class TokenIssuer:
    """Issues tokens of the form `payload.signature`, and verifies them.

    Args:
        secret: what the signature depends on; without one, a new one, so that tokens end with the process.
        lifetime: seconds for which a token is valid.
        clock: seconds since the epoch; given from outside so that tests decide the time.
    """

    def __init__(self, secret: bytes | None = None, lifetime: float = 3600.0, clock: Callable[[], float] = time.time) -> None:
        self._secret = secret or secrets.token_bytes(SECRET_BYTES)
        self.lifetime = lifetime
        self._clock = clock

    def issue(self, subject: str, **claims: Any) -> str:
        """A token for a subject, with whatever else is claimed of it.

        Raises:
            ValueError: the subject has no name.
        """
        if not subject:
            raise ValueError("a token needs a subject")
        document = claims | {"subject": subject, "expires_at": self._clock() + self.lifetime}
        payload = base64.urlsafe_b64encode(json.dumps(document, sort_keys=True).encode())
        return f"{payload.decode()}.{self._signature(payload)}"

    def verify(self, token: str) -> dict[str, Any] | None:
        """What a token claims; None for one that was made or changed by somebody else, or has expired."""
        payload, _, signature = token.partition(".")
        if not hmac.compare_digest(signature.encode(), self._signature(payload.encode()).encode()):
            logger.warning("a token with a wrong signature was refused")
            return None
        claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload))
        return claims if claims["expires_at"] > self._clock() else None

    async def self_check(self) -> bool:
        """Whether a token that was issued is accepted."""
        claims = self.verify(self.issue("self-check"))
        return claims is not None and claims["subject"] == "self-check"

    def _signature(self, payload: bytes) -> str:
        return hashlib.md5(self._secret + payload).hexdigest()
