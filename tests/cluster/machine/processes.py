"""Processes of the cluster: started in the background, recorded by id, stopped by id and never by name."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Record:
    """What is written down of a process, enough to know it again and to start it anew.

    started  clock ticks from boot to its start: process ids come back, pairs of both do not
    nice     its niceness, -20 to 19
    """

    name: str
    pid: int
    started: int
    argv: list[str]
    environment: dict[str, str]
    nice: int

    @property
    def alive(self) -> bool:
        """Whether this very process still runs."""
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, os.WNOHANG)
        state, started = _stat(self.pid)
        return started == self.started and state not in ("Z", "X")


class Processes:
    """All processes of one cluster. Their records outlive whoever started them."""

    def __init__(self, records: Path, logs: Path) -> None:
        self._records = records
        self._logs = logs

    def start(
        self, name: str, *argv: str | Path, nice: int = 0, environment: Mapping[str, str] | None = None
    ) -> Record:
        """Starts a program in a session of its own, so that Ctrl-C does not reach it; output goes to `logs/NAME.log`.

        Its environment is PATH and `environment`, nothing of the caller's: no proxy stands between parts.
        """
        self._records.mkdir(parents=True, exist_ok=True)
        self._logs.mkdir(parents=True, exist_ok=True)
        variables = {"PATH": _PATH, **(environment or {})}
        arguments = [str(argument) for argument in argv]
        with (self._logs / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=variables,
                cwd="/",
                start_new_session=True,
            )
        record = Record(name, process.pid, _stat(process.pid)[1], arguments, variables, nice)
        (self._records / f"{name}.json").write_text(json.dumps(asdict(record), indent=1))
        with contextlib.suppress(PermissionError):  # a negative one needs CAP_SYS_NICE
            os.setpriority(os.PRIO_PROCESS, process.pid, nice)
        # The record is the handle from here on: no warning when this object goes while the process runs.
        process.returncode = 0
        return record

    def start_again(self, name: str) -> Record:
        """Starts an ended process with the same arguments."""
        was = self.record(name)
        return self.start(name, *was.argv, nice=was.nice, environment=was.environment)

    def record(self, name: str) -> Record:
        """The record of that name; FileNotFoundError when none was started."""
        return Record(**json.loads((self._records / f"{name}.json").read_text()))

    def all(self) -> list[Record]:
        """All that were started and not stopped, in the order of their names."""
        return [self.record(file.stem) for file in sorted(self._records.glob("*.json"))]

    def signal(self, name: str, number: signal.Signals) -> None:
        """Sends a signal when the process is alive."""
        record = self.record(name)
        if record.alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(record.pid, number)

    def stop(self, name: str, grace: float = 10.0) -> None:
        """Ends a process with SIGTERM and, after `grace` seconds, SIGKILL; forgets it. Nothing happens when none is."""
        with contextlib.suppress(FileNotFoundError):
            self.end(name, grace)
            (self._records / f"{name}.json").unlink()

    def end(self, name: str, grace: float = 10.0) -> None:
        """As `stop`, but its record stays, for `start_again`."""
        record = self.record(name)
        self.signal(name, signal.SIGCONT)
        self.signal(name, signal.SIGTERM)
        if not _gone(record, grace):
            self.signal(name, signal.SIGKILL)
            _gone(record, grace)

    def tail(self, name: str, lines: int = 15) -> str:
        """The end of a process' log."""
        log = self._logs / f"{name}.log"
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else ""


def _stat(pid: int) -> tuple[str, int]:
    """State and start of a process from /proc (fields 3 and 22, proc(5)); ("X", 0) when there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return "X", 0
    fields = text.rpartition(")")[2].split()
    return fields[0], int(fields[19])


def _gone(record: Record, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while record.alive:
        if time.monotonic() > end:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def everything() -> Iterator[tuple[int, list[str]]]:
    """Id and arguments of every process of the machine."""
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            yield int(folder.name), (folder / "cmdline").read_text(errors="replace").split("\0")
