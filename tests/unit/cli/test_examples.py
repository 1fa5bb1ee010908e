"""The files in examples/ are what they say."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from soban.cli.lines import items_of_stream
from soban.cli.plan import SETTINGS
from soban.runtime.config import load_config, make_config, parse
from soban.runtime.model_settings import DEMO_MODEL, AddressConfig, ModelConfig, PriceConfig, ProfileConfig
from soban.runtime.route_settings import (
    STRATEGIES,
    CascadeConfig,
    EscalateConfig,
    FallbackConfig,
    RouteConfig,
    VoteConfig,
)
from soban.safety.policy import Policies
from soban.scaler.settings import ScalerSettings
from unit.cli.fakes import ServerThread

EXAMPLES = Path(__file__).parents[3] / "examples"
EVERY_SERVICE = {**SETTINGS, "scaler": ScalerSettings}


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.name)
def test_configurations_are_valid(path: Path) -> None:
    """And serve at least one model."""
    assert DEMO_MODEL in load_config(path).models


def test_the_documented_configuration_holds_the_defaults() -> None:
    """All of it."""
    documented, default = load_config(EXAMPLES / "soban.yaml"), load_config(None)
    assert documented.models == default.models
    assert documented.telemetry == default.telemetry
    for service, kind in EVERY_SERVICE.items():
        assert documented.section(service, kind) == kind()


def test_every_key_is_documented() -> None:
    """Those of models and of each service; what all servers have stands once."""
    text = (EXAMPLES / "soban.yaml").read_text(encoding="utf-8")
    kinds = (ModelConfig, AddressConfig, PriceConfig, *EVERY_SERVICE.values())
    keys = {str(field.alias) for kind in kinds for field in kind.model_fields.values()}
    later = {"resourceProfile", "maxReplicas"}  # of clusters, and without effect on one machine
    assert keys - later - set(re.findall(r"(\w+):", text)) == set()


def test_the_profiles_and_routes_that_are_shown_are_valid() -> None:
    """With their comment signs taken away, beside the models above; every key of theirs is there."""
    text = (EXAMPLES / "soban.yaml").read_text(encoding="utf-8")
    part = text[text.index("# profiles:") : text.index("services:\n")]
    shown = "\n".join(re.findall(r"(?m)^# ((?:profiles:|routes:|  ).*)$", part))
    config = make_config(parse(shown, "shown"))
    assert {route.strategy for route in config.routes.values()} == set(STRATEGIES)
    kinds = (ProfileConfig, RouteConfig, FallbackConfig, CascadeConfig, EscalateConfig, VoteConfig)
    keys = {str(field.alias) for kind in kinds for field in kind.model_fields.values()}
    assert keys - set(re.findall(r"(\w+):", shown)) == set()


def test_the_policy_that_is_shown_is_a_valid_one() -> None:
    """With its comment signs taken away."""
    text = (EXAMPLES / "soban.yaml").read_text(encoding="utf-8")
    shown = text[text.index("# policies:") : text.index("# Traces and metrics over")]
    policies = parse(re.sub("(?m)^# ?", "", shown), "shown")["policies"]
    assert "support-desk" in [policy.name for policy in Policies(policies)]


def test_every_example_is_listed() -> None:
    """In the README beside it."""
    text = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    names = {path.name for path in EXAMPLES.iterdir() if path.is_file()} - {"README.md"}
    assert {name for name in names if f"`{name}`" not in text} == set()


def test_questions_are_inputs() -> None:
    """With ids and one conversation."""
    with (EXAMPLES / "questions.jsonl").open("rb") as file:
        items = list(items_of_stream(file, conversations=True))
    assert [item.id for item in items] == ["q-1", "q-2", "q-3", "q-4"]
    assert [len(item.messages) for item in items] == [0, 0, 0, 3]
    assert all(item.problem is None for item in items)


def test_the_grpc_chat_runs(server: ServerThread, capsys: pytest.CaptureFixture[str]) -> None:
    """Against any gateway."""
    runpy.run_path(str(EXAMPLES / "chat_grpc.py"))["main"](server.address, "배고파")
    assert capsys.readouterr().out == "배고파라고요?\n5 tokens, safety: ACTION_ALLOW\n"


def test_the_morphology_example_runs(server: ServerThread, capsys: pytest.CaptureFixture[str]) -> None:
    """Against any tokenization server."""
    runpy.run_path(str(EXAMPLES / "morphology.py"))["main"](server.address, "친구랑 영화")
    assert capsys.readouterr().out == "친구랑/NNG\t친구랑\t친구랑\n영화/NNG\t영화\t영화\n"


def test_free_ports_are_asked_for_everywhere() -> None:
    """Four servers and the HTTP side."""
    services = parse((EXAMPLES / "free_ports.yaml").read_text(encoding="utf-8"), "free_ports.yaml")["services"]
    assert {name: settings["port"] for name, settings in services.items()} == dict.fromkeys(services, 0)
    assert len(services) == 4
    assert services["gateway"]["httpPort"] == 0
