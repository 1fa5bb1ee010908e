"""`soban.yaml`: what it gives, and how it says no."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from soban.runtime.config import Config, ConfigError, load_config, parse_args
from soban.runtime.settings import ServerSettings


class SafetySettings(ServerSettings):
    port: int = 50062
    max_held_characters: int = 512


def load(tmp_path: Path, text: str) -> Config:
    path = tmp_path / "soban.yaml"
    path.write_text(text, encoding="utf-8")
    return load_config(path)


def error_of(tmp_path: Path, text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    assert "\n" not in str(caught.value)
    return caught.value


def test_without_a_file_the_bundled_model_is_served() -> None:
    """And every service has its defaults."""
    config = load_config(None)
    assert {name: model.url for name, model in config.models.items()} == {"soban-demo": "bundled:soban-demo"}
    assert config.section("safety", SafetySettings).port == 50062


def test_a_whole_file(tmp_path: Path) -> None:
    """Keys are camelCase in YAML and snake_case in Python."""
    config = load(
        tmp_path,
        """
models:
  ko-2b:
    url: hf://kakaocorp/kanana-1.5-2.1b-instruct-2505/model.gguf
    resourceProfile: cpu-16
    contextLength: 4096
    sampling: {temperature: 0.7}
policies: {default: {categories: [pii]}}
services:
  safety: {longestStreamSeconds: 120, maxHeldCharacters: 64}
telemetry: {otlpEndpoint: "http://collector:4317"}
""",
    )
    model = config.models["ko-2b"]
    assert (model.engine, model.resource_profile, model.context_length) == ("llamacpp", "cpu-16", 4096)
    assert (model.parallel, model.queue_limit, model.sampling) == (32, 64, {"temperature": 0.7})
    assert config.policies["default"] == {"categories": ["pii"]}
    settings = config.section("safety", SafetySettings)
    assert (settings.max_held_characters, settings.longest_stream_seconds) == (64, 120)
    assert settings.telemetry.otlp_endpoint == "http://collector:4317"


def test_an_empty_file_is_the_defaults(tmp_path: Path) -> None:
    """Comments alone are a file, too."""
    assert list(load(tmp_path, "# nothing\n").models) == ["soban-demo"]


@pytest.mark.parametrize(
    ("text", "path", "near"),
    [
        ("modles: {}", "modles", "models"),
        ("models: {ko: {url: a, maxReplica: 2}}", "models.ko.maxReplica", "models.ko.maxReplicas"),
        ("models: {ko: {url: a, resource_profile: x}}", "models.ko.resource_profile", "models.ko.resourceProfile"),
        ("services: {tokenisation: {}}", "services.tokenisation", "services.tokenization"),
        ("telemetry: {otlpEndpont: x}", "telemetry.otlpEndpont", "telemetry.otlpEndpoint"),
    ],
)
def test_an_unknown_key_is_told_the_nearest_known_one(tmp_path: Path, text: str, path: str, near: str) -> None:
    """With its whole path."""
    error = error_of(tmp_path, text)
    assert error.path == path
    assert near in error.message


def test_a_key_like_no_other_is_told_what_is_known(tmp_path: Path) -> None:
    """All of them."""
    assert "models, policies, profiles, routes, services, telemetry" in error_of(tmp_path, "zzz: 1").message


def test_a_section_names_unknown_keys_of_its_service(tmp_path: Path) -> None:
    """Only the service knows its own keys."""
    config = load(tmp_path, "services: {safety: {telemetry: {otlpEndpint: x}}}")
    with pytest.raises(ConfigError) as caught:
        config.section("safety", SafetySettings)
    assert caught.value.path == "services.safety.telemetry.otlpEndpint"
    assert "services.safety.telemetry.otlpEndpoint" in caught.value.message


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("models: {ko: {}}", "models.ko.url"),
        ("models: {ko: {url: a, parallel: 0}}", "models.ko.parallel"),
        ("models: {ko: {url: a, address: 'localhost:80'}}", "models.ko.address"),
        ("models: {ko: {url: a, sampling: {temperature: warm}}}", "models.ko.sampling.temperature"),
        ("models: [ko]", "models"),
        ("routes: {ko: {cascade: [a, b], vote: [a, b]}}", "routes.ko"),
    ],
)
def test_a_wrong_value_is_named_by_its_path(tmp_path: Path, text: str, path: str) -> None:
    """The first of them."""
    assert error_of(tmp_path, text).path == path


@pytest.mark.parametrize(
    ("text", "line"),
    [("models: {\n  a: [1\n", 3), ("models:\n  ko: {url: a}\n  ko: {url: b}\n", 3), ("a: 1\n\tb: 2\n", 2)],
)
def test_broken_yaml_is_named_by_its_line(tmp_path: Path, text: str, line: int) -> None:
    """Equal keys count as broken."""
    assert error_of(tmp_path, text).path.endswith(f"soban.yaml:{line}")


@pytest.mark.parametrize("text", ["- a\n", "hello\n", "3\n"])
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    """Lists and words are YAML, and no configuration."""
    assert "mapping" in error_of(tmp_path, text).message


def test_merge_keys_are_allowed(tmp_path: Path) -> None:
    """`<<` is YAML's own way to share settings."""
    config = load(tmp_path, "models:\n  a: &a {url: x, parallel: 4}\n  b:\n    <<: *a\n    url: y\n")
    assert (config.models["b"].url, config.models["b"].parallel) == ("y", 4)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """As is one that is no text."""
    with pytest.raises(ConfigError, match="No such file"):
        load_config(tmp_path / "nowhere.yaml")
    (tmp_path / "b.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="UTF-8"):
        load_config(tmp_path / "b.yaml")


def test_timers_derive_from_the_longest_stream() -> None:
    """One value to set."""
    assert ServerSettings(longest_stream_seconds=600).grace == 600
    assert [ServerSettings(longest_stream_seconds=s).connection_age for s in (5, 400, 9_000)] == [60, 200, 300]


def test_the_metrics_port_follows_the_port() -> None:
    """Off at 0, and where there is no fixed port to follow."""
    assert ServerSettings(port=50061).prometheus_port == 51061
    assert ServerSettings(port=50061, metrics_port=9090).prometheus_port == 9090
    assert ServerSettings(port=50061, metrics_port=0).prometheus_port is None
    assert ServerSettings(port=0).prometheus_port is None


def test_ipv6_addresses_get_brackets() -> None:
    """As gRPC wants them."""
    assert ServerSettings(host="::1", port=1).address == "[::1]:1"


def test_settings_are_frozen() -> None:
    """Read once, never changed."""
    with pytest.raises(ValidationError):
        ServerSettings().port = 1  # type: ignore[misc]


def test_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    """One option, and help that tells where settings and exit codes are."""
    assert parse_args("safety", ["-c", "soban.yaml"]).config == "soban.yaml"
    assert parse_args("safety", []).config is None
    with pytest.raises(SystemExit):
        parse_args("safety", ["--help"])
    shown = capsys.readouterr().out
    assert "python -m soban.safety" in shown
    assert "services.safety" in shown
