"""One way to write a value as bytes, so that equal values have equal hashes on every machine.

ASCII only: lone surrogates, which no UTF-8 file can hold, survive as escapes. No NaN: it equals nothing.
"""

import hashlib
import json
from typing import Any

__all__ = ["canonical", "digest", "sha256"]


def canonical(value: Any) -> str:
    """JSON with sorted keys and no spaces.

    Raises:
        ValueError: the value holds NaN or an infinity.
        TypeError: the value is not made of JSON's types.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def digest(value: Any) -> str:
    """SHA-256, in hex, over the canonical text of a value."""
    return sha256(canonical(value).encode("ascii"))


def sha256(content: bytes) -> str:
    """SHA-256 of bytes, in hex."""
    return hashlib.sha256(content).hexdigest()
