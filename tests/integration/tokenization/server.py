"""The tokenization service as it runs: a process of its own on a free port."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

import soban.v1 as pb

_ANY_SIZE = ("grpc.max_receive_message_length", -1)
OPTIONS: Sequence[tuple[str, Any]] = (_ANY_SIZE, ("grpc.max_send_message_length", -1))
"""For clients of long texts: an analysis is some ten times as large as its text."""


class Server:
    """A running server: its address, its processes, what it logged."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.events: list[dict[str, Any]] = []
        self.target = ""
        for event in self._read():
            if event["event"] == "serving":
                self.target = event["target"]
                break
        # The pipe must be read on, or the server stands still.
        self._reader = threading.Thread(target=lambda: list(self._read()), daemon=True)
        self._reader.start()

    def workers(self) -> list[psutil.Process]:
        """The processes that analyse."""
        (nursery,) = psutil.Process(self.process.pid).children()
        return nursery.children()

    def end(self) -> int:
        """Stops it as an operator does; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=30)
        self._reader.join(timeout=10)
        return code

    def _read(self) -> Iterator[dict[str, Any]]:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            event = json.loads(line)
            self.events.append(event)
            yield event


@contextmanager
def serving(folder: Path, **models: dict[str, Any]) -> Iterator[Server]:
    """A server with these models and the bundled one; `folder` gets its configuration."""
    settings = {
        "models": {"soban-demo": {"url": "bundled:soban-demo"}, **models},
        "services": {"tokenization": {"port": 0, "metricsPort": 0, "workers": 3, "longestStreamSeconds": 60}},
    }
    file = folder / "soban.yaml"
    file.write_text(json.dumps(settings), encoding="utf-8")
    command = [sys.executable, "-m", "soban.tokenization", "-c", str(file)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, encoding="utf-8")
    try:
        server = Server(process)
        yield server
        if process.poll() is None:
            server.end()
    finally:
        process.kill()
        process.wait()


def user(text: str) -> pb.Message:
    return pb.Message(role=pb.ROLE_USER, parts=[pb.ContentPart(text=text)])
