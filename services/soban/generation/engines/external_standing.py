"""Whether an API of somebody else counts as up, found out without a request that costs money.

Its list of models is asked for now and then. Where an API does not show that, it counts as up until it fails.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from soban.generation.engines.http import EngineHttp
from soban.runtime.errors import Internal, SobanError

MODELS_PATH = "/models"
NOT_TOLD = frozenset({403, 404, 405, 429, 501})
"""Statuses that say nothing of how the API is: keys may be good for chats only, and some gateways have no list."""

_logger = logging.getLogger(__name__)

_LOOK_SECONDS = 30.0
_LOOK_AWAY_SECONDS = 5.0
_REFUSED_SECONDS = 30.0


class Standing:
    """Of the API behind `http`; `clock` is in seconds."""

    def __init__(self, http: EngineHttp, model: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._http = http
        self._model = model
        self._clock = clock
        self._up = False
        self._next_look = float("-inf")
        self._refused_until = float("-inf")

    async def good(self) -> bool:
        """Asks the API at most every 30 seconds, every 5 while it is away."""
        now = self._clock()
        if now < self._refused_until:
            return False
        if now >= self._next_look:
            self._up = await self._look()
            self._next_look = now + (_LOOK_SECONDS if self._up else _LOOK_AWAY_SECONDS)
        return self._up

    def refused(self, err: Internal) -> None:
        """It takes no requests of this account: nobody is to send more of them for a while, and the operator reads why.

        Callers get an id of the error, under which their own log line has it.
        """
        if self._clock() >= self._refused_until:
            _logger.error("external API refuses this account", extra={"engine_model": self._model, "error": str(err)})
        self._refused_until = self._clock() + _REFUSED_SECONDS

    def doubt(self) -> None:
        """It has refused one request, for a reason that may or may not be its key: the list of models will tell."""
        self._next_look = float("-inf")

    def answered(self) -> None:
        """It has taken a request: a look would tell no more."""
        self._up = True
        self._refused_until = float("-inf")
        self._next_look = self._clock() + _LOOK_SECONDS

    async def _look(self) -> bool:
        try:
            status = (await self._http.get(MODELS_PATH)).status
        except SobanError:
            return False
        if status == 401:
            _logger.error("external API refuses its key", extra={"engine_model": self._model, "status": status})
        return status == 200 or status in NOT_TOLD
