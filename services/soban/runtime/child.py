"""Child processes that never outlive their parent."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Collection, Mapping, Sequence

_logger = logging.getLogger(__name__)

PARENT_FD = "SOBAN_PARENT_FD"

Sink = Callable[[str], None]
_PR_SET_PDEATHSIG = 1
_POLL_SECONDS = 0.05


def exit_with_parent() -> None:
    """Called by a child at its start: from now on it ends when its parent does. Does nothing without such a parent.

    The parent alone holds the write end of a pipe, so that its end, however sudden, is an end of file here. On Linux
    the kernel also signals it, which works while the interpreter is busy.
    """
    given = os.environ.pop(PARENT_FD, "")
    if not given.isdigit():
        return
    os.set_inheritable(int(given), False)
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    threading.Thread(target=_exit_at_eof, args=(int(given),), name="exit-with-parent", daemon=True).start()


def _exit_at_eof(descriptor: int) -> None:
    with contextlib.suppress(OSError):
        while os.read(descriptor, 1):
            pass
    os._exit(1)


def _pour(line: str, sink: Sink) -> None:
    """A sink that raises loses the line, and not the pipe that the child writes to."""
    try:
        sink(line)
    except Exception:
        _logger.exception("sink failed")


class Child:
    """A running process. It gets a session of its own, so that Ctrl-C in a terminal reaches only its parent.

    `subprocess` starts it with vfork and not the event loop with fork: gRPC's fork handlers stay out of it. Start
    children from a thread that lives on (the main one): Linux ties PR_SET_PDEATHSIG to the thread.
    """

    def __init__(
        self,
        argv: Sequence[str],
        env: Mapping[str, str] | None = None,
        sink: Sink | None = None,
        hidden: Collection[str] = (),
    ) -> None:
        """`env` is added to this process's own environment, of which it does not get the variables that are `hidden`.

        `sink` gets each line of output, which is passed through without it.
        """
        inherited = {name: value for name, value in os.environ.items() if name not in hidden}
        self._released = False
        read_end, self._write_end = os.pipe()
        try:
            self._process = subprocess.Popen(  # noqa: S603 - argv comes from our own code
                list(argv),
                env={**inherited, **(env or {}), PARENT_FD: str(read_end)},
                pass_fds=(read_end,),
                start_new_session=True,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if sink else None,
                stderr=subprocess.STDOUT if sink else None,
            )
        except BaseException:
            os.close(self._write_end)
            raise
        finally:
            os.close(read_end)
        if sink is not None:
            threading.Thread(target=self._pump, args=(sink,), name="child-output", daemon=True).start()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """None while it runs; negative is the signal that ended it."""
        return self._process.poll()

    async def wait(self) -> int:
        """Its return code, once it has ended; what it left running in its group is killed."""
        while (code := self._process.poll()) is None:
            await self._ended()
        self._release()
        return code

    async def stop(self, grace: float = 5.0) -> int:
        """SIGTERM, and SIGKILL to its whole group after `grace` seconds."""
        self._signal(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            return await asyncio.wait_for(self.wait(), grace)
        self.kill()
        return await self.wait()

    def kill(self) -> None:
        """SIGKILL to it and to what it started in its group."""
        if not self._released:
            self._kill_group()

    def _signal(self, number: signal.Signals) -> None:
        if self.returncode is None:
            self._process.send_signal(number)

    async def _ended(self) -> None:
        """Waits without a thread where the system has pidfd, and looks now and then where it has not."""
        if not hasattr(os, "pidfd_open"):
            await asyncio.sleep(_POLL_SECONDS)
            return
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        descriptor = os.pidfd_open(self.pid)
        loop.add_reader(descriptor, ended.set)
        try:
            await ended.wait()
        finally:
            loop.remove_reader(descriptor)
            os.close(descriptor)

    def _pump(self, sink: Sink) -> None:
        stream = self._process.stdout
        if stream is None:
            return
        with stream:
            for line in stream:
                _pour(line.decode("utf-8", "replace").rstrip("\n"), sink)

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def _release(self) -> None:
        if not self._released:
            self._released = True
            os.close(self._write_end)
            self._kill_group()
