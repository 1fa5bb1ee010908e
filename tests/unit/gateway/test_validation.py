"""What the gateway itself refuses over gRPC, with the path of the field."""

from __future__ import annotations

import unicodedata

import grpc
import pytest

import soban.v1 as pb
from soban.runtime.errors import from_rpc_error
from unit.gateway.conftest import Stack, say


def message(role: pb.Role = pb.ROLE_USER, **fields: object) -> pb.Message:
    return pb.Message(role=role, **fields)  # type: ignore[arg-type]


def chat(*messages: pb.Message) -> pb.ChatRequest:
    return pb.ChatRequest(model="m", messages=messages)


IMAGE = pb.ContentPart(image=pb.Image(uri="https://x/y.png"))
TEXT = pb.ContentPart(text="네")

BAD = [
    (pb.ChatRequest(), "INVALID_FIELD", "model"),
    (say("응", model="m" * 257), "INVALID_FIELD", "model"),
    (pb.ChatRequest(model="m"), "INVALID_FIELD", "messages"),
    (say("응", prompt="응"), "INVALID_FIELD", "messages"),
    (say(""), "INVALID_FIELD", "messages[0].parts[0].text"),
    (chat(message(pb.ROLE_UNSPECIFIED, parts=[TEXT])), "INVALID_FIELD", "messages[0].role"),
    (chat(message(9, parts=[TEXT])), "INVALID_FIELD", "messages[0].role"),
    (chat(message(parts=[TEXT, pb.ContentPart()])), "INVALID_FIELD", "messages[0].parts[1]"),
    (chat(message(parts=[TEXT]), message()), "INVALID_FIELD", "messages[1].parts[0].text"),
    (chat(message(parts=[TEXT]), message(pb.ROLE_TOOL, parts=[TEXT])), "INVALID_FIELD", "messages[1].tool_call_id"),
    (say("가" * 1_400_000), "TEXT_TOO_LONG", "messages[0].parts[0].text"),
    (say("짧게", "나" * 200_000, "다" * 200_000), "TEXT_TOO_LONG", "messages[2].parts[0].text"),
    (pb.ChatRequest(model="m", prompt="가" * 400_000), "TEXT_TOO_LONG", "prompt"),
    (
        say("응", options=pb.GenerationOptions(tools=[pb.Tool(name="f", parameters_json_schema="{" + " " * 2**20)])),
        "TEXT_TOO_LONG",
        "options.tools[0].parameters_json_schema",
    ),
    (chat(*[message(pb.ROLE_ASSISTANT)] * 2049), "INVALID_FIELD", "messages"),
    (chat(message(parts=[TEXT] * 65)), "INVALID_FIELD", "messages[0].parts"),
    (
        chat(message(parts=[TEXT]), message(pb.ROLE_ASSISTANT, tool_calls=[pb.ToolCall()] * 129)),
        "INVALID_FIELD",
        "messages[1].tool_calls",
    ),
    (say("응", options=pb.GenerationOptions(tools=[pb.Tool()] * 129)), "INVALID_FIELD", "options.tools"),
    (say("응", options=pb.GenerationOptions(stop=["끝"] * 17)), "INVALID_FIELD", "options.stop"),
    (
        say("응", options=pb.GenerationOptions(logit_bias=dict.fromkeys(range(1025), 1.0))),
        "INVALID_FIELD",
        "options.logit_bias",
    ),
    (say("응", user="u" * 129), "INVALID_FIELD", "user"),
    (say("응", session="s" * 257), "INVALID_FIELD", "session"),
    (chat(message(parts=[TEXT], name="이" * 257)), "INVALID_FIELD", "messages[0].name"),
    (
        chat(message(pb.ROLE_ASSISTANT, tool_calls=[pb.ToolCall(name="f" * 257)])),
        "INVALID_FIELD",
        "messages[0].tool_calls[0].name",
    ),
    (
        chat(message(parts=[pb.ContentPart(image=pb.Image(uri="http://10.0.0.1/x.png"))])),
        "INVALID_FIELD",
        "messages[0].parts[0].image.uri",
    ),
    (
        say("응", options=pb.GenerationOptions(response_format=pb.ResponseFormat(json_schema=" " * (2**20 + 1)))),
        "TEXT_TOO_LONG",
        "options.response_format.json_schema",
    ),
    (say("응", labels={str(number): "x" for number in range(17)}), "INVALID_FIELD", "labels"),
    (say("응", labels={"team": "x" * 65}), "INVALID_FIELD", "labels['team']"),
    (say("응", labels={"": "x"}), "INVALID_FIELD", "labels['']"),
    (say("응", priority=17), "INVALID_FIELD", "priority"),
    (say("응", offset_unit=9), "INVALID_FIELD", "offset_unit"),
]


@pytest.mark.parametrize(("request_", "reason", "field"), BAD)
async def test_refused_by_both_rpcs_with_the_fields_path(
    stack: Stack, request_: pb.ChatRequest, reason: str, field: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stack.stub.Chat(request_)
    told = from_rpc_error(caught.value)
    assert (told.code, told.reason, told.field) == (grpc.StatusCode.INVALID_ARGUMENT, reason, field)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stack.stream(request_)
    assert from_rpc_error(caught.value).field == f"chat.{field}"
    assert stack.safety.checks == []


GOOD = [
    say("\x00"),
    say(unicodedata.normalize("NFD", "안녕하세요")),
    say("ㅋㅋㅋ 🙂‍↔️ mixed 섞어"),
    say(" "),
    chat(message(parts=[IMAGE])),
    chat(message(parts=[TEXT]), message(pb.ROLE_ASSISTANT, tool_calls=[pb.ToolCall(id="c", name="f")])),
    chat(message(pb.ROLE_TOOL, tool_call_id="c"), message(parts=[TEXT])),
    say("응", labels={"team": "x" * 64}, user="u" * 128, priority=pb.PRIORITY_LOW),
    say("가" * 300_000),
]


@pytest.mark.parametrize("request_", GOOD)
async def test_accepted(stack: Stack, request_: pb.ChatRequest) -> None:
    await stack.stub.Chat(request_)
    assert list(stack.generation.requests[0].messages) == list(request_.messages)
