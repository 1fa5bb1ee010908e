"""Loads Kiwi once and forks the workers, which share its memory: `python -m soban.tokenization.analysis.nursery`.

It has no gRPC server and no thread of its own at work, so that it may fork at any time. A worker that died is replaced
within milliseconds. Each worker connects to the socket of the service; the nursery itself does not.
"""

from __future__ import annotations

import argparse
import gc
import logging
import os
import socket
import sys
import time

from soban.runtime.child import exit_with_parent
from soban.runtime.logs import configure_logging
from soban.tokenization.analysis.analyst import Analyst
from soban.tokenization.analysis.worker import work
from soban.tokenization.analyzer import Analyzer

_logger = logging.getLogger(__name__)

_EXIT_NO_SERVICE = 3
_SOON = 0.2
"""Seconds. What ends sooner than this after its start is replaced no sooner than this."""


def main() -> int:
    """Never returns while the service listens."""
    parser = argparse.ArgumentParser(prog="python -m soban.tokenization.analysis.nursery", description=__doc__)
    parser.add_argument("socket", help="path of the Unix socket that workers connect to")
    parser.add_argument("workers", type=int, help="how many to keep")
    parser.add_argument("--log-level", default="info")
    args = parser.parse_args()
    exit_with_parent()
    configure_logging("tokenization", args.log_level)
    began = time.monotonic()
    analyst = Analyst(Analyzer.load())
    _logger.info("analyzer loaded", extra={"seconds": round(time.monotonic() - began, 2)})
    # What is frozen is never touched by a collection in a worker, and so stays shared.
    gc.collect()
    gc.freeze()
    return _keep(args.workers, args.socket, analyst)


def _keep(workers: int, path: str, analyst: Analyst) -> int:
    born = {_fork(path, analyst): time.monotonic() for _ in range(workers)}
    while True:
        pid, status = os.wait()
        code = os.waitstatus_to_exitcode(status)
        if code == _EXIT_NO_SERVICE:
            return code
        lived = time.monotonic() - born.pop(pid, 0.0)
        _logger.warning("worker ended", extra={"pid": pid, "returncode": code, "seconds": round(lived, 1)})
        if lived < _SOON:
            time.sleep(_SOON - lived)
        replacement = _fork(path, analyst)
        born[replacement] = time.monotonic()


def _fork(path: str, analyst: Analyst) -> int:
    """The id of a new worker."""
    pid = os.fork()
    if pid:
        return pid
    try:
        os._exit(_live(path, analyst))
    finally:
        # Whatever happens, a worker never goes on as a second nursery.
        os._exit(1)


def _live(path: str, analyst: Analyst) -> int:
    try:
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(path)
    except OSError:
        return _EXIT_NO_SERVICE
    try:
        work(connection, analyst)
    except ConnectionError:
        _logger.debug("the service left")
    return 0


if __name__ == "__main__":
    sys.exit(main())
