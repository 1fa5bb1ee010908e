"""Names that clients choose, as logs and metrics may show them."""

from __future__ import annotations

import re

_PLAIN = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def is_plain(name: str) -> bool:
    """Whether it looks like the name of a team or system, and not like a sentence, a person or somebody's number.

    Up to 64 ASCII letters, digits, `.`, `_` and `-`, of which one is a letter: digits alone may be a phone's.
    """
    return _PLAIN.fullmatch(name) is not None
