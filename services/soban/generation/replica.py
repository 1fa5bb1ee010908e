"""One running engine of a model: whether it may be asked now, and how much of ours it works on.

It may be asked while its host is up, it has been vetted since it came up, its circuit lets requests through, and it is
not on pause. All of that changes at once when something is heard, never at the next turn of a poll.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from soban.generation.breaker import Breaker, Circuit
from soban.generation.engine import Description, Engine, Reading
from soban.generation.host import Host
from soban.generation.obstacle import Obstacle, Trouble
from soban.generation.tending import Rounds, Tending
from soban.generation.vetting import Vetted, Vetting


class Replica:
    """`id` is how it is called everywhere; `parallel` is the most sequences that it is to run at once.

    `group` and `weight` are those of its address. Built by what `Pool` is given as `make`, started and stopped by it.
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
        self.running = 0
        """Sequences of ours that it works on."""
        self.work = 0.0
        """Tokens of work that they have left."""
        self._parallel = parallel
        self._breaker = breaker or Breaker()
        self._paused_until = 0.0
        self._left = False
        self._call: Callable[[], None] = lambda: None
        self._timer: asyncio.TimerHandle | None = None
        self._tending = Tending(id, engine, host, vetting, rounds=rounds or Rounds(), busy=lambda: self.running > 0)
        self._tending.listen(self._passed, self._changed)

    @property
    def ready(self) -> bool:
        """Whether a request may be sent to it now."""
        return self._tending.fit and self._breaker.allows and self._paused_until <= time.monotonic()

    @property
    def loading(self) -> bool:
        """On its way to be ready: its engine loads, or is being vetted for the first time since it came up."""
        if self._left or self._tending.fit:
            return False
        return self.host.loading or (self.host.ready and not self._tending.refusal)

    @property
    def slots(self) -> int:
        """Sequences that it runs at once: as many as it is meant to, or fewer if its engine says so."""
        description = self.description
        return min(self._parallel, (description.slots if description is not None else None) or self._parallel)

    @property
    def room(self) -> int:
        """Sequences that may be there as things are: while it is not ready, those that are there already."""
        if not self.ready:
            return self.running
        return self.slots if self._breaker.circuit is Circuit.CLOSED else self.running + 1

    @property
    def obstacle(self) -> Obstacle | None:
        """Why it is not ready; None when it is."""
        name = f"replica {self.id}"
        if self._left:
            return Obstacle(Trouble.AWAY, f"{name} is leaving")
        if not self.host.ready:
            return self._silent(name)
        if not self._tending.fit:
            return self._unfit(name)
        if (seconds := self._paused_until - time.monotonic()) > 0:
            return Obstacle(Trouble.OVERLOADED, f"{name} is overloaded and left alone for {seconds:.1f} s")
        if not self._breaker.allows:
            again = f"is tried again in {self._breaker.wait:.1f} s" if self._breaker.wait else "is being tried again"
            return Obstacle(Trouble.FAILING, f"{name} {again}, after {self._breaker.losses} lost requests")
        return None

    @property
    def description(self) -> Description | None:
        """What its engine says of the model; None before it said anything."""
        vetted = self._tending.vetted
        return None if vetted is None else vetted.description

    @property
    def adapters(self) -> frozenset[str]:
        """LoRA adapters that it has loaded, as far as known."""
        vetted = self._tending.vetted
        return frozenset() if vetted is None else vetted.adapters

    @property
    def reading(self) -> Reading | None:
        """The load that its engine told last; None while it tells nothing, or is away."""
        return self._tending.reading

    @property
    def reading_age(self) -> float | None:
        """Seconds since `reading`."""
        return self._tending.reading_age

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
        """So many tokens of its work are done. The first of a request on trial show that its engine lives."""
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
        self._tending.doubt()
        self._changed()

    def answered(self) -> None:
        """A request got its answer."""
        circuit = self._breaker.circuit
        self._breaker.answered()
        if self._breaker.circuit is not circuit:
            self._changed()

    async def start(self) -> None:
        """Returns when it is ready, or when the first look at it found it away, refused or slow.

        Raises ConfigError when an engine of our own cannot start.
        """
        await self._tending.start()

    async def stop(self) -> None:
        """Nothing is sent there any more. An engine of our own has ended; streams from a remote one go on."""
        self._left = True
        await self._tending.stop()
        self._changed()

    def _silent(self, name: str) -> Obstacle:
        if self.host.loading:
            return Obstacle(Trouble.STARTING, f"{name} is starting")
        return Obstacle(Trouble.AWAY, f"{name} does not answer")

    def _unfit(self, name: str) -> Obstacle:
        if self._tending.refusal:
            return Obstacle(Trouble.FAILING, self._tending.refusal)
        return Obstacle(Trouble.STARTING, f"{name} is being warmed up")

    def _passed(self, vetted: Vetted) -> None:
        """Its engine has proved itself, and may be another process than the one that late losses tell of."""
        self._breaker.reset()
        self._paused_until = time.monotonic() + (vetted.pause or 0.0)

    def _tell_unless_plain(self) -> None:
        """Of beginnings and ends; nothing depends on them while everything is well and it is no reserve."""
        well = self._tending.fit and self._breaker.circuit is Circuit.CLOSED
        if not well or self._left or self.weight == 0 or self._paused_until > time.monotonic():
            self._changed()

    def _changed(self) -> None:
        """Tells, now and once more when a pause or a back-off ends."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        wait = max(self._paused_until - time.monotonic(), self._breaker.wait)
        if wait > 0 and not self._left:
            self._timer = asyncio.get_running_loop().call_later(wait, self._changed)
        self._call()
