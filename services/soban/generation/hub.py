"""Models of the Hugging Face hub, or of a mirror that HF_ENDPOINT names: `hf://owner/repo[/file.gguf]` to files."""

from __future__ import annotations

import contextlib
import logging
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from soban.runtime.config import ConfigError

_logger = logging.getLogger(__name__)

HUB = "hf://"
_GGUF = ".gguf"
_LISTED = ".soban-files"
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
    """What `url` names. Raises ConfigError, which names `key`."""
    place = _place(url)
    if place is None:
        raise ConfigError(key, "must name a repository or a file of one: hf://owner/repo[/file.gguf]")
    return place


def gguf_of(key: str, url: str) -> Place:
    """The same for what must be a GGUF file. Raises ConfigError."""
    place = _place(url)
    if place is None or not place.file.endswith(_GGUF):
        raise ConfigError(key, "must name a GGUF file of the repository: hf://owner/repo/file.gguf")
    return place


def _place(url: str) -> Place | None:
    owner, _, rest = url.removeprefix(HUB).partition("/")
    repository, _, file = rest.partition("/")
    return Place(f"{owner}/{repository}", file) if owner and repository else None


def download(key: str, place: Place, folder: Folder | None = None) -> Path:
    """The file, all parts of it being there. What is there is not loaded again.

    HF_ENDPOINT, HF_HUB_OFFLINE and, for the cache, HF_HOME and HF_TOKEN work as everywhere. Raises ConfigError.
    """
    with _asking(key, place) as hub:
        options = {"tqdm_class": _progress(), **_where(folder)}
        first, *_ = [hub.hf_hub_download(place.repository, part, **options) for part in parts_of(place.file)]
        return Path(first)


def download_repository(key: str, place: Place, folder: Folder) -> Path:
    """The folder with all files of the repository. Raises ConfigError.

    While no hub answers, the library takes whatever lies in a folder for the whole repository (`snapshot_download`,
    "Returning existing local_dir"). A list of its files therefore lies there for as long as all of them do.
    """
    listed = folder.path / _LISTED
    with _asking(key, place) as hub:
        if listed.exists():
            files = listed.read_text(encoding="utf-8").splitlines()
        else:
            files = hub.HfApi().list_repo_files(place.repository, token=folder.token or False)
        listed.unlink(missing_ok=True)
        path = Path(hub.snapshot_download(place.repository, tqdm_class=_progress(), **_where(folder)))
        if missing := [file for file in files if not (path / file).is_file()]:
            raise FileNotFoundError(f"{missing[0]} is missing")
        listed.write_text("\n".join(files), encoding="utf-8")
        return path


@contextlib.contextmanager
def _asking(key: str, place: Place) -> Iterator[Any]:
    """The hub's library. Raises ConfigError without it, and for whatever it raises."""
    try:
        import httpx2
        import huggingface_hub as hub
    except ImportError as err:
        raise ConfigError(key, "hf:// needs huggingface-hub: install soban[engine]") from err
    # It writes its warnings to standard error by itself, beside the lines of our log.
    logging.getLogger("huggingface_hub").handlers.clear()
    try:
        yield hub
    except (OSError, ValueError, httpx2.HTTPError) as err:
        # No such repository or file, no access, no network or proxy, no room.
        asked = "/".join(filter(None, place))
        raise ConfigError(key, f"hf://{asked} cannot be downloaded: {_first_line(err)}") from err


def _where(folder: Folder | None) -> dict[str, Any]:
    return {} if folder is None else {"local_dir": folder.path, "token": folder.token or False}


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
