"""The key that an engine wants: out of a file or an environment variable, and from there into one HTTP header only.

The configuration names where a key is and never holds one, so that neither its file, nor a log of it, nor the command
line can give one away. No error, no log line and no representation here has any part of a key in it.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from soban.runtime.config import ConfigError
from soban.runtime.model_settings import ModelConfig

_logger = logging.getLogger(__name__)

_MOST_BYTES = 16_384

Key = Callable[[], str]
"""Gives the key as it is now; empty when the engine wants none. To be called for each request, and kept nowhere."""


def key_of(name: str, config: ModelConfig, environment: Mapping[str, str] = os.environ) -> Key:
    """The key of model `name`. Raises ConfigError where it is configured and cannot be had."""
    if config.key_file is not None:
        return FileKey(name, Path(config.key_file))
    if config.key_env is None:
        return GivenKey("")
    found = environment.get(config.key_env)
    if found is None:
        raise ConfigError(f"models.{name}.keyEnv", f"the environment has no variable {config.key_env}")
    try:
        return GivenKey(_checked(found))
    except ValueError as err:
        raise ConfigError(f"models.{name}.keyEnv", f"what {config.key_env} holds {err}") from None


@dataclass(frozen=True, slots=True)
class GivenKey:
    """A key that does not change while the process lives."""

    key: str = field(repr=False)

    def __call__(self) -> str:
        """As `Key`."""
        return self.key


class FileKey:
    """A key in a file, read again when the file is another: Secrets and vaults change theirs in place.

    While a new file cannot be read, or holds no key, the last key stays; that is logged once for each such file.
    """

    def __init__(self, name: str, path: Path) -> None:
        self._path = path
        self._model = name
        self._state = _state(path)
        try:
            self._key = _read(path)
        except ValueError as err:
            raise ConfigError(f"models.{name}.keyFile", f"{path} {err}") from None

    def __repr__(self) -> str:
        return f"FileKey({str(self._path)!r})"

    def __call__(self) -> str:
        """As `Key`."""
        state = _state(self._path)
        if state != self._state:
            self._state = state
            self._take()
        return self._key

    def _take(self) -> None:
        fields = {"model": self._model, "path": str(self._path)}
        try:
            self._key = _read(self._path)
        except ValueError as err:
            _logger.error("key file %s; the last key stays", err, extra=fields)  # noqa: TRY400 - a trace says no more
        else:
            _logger.info("key file read again", extra=fields)


def _state(path: Path) -> tuple[int, int, int] | None:
    """Differs when the file does. A mounted Secret is a link that is turned to another folder: the inode changes."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _read(path: Path) -> str:
    """Raises ValueError that says of the file what is wrong with it."""
    try:
        with path.open("rb") as file:
            found = file.read(_MOST_BYTES + 1)
    except OSError as err:
        raise ValueError(f"cannot be read ({err.strerror})") from None
    if len(found) > _MOST_BYTES:
        raise ValueError(f"is larger than {_MOST_BYTES:,} bytes, so it is no key")
    # Latin-1 takes every byte: what does not belong into a key is found below, and quoted nowhere.
    return _checked(found.decode("latin-1"))


def _checked(text: str) -> str:
    """One line of visible ASCII: anything else would end the HTTP header that carries it, or is a mistake."""
    key = text.strip(" \t\r\n")
    if not key:
        raise ValueError("is empty")
    if not all("!" <= character <= "~" for character in key):
        raise ValueError("is not one line of visible ASCII characters")
    return key
