"""The workers: their nursery, the socket they come to, and the scheduler that hands them jobs."""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from collections.abc import Hashable
from pathlib import Path

from soban.runtime.errors import NotReady
from soban.runtime.process import Supervisor
from soban.tokenization.analysis.job import Job
from soban.tokenization.analysis.link import WorkerLink
from soban.tokenization.analysis.scheduler import Scheduler

_NURSERY = "soban.tokenization.analysis.nursery"
# Kiwi computes on one thread; the threads of numpy's BLAS would only be lost in the fork.
_ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


class WorkerPool:
    """Keeps `size` workers. Jobs may be submitted from `start` to `stop`; they wait while a worker is replaced."""

    def __init__(self, size: int, load_seconds: float, log_level: str = "info") -> None:
        self._size = size
        self._load_seconds = load_seconds
        self._log_level = log_level
        self._scheduler = Scheduler()
        self._complete = asyncio.Event()
        self._folder: Path | None = None
        self._server: asyncio.Server | None = None
        self._nursery: Supervisor | None = None
        self._links: set[WorkerLink] = set()

    async def start(self) -> None:
        """Returns when every worker is there. Raises NotReady when that takes too long or the nursery ends."""
        self._folder = Path(tempfile.mkdtemp(prefix="soban-"))
        path = str(self._folder / "workers")
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(self._link, path)
        ended: asyncio.Future[int] = loop.create_future()
        self._nursery = Supervisor(
            (sys.executable, "-m", _NURSERY, path, str(self._size), "--log-level", self._log_level),
            _ENVIRONMENT,
            name="nursery",
            on_exit=lambda code: None if ended.done() else ended.set_result(code),
        )
        await self._nursery.start()
        await self._until_complete(ended)

    @property
    def parallel(self) -> int:
        """How many long jobs are done at the same time; one worker is kept for short ones."""
        return max(1, self._size - 1)

    def submit(self, caller: Hashable, job: Job, cost: int) -> asyncio.Future[bytes]:
        """The future answer, an encoded `AnalyzeBatchResponse`; cost is in characters of usual prose.

        It ends with EngineLost when workers die over it, with Internal when it fails, and with QueueFull when too many
        wait. Callers take turns.
        """
        return self._scheduler.submit(caller, job, cost)

    def withdraw(self, caller: Hashable) -> None:
        """Forgets the jobs of this caller that no worker has yet."""
        self._scheduler.withdraw(caller)

    async def stop(self) -> None:
        """Ends the workers and the nursery. Safe at any time, also twice."""
        self._scheduler.close()
        if self._nursery is not None:
            await self._nursery.stop()
        if self._server is not None:
            self._server.close()
        for link in list(self._links):
            link.close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    async def _until_complete(self, ended: asyncio.Future[int]) -> None:
        complete = asyncio.ensure_future(self._complete.wait())
        try:
            await asyncio.wait((complete, ended), timeout=self._load_seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            complete.cancel()
        if not self._complete.is_set():
            why = f"ended with {ended.result()}" if ended.done() else f"took more than {self._load_seconds:g} s to load"
            raise NotReady(f"the process that loads the analyzer {why}; its log says why")

    def _link(self) -> WorkerLink:
        link = WorkerLink(self._scheduler, self._on_change)
        self._links.add(link)
        return link

    def _on_change(self, link: WorkerLink) -> None:
        if not link.open:
            self._links.discard(link)
        elif self._scheduler.workers == self._size:
            self._complete.set()
