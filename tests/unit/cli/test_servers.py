"""`soban models`, `soban health`, `soban bench`, and where servers are."""

from __future__ import annotations

import io
import json

import grpc
import pytest
from grpc_health.v1 import health_pb2

import soban.v1 as pb
from soban.cli.client import GATEWAY, SERVERS, channel_options
from soban.cli.console import Console
from soban.cli.failure import Failure, Problem, problem_of
from soban.cli.health import check_request, check_status
from soban.cli.load import Report, Sample, quantiles
from soban.cli.models import model_lines
from soban.runtime.config import Config
from unit.cli.fakes import ServerThread, Shell


def test_models_are_a_table(soban: Shell) -> None:
    """State and capabilities included."""
    lines = soban("models").out.splitlines()
    assert lines[2].split() == ["soban-demo", "READY", "llamacpp", "512", "chat,", "completion"]


def test_routes_and_profiles_say_what_they_stand_for() -> None:
    """The models of a route, the adapter of a profile."""
    console = Console(io.StringIO(), io.StringIO(), io.BytesIO(), {})
    route = pb.Model(name="ko", route_strategy="cascade", route_models=["ko-2b", "law"], state=pb.Model.STATE_READY)
    profile = pb.Model(name="law", engine="vllm", adapter="law-v2", state=pb.Model.STATE_READY)
    _, *lines = model_lines([route, profile], console)
    assert lines[0].split()[:6] == ["ko", "READY", "cascade", "of", "ko-2b,", "law"]
    assert lines[1].split()[:5] == ["law", "READY", "vllm", "with", "law-v2"]


def test_models_as_json(soban: Shell) -> None:
    """The response as one object."""
    line = json.loads(soban("models", "--json").out)
    assert [model["name"] for model in line["models"]] == ["ko-8b", "soban-demo"]


def test_health_asks_every_server(soban: Shell, server: ServerThread) -> None:
    """Live, ready and each service."""
    outcome = soban("health", "--json")
    lines = [json.loads(line) for line in outcome.out.splitlines()]
    assert outcome.code == 0
    assert [line["id"] for line in lines] == ["gateway", "tokenization", "safety", "generation"]
    assert lines[2] == {
        "id": "safety",
        "address": server.address,
        "serving": True,
        "live": "SERVING",
        "ready": "SERVING",
        "services": {"soban.v1.SafetyService": "SERVING"},
    }


def test_health_fails_when_one_server_is_away(soban: Shell) -> None:
    """And says which."""
    outcome = soban("health", SOBAN_SAFETY="127.0.0.1:1")
    assert outcome.code == 1
    lines = outcome.out.splitlines()
    assert ["UNREACHABLE" in line for line in lines[1:]] == [False, False, True, False]


def test_health_of_one_server(soban: Shell, server: ServerThread) -> None:
    """By name, with its address; a wrong name is a usage error."""
    assert soban("health", "safety", "--address", server.address).code == 0
    assert soban("health", "kitchen").code == 2
    assert soban("health", "--address", server.address).code == 2


@pytest.mark.parametrize("name", ["", "live", "soban.v1.ChatService"])
def test_health_messages_are_those_of_the_protocol(name: str) -> None:
    """As the generated code writes and reads them."""
    assert check_request(name) == health_pb2.HealthCheckRequest(service=name).SerializeToString() or not name
    assert health_pb2.HealthCheckRequest.FromString(check_request(name)).service == name


def test_health_statuses_are_those_of_the_protocol() -> None:
    """All of them; an unset one is UNKNOWN."""
    statuses = health_pb2.HealthCheckResponse.ServingStatus
    for number, name in zip(statuses.values(), statuses.keys(), strict=True):
        raw = health_pb2.HealthCheckResponse(status=number).SerializeToString()
        assert check_status(raw) == name


def test_bench_reports_times_speed_and_errors(soban: Shell) -> None:
    """Of all requests."""
    outcome = soban("bench", "--streams", "4", "--requests", "12", "--json")
    line = json.loads(outcome.out)
    assert outcome.code == 0
    assert (line["requests"], line["complete"], line["errors"], line["output_tokens"]) == (12, True, {}, 60)
    assert set(line["first_text_ms"]) == {"p50", "p95", "p99"}


def test_bench_counts_errors_by_status(soban: Shell) -> None:
    """And fails."""
    outcome = soban("bench", "--requests", "3", "--model", "없음")
    assert outcome.code == 1
    assert "NOT_FOUND MODEL_NOT_FOUND 3" in outcome.out


def test_bench_needs_a_gateway(soban: Shell) -> None:
    """Exit code 3."""
    assert soban("bench", "--model", "m", "--requests", "2", "--address", "127.0.0.1:1").code == 3


def test_quantiles_are_by_nearest_rank() -> None:
    """In milliseconds."""
    assert quantiles([number / 1000 for number in range(1, 101)]) == {"p50": 50.0, "p95": 95.0, "p99": 99.0}
    assert quantiles([0.004]) == {"p50": 4.0, "p95": 4.0, "p99": 4.0}
    assert quantiles([]) == {}


def test_a_failed_request_counts_in_no_time() -> None:
    """It would make a broken server look fast."""
    problem = Problem("UNAVAILABLE", "NO_REPLICA", "none")
    report = Report([Sample(1.0, 0.1, 10), Sample(0.001, problem=problem)], seconds=2.0, complete=True)
    assert (report.tokens_per_second, report.total_ms["p50"]) == (5.0, 1000.0)


def test_addresses_come_from_argument_then_environment_then_default() -> None:
    """A missing port is the server's own."""
    env = {"SOBAN_GATEWAY": "gateway.example:1234"}
    assert GATEWAY.address("10.0.0.5", env) == "10.0.0.5:50051"
    assert GATEWAY.address(None, env) == "gateway.example:1234"
    assert GATEWAY.address(None, {}) == "127.0.0.1:50051"
    assert GATEWAY.address("[::1]", {}) == "[::1]:50051"
    assert GATEWAY.address("dns:///gateway.soban.svc:50051", {}) == "dns:///gateway.soban.svc:50051"


@pytest.mark.parametrize("address", ["http://127.0.0.1:8080", "127.0.0.1 :50051"])
def test_an_address_that_is_none_is_a_usage_error(address: str) -> None:
    """The HTTP side is no gRPC address."""
    with pytest.raises(Failure) as caught:
        GATEWAY.address(address, {})
    assert caught.value.exit_code == 2


def test_calls_to_this_machine_do_not_go_through_a_proxy() -> None:
    """gRPC honours http_proxy also for loopback."""
    assert dict(channel_options("127.0.0.1:50051"))["grpc.enable_http_proxy"] == 0
    assert dict(channel_options("gateway.example:50051"))["grpc.enable_http_proxy"] == 1


def test_the_client_knows_every_service_of_the_configuration() -> None:
    """But the scaler, which no person calls."""
    assert {server.name for server in SERVERS} == set(Config().services) - {"scaler"}


def test_an_error_that_is_no_status_is_unknown() -> None:
    """gRPC raises bare errors, too."""
    assert problem_of(grpc.RpcError("odd")).code == "UNKNOWN"
