"""`services.scaler` of soban.yaml."""

from __future__ import annotations

import pytest

from soban.runtime.config import ConfigError, make_config
from soban.scaler.settings import ScalerSettings, host_and_port


@pytest.mark.parametrize(
    ("target", "host", "port"),
    [
        ("127.0.0.1:50063", "127.0.0.1", 50063),
        ("dns:///soban-generation.ai.svc.cluster.local:50063", "soban-generation.ai.svc.cluster.local", 50063),
        ("[::1]:50063", "::1", 50063),
    ],
)
def test_generation_is_a_name_and_a_port(target: str, host: str, port: int) -> None:
    """With or without gRPC's scheme."""
    assert host_and_port(target) == (host, port)


@pytest.mark.parametrize(
    "target", ["", "generation", "generation:", "http://generation:1", "a@b:1", "a:1/b", "a:70000"]
)
def test_anything_else_is_refused_by_its_key(target: str) -> None:
    """Before the server starts."""
    config = make_config({"services": {"scaler": {"generation": target}}})
    with pytest.raises(ConfigError, match=r"services\.scaler\.generation"):
        config.section("scaler", ScalerSettings)


def test_silence_is_longer_than_from_one_sign_of_life_to_the_next() -> None:
    """Or every idle pod would be stale."""
    with pytest.raises(ConfigError, match=r"services\.scaler\.staleSeconds"):
        make_config({"services": {"scaler": {"staleSeconds": 5}}}).section("scaler", ScalerSettings)
