"""The line that an operator charges by. It holds no personal data: users are told apart, not named."""

from __future__ import annotations

import logging
from collections.abc import Collection

import soban.v1 as pb
from soban.gateway.callers import Callers
from soban.gateway.pseudonyms import Pseudonyms
from soban.gateway.stopwatch import Stopwatch
from soban.runtime.context import Call
from soban.runtime.plain_names import is_plain

_logger = logging.getLogger("soban.usage")


class Accounts:
    """Writes one line a chat: who asked, with which labels, how much it was and what it cost.

    `user` is written as its pseudonym, and so is a tenant that does not look like a name. Of the labels only those
    whose keys are in `labels` are written.
    """

    def __init__(self, labels: Collection[str], callers: Callers, pseudonyms: Pseudonyms) -> None:
        self._labels = frozenset(labels)
        self._callers = callers
        self._pseudonyms = pseudonyms

    def write(self, chat: pb.ChatRequest, call: Call, watch: Stopwatch, error: str) -> None:
        """`error` is the reason that the chat ended with, or empty."""
        told = watch.told
        fields = {
            "request_id": call.request_id,
            "model": watch.model or None,
            "requested_model": watch.asked_model if watch.asked_model != watch.model else None,
            "tenant": self._tenant(chat) or None,
            "user": self._pseudonyms.of(chat.user) or None,
            "labels": {key: value for key, value in chat.labels.items() if key in self._labels} or None,
            "input_tokens": told.usage.input_tokens,
            "output_tokens": told.usage.output_tokens,
            "cached_input_tokens": told.usage.cached_input_tokens or None,
            **_cost(told),
            "resumes": told.resumes or None,
            "reason": error or None,
        }
        _logger.info("chat", extra=fields)

    def _tenant(self, chat: pb.ChatRequest) -> str:
        tenant = self._callers.tenant(chat)
        return tenant if is_plain(tenant) else self._pseudonyms.of(tenant)


def _cost(told: pb.GenerationSummary) -> dict[str, float | None]:
    """Millionths of won and dollars, and the seconds of an engine; nothing where there is no price."""
    if not told.HasField("cost"):
        return {}
    cost = told.cost
    return {
        "krw_micros": cost.krw_micros or None,
        "usd_micros": cost.usd_micros or None,
        "engine_seconds": round(cost.engine_seconds, 6),
    }
