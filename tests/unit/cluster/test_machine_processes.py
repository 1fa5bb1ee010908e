"""Processes that outlive who started them, known again by id and start time."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.machine.processes import Processes
from cluster.machine.waiting import wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

_SLEEP = (sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)")
_STUBBORN = (
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)",
)


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    """None started; all ended afterwards."""
    made = Processes(tmp_path / "records", tmp_path / "logs")
    yield made
    for record in made.all():
        made.stop(record.name, grace=0.1)


def _up(processes: Processes, name: str) -> None:
    wait_until(lambda: processes.tail(name) == "up", 10, f"{name} is up", 0.02)


def test_another_object_knows_a_process_again_and_ends_it(processes: Processes, tmp_path: Path) -> None:
    """`down` is another program than `up`."""
    started = processes.start("one", *_SLEEP)
    _up(processes, "one")
    other = Processes(tmp_path / "records", tmp_path / "logs")
    assert [record.pid for record in other.all()] == [started.pid]
    other.stop("one")
    assert not started.alive
    assert other.all() == []


def test_a_process_id_that_came_back_is_somebody_else(processes: Processes, tmp_path: Path) -> None:
    """No signal goes to a process that started at another time."""
    processes.start("one", *_SLEEP)
    file = tmp_path / "records" / "one.json"
    right = file.read_text()
    file.write_text(json.dumps(json.loads(right) | {"started": 1, "pid": os.getpid()}))
    assert not processes.record("one").alive
    processes.signal("one", signal.SIGKILL)
    file.write_text(right)


def test_who_does_not_heed_sigterm_is_killed(processes: Processes) -> None:
    """After the grace, with SIGKILL."""
    record = processes.start("stubborn", *_STUBBORN)
    _up(processes, "stubborn")
    processes.stop("stubborn", grace=0.2)
    assert not record.alive


def test_a_stopped_process_ends_too(processes: Processes) -> None:
    """A test that froze the API server and died does not keep `down` waiting."""
    record = processes.start("frozen", *_SLEEP)
    _up(processes, "frozen")
    processes.signal("frozen", signal.SIGSTOP)
    processes.stop("frozen", grace=5)
    assert not record.alive


def test_an_ended_process_starts_again_as_it_was(processes: Processes) -> None:
    """Same arguments, same variables, another id."""
    first = processes.start("one", *_SLEEP, nice=5, environment={"MARK": "x"})
    processes.end("one")
    again = processes.start_again("one")
    assert (again.argv, again.environment, again.nice) == (first.argv, first.environment, 5)
    assert again.alive
    assert os.getpriority(os.PRIO_PROCESS, again.pid) == 5


def test_the_environment_of_the_caller_stays_outside(processes: Processes, monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy of the user comes between the parts of a cluster."""
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    record = processes.start("one", *_SLEEP)
    _up(processes, "one")
    assert b"proxy.example" not in Path(f"/proc/{record.pid}/environ").read_bytes()


def test_stopping_what_was_never_started_is_no_error(processes: Processes) -> None:
    """A cluster that came half way up is taken down by the same steps."""
    processes.stop("nobody")
