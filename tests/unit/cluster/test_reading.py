"""What is read from metrics, archives of images, and answers that were under way at a time."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest

from cluster.answer import Answer
from cluster.disruption import Through
from cluster.gauges import parsed
from cluster.images import archives, name_of, values_of

METRICS = """# TYPE soban_generation_running gauge
soban_generation_running{gen_ai_request_model="ko-2b",otel_scope_name="soban"} 3.0
soban_generation_queued{otel_scope_name="soban",gen_ai_request_model="ko-2b"} 12.0
soban_generation_held{gen_ai_request_model="한국어"} 1.0
soban_generation_slots{gen_ai_request_model="ko-2b"} 8.0
"""


def archive(folder: Path, file: str, name: str) -> Path:
    """An oci-archive as buildah writes it, without its layers."""
    text = json.dumps({"manifests": [{"annotations": {"org.opencontainers.image.ref.name": name}}]}).encode()
    entry = tarfile.TarInfo("index.json")
    entry.size = len(text)
    with tarfile.open(folder / file, "w") as files:
        files.addfile(entry, io.BytesIO(text))
    return folder / file


def test_numbers_of_each_model_are_read_from_metrics() -> None:
    """Whatever the order of labels and the script of names."""
    assert parsed(METRICS) == {("ko-2b", "running"): 3.0, ("ko-2b", "queued"): 12.0, ("한국어", "held"): 1.0}


def test_images_are_called_what_their_archives_say(tmp_path: Path) -> None:
    """A tag of its own for each run, or a version."""
    archive(tmp_path, "soban-services.tar", "localhost/soban/services:0.1.0")
    archive(tmp_path, "soban-engine.tar", "localhost/soban/engine:0.1.0")
    names = [name_of(file) for file in archives(tmp_path)]
    assert names == ["localhost/soban/services:0.1.0", "localhost/soban/engine:0.1.0"]
    values = values_of(*names)
    assert values["image"] == {
        "registry": "localhost",
        "repository": "soban/services",
        "tag": "0.1.0",
        "pullPolicy": "IfNotPresent",
    }
    assert values["engines"]["llamacpp"]["image"]["repository"] == "soban/engine"


def test_missing_images_tell_how_to_make_them(tmp_path: Path) -> None:
    """Nobody has to look it up."""
    archive(tmp_path, "services.tar", "localhost/soban/services:0.1.0")
    with pytest.raises(FileNotFoundError, match="make images"):
        archives(tmp_path)


def test_only_streams_under_way_count_as_touched() -> None:
    """One that had ended, and one that came later, prove nothing."""
    sent = [Answer(0, "grpc", begin, 10.0) for begin in (0.0, 12.0, 15.0, 25.0)]
    assert Through(None, None, sent, begin=20.0, end=30.0).touched == 2  # type: ignore[arg-type]
