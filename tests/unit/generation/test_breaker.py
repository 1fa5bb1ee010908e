"""When a replica that loses requests gets no more of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soban.generation.breaker import Breaker, Circuit
from unit.generation.fake_replicas import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(clock, lambda: 1.0)


def lose(breaker: Breaker, times: int = 3) -> None:
    for _ in range(times):
        breaker.lost()


def test_three_losses_in_a_row_open_it(breaker: Breaker) -> None:
    """Two do not, and an answer between them starts a new row."""
    lose(breaker, 2)
    breaker.answered()
    lose(breaker, 2)
    assert breaker.allows
    lose(breaker, 1)
    assert breaker.circuit is Circuit.OPEN
    assert not breaker.allows
    assert breaker.wait == 0.5


def test_one_refused_connection_opens_it(breaker: Breaker) -> None:
    """Nobody listens there."""
    breaker.lost(refused=True)
    assert breaker.circuit is Circuit.OPEN


def test_streams_that_die_together_count_once(breaker: Breaker, clock: Clock) -> None:
    """A hundred of them do not make the back-off long."""
    lose(breaker, 100)
    assert breaker.wait == 0.5


def test_one_request_is_let_through_afterwards(breaker: Breaker, clock: Clock) -> None:
    """Until it answers, no other."""
    lose(breaker)
    clock.now = 0.5
    assert breaker.circuit is Circuit.HALF_OPEN
    assert breaker.allows
    breaker.began()
    assert not breaker.allows
    breaker.answered()
    assert breaker.circuit is Circuit.CLOSED
    assert breaker.losses == 0


def test_a_request_on_trial_that_is_cancelled_proves_nothing(breaker: Breaker, clock: Clock) -> None:
    """The next one is on trial."""
    lose(breaker)
    clock.now = 0.5
    breaker.began()
    breaker.ended()
    assert breaker.circuit is Circuit.HALF_OPEN
    assert breaker.allows


def test_an_older_stream_does_not_close_it(breaker: Breaker, clock: Clock) -> None:
    """It may outlive what new requests meet."""
    lose(breaker)
    breaker.answered()
    assert breaker.circuit is Circuit.OPEN
    clock.now = 0.5
    breaker.answered()
    assert breaker.circuit is Circuit.HALF_OPEN


def test_the_backoff_doubles_up_to_half_a_minute(breaker: Breaker, clock: Clock) -> None:
    """And starts small again after an answer."""
    waits = []
    lose(breaker)
    for _ in range(8):
        waits.append(breaker.wait)
        clock.now += breaker.wait
        breaker.began()
        breaker.lost()
    assert waits == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    clock.now += breaker.wait
    breaker.began()
    breaker.answered()
    lose(breaker)
    assert breaker.wait == 0.5


def test_another_process_starts_with_a_clean_slate(breaker: Breaker) -> None:
    """At its address."""
    lose(breaker)
    breaker.reset()
    assert breaker.circuit is Circuit.CLOSED


STEPS = st.lists(st.sampled_from(["began", "ended", "answered", "lost", "refused", "wait"]), max_size=60)


@given(STEPS, st.floats(0.75, 1.25))
def test_it_never_waits_long_and_never_tries_two_at_once(steps: list[str], jitter: float) -> None:
    """Whatever happens, in whatever order."""
    clock = Clock()
    breaker = Breaker(clock, lambda: jitter)
    for step in steps:
        allowed, before = breaker.allows, breaker.circuit
        match step:
            case "wait":
                clock.now += breaker.wait or 1.0
            case "refused":
                breaker.lost(refused=True)
            case "began" if not allowed:
                continue
            case _:
                getattr(breaker, step)()
        assert 0.0 <= breaker.wait <= 30.0
        assert breaker.allows == (breaker.circuit is Circuit.CLOSED) or breaker.circuit is Circuit.HALF_OPEN
        if step == "began" and before is Circuit.HALF_OPEN:
            assert not breaker.allows
