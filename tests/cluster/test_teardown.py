"""However a cluster ends, nothing of it stays: `pytest tests/cluster/test_teardown.py`, as root, two minutes.

Brings clusters up and breaks them, so that it runs only where none is up.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.machine import lock
from cluster.machine.layout import Layout
from cluster.machine.leftovers import leftovers
from cluster.machine.processes import Processes
from cluster.machine.teardown import down
from cluster.machine.waiting import wait_until

_TESTS = Path(__file__).parents[1]
_BEGUN_SECONDS = 240

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="a cluster is brought up by root on Linux"),
    pytest.mark.skipif(lock.holder() is not None, reason="a cluster is up on this machine"),
]


@pytest.fixture
def state() -> Iterator[Path]:
    """A folder for a cluster, with a path short enough for its sockets; whatever is up in it is taken down."""
    with tempfile.TemporaryDirectory(prefix="soban-", dir="/var/tmp") as folder:
        path = Path(folder) / "state"
        yield path
        down(path)


def _begin(state: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "cluster", "up", "--state", str(state)]
    environment = os.environ | {"PYTHONPATH": str(_TESTS)}
    return subprocess.Popen(command, env=environment, start_new_session=True)


def _wait_for_containers(state: Path) -> None:
    """Until containers run on a node: then there are mounts, cgroups, network namespaces, shims and rules."""
    pattern = "nodes/*/run/io.containerd.runtime.v2.task/k8s.io/*/address"
    wait_until(lambda: len(list(state.glob(pattern))) >= 2, _BEGUN_SECONDS, "containers run", 0.1)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_start_leaves_nothing(state: Path, number: signal.Signals) -> None:
    """Ctrl-C, or a pipeline that is cancelled, while the first pods start."""
    begun = _begin(state)
    _wait_for_containers(state)
    begun.send_signal(number)
    assert begun.wait(120) == 1
    assert leftovers(state) == []


def test_what_a_killed_start_left_is_taken_away_later(state: Path) -> None:
    """SIGKILL runs no handler; `down` finds all from the state folder."""
    begun = _begin(state)
    _wait_for_containers(state)
    begun.kill()
    begun.wait(10)
    assert leftovers(state)
    down(state)
    assert leftovers(state) == []


def test_a_cluster_whose_parts_were_killed_is_taken_away(state: Path) -> None:
    """No API server, no kubelet, no containerd: containers and their mounts are there all the same."""
    begun = _begin(state)
    _wait_for_containers(state)
    begun.kill()
    begun.wait(10)
    layout = Layout(state)
    processes = Processes(layout.processes, layout.logs)
    for record in processes.all():
        processes.signal(record.name, signal.SIGKILL)
    assert any(line.startswith("process") and "shim" in line for line in leftovers(state))
    down(state)
    assert leftovers(state) == []


def test_the_kernels_settings_are_as_before(state: Path) -> None:
    """Packets are forwarded only while a cluster is up."""
    setting = Path("/proc/sys/net/ipv4/ip_forward")
    before = setting.read_text()
    begun = _begin(state)
    wait_until(Layout(state).sysctls.exists, _BEGUN_SECONDS, "the network is made", 0.05)
    begun.send_signal(signal.SIGTERM)
    assert begun.wait(120) == 1
    assert setting.read_text() == before
