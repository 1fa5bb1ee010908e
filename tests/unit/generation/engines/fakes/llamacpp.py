"""A llama.cpp server (xllamacpp 2026.10.11549) by its recorded pages; its streams are in `unit.generation.recorded`."""

from __future__ import annotations

import json

from unit.generation import recorded
from unit.generation.engines.fakes.playback import Playback, Script, refusal, stream

PATH = "/models/kanana-1.5-2.1b-instruct-Q4_K_M.gguf"

PROPS = json.dumps(
    {**recorded.PROPS, "model_path": PATH, "modalities": {"vision": False, "video": False, "audio": False}}
).encode()
OLD_PROPS = b'{"default_generation_settings":{"n_ctx":2048},"total_slots":4,"build_info":"b6500-a1b2c3d4"}'

METRICS = b"""# HELP llamacpp:predicted_tokens_seconds Average generation throughput in tokens/s.
# TYPE llamacpp:predicted_tokens_seconds gauge
llamacpp:predicted_tokens_seconds 0
# HELP llamacpp:requests_processing Number of requests processing.
# TYPE llamacpp:requests_processing gauge
llamacpp:requests_processing 3
# HELP llamacpp:requests_deferred Number of requests deferred.
# TYPE llamacpp:requests_deferred gauge
llamacpp:requests_deferred 2
"""
NO_METRICS = recorded.error(
    501, "not_supported_error", "This server does not support metrics endpoint. Start it with `--metrics`"
)
NO_IMAGES = recorded.error(
    500,
    "server_error",
    "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj",
)


def adapters(*paths: str) -> bytes:
    """`/lora-adapters` of a server that was started with these."""
    loaded = [
        {"id": number, "path": path, "scale": 0.0, "task_name": "", "prompt_prefix": ""}
        for number, path in enumerate(paths)
    ]
    return json.dumps(loaded).encode()


def page(body: bytes = b"", status: int = 200) -> Script:
    """A whole answer to a GET."""
    return refusal(status, body)


def fake_llamacpp(*scripts: Script) -> Playback:
    """A server without adapters; without scripts it greets."""
    pages = {
        "/health": page(b'{"status":"ok"}'),
        "/props": page(PROPS),
        "/lora-adapters": page(adapters()),
        "/metrics": page(METRICS),
    }
    return Playback(*(scripts or (stream(recorded.chat("안녕", "하세요")),)), pages=pages)
