"""`soban.yaml` in, frozen settings out. Every mistake in the file becomes one line that names its key."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Hashable, Mapping
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from soban.runtime.config_error import ConfigError
from soban.runtime.model_settings import ModelConfig, ProfileConfig
from soban.runtime.names import Names
from soban.runtime.route_settings import RouteConfig
from soban.runtime.section import Section
from soban.runtime.settings import ConfigFile, ServerSettings, TelemetrySettings

S = TypeVar("S", bound=Section)


class Config:
    """A checked configuration; frozen by convention of its parts."""

    def __init__(self, file: ConfigFile | None = None) -> None:
        self._file = file or ConfigFile()

    @property
    def models(self) -> Mapping[str, ModelConfig]:
        """By the name that clients send."""
        return self._file.models

    @property
    def profiles(self) -> Mapping[str, ProfileConfig]:
        """Domain profiles by the name that clients send."""
        return self._file.profiles

    @property
    def routes(self) -> Mapping[str, RouteConfig]:
        """Strategies by the name that clients send."""
        return self._file.routes

    @property
    def names(self) -> Names:
        """All that clients can send as model."""
        return Names(self.models, self.profiles, self.routes)

    @property
    def key_variables(self) -> frozenset[str]:
        """Environment variables that hold keys of engines: generation's to read, and nobody else's to have."""
        return frozenset(model.key_env for model in self.models.values() if model.key_env is not None)

    @property
    def policies(self) -> Mapping[str, Any]:
        """Safety policies as written; safety checks them."""
        return self._file.policies

    @property
    def services(self) -> Mapping[str, Mapping[str, Any]]:
        """The raw section of each service, empty where the file has none."""
        return {name: getattr(self._file.services, name) for name in type(self._file.services).model_fields}

    @property
    def telemetry(self) -> TelemetrySettings:
        """For all services; a service's own section goes first."""
        return self._file.telemetry

    def model(self, name: str) -> ModelConfig:
        """The model of that name. Raises ConfigError, which names all that there are."""
        if name not in self.models:
            raise ConfigError(f"models.{name}", f"no such model; there are {', '.join(self.models)}")
        return self.models[name]

    def section(self, name: str, cls: type[S]) -> S:
        """`services.<name>` as the service's own settings class. Raises ConfigError."""
        raw = dict(self.services.get(name, {}))
        if "telemetry" not in raw and "telemetry" in cls.model_fields:
            raw["telemetry"] = self.telemetry.model_dump(by_alias=True)
        return validate(cls, raw, f"services.{name}")


def load_config(path: str | Path | None = None) -> Config:
    """Reads the file; without one, every default holds and the bundled model is served. Raises ConfigError."""
    if path is None:
        return Config()
    return make_config(parse(_read(Path(path)), str(path)))


def make_config(data: Mapping[str, Any]) -> Config:
    """A parsed file, checked as a whole. Raises ConfigError."""
    config = Config(validate(ConfigFile, data, ""))
    config.names.check()
    return config


def validate(cls: type[S], data: Any, path: str) -> S:
    """`data` (camelCase) as `cls`; `path` is where it stands in the file. Raises ConfigError for the first mistake."""
    try:
        return cls.model_validate(data, by_alias=True, by_name=False)
    except ValidationError as err:
        mistakes = err.errors(include_url=False, include_context=False)
        raise _config_error(cls, mistakes[0], path) from err


def parse(text: str, name: str) -> dict[str, Any]:
    """YAML text as a mapping; `name` is how errors call it. Raises ConfigError with the line."""
    try:
        data = yaml.load(text, _StrictLoader)  # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as err:
        mark = err.problem_mark or err.context_mark
        where = f"{name}:{mark.line + 1}" if mark else name
        raise ConfigError(where, err.problem or "no valid YAML") from err
    except yaml.YAMLError as err:
        raise ConfigError(name, f"no valid YAML: {' '.join(str(err).split())}") from err
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise ConfigError(name, "must be a mapping with keys such as 'models' and 'services'")
    return data


def parse_args(service_name: str, argv: list[str] | None = None) -> argparse.Namespace:
    """Arguments of `python -m soban.<service>`: `.config` is a path or None."""
    parser = argparse.ArgumentParser(
        prog=f"python -m soban.{service_name}",
        description=f"Runs Soban's {service_name} server until SIGTERM or Ctrl-C; it logs to standard error.",
        epilog=f"Settings of this server are the section services.{service_name} of the file. "
        "Exit codes: 0 stopped as asked, 1 could not start, 2 wrong arguments or configuration.",
    )
    parser.add_argument("-c", "--config", metavar="FILE", help="soban.yaml; without it every default holds")
    return parser.parse_args(argv)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as err:
        raise ConfigError(str(path), err.strerror or str(err)) from err
    except UnicodeDecodeError as err:
        raise ConfigError(str(path), "is not UTF-8 text") from err


class _StrictLoader(yaml.SafeLoader):
    """PyYAML keeps the last of two equal keys silently; a configuration must not."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen and key.tag != "tag:yaml.org,2002:merge":
                raise yaml.constructor.ConstructorError(None, None, f"key '{key.value}' is there twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _config_error(cls: type[BaseModel], mistake: ErrorDetails, path: str) -> ConfigError:
    loc = [str(part) for part in mistake["loc"] if part != "[key]"]
    where = ".".join([*([path] if path else []), *loc])
    if mistake["type"] != "extra_forbidden":
        return ConfigError(where, mistake["msg"].removeprefix("Value error, "))
    known = _known_keys(cls, loc[:-1])
    near = difflib.get_close_matches(loc[-1], known, n=1, cutoff=0.5)
    if near:
        return ConfigError(where, f"unknown key; the nearest known one is {'.'.join([*where.split('.')[:-1], *near])}")
    return ConfigError(where, f"unknown key; known here are {', '.join(known)}" if known else "unknown key")


def _known_keys(cls: type[BaseModel], loc: list[str]) -> list[str]:
    kind: Any = cls
    for part in loc:
        kind = _step(kind, part)
    return sorted(str(field.alias) for field in kind.model_fields.values()) if _is_section(kind) else []


def _step(kind: Any, part: str) -> Any:
    """The type under the key `part`, or None."""
    if _is_section(kind):
        fields = kind.model_fields.values()
        return _plain(next((field.annotation for field in fields if field.alias == part), None))
    return _plain(get_args(kind)[-1]) if get_args(kind) else None


def _plain(kind: Any) -> Any:
    """Without `Annotated`; of a union the option that has keys, or the first."""
    if get_origin(kind) is Annotated:
        return _plain(get_args(kind)[0])
    if get_origin(kind) not in (Union, UnionType):
        return kind
    options = [_plain(option) for option in get_args(kind)]
    return next((option for option in options if _is_section(option)), options[0])


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


__all__ = [
    "Config",
    "ConfigError",
    "ModelConfig",
    "ServerSettings",
    "load_config",
    "make_config",
    "parse",
    "parse_args",
    "validate",
]
