"""What every `__main__` begins with: arguments, configuration, logging, telemetry."""

from __future__ import annotations

from typing import TypeVar

from soban.runtime.config import Config, load_config, parse_args
from soban.runtime.logs import configure_logging
from soban.runtime.settings import ServerSettings
from soban.runtime.telemetry import Telemetry

S = TypeVar("S", bound=ServerSettings)


def boot(service_name: str, settings_class: type[S], argv: list[str] | None = None) -> tuple[Config, S, Telemetry]:
    """Reads arguments and configuration, sets up logging and telemetry. Raises ConfigError and MetricsPortError."""
    config = load_config(parse_args(service_name, argv).config)
    settings = config.section(service_name, settings_class)
    configure_logging(service_name, settings.log_level)
    return config, settings, Telemetry.create(service_name, settings)
