"""Users told apart without being named."""

from __future__ import annotations

import hmac
import secrets
from pathlib import Path

from soban.runtime.config_error import ConfigError

_BYTES = 8
_FILE_KEY = "services.gateway.logUserSaltFile"


def salt_in(path: str) -> str:
    """The text of a file, without white space around it. Raises ConfigError when there is none."""
    try:
        salt = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as err:
        raise ConfigError(_FILE_KEY, f"{path} cannot be read: {getattr(err, 'strerror', None) or 'no UTF-8'}") from err
    if not salt:
        raise ConfigError(_FILE_KEY, f"{path} is empty")
    return salt


class Pseudonyms:
    """16 hexadecimal digits of HMAC-SHA256 under `salt`; without one, under a random salt of this process."""

    def __init__(self, salt: str) -> None:
        self._salt = salt.encode() or secrets.token_bytes(16)

    def of(self, user: str) -> str:
        """The same for the same user; empty for none."""
        return hmac.digest(self._salt, user.encode(), "sha256")[:_BYTES].hex() if user else ""
