"""Downloads of models by an init container, from a hub on this machine."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from soban.generation.hub import Place, parts_of, place_of
from soban.runtime.config import ConfigError
from unit.generation.fake_hub import REPOSITORY, hub_of

PARTS = {f"ko-0000{number}-of-00002.gguf": f"둘로 나눈 모델의 {number}".encode() for number in (1, 2)}
FILES = {"config.json": b"{}", "tokenizer/토큰.json": "한국어".encode(), **PARTS}
YAML = f"""
models:
  part: {{url: "hf://{REPOSITORY}/ko-00001-of-00002.gguf"}}
  all: {{url: "hf://{REPOSITORY}"}}
  absent: {{url: "hf://{REPOSITORY}/없는.gguf"}}
  bundled: {{url: "bundled:soban-demo"}}
"""
NO_HUB = "http://127.0.0.1:9"


def fetch(folder: Path, model: str, hub: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """As in an init container: nothing but the folder lasts. NO_HUB is offline, and not tried for half a minute."""
    (folder / "soban.yaml").write_text(YAML, encoding="utf-8")
    where = ["-c", str(folder / "soban.yaml"), "--to", str(folder / "모델")]
    return subprocess.run(
        [sys.executable, "-m", "soban.generation.fetch", *where, "--model", model, *arguments],
        env={
            **os.environ,
            "HF_ENDPOINT": hub,
            "HF_HOME": tempfile.mkdtemp(dir=folder),
            "HF_HUB_OFFLINE": str(int(hub == NO_HUB)),
            "HF_HUB_DISABLE_XET": "1",
            "HF_TOKEN": "of-the-environment",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_all_parts_of_a_model_come_and_the_first_is_named(tmp_path: Path) -> None:
    """By its path on standard output, where the pod's next container looks for it."""
    with hub_of(FILES) as hub:
        done = fetch(tmp_path, "part", hub.url)
    assert (done.returncode, done.stdout) == (0, f"{tmp_path}/모델/ko-00001-of-00002.gguf\n"), done.stderr
    assert {name: (tmp_path / "모델" / name).read_bytes() for name in PARTS} == PARTS


def test_a_repository_comes_with_all_its_files(tmp_path: Path) -> None:
    """And is there afterwards without a hub, too."""
    with hub_of(FILES) as hub:
        done = fetch(tmp_path, "all", hub.url)
    assert (done.returncode, done.stdout) == (0, f"{tmp_path}/모델\n"), done.stderr
    assert {name: (tmp_path / "모델" / name).read_bytes() for name in FILES} == FILES
    assert fetch(tmp_path, "all", NO_HUB).returncode == 0


def test_half_a_repository_is_no_model_while_no_hub_answers(tmp_path: Path) -> None:
    """An earlier pod was ended during its download."""
    (tmp_path / "모델").mkdir()
    (tmp_path / "모델" / "config.json").write_bytes(b"{}")
    done = fetch(tmp_path, "all", NO_HUB)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"models.all.url: hf://{REPOSITORY} cannot be downloaded" in done.stderr


def test_a_file_that_vanished_from_the_folder_is_missed(tmp_path: Path) -> None:
    """The list of what was downloaded says so."""
    with hub_of(FILES) as hub:
        fetch(tmp_path, "all", hub.url)
    (tmp_path / "모델" / "config.json").unlink()
    done = fetch(tmp_path, "all", NO_HUB)
    assert done.returncode == 2
    assert "config.json is missing" in done.stderr


def test_only_the_given_token_is_sent(tmp_path: Path) -> None:
    """Never one of the environment."""
    with hub_of(FILES) as hub:
        fetch(tmp_path, "part", hub.url)
        assert set(hub.tokens) == {""}
        hub.tokens.clear()
        (tmp_path / "token").write_text("hf_given\n", encoding="utf-8")
        fetch(tmp_path, "all", hub.url, "--token-file", str(tmp_path / "token"))
        assert set(hub.tokens) - {""} == {"Bearer hf_given"}


@pytest.mark.parametrize(
    ("model", "complaint"),
    [
        ("absent", f"models.absent.url: hf://{REPOSITORY}/없는.gguf cannot be downloaded: "),
        ("bundled", "models.bundled.url: is nothing to download: bundled:soban-demo"),
        ("unknown", "models.unknown: no such model; there are part, all, absent, bundled"),
    ],
)
def test_what_cannot_be_had_is_one_line_and_exit_code_2(tmp_path: Path, model: str, complaint: str) -> None:
    """Which names the key."""
    with hub_of(FILES) as hub:
        done = fetch(tmp_path, model, hub.url)
    assert done.returncode == 2
    assert [line for line in done.stderr.splitlines() if line.startswith(f"soban: {complaint}")]


def test_parts_are_counted_by_the_first_name() -> None:
    """As gguf-split writes them."""
    assert parts_of("ko.gguf") == ["ko.gguf"]
    assert parts_of("q4/ko-00001-of-00003.gguf") == [f"q4/ko-0000{number}-of-00003.gguf" for number in (1, 2, 3)]
    assert parts_of("ko-00002-of-00003.gguf") == ["ko-00002-of-00003.gguf"]


def test_a_place_is_a_repository_or_a_file_of_one() -> None:
    """With folders in it or not."""
    assert place_of("k", "hf://owner/repo") == Place("owner/repo", "")
    assert place_of("k", "hf://owner/repo/q4/ko.gguf") == Place("owner/repo", "q4/ko.gguf")
    with pytest.raises(ConfigError, match="hf://owner/repo"):
        place_of("k", "hf://owner")
