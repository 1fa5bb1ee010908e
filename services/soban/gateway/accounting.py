"""The line that an operator charges by. It holds no personal data: users are told apart, not named."""

from __future__ import annotations

import hmac
import logging
import secrets
from collections.abc import Collection

import soban.v1 as pb
from soban.gateway.stopwatch import Stopwatch
from soban.runtime.context import Call

_logger = logging.getLogger("soban.usage")

_USER_BYTES = 8


class Accounts:
    """Writes one line a chat: who asked, with which labels, and how much it was.

    `user` is written as 16 hexadecimal digits of HMAC-SHA256 under `salt`; without one, under a random salt of this
    process. Of the labels only those whose keys are in `labels` are written.
    """

    def __init__(self, labels: Collection[str], salt: str) -> None:
        self._labels = frozenset(labels)
        self._salt = salt.encode() or secrets.token_bytes(16)

    def write(self, chat: pb.ChatRequest, call: Call, watch: Stopwatch, error: str) -> None:
        """`error` is the reason that the chat ended with, or empty."""
        fields = {
            "request_id": call.request_id,
            "model": watch.model or None,
            "user": self._pseudonym(chat.user),
            "labels": {key: value for key, value in chat.labels.items() if key in self._labels} or None,
            "input_tokens": watch.usage.input_tokens,
            "output_tokens": watch.usage.output_tokens,
            "reason": error or None,
        }
        _logger.info("chat", extra=fields)

    def _pseudonym(self, user: str) -> str | None:
        return hmac.digest(self._salt, user.encode(), "sha256")[:_USER_BYTES].hex() if user else None
