"""docs/load-and-cost.md says what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import soban.v1 as pb
from soban.gateway.settings import GatewaySettings
from soban.generation.cost import Pricer
from soban.generation.engines.metrics import TABLES
from soban.generation.settings import GenerationSettings
from soban.runtime import semconv
from soban.runtime.config import make_config, parse
from soban.runtime.semconv import Instrument

PAGE = (Path(__file__).parents[3] / "docs" / "load-and-cost.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("field", [name for name in pb.ModelLoad.DESCRIPTOR.fields_by_name if name != "model"])
def test_every_number_of_the_load_is_explained(field: str) -> None:
    assert f"`{field}`" in PAGE


def test_every_metric_is_named_as_prometheus_shows_it() -> None:
    told = [value for name, value in vars(semconv).items() if name.startswith("GENERATION_")]
    assert len(told) == 14
    for instrument in told:
        assert isinstance(instrument, Instrument)
        assert instrument.name.replace(".", "_") in PAGE


def test_every_series_of_an_engine_is_named() -> None:
    names = {name for table in TABLES.values() for series in table if series is not None for name in series.names}
    assert {name for name in names if f"`{name}`" not in PAGE} == set()
    assert {kind for kind in TABLES if f"`{kind}`" not in PAGE} == set()


def test_the_prices_that_are_shown_are_a_valid_configuration() -> None:
    [block] = re.findall("```yaml\n(.*?)```", PAGE, re.DOTALL)
    config = make_config(parse(block, "shown"))
    rate = config.section("generation", GenerationSettings).krw_per_usd
    assert rate == 1400
    assert config.section("gateway", GatewaySettings).tenant_label == "team"
    for model in config.models.values():
        assert Pricer(model.price, rate) is not None
