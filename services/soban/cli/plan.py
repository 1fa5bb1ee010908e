"""What `soban up` is to start: the configuration, checked as a whole, with every port decided."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from soban.cli.failure import EXIT_FAILED, EXIT_USAGE, Failure
from soban.cli.ports import PortInUse, Ports
from soban.gateway.settings import GatewaySettings
from soban.generation.settings import GenerationSettings
from soban.runtime.config import Config, ConfigError, load_config, make_config, parse
from soban.runtime.settings import ServerSettings
from soban.safety.policy import Policies
from soban.safety.settings import SafetySettings
from soban.tokenization.settings import TokenizationSettings

SETTINGS: dict[str, type[ServerSettings]] = {
    "safety": SafetySettings,
    "tokenization": TokenizationSettings,
    "generation": GenerationSettings,
    "gateway": GatewaySettings,
}
"""The settings of each service, by its name in the configuration."""
SERVICES = tuple(SETTINGS)
"""In the order of starting; the gateway is stopped first."""

_SCHEMES = ("hf://", "bundled:", "file:")
_NAMED = re.compile(r"([A-Za-z0-9._-]+)=(.+)")
_NO_NAME = re.compile(r"[^a-z0-9._-]+")
_ANY_HOST = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "[::1]", "[::]": "[::1]"}


@dataclass(frozen=True)
class Plan:
    """`data` is the file that the services are to read: as it was written, but for --model and ports of 0."""

    data: Mapping[str, Any]
    config: Config
    settings: Mapping[str, ServerSettings]
    changed: bool
    """Whether `data` differs from the file that was given."""

    def address(self, service: str) -> str:
        """Where clients on this machine reach it."""
        settings = self.settings[service]
        host, _, port = settings.address.rpartition(":")
        return f"{_ANY_HOST.get(host, host)}:{port}"

    @property
    def http_url(self) -> str:
        """Base URL of the OpenAI API."""
        gateway = self.settings["gateway"]
        port = gateway.http_port if isinstance(gateway, GatewaySettings) else 0
        return f"http://{self.address('gateway').rpartition(':')[0]}:{port}/v1"


def make_plan(path: Path | None, model: str | None = None) -> Plan:
    """Reads, checks and completes a configuration; without a file every default holds. Raises Failure."""
    try:
        Policies(load_config(path).policies)
        given = parse(path.read_text(encoding="utf-8"), str(path)) if path else {}
        data = copy.deepcopy(given)
        if model is not None:
            data["models"] = _models_of(model)
            # What stands on the file's own models goes with them.
            for section in ("profiles", "routes"):
                data.pop(section, None)
        for service, ports in _decided(_settings(data)).items():
            data.setdefault("services", {}).setdefault(service, {}).update(ports)
        return Plan(data, make_config(data), _settings(data), changed=data != given)
    except ConfigError as err:
        mend = f"mend {path}" if path else ""
        raise Failure("wrong configuration", "CONFIG_INVALID", str(err), mend, EXIT_USAGE) from err


def _settings(data: Mapping[str, Any]) -> dict[str, ServerSettings]:
    config = make_config(data)
    return {service: config.section(service, kind) for service, kind in SETTINGS.items()}


def _models_of(given: str) -> dict[str, Any]:
    """The section `models` for `--model URL` or `--model NAME=URL`; the name is that of the file."""
    named = _NAMED.fullmatch(given)
    name, url = named.groups() if named else (_NO_NAME.sub("-", Path(given).stem.lower()), given)
    if not url.startswith(_SCHEMES) and not Path(url).expanduser().is_file():
        mend = "give a GGUF file or hf://owner/repo/file.gguf"
        raise Failure("cannot serve the model", "MODEL_NOT_FOUND", f"there is no file {url}", mend, EXIT_USAGE)
    return {name: {"url": url}}


def _decided(settings: Mapping[str, ServerSettings]) -> dict[str, dict[str, int]]:
    """A free port for each 0, by service and key. Raises Failure when another one is taken."""
    with Ports() as ports:
        decided = {service: _decide(ports, service, settings[service]) for service in SERVICES}
    return {service: found for service, found in decided.items() if found}


def _decide(ports: Ports, service: str, settings: ServerSettings) -> dict[str, int]:
    wanted = {"port": settings.port, "metricsPort": settings.prometheus_port}
    if isinstance(settings, GatewaySettings):
        wanted["httpPort"] = settings.http_port
    found: dict[str, int] = {}
    for key, number in wanted.items():
        if number is None:
            continue
        try:
            if number:
                ports.check(settings.host, number)
            else:
                found[key] = ports.free(settings.host, key == "port" and settings.metrics_port is None)
        except PortInUse as err:
            message = f"{settings.host}:{number} cannot be had: {err}"
            mend = f"stop what listens there, or set services.{service}.{key} (0 takes a free one)"
            raise Failure(f"cannot start {service}", "PORT_IN_USE", message, mend, EXIT_FAILED) from err
    return found
