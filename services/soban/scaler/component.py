"""The scaler as a component of a server."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

import grpc

from soban.runtime.host_addresses import HostAddresses, Resolve, system_resolver
from soban.runtime.telemetry import Telemetry
from soban.scaler import keda
from soban.scaler.activity import Activity
from soban.scaler.gauges import Gauges
from soban.scaler.load_stream import LoadStream
from soban.scaler.pods import Pods
from soban.scaler.servicer import ScalerServicer
from soban.scaler.settings import ScalerSettings, host_and_port
from soban.scaler.watching import Watching

_SERVICE = "externalscaler.ExternalScaler"
_RESOLVE_SECONDS = 2.0
_FIRST_NUMBERS_SECONDS = 3.0


class Scaler:
    """All generation pods, and KEDA's service in front of their sums."""

    def __init__(self, settings: ScalerSettings, telemetry: Telemetry, resolve: Resolve = system_resolver) -> None:
        self.pods = Pods(settings.stale_seconds)
        self._activity = Activity(self.pods.active, settings.longest_stream_seconds)
        self.pods.listener(self._activity)
        Gauges(telemetry, self.pods)
        addresses = HostAddresses(*host_and_port(settings.generation), every=_RESOLVE_SECONDS, resolve=resolve)
        self._watching = Watching(addresses, LoadStream(settings.stale_seconds, telemetry).listen, self.pods)
        self._servicer = ScalerServicer(self.pods, self._activity)

    @property
    def service_names(self) -> Sequence[str]:
        """As `Component.service_names`."""
        return (_SERVICE,)

    def add_to(self, server: grpc.aio.Server) -> None:
        """As `Component.add_to`."""
        keda.add_ExternalScalerServicer_to_server(self._servicer, server)

    async def start(self) -> None:
        """As `Component.start`: waits a little for all pods to tell, so that a new scaler beside another one does not
        answer with errors. It serves without them, too: KEDA is to hear that nothing is known."""
        self._watching.start()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FIRST_NUMBERS_SECONDS):
                while not self.pods.complete:  # noqa: ASYNC110 - nobody else waits for this
                    await asyncio.sleep(0.02)

    async def drain(self, grace: float) -> None:  # noqa: ARG002 - streams end at once
        """As `Component.drain`: the streams end well, so that KEDA soon opens them elsewhere."""
        self._activity.close()

    async def stop(self) -> None:
        """As `Component.stop`."""
        self._activity.close()
        await self._watching.stop()
