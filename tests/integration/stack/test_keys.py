"""Keys of engines, in the processes of a running stack."""

from __future__ import annotations

import json
from pathlib import Path

import psutil
import pytest

from integration.cli.stacks import up

KEY = "SOBAN_TEST_API_KEY"
FILE = {
    "models": {
        "ko": {"url": "bundled:soban-demo", "parallel": 2},
        "outside": {
            "url": "external",
            "engine": "external",
            "address": "http://127.0.0.1:9/v1",
            "engineModel": "m",
            "dataLeaves": True,
            "keyEnv": KEY,
        },
    },
    "services": {
        "gateway": {"port": 0, "httpPort": 0},
        "tokenization": {"port": 0},
        "safety": {"port": 0},
        "generation": {"port": 0},
    },
}


def test_a_key_in_the_environment_is_generations_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Of all processes that `soban up` starts: not the other services', not their workers', not the engine's."""
    monkeypatch.setenv(KEY, "sk-0123456789")
    config = tmp_path / "soban.yaml"
    config.write_text(json.dumps(FILE))
    with up("-c", str(config)) as stack:
        assert stack.unready == {"outside": "UNAVAILABLE"}
        started = stack.family()[1:]
        holders = [process.pid for process in started if KEY in process.environ()]
        assert len(started) >= 6
        assert holders == [stack.service("generation").pid]
        assert engines_of(stack.service("generation"))


def engines_of(generation: psutil.Process) -> list[psutil.Process]:
    return [child for child in generation.children() if "soban.generation.llama_server" in child.cmdline()]
