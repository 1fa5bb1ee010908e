"""What services write, and ports that are free."""

from __future__ import annotations

import contextlib
import io
import socket
from pathlib import Path

import pytest

from soban.cli.journal import Journal, LogFile
from soban.cli.ports import PortInUse, Ports


def test_logs_stay_in_memory_unless_asked_for() -> None:
    """A stack that runs for weeks leaves no file."""
    journal = Journal(None, io.StringIO())
    sink = journal.sink("safety")
    for number in range(100):
        sink(f"줄 {number}")
    assert journal.last("safety", 2) == ["줄 98", "줄 99"]
    assert journal.last("gateway") == []


def test_logs_go_to_one_file_a_service(tmp_path: Path) -> None:
    """In a folder that is made."""
    journal = Journal(str(tmp_path / "logs"), io.StringIO())
    journal.sink("safety")("시작")
    assert journal.place("safety") == str(tmp_path / "logs" / "safety.log")
    assert Path(journal.place("safety")).read_text() == "시작\n"


def test_logs_on_standard_error_carry_the_service() -> None:
    """So that lines of several can be told apart."""
    err = io.StringIO()
    Journal("-", err).sink("gateway")("시작")
    assert err.getvalue() == "gateway      | 시작\n"


def test_logs_that_cannot_be_written_stop_nothing() -> None:
    """They stay in memory."""
    with contextlib.suppress(OSError), Path("/dev/full").open("w", encoding="utf-8") as full:
        journal = Journal("-", full)
        journal.sink("safety")("시작")
        assert journal.last("safety") == ["시작"]


def test_a_service_that_complained_is_quoted() -> None:
    """The last line that was meant for a person."""
    journal = Journal(None, io.StringIO())
    sink = journal.sink("generation")
    for line in ('{"event": "x"}', "soban: models.a: no such file", '{"event": "y"}'):
        sink(line)
    assert journal.complaint("generation") == "models.a: no such file"
    assert journal.complaint("safety") == ""


def test_a_full_log_is_begun_anew(tmp_path: Path) -> None:
    """And the one before is kept."""
    log = LogFile(tmp_path / "a.log", most=30)
    for number in range(5):
        log.write(f"0123456789 {number}")
    assert (tmp_path / "a.log").read_text() == "0123456789 3\n0123456789 4\n"
    assert (tmp_path / "a.log.1").read_text() == "0123456789 0\n0123456789 1\n0123456789 2\n"


def test_a_taken_port_is_told() -> None:
    """In the system's words."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with Ports() as ports, pytest.raises(PortInUse, match="in use"):
            ports.check("127.0.0.1", other.getsockname()[1])


def test_no_port_is_given_twice() -> None:
    """Nor one whose metrics port another has; afterwards all are free again."""
    with Ports() as ports:
        given = [ports.free("127.0.0.1", with_metrics=True) for _ in range(20)]
    assert len({port + add for port in given for add in (0, 1000)}) == 40
    with Ports() as ports:
        for port in given:
            ports.check("127.0.0.1", port)
