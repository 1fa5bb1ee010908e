"""What every part that reads the configuration raises."""

from __future__ import annotations


class ConfigError(Exception):
    """The configuration is wrong. `path` is the key (`models.ko-8b.engine`) or the file; mains print it and exit 2."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}" if path else message)
        self.path = path
        self.message = message
