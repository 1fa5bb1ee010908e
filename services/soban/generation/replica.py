"""One running engine of a model: whether it may be asked now, and how much of ours it works on.

It may be asked while its host is up, it has been vetted since it came up, its circuit lets requests through, and it is
not on pause. All of that changes at once when something is heard, never at the next turn of a poll.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from soban.generation.breaker import Breaker, Circuit
from soban.generation.engine import Description, Engine, Reading
from soban.generation.host import Host
from soban.generation.vetting import Unfit, Vetting
from soban.runtime.errors import SobanError

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rounds:
    """Seconds between what a replica does by itself."""

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
    """How long the start of the replica waits for its first vetting."""


class Replica:
    """`id` is how it is called everywhere; `parallel` is the most sequences that it is to run at once.

    `group` and `weight` are those of its address. Created by `Pool`'s `make`, started and stopped by the pool.
    """

    def __init__(
        self,
        id: str,  # noqa: A002 - its name everywhere
        engine: Engine,
        host: Host,
        vetting: Vetting,
        *,
        parallel: int,
        group: int = 0,
        weight: float | None = None,
        breaker: Breaker | None = None,
        rounds: Rounds | None = None,
    ) -> None:
        self.id = id
        self.engine = engine
        self.host = host
        self.group = group
        self.weight = weight
        self.slots = parallel
        self.running = 0
        self.work = 0.0
        self.adapters: frozenset[str] = frozenset()
        self.description: Description | None = None
        self._parallel = parallel
        self._vetting = vetting
        self._breaker = breaker or Breaker()
        self._rounds = rounds or Rounds()
        self._fit = False
        self._unfit = ""
        self._times_down = 0
        self._left = False
        self._paused_until = 0.0
        self._reading: tuple[float, Reading] | None = None
        self._call: Callable[[], None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._woken = asyncio.Event()
        self._tried = asyncio.Event()
        self._living: asyncio.Task[None] | None = None

    @property
    def ready(self) -> bool:
        """Whether a request may be sent to it now."""
        return self._fit and self._breaker.allows and self._paused_until <= time.monotonic() and self.host.ready

    @property
    def loading(self) -> bool:
        """On its way to be ready: its engine loads, or is being vetted for the first time since it came."""
        if self._left or self._fit:
            return False
        return self.host.loading or (self.host.ready and not self._unfit)

    @property
    def room(self) -> int:
        """Sequences that may be there at once as things are: while it is not ready, those that are there already."""
        if not self.ready:
            return self.running
        return self.slots if self._breaker.circuit is Circuit.CLOSED else self.running + 1

    @property
    def why_not(self) -> str:
        """Empty when ready; else a sentence for people."""
        if self._left:
            return f"replica {self.id} is leaving"
        if not self.host.ready:
            return f"replica {self.id} {'is starting' if self.host.loading else 'does not answer'}"
        if not self._fit:
            return self._unfit or f"replica {self.id} is being warmed up"
        if (seconds := self._paused_until - time.monotonic()) > 0:
            return f"replica {self.id} is overloaded and left alone for {seconds:.1f} s"
        if not self._breaker.allows:
            lost, wait = self._breaker.losses, self._breaker.wait
            return f"replica {self.id} lost {lost} requests in a row; next try in {wait:.1f} s"
        return ""

    @property
    def reading(self) -> Reading | None:
        """The load that its engine told last; None while it tells nothing, or is away."""
        return self._reading[1] if self._reading is not None and self._age() <= self._rounds.stale else None

    @property
    def reading_age(self) -> float | None:
        """Seconds since `reading`."""
        return None if self.reading is None else self._age()

    def on_change(self, call: Callable[[], None]) -> None:
        """`call` is called after everything that may change `ready`, `loading` or `room`."""
        self._call = call

    def begin(self, work: float) -> None:
        """A sequence with so many tokens of work goes there."""
        self.running += 1
        self.work += work
        self._breaker.began()
        self._tell_unless_plain()

    def progress(self, tokens: float) -> None:
        """So many tokens of its work are done."""
        self.work = max(0.0, self.work - tokens)
        if self._breaker.circuit is Circuit.HALF_OPEN:
            self.answered()

    def end(self, left: float) -> None:
        """A sequence has ended, however, with so many tokens of work undone."""
        self.running -= 1
        self.work = max(0.0, self.work - left) if self.running else 0.0
        self._breaker.ended()
        self._tell_unless_plain()

    def pause(self, seconds: float) -> None:
        """The engine said that it is overloaded: nothing is sent there for so long. Its running streams go on."""
        self._paused_until = max(self._paused_until, time.monotonic() + seconds)
        self._changed()

    def lost(self, *, refused: bool = False) -> None:
        """A request lost its connection; `refused` if it never had one."""
        self._breaker.lost(refused=refused)
        self.host.doubt()
        self._changed()

    def answered(self) -> None:
        """The engine produced something."""
        circuit = self._breaker.circuit
        self._breaker.answered()
        if self._breaker.circuit is not circuit:
            self._changed()

    async def start(self) -> None:
        """Returns when it is ready, or when the first look at it found it away, unfit or slow.

        Raises ConfigError when an engine of our own cannot start.
        """
        self.host.on_change(self._host_changed)
        await self.host.start(self.engine.healthy)
        self._living = asyncio.create_task(self._live(), name=f"replica-{self.id}")
        if self.host.ready:
            await _within(self._rounds.patience, self._tried)

    async def stop(self) -> None:
        """Nothing is sent there any more; nothing of ours is left, and streams from a remote engine go on."""
        self._left = True
        self._leave_service()
        if self._living is not None:
            self._living.cancel()
            await asyncio.gather(self._living, return_exceptions=True)
        await self.host.stop()
        if self._timer is not None:
            self._timer.cancel()

    async def _live(self) -> None:
        failures = 0
        while True:
            self._woken.clear()
            if not self.host.ready:
                failures = 0
                await self._sleep(self._rounds.check)
            elif await self._vetted():
                failures = 0
                await self._serve()
            else:
                await self._sleep(min(self._rounds.longest_retry, self._rounds.retry * 2.0 ** min(30, failures)))
                failures += 1

    async def _vetted(self) -> bool:
        """Whether it is fit now; whatever is heard of its host meanwhile counts more."""
        times = self._times_down
        try:
            async with asyncio.timeout(self._rounds.vet):
                vetted = await self._vetting.admit(self.id, self.engine)
        except Unfit as err:
            self._refuse(str(err))
        except TimeoutError:
            self._refuse(f"replica {self.id} does not finish its first request")
        else:
            if times == self._times_down and self.host.ready:
                self._enter_service(vetted.description, vetted.adapters, vetted.pause)
        self._tried.set()
        return self._fit

    async def _serve(self) -> None:
        """Reads its load and checks it now and then, as long as it is fit."""
        checked = time.monotonic()
        while self._fit:
            await self._read_load()
            await self._sleep(self._rounds.load_busy if self.running else self._rounds.load_idle)
            if self._fit and time.monotonic() - checked >= self._rounds.check:
                await self._check()
                checked = time.monotonic()

    async def _read_load(self) -> None:
        """An engine that does not answer keeps its last reading until that is stale."""
        times = self._times_down
        with contextlib.suppress(SobanError):
            reading = await self.engine.read_load()
            if times == self._times_down:
                self._reading = (time.monotonic(), reading)

    async def _check(self) -> None:
        """Its engine may have been restarted with another model between two probes. Silence is the probes' business."""
        times = self._times_down
        try:
            description, adapters = await self._vetting.check(self.id, self.engine)
        except Unfit as err:
            self._leave_service()
            self._refuse(str(err))
        except SobanError as err:
            _logger.warning("engine does not describe itself", extra={"replica": self.id, "reason": err.reason})
        else:
            if times == self._times_down:
                self._describe(description, adapters)
                self._changed()

    def _enter_service(self, description: Description, adapters: frozenset[str], pause: float | None) -> None:
        self._describe(description, adapters)
        self._breaker.reset()
        self._fit, self._unfit = True, ""
        self._paused_until = time.monotonic() + (pause or 0.0)
        _logger.info("replica ready", extra={"replica": self.id, "slots": self.slots})
        self._changed()

    def _leave_service(self) -> None:
        self._fit, self._reading = False, None
        self._times_down += 1
        self._vetting.forget(self.id)
        self._changed()

    def _describe(self, description: Description, adapters: frozenset[str]) -> None:
        self.description, self.adapters = description, adapters
        self.slots = min(self._parallel, description.slots or self._parallel)

    def _refuse(self, why: str) -> None:
        if why != self._unfit:
            _logger.warning("replica refused", extra={"replica": self.id, "why": why})
        self._unfit = why
        self._changed()

    def _host_changed(self) -> None:
        if not self.host.ready:
            self._unfit = ""
            self._leave_service()
        self._woken.set()
        self._changed()

    def _tell_unless_plain(self) -> None:
        """Of beginnings and ends; nothing depends on them while everything is well."""
        if not (self._fit and self._breaker.circuit is Circuit.CLOSED and self._paused_until <= time.monotonic()):
            self._changed()

    def _changed(self) -> None:
        """Tells, now and once more when a pause or a back-off ends."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        wait = max(self._paused_until - time.monotonic(), self._breaker.wait)
        if wait > 0 and not self._left:
            self._timer = asyncio.get_running_loop().call_later(wait, self._changed)
        if self._call is not None:
            self._call()

    def _age(self) -> float:
        return 0.0 if self._reading is None else time.monotonic() - self._reading[0]

    async def _sleep(self, seconds: float) -> None:
        await _within(seconds, self._woken)
        self._woken.clear()


async def _within(seconds: float, event: asyncio.Event) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
