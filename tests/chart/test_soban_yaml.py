"""The soban.yaml of a rendering is one that every server accepts, and says where the others are."""

from __future__ import annotations

from pathlib import Path

import pytest

from chart.helm import Chart, examples
from soban.gateway.settings import GatewaySettings
from soban.generation.settings import GenerationSettings
from soban.runtime.config import Config, load_config
from soban.runtime.settings import ServerSettings
from soban.safety.settings import SafetySettings
from soban.scaler.settings import ScalerSettings
from soban.tokenization.settings import TokenizationSettings

SETTINGS: dict[str, type[ServerSettings]] = {
    "gateway": GatewaySettings,
    "generation": GenerationSettings,
    "safety": SafetySettings,
    "scaler": ScalerSettings,
    "tokenization": TokenizationSettings,
}


@pytest.fixture(params=[None, *examples()], ids=lambda example: example or "defaults")
def example(request: pytest.FixtureRequest) -> str | None:
    """Each example, and the chart alone."""
    return request.param


@pytest.fixture
def config(chart: Chart, example: str | None, tmp_path: Path) -> Config:
    """What its pods read."""
    file = tmp_path / "soban.yaml"
    file.write_text(chart.render(example=example).config(), encoding="utf-8")
    return load_config(file)


def test_every_service_accepts_it(config: Config) -> None:
    """Each reads its own section with its own class."""
    for name, cls in SETTINGS.items():
        settings = config.section(name, cls)
        assert settings.host in {"0.0.0.0", "::"}
        assert settings.port > 0


def test_it_names_models_that_generation_can_find(config: Config) -> None:
    """In a cluster nothing is embedded: every model has an address."""
    assert config.models
    for name, model in config.models.items():
        assert model.replica_addresses, name


def test_hops_are_spread_over_all_pods(config: Config) -> None:
    """By headless Services: a ClusterIP would pin a connection to one pod."""
    upstreams = config.section("gateway", GatewaySettings).upstreams
    assert upstreams.safety is not None
    assert upstreams.generation is not None
    for target, port in ((upstreams.safety, 50062), (upstreams.generation, 50063)):
        assert target.startswith("dns:///")
        assert target.endswith(f":{port}")
    assert config.section("scaler", ScalerSettings).generation == upstreams.generation


def test_a_stopping_server_waits_for_endpoints_to_forget_it(config: Config) -> None:
    """By preStop, and by drainSeconds for those who reach pods by DNS."""
    for name, cls in SETTINGS.items():
        assert config.section(name, cls).drain_seconds <= 30
