"""A server that is stopped, or cannot start."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest


def start(folder: Path, **settings: object) -> subprocess.Popen[str]:
    file = folder / "soban.yaml"
    services = {"tokenization": {"port": 0, "metricsPort": 0, **settings}}
    file.write_text(json.dumps({"services": services}), encoding="utf-8")
    command = [sys.executable, "-m", "soban.tokenization", "-c", str(file)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, encoding="utf-8")


def test_a_server_that_loads_too_long_says_so(tmp_path: Path) -> None:
    """And leaves no process behind."""
    process = start(tmp_path, loadSeconds=0.05)
    _, log = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "NOT_READY" in log
    assert "took more than 0.05 s" in log


@pytest.mark.parametrize("seconds", [0.0, 0.7, 1.5])
def test_a_server_that_is_stopped_while_it_loads_ends_well(tmp_path: Path, seconds: float) -> None:
    """With all that it had started."""
    process = start(tmp_path)
    family: list[psutil.Process] = []
    end = time.monotonic() + 30
    while not family and time.monotonic() < end:
        family = psutil.Process(process.pid).children(recursive=True)
        time.sleep(0.01)
    time.sleep(seconds)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 0
    assert not any(each.is_running() and each.status() != psutil.STATUS_ZOMBIE for each in family)
