"""What the first process of a container must do itself: signals that it does not handle do not end it, and orphans of
others are its children. https://man7.org/linux/man-pages/man7/pid_namespaces.7.html
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal

_REAP_SECONDS = 5.0
_INIT = 1


def end_at_signal() -> None:
    """From now on SIGTERM ends this process at once, with 128 + 15 as in a shell, until something else handles it."""
    signal.signal(signal.SIGTERM, _end)


async def keep_reaping(child: int) -> None:
    """For ever: orphans (of `kubectl exec`, say) are buried, and `child` is left to its owner."""
    while True:
        await asyncio.sleep(_REAP_SECONDS)
        if os.getpid() == _INIT:
            reap_orphans(child)


def reap_orphans(child: int) -> None:
    """Takes the exit codes of all ended children but `child`."""
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) and ended.si_pid != child:
            os.waitpid(ended.si_pid, 0)


def _end(number: int, _: object) -> None:
    os._exit(128 + number)
