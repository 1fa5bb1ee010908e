"""Tokens per second over the last ten."""

from __future__ import annotations

from soban.generation.throughput import Throughput


def test_the_mean_of_the_last_ten_seconds() -> None:
    """Older counts fall out, second by second."""
    now = 100.0
    throughput = Throughput(lambda: now)
    throughput.add(50)
    now = 105.5
    throughput.add(30)
    throughput.add(20)
    assert throughput.per_second() == 10.0
    now = 110.0
    assert throughput.per_second() == 5.0
    now = 116.0
    assert throughput.per_second() == 0.0


def test_a_long_pause_clears_everything() -> None:
    """Also when it wraps around the seconds."""
    now = 0.0
    throughput = Throughput(lambda: now)
    throughput.add(100)
    now = 20.0
    assert throughput.per_second() == 0.0
    throughput.add(10)
    assert throughput.per_second() == 1.0
