"""Where a model's file is: `url` of the configuration to a GGUF file on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
import threading
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from soban.generation.gguf import GgufHeader, NotGguf, read_header
from soban.runtime.config import ConfigError

_logger = logging.getLogger(__name__)

_BUNDLED, _FILE, _HUB = "bundled:", "file:", "hf://"
_SECONDS_BETWEEN_LINES = 5.0


class ModelFile(NamedTuple):
    """A model that can be loaded."""

    path: Path
    header: GgufHeader


async def find_model(name: str, url: str) -> ModelFile:
    """Downloads it first where `url` asks for that. Raises ConfigError, which names `models.<name>.url`."""
    key = f"models.{name}.url"
    path = await _locate(key, url)
    try:
        header = await asyncio.to_thread(read_header, path)
    except NotGguf as err:
        raise ConfigError(key, f"{path}: {err}") from err
    except OSError as err:
        raise ConfigError(key, f"{path}: {err.strerror or err}") from err
    return ModelFile(path, header)


async def _locate(key: str, url: str) -> Path:
    if url.startswith(_HUB):
        return await _in_thread_of_its_own(_download, key, url.removeprefix(_HUB))
    if "://" in url:
        raise ConfigError(key, f"must be bundled:NAME, a path, or hf://owner/repo/file.gguf, not {url}")
    return _local(url)


def _local(url: str) -> Path:
    if url.startswith(_BUNDLED):
        return Path(str(files("soban.generation") / "bundled" / f"{url.removeprefix(_BUNDLED)}.gguf"))
    return Path(url.removeprefix(_FILE)).expanduser()


def _download(key: str, place: str) -> Path:
    """The file in the hub's cache. HF_ENDPOINT, HF_HUB_OFFLINE, HF_HOME and HF_TOKEN work as everywhere."""
    owner, _, rest = place.partition("/")
    repository, _, file = rest.partition("/")
    if not (owner and repository and file.endswith(".gguf")):
        raise ConfigError(key, "must name a GGUF file of the repository: hf://owner/repo/file.gguf")
    try:
        from huggingface_hub import hf_hub_download
    except ImportError as err:
        raise ConfigError(key, "hf:// needs huggingface-hub: install soban[engine]") from err
    try:
        return Path(hf_hub_download(f"{owner}/{repository}", file, tqdm_class=_progress()))
    except (OSError, ValueError) as err:
        # Everything that the hub raises is one of the two: no such repository or file, no access, no network.
        raise ConfigError(key, f"hf://{place} cannot be downloaded: {_first_line(err)}") from err


def _first_line(err: Exception) -> str:
    return next((line for line in str(err).splitlines() if line.strip()), type(err).__name__)


async def _in_thread_of_its_own(call: Callable[[str, str], Path], key: str, place: str) -> Path:
    """A download takes minutes: unlike one of the default executor, a daemon thread does not hold up an early exit."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Path] = loop.create_future()

    def run() -> None:
        outcome: Path | Exception
        try:
            outcome = call(key, place)
        except Exception as err:  # noqa: BLE001 - raised again where it is awaited
            outcome = err
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(_settle, done, outcome)

    threading.Thread(target=run, name="download", daemon=True).start()
    return await done


def _settle(done: asyncio.Future[Path], outcome: Path | Exception) -> None:
    if done.done():
        return
    if isinstance(outcome, Exception):
        done.set_exception(outcome)
    else:
        done.set_result(outcome)


def _progress() -> Any:
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
