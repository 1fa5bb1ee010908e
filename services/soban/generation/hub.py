"""Models of the Hugging Face hub, or of a mirror that HF_ENDPOINT names: `hf://owner/repo[/file.gguf]` to files."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from soban.runtime.config import ConfigError

_logger = logging.getLogger(__name__)

HUB = "hf://"
_GGUF = ".gguf"
_SECONDS_BETWEEN_LINES = 5.0
# Large models come in parts, of which llama.cpp is given the first: https://github.com/ggml-org/llama.cpp/tree/master/tools/gguf-split
_PART = re.compile(r"-00001-of-(\d{5})\.gguf$")


class Place(NamedTuple):
    """`repository` is `owner/repo`; `file` is empty for all of it."""

    repository: str
    file: str


class Folder(NamedTuple):
    """Where a download goes other than the hub's cache. Then `token` alone counts, and no token of the environment."""

    path: Path
    token: str | None = None


def place_of(key: str, url: str) -> Place:
    """What `url`, with or without its scheme, names. Raises ConfigError, which names `key`."""
    owner, _, rest = url.removeprefix(HUB).partition("/")
    repository, _, file = rest.partition("/")
    if not (owner and repository):
        raise ConfigError(key, "must name a repository or a file of one: hf://owner/repo[/file.gguf]")
    return Place(f"{owner}/{repository}", file)


def gguf_of(key: str, url: str) -> Place:
    """The same for what must be a GGUF file. Raises ConfigError."""
    owner, _, rest = url.removeprefix(HUB).partition("/")
    if not (owner and rest.partition("/")[0] and url.endswith(_GGUF)):
        raise ConfigError(key, "must name a GGUF file of the repository: hf://owner/repo/file.gguf")
    return place_of(key, url)


def download(key: str, place: Place, folder: Folder | None = None) -> Path:
    """The file, all parts of it being there, or the folder of the repository. What is there is not loaded again.

    HF_ENDPOINT, HF_HUB_OFFLINE and, for the cache, HF_HOME and HF_TOKEN work as everywhere. Raises ConfigError.
    """
    try:
        import huggingface_hub as hub
    except ImportError as err:
        raise ConfigError(key, "hf:// needs huggingface-hub: install soban[engine]") from err
    options: dict[str, Any] = {"tqdm_class": _progress()}
    if folder is not None:
        options |= {"local_dir": folder.path, "token": folder.token or False}
    try:
        if not place.file:
            return Path(hub.snapshot_download(place.repository, **options))
        first, *_ = [hub.hf_hub_download(place.repository, part, **options) for part in parts_of(place.file)]
        return Path(first)
    except (OSError, ValueError) as err:
        # Everything that the hub raises is one of the two: no such repository or file, no access, no network.
        asked = "/".join(filter(None, place))
        raise ConfigError(key, f"hf://{asked} cannot be downloaded: {_first_line(err)}") from err


def parts_of(file: str) -> list[str]:
    """All files of a model whose first, or only, one is `file`."""
    found = _PART.search(file)
    if found is None:
        return [file]
    count = int(found[1])
    return [f"{file[: found.start()]}-{number:05}-of-{count:05}{_GGUF}" for number in range(1, count + 1)]


def _first_line(err: Exception) -> str:
    return next((line for line in str(err).splitlines() if line.strip()), type(err).__name__)


def _progress() -> Callable[..., Any] | None:
    """A bar on a terminal, log lines elsewhere."""
    if sys.stderr.isatty():
        return None
    from tqdm import tqdm  # type: ignore[import-untyped]

    class Lines(tqdm):  # type: ignore[misc]
        def __init__(self, *args: Any, **settings: Any) -> None:
            super().__init__(*args, **{**settings, "mininterval": _SECONDS_BETWEEN_LINES, "disable": False})

        def display(self, *_: Any, **__: Any) -> None:
            _logger.info("downloading", extra={"file": self.desc, "bytes": self.n, "of": self.total})

    return Lines
