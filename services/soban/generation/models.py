"""Where a model's file is: `url` of the configuration to a GGUF file on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from soban.generation.gguf import GgufHeader, NotGguf, read_header
from soban.generation.hub import HUB, download, gguf_of
from soban.runtime.config import ConfigError

_BUNDLED, _FILE = "bundled:", "file:"


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
    if url.startswith(HUB):
        return await _in_thread_of_its_own(lambda: download(key, gguf_of(key, url)))
    if "://" in url:
        raise ConfigError(key, f"must be bundled:NAME, a path, or hf://owner/repo/file.gguf, not {url}")
    return _local(url)


def _local(url: str) -> Path:
    if url.startswith(_BUNDLED):
        return Path(str(files("soban.generation") / "bundled" / f"{url.removeprefix(_BUNDLED)}.gguf"))
    return Path(url.removeprefix(_FILE)).expanduser()


async def _in_thread_of_its_own(call: Callable[[], Path]) -> Path:
    """A download takes minutes: unlike one of the default executor, a daemon thread does not hold up an early exit."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Path] = loop.create_future()

    def run() -> None:
        outcome: Path | Exception
        try:
            outcome = call()
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
