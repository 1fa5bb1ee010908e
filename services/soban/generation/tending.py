"""Looks after one engine: vets it whenever it comes up, then reads its load and checks it now and then.

host down ----comes up----> vetting ----passed----> fit: load every few seconds, a check every minute
    ^                        |    ^                  |                     |
    +------- goes down ------+    +-- back-off, -----+-- wrong by now -----+      host down: at once, from anywhere
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from soban.generation.engine import Engine, Reading
from soban.generation.host import Host
from soban.generation.vetting import Unfit, Vetted, Vetting
from soban.runtime.errors import SobanError

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rounds:
    """Seconds between what is done for an engine."""

    load_busy: float = 2.0
    load_idle: float = 5.0
    stale: float = 15.0
    """A reading that is older is none: a frozen number would steer for ever."""
    check: float = 60.0
    retry: float = 0.5
    longest_retry: float = 10.0
    """After a refused vetting, doubling from `retry`."""
    vet: float = 60.0
    """Longest time of a vetting, first request included."""
    patience: float = 10.0
    """How long `start` waits for the first vetting."""


class Tending:
    """Of `engine` on `host`, called `name`. `busy` says whether it works for us."""

    def __init__(
        self, name: str, engine: Engine, host: Host, vetting: Vetting, *, rounds: Rounds, busy: Callable[[], bool]
    ) -> None:
        self._name = name
        self._engine = engine
        self._host = host
        self._vetting = vetting
        self._rounds = rounds
        self._busy = busy
        self._vetted: Vetted | None = None
        self._fit = False
        self._refusal = ""
        self._times_down = 0
        self._doubted = False
        self._reading: tuple[float, Reading] | None = None
        self._passed: Callable[[Vetted], None] = lambda _: None
        self._changed: Callable[[], None] = lambda: None
        self._woken = asyncio.Event()
        self._tried = asyncio.Event()
        self._living: asyncio.Task[None] | None = None

    @property
    def fit(self) -> bool:
        """Whether it is up, and was found right since it came up."""
        return self._fit and self._host.ready

    @property
    def refusal(self) -> str:
        """Why the last vetting since it came up failed; empty if none did."""
        return self._refusal

    @property
    def vetted(self) -> Vetted | None:
        """What it said of itself last, also while it is away; None before its first vetting."""
        return self._vetted

    @property
    def reading(self) -> Reading | None:
        """The load that it told last; None while it tells nothing, or is away."""
        return self._reading[1] if self._reading is not None and self._age() <= self._rounds.stale else None

    @property
    def reading_age(self) -> float | None:
        """Seconds since `reading`."""
        return None if self.reading is None else self._age()

    def listen(self, passed: Callable[[Vetted], None], changed: Callable[[], None]) -> None:
        """`passed` is called after each vetting that made it fit, `changed` after everything, that included."""
        self._passed, self._changed = passed, changed

    def doubt(self) -> None:
        """A request lost its connection: an engine that was restarted so fast may hold another model."""
        self._doubted = True
        self._host.doubt()

    async def start(self) -> None:
        """Returns when it is fit, or when the first look found it away, refused or slow. Raises ConfigError."""
        self._host.on_change(self._host_changed)
        await self._host.start(self._engine.healthy)
        self._living = asyncio.create_task(self._live(), name=f"tend-{self._name}")
        if self._host.ready:
            await _within(self._rounds.patience, self._tried)

    async def stop(self) -> None:
        """It is not fit any more, and its host has stopped."""
        self._down()
        if self._living is not None:
            self._living.cancel()
            await asyncio.gather(self._living, return_exceptions=True)
        await self._host.stop()

    async def _live(self) -> None:
        failures = 0
        while True:
            if not self._host.ready:
                failures = 0
                await self._sleep(self._rounds.check)
            elif await self._unfailing(self._vet()):
                failures = 0
                await self._serve()
            else:
                await self._sleep(min(self._rounds.longest_retry, self._rounds.retry * 2.0 ** min(30, failures)))
                failures += 1

    async def _unfailing(self, asking: Awaitable[None]) -> bool:
        """Whether it is fit afterwards. What is no SobanError is a fault of ours, which must not end the tending."""
        try:
            await asking
        except Exception:
            _logger.exception("engine cannot be tended", extra={"replica": self._name})
            if not self._fit:
                self._refuse(f"replica {self._name} answers what is not understood")
        return self._fit

    async def _vet(self) -> None:
        """Whatever is heard of its host meanwhile counts more than what its engine said."""
        times = self._times_down
        try:
            async with asyncio.timeout(self._rounds.vet):
                vetted = await self._vetting.admit(self._name, self._engine)
        except Unfit as err:
            self._refuse(str(err))
        except TimeoutError:
            self._refuse(f"replica {self._name} does not finish its first request")
        else:
            if times == self._times_down:
                self._enter(vetted)
        finally:
            self._tried.set()

    async def _serve(self) -> None:
        checked = time.monotonic()
        while await self._unfailing(self._read_load()):
            await self._sleep(self._rounds.load_busy if self._busy() else self._rounds.load_idle)
            if self._fit and (self._doubted or time.monotonic() - checked >= self._rounds.check):
                self._doubted, checked = False, time.monotonic()
                await self._unfailing(self._check())

    async def _read_load(self) -> None:
        """An engine that does not answer keeps its last reading until that is stale."""
        times = self._times_down
        with contextlib.suppress(SobanError):
            reading = await self._engine.read_load()
            if times == self._times_down:
                self._reading = (time.monotonic(), reading)

    async def _check(self) -> None:
        """Its engine may have been restarted with another model between two probes. Silence is the probes' business."""
        times = self._times_down
        try:
            vetted = await self._vetting.check(self._name, self._engine)
        except Unfit as err:
            self._down()
            self._refuse(str(err))
        except SobanError as err:
            _logger.warning("engine does not describe itself", extra={"replica": self._name, "reason": err.reason})
        else:
            if times == self._times_down:
                self._vetted = vetted
                self._changed()

    def _enter(self, vetted: Vetted) -> None:
        self._vetted, self._fit, self._refusal = vetted, True, ""
        _logger.info("replica ready", extra={"replica": self._name, "version": vetted.description.version})
        self._passed(vetted)
        self._changed()

    def _down(self) -> None:
        self._fit, self._reading, self._refusal = False, None, ""
        self._times_down += 1
        self._vetting.forget(self._name)
        self._changed()

    def _refuse(self, why: str) -> None:
        if why != self._refusal:
            _logger.warning("replica refused", extra={"replica": self._name, "why": why})
        self._refusal = why
        self._vetting.forget(self._name)
        self._changed()

    def _host_changed(self) -> None:
        self._woken.set()
        if self._host.ready:
            self._changed()
        else:
            self._down()

    def _age(self) -> float:
        return 0.0 if self._reading is None else time.monotonic() - self._reading[0]

    async def _sleep(self, seconds: float) -> None:
        await _within(seconds, self._woken)
        self._woken.clear()


async def _within(seconds: float, event: asyncio.Event) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
