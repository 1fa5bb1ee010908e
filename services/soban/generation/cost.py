"""What an answer cost: its share of an engine's time, and its price by the operator's table."""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal

import soban.v1 as pb
from soban.generation.engine import Usage
from soban.runtime.model_settings import PriceConfig

_MICROS = Decimal(1_000_000)
_HOUR = Decimal(3600)
_MOST_MICROS = 2**63 - 1


class EngineClock:
    """Time of one replica, shared by the sequences that run side by side on it.

    Virtual time, as in fair queueing: while r sequences run, it goes at 1/r of the real one, so that a sequence's
    seconds are the virtual time it was there, at the cost of an addition. All seconds of a replica together are the
    time in which it had anything to do.
    """

    __slots__ = ("_clock", "_last", "_running", "_virtual")

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._running = 0
        self._virtual = 0.0
        self._last = clock()

    def begin(self) -> float:
        """A sequence is there from now on; give what this returns to `end`."""
        self._advance()
        self._running += 1
        return self._virtual

    def end(self, began: float) -> float:
        """It is gone. Returns its engine-seconds."""
        self._advance()
        self._running -= 1
        return self._virtual - began

    def _advance(self) -> None:
        now = self._clock()
        if self._running > 0:
            self._virtual += (now - self._last) / self._running
        self._last = now


class Pricer:
    """By the price of one model; `krw_per_usd` turns its currency into the other, and without it there is no other."""

    def __init__(self, price: PriceConfig | None, krw_per_usd: float | None = None) -> None:
        self._price = price
        if price is None:
            return
        cached = price.input_tokens if price.cached_input_tokens is None else price.cached_input_tokens
        self._input, self._cached, self._output = map(_exact, (price.input_tokens, cached, price.output_tokens))
        self._second = _exact(price.engine_hour) / _HOUR
        self._krw_per_usd = None if krw_per_usd is None else _exact(krw_per_usd)

    def price(self, usage: Usage, engine_seconds: float, prompts: int = 1) -> pb.Cost | None:
        """Of a request with all its answers; None where the model has no price.

        `usage` has the prompt once; `prompts` is how often it is to be paid, since an external API charges it for each
        of n answers that are asked for one by one. Rounded to millionths once, at the very end, half of one up.
        """
        if self._price is None:
            return None
        cached = min(usage.cached_input_tokens, usage.input_tokens)
        tokens = self._input * (usage.input_tokens - cached) + self._cached * cached
        # A price per million tokens is one in millionths per token.
        micros = prompts * tokens + self._output * usage.output_tokens + self._second * _exact(engine_seconds) * _MICROS
        cost = pb.Cost(engine_seconds=engine_seconds)
        rate = self._krw_per_usd
        if self._price.currency == "KRW":
            cost.krw_micros = _rounded(micros)
            cost.usd_micros = _rounded(micros / rate) if rate is not None else 0
        else:
            cost.usd_micros = _rounded(micros)
            cost.krw_micros = _rounded(micros * rate) if rate is not None else 0
        return cost


def _exact(number: float) -> Decimal:
    """As it was written: 0.1 is a tenth."""
    return Decimal(repr(number))


def _rounded(micros: Decimal) -> int:
    return min(_MOST_MICROS, int(micros.to_integral_value(ROUND_HALF_UP)))
