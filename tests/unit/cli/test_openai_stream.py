"""Server-sent events read with the standard library."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from soban.cli.openai_stream import stream_chat

EVENTS = [
    b": a comment\n\n",
    b'data: {"choices": [{"delta": {"role": "assistant"}}]}\n\n',
    'data: {"choices": [{"delta": {"content": "안녕"}}]}\n\n'.encode(),
    'data:{"choices": [{"delta": {"content": "하세요"}}]}\n\n'.encode(),
    b'data: {"choices": [], "usage": {}}\n\n',
    b"data: [DONE]\n\n",
    b'data: {"choices": [{"delta": {"content": "never"}}]}\n\n',
]


class Handler(BaseHTTPRequestHandler):
    """Answers every POST with the events."""

    bodies: list[dict[str, object]] = []  # noqa: RUF012 - the class is what the server makes instances of

    def do_POST(self) -> None:
        self.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()
        for event in EVENTS:
            self.wfile.write(event)

    def log_message(self, *args: object) -> None:
        return None


@pytest.fixture
def url() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    thread.join()
    server.server_close()


def test_texts_are_read_until_the_end_mark(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Past comments and events without text, and never through a proxy."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert list(stream_chat(url, {"model": "m"}, timeout=10.0)) == ["", "안녕", "하세요"]
    assert Handler.bodies == [{"model": "m", "stream": True}]
