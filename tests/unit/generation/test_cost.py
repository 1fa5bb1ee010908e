"""Engine-seconds that side by side sequences share, and prices to the millionth."""

from __future__ import annotations

import pytest

import soban.v1 as pb
from soban.generation.cost import EngineClock, Pricer
from soban.generation.engine import Usage
from soban.runtime.model_settings import PriceConfig


class Clock:
    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


def test_a_sequence_alone_has_all_the_time() -> None:
    clock = Clock()
    engine = EngineClock(clock)
    clock.now += 7
    began = engine.begin()
    clock.now += 3
    assert engine.end(began) == pytest.approx(3)


def test_sequences_side_by_side_share_the_time() -> None:
    clock = Clock()
    engine = EngineClock(clock)
    first = engine.begin()
    clock.now += 2
    second = engine.begin()
    clock.now += 4
    assert engine.end(first) == pytest.approx(2 + 4 / 2)
    clock.now += 1
    assert engine.end(second) == pytest.approx(4 / 2 + 1)


def test_all_seconds_together_are_the_time_in_which_the_engine_had_work() -> None:
    clock = Clock()
    engine = EngineClock(clock)
    total, running = 0.0, []
    for step in range(60):
        clock.now += 0.1
        if step % 3 != 2:
            running.append(engine.begin())
        else:
            total += engine.end(running.pop(step % len(running)))
    for began in running:
        total += engine.end(began)
    clock.now += 1000
    assert total == pytest.approx(5.9)


def test_without_a_price_there_is_no_cost() -> None:
    assert Pricer(None, 1400).price(Usage(10, 10), 1.0) is None


def test_tokens_have_prices_per_million() -> None:
    price = PriceConfig(currency="USD", input_tokens=0.5, cached_input_tokens=0.05, output_tokens=1.5)
    usage = Usage(input_tokens=1000, cached_input_tokens=400, output_tokens=200)
    cost = Pricer(price).price(usage, 0.25)
    assert cost == pb.Cost(usd_micros=300 + 20 + 300, engine_seconds=0.25)


def test_cached_tokens_cost_as_much_as_others_unless_they_have_a_price() -> None:
    usage = Usage(input_tokens=100, cached_input_tokens=60)
    for cached, micros in ((None, 200), (0.0, 80), (1.0, 140)):
        price = PriceConfig(currency="KRW", input_tokens=2, cached_input_tokens=cached)
        cost = Pricer(price).price(usage, 0.0)
        assert cost is not None and cost.krw_micros == micros


def test_an_hour_of_an_engine_is_shared_by_its_seconds() -> None:
    cost = Pricer(PriceConfig(currency="KRW", engine_hour=3600)).price(Usage(), 0.5)
    assert cost == pb.Cost(krw_micros=500_000, engine_seconds=0.5)


def test_both_currencies_only_with_a_rate() -> None:
    usage = Usage(output_tokens=1000)
    in_usd = Pricer(PriceConfig(currency="USD", output_tokens=2), 1400).price(usage, 0)
    assert in_usd == pb.Cost(usd_micros=2000, krw_micros=2_800_000)
    in_krw = Pricer(PriceConfig(currency="KRW", output_tokens=2800), 1400).price(usage, 0)
    assert in_krw == pb.Cost(usd_micros=2000, krw_micros=2_800_000)
    assert Pricer(PriceConfig(currency="USD", output_tokens=2)).price(usage, 0) == pb.Cost(usd_micros=2000)


def test_tiny_amounts_are_rounded_once_at_the_end() -> None:
    """0.4 millionths of a dollar are none, but 560 millionths of a won; and two halves of a millionth are one."""
    cost = Pricer(PriceConfig(currency="USD", input_tokens=0.1, output_tokens=0.1), 1400).price(Usage(2, 2), 0)
    assert cost == pb.Cost(usd_micros=0, krw_micros=560)
    cost = Pricer(PriceConfig(currency="USD", input_tokens=0.5, output_tokens=0.5)).price(Usage(1, 1), 0)
    assert cost is not None and cost.usd_micros == 1
    cost = Pricer(PriceConfig(currency="USD", input_tokens=0.1)).price(Usage(input_tokens=25), 0)
    assert cost is not None and cost.usd_micros == 3


def test_an_external_api_charges_the_prompt_for_each_answer() -> None:
    price = PriceConfig(currency="USD", input_tokens=1, output_tokens=2)
    cost = Pricer(price).price(Usage(input_tokens=100, output_tokens=30), 0, prompts=3)
    assert cost is not None and cost.usd_micros == 360


def test_more_cached_tokens_than_there_are_do_not_earn_money() -> None:
    price = PriceConfig(currency="USD", input_tokens=1, cached_input_tokens=0)
    cost = Pricer(price).price(Usage(input_tokens=10, cached_input_tokens=50), 0)
    assert cost is not None and cost.usd_micros == 0


def test_absurd_prices_do_not_break_the_answer() -> None:
    price = PriceConfig(currency="USD", output_tokens=1e12, engine_hour=1e12)
    cost = Pricer(price, 1e6).price(Usage(output_tokens=10**9), 1e6)
    assert cost is not None and cost.usd_micros == cost.krw_micros == 2**63 - 1
