"""From the url of a model to its file."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from soban.generation.models import find_model
from soban.runtime.config import ConfigError
from unit.generation.gguf_file import write_gguf


async def refusal(url: str) -> str:
    with pytest.raises(ConfigError) as caught:
        await find_model("ko", url)
    assert caught.value.path == "models.ko.url"
    return caught.value.message


async def test_a_path_in_any_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain, file:, and below the home folder."""
    path = write_gguf(tmp_path / "한국어.gguf")
    monkeypatch.setenv("HOME", str(tmp_path))
    for url in (str(path), f"file:{path}", "~/한국어.gguf"):
        assert (await find_model("ko", url)).path == path


async def test_a_bundled_model_lies_in_the_package() -> None:
    """Its name is that of a file."""
    assert "bundled" in await refusal("bundled:no-such-model")


async def test_what_is_no_model_names_the_key(tmp_path: Path) -> None:
    """Missing, a folder, another format, another scheme."""
    assert "No such file" in await refusal(str(tmp_path / "none.gguf"))
    assert str(tmp_path) in await refusal(str(tmp_path))
    (tmp_path / "page.gguf").write_text("<html>" * 10)
    assert "does not begin with 'GGUF'" in await refusal(str(tmp_path / "page.gguf"))
    assert "s3://bucket/m.gguf" in await refusal("s3://bucket/m.gguf")


@pytest.mark.parametrize(
    "url", ["hf://", "hf://owner", "hf://owner/repo", "hf://owner/repo.gguf", "hf://owner/repo/model.safetensors"]
)
async def test_a_hub_url_names_a_gguf_file(url: str) -> None:
    """Before anything is downloaded."""
    assert "hf://owner/repo/file.gguf" in await refusal(url)


class Hub:
    """Stands in for hf_hub_download."""

    def __init__(self, outcome: Path | Exception) -> None:
        self._outcome = outcome
        self.asked: list[tuple[str, str]] = []

    def __call__(self, repo: str, file: str, **_: Any) -> str:
        self.asked.append((repo, file))
        if isinstance(self._outcome, Exception):
            raise self._outcome
        return str(self._outcome)


async def test_a_model_of_the_hub_is_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file may lie in a folder of its repository."""
    hub = Hub(write_gguf(tmp_path / "m.gguf"))
    monkeypatch.setattr("huggingface_hub.hf_hub_download", hub)
    assert (await find_model("ko", "hf://owner/repo/q4/m.gguf")).path == tmp_path / "m.gguf"
    assert hub.asked == [("owner/repo", "q4/m.gguf")]


async def test_a_download_that_fails_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """In one line."""
    monkeypatch.setattr("huggingface_hub.hf_hub_download", Hub(FileNotFoundError("\nno network\nand more")))
    assert "no network" in await refusal("hf://owner/repo/m.gguf")
    monkeypatch.setattr("huggingface_hub.hf_hub_download", Hub(ValueError("")))
    assert "ValueError" in await refusal("hf://owner/repo/m.gguf")


async def test_offline_mode_needs_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """HF_HUB_OFFLINE with an empty cache."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    assert "hf://owner/repo/m.gguf cannot be downloaded" in await refusal("hf://owner/repo/m.gguf")


async def test_leaving_during_a_download_does_not_wait_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stop signal may come early."""
    loop, began, go_on = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def endless(*_: Any, **__: Any) -> str:
        loop.call_soon_threadsafe(began.set)
        go_on.wait(30)
        return "/nowhere"

    monkeypatch.setattr("huggingface_hub.hf_hub_download", endless)
    finding = asyncio.create_task(find_model("ko", "hf://owner/repo/m.gguf"))
    await began.wait()
    finding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await finding
    go_on.set()
