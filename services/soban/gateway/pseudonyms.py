"""Users told apart without being named."""

from __future__ import annotations

import hmac
import secrets

_BYTES = 8


class Pseudonyms:
    """16 hexadecimal digits of HMAC-SHA256 under `salt`; without one, under a random salt of this process."""

    def __init__(self, salt: str) -> None:
        self._salt = salt.encode() or secrets.token_bytes(16)

    def of(self, user: str) -> str:
        """The same for the same user; empty for none."""
        return hmac.digest(self._salt, user.encode(), "sha256")[:_BYTES].hex() if user else ""
