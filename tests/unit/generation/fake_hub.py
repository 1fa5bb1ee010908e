"""A hub of one repository on a free port: what `huggingface_hub` asks for before and while it downloads."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

COMMIT = "1a2b" * 10
REPOSITORY = "kakaocorp/kanana-1.5-2.1b"


class FakeHub(ThreadingHTTPServer):
    """Has `files`; keeps the `Authorization` of each request, empty where there was none."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files = files
        self.tokens: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@contextlib.contextmanager
def hub_of(files: Mapping[str, bytes]) -> Iterator[FakeHub]:
    """Serves until the block ends."""
    with FakeHub(files) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: FakeHub

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self.wfile.write(self._answer())

    def _answer(self) -> bytes:
        """Sends the head and returns the body."""
        self.server.tokens.append(self.headers.get("Authorization", ""))
        path = unquote(self.path.partition("?")[0])
        status, body, kind = self._found(path)
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", f'"{hashlib.sha1(body).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        if status == 404:
            self.send_header("X-Error-Code", "RepoNotFound" if REPOSITORY not in path else "EntryNotFound")
        self.end_headers()
        return body

    def _found(self, path: str) -> tuple[int, bytes, str]:
        if path.startswith(f"/api/models/{REPOSITORY}/tree/"):
            return 200, json.dumps([_entry(*file) for file in self.server.files.items()]).encode(), "application/json"
        if path.startswith(f"/api/models/{REPOSITORY}"):
            told = {"id": REPOSITORY, "sha": COMMIT, "siblings": [{"rfilename": name} for name in self.server.files]}
            return 200, json.dumps(told).encode(), "application/json"
        name = path.removeprefix(f"/{REPOSITORY}/resolve/").partition("/")[2]
        if path.startswith(f"/{REPOSITORY}/resolve/") and name in self.server.files:
            return 200, self.server.files[name], "application/octet-stream"
        return 404, b"", "text/plain"

    def log_message(self, *_: object) -> None:
        """Nothing: pages of requests help nobody."""


def _entry(name: str, content: bytes) -> dict[str, object]:
    return {"type": "file", "path": name, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
