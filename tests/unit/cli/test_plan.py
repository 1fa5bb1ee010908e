"""What `soban up` is to start."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from soban.cli.failure import Failure
from soban.cli.plan import make_plan
from soban.cli.up import require_servers

FREE = "services: {gateway: {port: 0, httpPort: 0}, tokenization: {port: 0}, safety: {port: 0}, generation: {port: 0}}"


def write(folder: Path, text: str) -> Path:
    path = folder / "soban.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def refusal(path: Path | None, model: str | None = None) -> Failure:
    with pytest.raises(Failure) as caught:
        make_plan(path, model)
    assert "\n" not in str(caught.value)
    return caught.value


def test_a_port_of_zero_becomes_a_free_one(tmp_path: Path) -> None:
    """Metrics beside it, and the services read what was decided."""
    plan = make_plan(write(tmp_path, FREE))
    ports = [settings.port for settings in plan.settings.values()]
    assert len(set(ports)) == 4
    assert all(ports)
    assert plan.changed
    assert [settings.prometheus_port for settings in plan.settings.values()] == [port + 1000 for port in ports]
    assert plan.data["services"]["gateway"]["port"] == plan.settings["gateway"].port
    assert plan.http_url == f"http://127.0.0.1:{plan.data['services']['gateway']['httpPort']}/v1"


def test_fixed_ports_leave_the_file_as_it_is(tmp_path: Path) -> None:
    """The services read the person's own file."""
    decided = make_plan(write(tmp_path, FREE)).data["services"]
    services = ", ".join(f"{name}: {{port: {settings['port']}}}" for name, settings in decided.items())
    http = decided["gateway"]["httpPort"]
    services = services.replace("gateway: {", f"gateway: {{httpPort: {http}, ")
    assert not make_plan(write(tmp_path, f"services: {{{services}}}")).changed


def test_a_taken_port_names_the_setting(tmp_path: Path) -> None:
    """Also the HTTP and the metrics port."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        for key in ("port", "metricsPort", "httpPort"):
            text = FREE.replace("httpPort: 0", "httpPort: 0, metricsPort: 0")
            text = text.replace(f"gateway: {{{key}: 0", f"gateway: {{{key}: {port}").replace(
                f", {key}: 0", f", {key}: {port}"
            )
            failure = refusal(write(tmp_path, text))
            assert (failure.exit_code, failure.reason) == (1, "PORT_IN_USE")
            assert f"services.gateway.{key} " in str(failure)


def test_a_model_takes_the_place_of_all_models(tmp_path: Path) -> None:
    """Under the name of its file, or under one of its own."""
    path = write(tmp_path, FREE)
    gguf = tmp_path / "Kanana 1.5 2.1B-Q4_K_M.gguf"
    gguf.touch()
    plan = make_plan(path, str(gguf))
    assert {name: model.url for name, model in plan.config.models.items()} == {"kanana-1.5-2.1b-q4_k_m": str(gguf)}
    plan = make_plan(path, "ko-2b=hf://owner/repo/model.gguf")
    assert {name: model.url for name, model in plan.config.models.items()} == {"ko-2b": "hf://owner/repo/model.gguf"}


@pytest.mark.parametrize("model", ["nowhere.gguf", "name=nowhere.gguf", "http://example.com/a.gguf"])
def test_a_model_that_is_not_there_is_refused(tmp_path: Path, model: str) -> None:
    """Before anything starts."""
    failure = refusal(write(tmp_path, FREE), model)
    assert (failure.exit_code, failure.reason) == (2, "MODEL_NOT_FOUND")


@pytest.mark.parametrize(
    ("text", "place", "near"),
    [
        ("modles: {}", "modles", "models"),
        ("models: {a: {url: a.gguf, enginee: x}}", "models.a.enginee", "models.a.engine"),
        ("services: {safty: {}}", "services.safty", "services.safety"),
        ("services: {safety: {maxTextByte: 1}}", "services.safety.maxTextByte", "services.safety.maxTextBytes"),
        ("services: {generation: {port: high}}", "services.generation.port", ""),
        ("policies: {strict: {mode: weird, rules: [{category: pii, action: mask}]}}", "policies.strict.mode", ""),
        ("policies: {strict: {rules: [{category: pii.fone, action: mask}]}}", "policies.strict", "pii.phone"),
        ("policies: [", "soban.yaml:1", ""),
        ("- a", "soban.yaml", ""),
    ],
)
def test_a_wrong_key_is_named_with_the_nearest(tmp_path: Path, text: str, place: str, near: str) -> None:
    """Of the file as of each service's own section."""
    failure = refusal(write(tmp_path, text))
    assert failure.exit_code == 2
    assert place in str(failure)
    assert near in str(failure)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """Missing, a folder, or no text."""
    latin = tmp_path / "latin.yaml"
    latin.write_bytes(b"models: \xff")
    for path in (tmp_path / "none.yaml", tmp_path, latin):
        failure = refusal(path)
        assert failure.exit_code == 2
        assert str(path) in str(failure)


def test_missing_extras_say_how_to_install_them() -> None:
    """The base install is for clients."""
    with pytest.raises(Failure) as caught:
        require_servers(["yaml", "no_such_package", "no_such.module"])
    assert "no_such_package, no_such.module not installed" in str(caught.value)
    assert "pip install 'soban[all]'" in str(caught.value)
    require_servers()
