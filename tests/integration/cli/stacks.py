"""`soban up` and `soban demo` as a person runs them: real processes, free ports, the bundled model."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

SOBAN = (sys.executable, "-m", "soban.cli")
FREE_PORTS = Path(__file__).parents[3] / "examples" / "free_ports.yaml"
START_SECONDS = 90.0


class Up:
    """A running `soban up --json`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._root = psutil.Process(process.pid)
        self.endpoints: dict[str, str] = {}
        self.unready: dict[str, str] = {}

    @property
    def env(self) -> dict[str, str]:
        """For client commands."""
        return {f"SOBAN_{name.upper()}": address for name, address in self.endpoints.items()}

    def events(self) -> Iterator[dict[str, Any]]:
        """What it tells, until it ends."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            yield json.loads(line)

    def until(self, **wanted: str) -> dict[str, Any]:
        """The next event with these fields."""
        for event in self.events():
            if wanted.items() <= event.items():
                return event
        raise AssertionError(f"{wanted} did not come; exit code {self._process.wait()}")

    def family(self) -> list[psutil.Process]:
        """It, the services, their engines and workers."""
        return [self._root, *self._root.children(recursive=True)]

    def service(self, name: str) -> psutil.Process:
        """The process of one service."""
        return next(child for child in self._root.children() if f"soban.{name}" in child.cmdline())

    def signal(self, number: signal.Signals) -> None:
        """To the parent alone."""
        self._process.send_signal(number)

    def wait(self, seconds: float = 60.0) -> int:
        """Its exit code."""
        return self._process.wait(seconds)


@contextmanager
def up(*argv: str) -> Iterator[Up]:
    """Ready when entered. What still runs at the end gets Ctrl-C, and has to end cleanly with all that it started."""
    command = [*SOBAN, "up", "--json", *(argv or ("-c", str(FREE_PORTS)))]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    running = Up(process)
    try:
        told = running.until(event="ready")
        running.endpoints, running.unready = told["endpoints"], told["unready"]
        yield running
        if process.poll() is None:
            family = running.family()
            running.signal(signal.SIGINT)
            assert running.until(event="stopped")
            assert running.wait() == 0
            assert eventually(lambda: none_left(family))
    finally:
        process.kill()
        process.communicate()


def soban(*argv: str, stdin: str = "", **env: str) -> subprocess.CompletedProcess[str]:
    """One client command."""
    full = {**os.environ, **env}
    return subprocess.run(
        [*SOBAN, *argv], input=stdin, capture_output=True, text=True, env=full, timeout=120, check=False
    )


def eventually(condition: Callable[[], bool], seconds: float = 20.0) -> bool:
    """Whether it became true in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return condition()


def none_left(family: list[psutil.Process]) -> bool:
    """Whether all of these are gone."""
    return not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in family)
