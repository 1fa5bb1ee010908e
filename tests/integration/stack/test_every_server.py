"""What holds for all servers of a running stack alike: health, reflection, and honest answers for what is not built."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from grpc_status import rpc_status

from integration.cli.stacks import Up, up

README = (Path(__file__).parents[3] / "README.md").read_text()
SERVERS = {"gateway": "Chat", "tokenization": "Tokenization", "safety": "Safety", "generation": "Generation"}
TABLE = re.findall(r"^\| `(\w+)Service` \| (.*) \| (.*) \|$", README, re.MULTILINE)


@pytest.fixture(scope="module")
def stack() -> Iterator[Up]:
    with up() as running:
        yield running


def rpcs(column: int) -> list[tuple[str, str]]:
    """Service and RPC of one column of the README's table: 1 built, 2 not built yet."""
    return [(row[0], name) for row in TABLE for name in re.findall(r"`(\w+)`", row[column])]


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("service", ["", "live", "ready", "its own"])
def test_health_is_told_by_every_name(stack: Up, server: str, service: str) -> None:
    """Overall, for the kubelet's two probes, and for the service itself."""
    name = f"soban.v1.{SERVERS[server]}Service" if service == "its own" else service
    with grpc.insecure_channel(stack.endpoints[server]) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        answer = stub.Check(health_pb2.HealthCheckRequest(service=name), timeout=10)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


@pytest.mark.parametrize("server", SERVERS)
def test_reflection_lists_what_is_served(stack: Up, server: str) -> None:
    """So that grpcurl and grpcui work without the protos."""
    with grpc.insecure_channel(stack.endpoints[server]) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        names = database.get_services()
        file = database.FindFileContainingSymbol(f"soban.v1.{SERVERS[server]}Service")
    assert {f"soban.v1.{SERVERS[server]}Service", "grpc.health.v1.Health"} <= set(names)
    assert file.package == "soban.v1"


@pytest.mark.parametrize(("service", "rpc"), rpcs(2))
def test_what_the_readme_calls_not_built_says_so(stack: Up, service: str, rpc: str) -> None:
    """UNIMPLEMENTED with a reason, and the message names the RPC."""
    status = answer_to_nothing(stack, service, rpc)
    assert status.code() is grpc.StatusCode.UNIMPLEMENTED
    detailed = rpc_status.from_call(status)
    assert detailed is not None
    info = error_details_pb2.ErrorInfo()
    assert detailed.details[0].Unpack(info)
    assert (info.domain, info.reason) == ("soban", "NOT_BUILT")
    assert rpc in detailed.message


@pytest.mark.parametrize(("service", "rpc"), rpcs(1))
def test_what_the_readme_calls_built_is_there(stack: Up, service: str, rpc: str) -> None:
    """It may refuse an empty request, but not as unknown or broken."""
    status = answer_to_nothing(stack, service, rpc)
    assert status.code() not in (grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN)


def answer_to_nothing(stack: Up, service: str, rpc: str) -> grpc.Call:
    """The finished call of an RPC that was sent one empty message."""
    server = next(name for name, served in SERVERS.items() if served == service)
    with grpc.insecure_channel(stack.endpoints[server]) as channel:
        call = channel.stream_stream(f"/soban.v1.{service}Service/{rpc}")(iter([b""]), timeout=10)
        with contextlib.suppress(grpc.RpcError):
            list(call)
        return call
