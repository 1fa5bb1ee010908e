"""Safety as a component of a server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import grpc

import soban.v1 as pb
from soban.runtime.telemetry import Telemetry
from soban.safety.metrics import Metrics
from soban.safety.policy import Policies
from soban.safety.requests import TextLimit
from soban.safety.ruleset import build_scanner
from soban.safety.scanner import Scanner
from soban.safety.selftest import run_self_test
from soban.safety.servicer import SafetyServicer
from soban.safety.settings import SafetySettings
from soban.safety.workers import Workers

_SERVICE = "soban.v1.SafetyService"


class Safety:
    """Rules and policies, and the service in front of them. Raises ConfigError for a policy that is written wrongly."""

    def __init__(
        self,
        policies: Mapping[str, Any],
        settings: SafetySettings,
        telemetry: Telemetry,
        scanner: Scanner | None = None,
    ) -> None:
        self._scanner = scanner or build_scanner()
        self._workers = Workers(settings.threads)
        self._servicer = SafetyServicer(
            self._scanner,
            Policies(policies),
            TextLimit(settings.max_text_bytes),
            self._workers,
            Metrics(telemetry),
        )

    @property
    def service_names(self) -> Sequence[str]:
        """As `Component.service_names`."""
        return (_SERVICE,)

    def add_to(self, server: grpc.aio.Server) -> None:
        """As `Component.add_to`."""
        pb.add_SafetyServiceServicer_to_server(self._servicer, server)

    async def start(self) -> None:
        """As `Component.start`. Raises SelfTestError: rules that do not work must not look as if nothing was found."""
        run_self_test(self._scanner)

    async def drain(self, grace: float) -> None:
        """As `Component.drain`: all work is calls, and gRPC waits for those."""

    async def stop(self) -> None:
        """As `Component.stop`."""
        self._workers.close()
