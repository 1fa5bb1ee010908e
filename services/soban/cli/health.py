"""`soban health`: asks `grpc.health.v1` on every server.

The two messages of that protocol have one field each; they are written out here because the package that has them
generated is not in the base install.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import grpc

from soban.cli.client import SERVERS, Server, open_channel
from soban.cli.console import Console
from soban.cli.failure import EXIT_FAILED, EXIT_OK, problem_of
from soban.cli.lines import dumps
from soban.cli.options import Subparsers, add_json, add_verb, seconds
from soban.cli.width import table

SERVING = "SERVING"
CHECK_METHOD = "/grpc.health.v1.Health/Check"

_STATUSES = ("UNKNOWN", SERVING, "NOT_SERVING", "SERVICE_UNKNOWN")
_EXAMPLES = ("soban health", "soban health --json", "SOBAN_GATEWAY=gateway.soban.svc:50051 soban health gateway")
_KOREAN = {SERVING: "정상", "NOT_SERVING": "준비 중", "UNREACHABLE": "연결 안 됨"}


@dataclass(frozen=True)
class ServerHealth:
    """What one server says of itself; each value is a status, or the name of the gRPC status that came instead."""

    server: Server
    address: str
    live: str
    ready: str
    services: dict[str, str]

    @property
    def serving(self) -> bool:
        """Whether all of it is SERVING."""
        return all(status == SERVING for status in (self.live, self.ready, *self.services.values()))

    def as_json(self) -> dict[str, Any]:
        """One JSON line."""
        status = {"live": self.live, "ready": self.ready, "services": self.services}
        return {"id": self.server.name, "address": self.address, "serving": self.serving, **status}


def add_to(verbs: Subparsers) -> None:
    """Adds the verb."""
    notes = "Exit codes: 0 all are serving, 1 one is not."
    parser = add_verb(
        verbs, "health", run, summary="ask every server whether it is serving", examples=_EXAMPLES, notes=notes
    )
    names = [server.name for server in SERVERS]
    parser.add_argument("servers", nargs="*", metavar="SERVER", help=f"{', '.join(names)} (default: all)")
    parser.add_argument("--address", metavar="HOST:PORT", help="address, when one server is named")
    parser.add_argument(
        "--timeout", type=seconds, default=3.0, metavar="S", help="seconds for each question (default 3)"
    )
    add_json(parser)
    parser.set_defaults(fail=parser.error)


def run(args: argparse.Namespace, console: Console) -> int:
    """Asks them one after the other."""
    chosen = _chosen(args)
    found = [ask(server, server.address(args.address, console.env), args.timeout) for server in chosen]
    lines = [dumps(health.as_json()) for health in found] if args.json else health_lines(found, console)
    for line in lines:
        console.write(line)
    return EXIT_OK if all(health.serving for health in found) else EXIT_FAILED


def ask(server: Server, address: str, timeout: float) -> ServerHealth:
    """`live`, `ready` and each service of one server."""
    with open_channel(address) as channel:
        check = channel.unary_unary(CHECK_METHOD, request_serializer=check_request, response_deserializer=check_status)

        def status(name: str) -> str:
            try:
                return str(check(name, timeout=timeout))
            except grpc.RpcError as err:
                problem = problem_of(err)
                return "UNREACHABLE" if problem.unreachable else problem.code

        live = status("live")
        if live == "UNREACHABLE":
            return ServerHealth(server, address, live, live, dict.fromkeys(server.services, live))
        return ServerHealth(server, address, live, status("ready"), {name: status(name) for name in server.services})


def health_lines(found: Sequence[ServerHealth], console: Console) -> list[str]:
    """A table of servers."""
    rows = [("SERVER", "ADDRESS", "LIVE", "READY", "SERVICE", "")]
    for health in found:
        services = ", ".join(f"{name.rpartition('.')[2]} {status}" for name, status in health.services.items())
        rows.append((health.server.name, health.address, health.live, health.ready, services, _word(health)))
    head, *lines = table(rows)
    styles = ("green" if health.serving else "red" for health in found)
    return [
        console.paint(head, "dim"),
        *(console.paint(line, style) for line, style in zip(lines, styles, strict=True)),
    ]


def check_request(service: str) -> bytes:
    """`HealthCheckRequest{service = 1}`; names are shorter than 128 bytes."""
    name = service.encode()
    return bytes([0x0A, len(name)]) + name


def check_status(raw: bytes) -> str:
    """`HealthCheckResponse{status = 1}` as the name of its status; an unset field is UNKNOWN."""
    number = raw[1] if raw[:1] == b"\x08" else 0
    return _STATUSES[number] if number < len(_STATUSES) else _STATUSES[0]


def _word(health: ServerHealth) -> str:
    return "정상" if health.serving else _KOREAN.get(health.ready, "이상")


def _chosen(args: argparse.Namespace) -> list[Server]:
    by_name = {server.name: server for server in SERVERS}
    for name in args.servers:
        if name not in by_name:
            args.fail(f"no server is called {name!r}; there are {', '.join(by_name)}")
    if args.address and len(args.servers) != 1:
        args.fail("--address needs the name of one server")
    return [by_name[name] for name in args.servers] or list(SERVERS)
