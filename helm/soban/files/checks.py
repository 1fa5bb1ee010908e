"""What `helm test` asks of an installed Soban: one check by name. Only what a client can see, by the contract."""

from __future__ import annotations

import os
import sys

import grpc
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status

import soban.v1 as pb

GATEWAY = os.environ["SOBAN_GATEWAY"]
MODEL = os.environ["SOBAN_MODEL"]
SECONDS = float(os.environ["SOBAN_TEST_SECONDS"])

GREETING = "안녕하세요! 소반이 무엇인지 한 문장으로 알려 주세요."


def health(channel: grpc.Channel) -> str:
    """The gateway takes requests."""
    answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service="ready"), timeout=10)
    _expect(answer.status == health_pb2.HealthCheckResponse.SERVING, f"the gateway says {answer}")
    return "serving"


def chat(channel: grpc.Channel) -> str:
    """An answer in one message."""
    answer = pb.ChatServiceStub(channel).Chat(_request(GREETING), timeout=SECONDS, wait_for_ready=True)
    text = "".join(part.text for part in answer.choices[0].message.parts)
    _expect(bool(text), f"an answer without text: {answer}")
    return text


def stream(channel: grpc.Channel) -> str:
    """An answer piece by piece: start, text, an end with a reason, a summary with usage."""
    request = pb.StreamChatRequest(chat=_request(GREETING))
    events = list(pb.ChatServiceStub(channel).StreamChat(request, timeout=SECONDS, wait_for_ready=True))
    kinds = [event.WhichOneof("event") for event in events]
    _expect(kinds[:1] == ["start"] and kinds[-2:] == ["finish", "summary"], f"events in an unknown order: {kinds}")
    text = "".join(event.delta.text for event in events)
    _expect(bool(text), "a stream without text")
    _expect("\ufffd" not in text, f"a broken syllable in {text!r}")
    _expect(events[-1].summary.usage.output_tokens > 0, f"no usage: {events[-1].summary}")
    return text


def refusal(channel: grpc.Channel) -> str:
    """Bad calls are refused with a reason and details that a program can read."""
    stub = pb.ChatServiceStub(channel)
    reasons = []
    for request, code, reason in (
        (_request(GREETING, model="no-such-model"), grpc.StatusCode.NOT_FOUND, "MODEL_NOT_FOUND"),
        (pb.ChatRequest(model=MODEL), grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD"),
    ):
        try:
            stub.Chat(request, timeout=SECONDS)
        except grpc.RpcError as err:
            told = _reason(err)
            _expect((err.code(), told) == (code, reason), f"{err.code()} {told} in place of {code} {reason}")
            reasons.append(told)
        else:
            raise SystemExit(f"FAILED: no {reason} for {request}")
    return ", ".join(reasons)


CHECKS = {check.__name__: check for check in (health, chat, stream, refusal)}


def main() -> None:
    """Runs the check that the first argument names; the exit code is 1 when it fails."""
    check = CHECKS[sys.argv[1]]
    with grpc.insecure_channel(GATEWAY) as channel:
        try:
            told = check(channel)
        except grpc.RpcError as err:
            raise SystemExit(f"FAILED: {err.code().name} {_reason(err)}: {err.details()}") from err
    sys.stdout.write(f"{check.__name__}: {told}\n")


def _request(text: str, model: str = MODEL) -> pb.ChatRequest:
    message = pb.Message(role=pb.Role.ROLE_USER, parts=[pb.ContentPart(text=text)])
    options = pb.GenerationOptions(max_tokens=64)
    return pb.ChatRequest(model=model, messages=[message], options=options)


def _reason(err: grpc.RpcError) -> str:
    status = rpc_status.from_call(err)
    for detail in status.details if status is not None else ():
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info):
            return info.reason
    return ""


def _expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise SystemExit(f"FAILED: {otherwise}")


if __name__ == "__main__":
    main()
