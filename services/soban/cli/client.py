"""Where the servers are, and channels to them. Needs nothing beyond the base install."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import grpc

from soban.cli.failure import EXIT_FAILED, EXIT_UNREACHABLE, EXIT_USAGE, Failure, Problem

_READS = (
    {"service": "soban.v1.TokenizationService", "method": "Analyze"},
    {"service": "soban.v1.TokenizationService", "method": "CountTokens"},
    {"service": "soban.v1.SafetyService", "method": "Check"},
    {"service": "soban.v1.SafetyService", "method": "Mask"},
    {"service": "soban.v1.GenerationService", "method": "ListModels"},
    {"service": "grpc.health.v1.Health", "method": "Check"},
)
"""What may be asked again. Generating is not: an engine lost after hundreds of tokens would work for them anew."""
_SERVICE_CONFIG: dict[str, Any] = {
    "methodConfig": [
        {
            "name": _READS,
            "retryPolicy": {
                "maxAttempts": 3,
                "initialBackoff": "0.1s",
                "maxBackoff": "1s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ],
}
_LOOPBACK = ("127.", "localhost", "[::1]", "::1")


@dataclass(frozen=True)
class Server:
    """One of Soban's servers as clients know it; DESIGN gives the ports."""

    name: str
    port: int
    services: tuple[str, ...]

    @property
    def variable(self) -> str:
        """Environment variable that holds its address."""
        return f"SOBAN_{self.name.upper()}"

    @property
    def default_address(self) -> str:
        """On this machine."""
        return f"127.0.0.1:{self.port}"

    def address(self, given: str | None, env: Mapping[str, str]) -> str:
        """`given`, else the environment's, else the one on this machine. Raises Failure when it is no `host[:port]`."""
        address = given or env.get(self.variable) or self.default_address
        if address.startswith(("http://", "https://")) or any(sign.isspace() for sign in address):
            where = "--address" if given else self.variable
            message = f"{where} is {address!r}, which is no gRPC address"
            raise Failure(
                "wrong address", "USAGE", message, f"write host:port, such as {self.default_address}", EXIT_USAGE
            )
        return address if ":" in address.rpartition("]")[2] or "/" in address else f"{address}:{self.port}"


GATEWAY = Server("gateway", 50051, ("soban.v1.ChatService",))
TOKENIZATION = Server("tokenization", 50061, ("soban.v1.TokenizationService",))
SAFETY = Server("safety", 50062, ("soban.v1.SafetyService",))
GENERATION = Server("generation", 50063, ("soban.v1.GenerationService",))
SERVERS = (GATEWAY, TOKENIZATION, SAFETY, GENERATION)


def channel_options(address: str) -> list[tuple[str, Any]]:
    """Answers of any size, retries of reads, a sign of life on quiet streams.

    The keepalive time is three times what our servers tolerate. gRPC would send calls to this machine, too, through
    `http_proxy`.
    """
    return [
        ("grpc.service_config", json.dumps(_SERVICE_CONFIG)),
        ("grpc.max_receive_message_length", -1),
        ("grpc.max_send_message_length", -1),
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.initial_reconnect_backoff_ms", 200),
        ("grpc.min_reconnect_backoff_ms", 1_000),
        ("grpc.max_reconnect_backoff_ms", 5_000),
        ("grpc.enable_http_proxy", int(not address.startswith(_LOOPBACK))),
    ]


def open_channel(address: str) -> grpc.Channel:
    """A channel to close after use; it connects with the first call."""
    return grpc.insecure_channel(address, options=channel_options(address))


def failed(problem: Problem, server: Server, address: str, what: str = "request failed") -> Failure:
    """The end of a command whose one request failed, or whose server is not there."""
    if not problem.unreachable:
        return Failure(what, problem.reason, problem.message, problem.mend, EXIT_FAILED)
    mend = "start it with: soban up" if address.startswith(_LOOPBACK) else f"set --address or {server.variable}"
    unreached = f"cannot reach the {server.name} server at {address}"
    return Failure(unreached, problem.reason, _plain(problem.message), mend, EXIT_UNREACHABLE)


def _plain(text: str) -> str:
    """gRPC's own words for the common cases, without its repetitions."""
    lowered = text.lower()
    for cause in ("connection refused", "name resolution", "dns resolution failed", "network is unreachable"):
        if cause in lowered:
            return "nothing listens there (connection refused)" if cause == "connection refused" else cause
    return text
