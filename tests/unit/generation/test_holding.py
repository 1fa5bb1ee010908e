"""Requests that wait while no replica is ready."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from soban.generation.holding import Holding
from unit.generation.crowd import Clock


@dataclass(eq=False)
class Request:
    since: float


def _holding(clock: Clock, seconds: float = 30.0) -> tuple[Holding[Request], list[Request]]:
    out: list[Request] = []
    return Holding(seconds, clock, out.append), out


async def test_each_runs_out_after_its_own_time() -> None:
    """In the order of arrival."""
    clock = Clock()
    holding, out = _holding(clock, 0.02)
    first, second = Request(clock.now), Request(clock.now + 0.01)
    holding.add(first)
    holding.add(second)
    clock.now += 0.025
    await asyncio.sleep(0.03)
    assert out == [first]
    clock.now += 0.01
    await asyncio.sleep(0.03)
    assert out == [first, second]


async def test_who_has_left_does_not_run_out() -> None:
    """And is not kept."""
    clock = Clock()
    holding, out = _holding(clock, 0.01)
    request = Request(clock.now)
    holding.add(request)
    holding.drop(request)
    clock.now += 1.0
    await asyncio.sleep(0.02)
    assert (out, len(holding._waiting)) == ([], 0)


async def test_a_replica_stops_the_clock() -> None:
    """And the next outage starts it anew."""
    clock = Clock()
    holding, out = _holding(clock, 0.01)
    request = Request(clock.now)
    holding.add(request)
    holding.end()
    clock.now += 5.0
    await asyncio.sleep(0.02)
    assert out == []
    holding.begin()
    clock.now += 0.01
    await asyncio.sleep(0.02)
    assert out == [request]


def test_what_is_expected_follows_what_was() -> None:
    """The first outage, a usual one, and one that is longer than usual."""
    clock = Clock()
    holding, _ = _holding(clock)
    assert holding.expected() == 1.0
    clock.now += 20.0
    assert holding.expected() == 20.0
    holding.end()
    holding.begin()
    assert holding.expected() == 20.0
    clock.now += 15.0
    assert holding.expected() == 5.0
    clock.now += 15.0
    assert holding.expected() == 10.0
