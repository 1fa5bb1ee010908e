"""What is refused before anything is queued: each with the path of its field."""

from __future__ import annotations

import math
from typing import Any

import pytest

import soban.v1 as pb
from soban.generation.validation import validate
from soban.runtime.errors import InvalidField, TextTooLong
from unit.generation.conftest import ask, user

Options = pb.GenerationOptions


def message(**fields: Any) -> pb.GenerateRequest:
    return pb.GenerateRequest(model="ko", messages=[pb.Message(**fields)])


TEXT = [pb.ContentPart(text="안녕")]

REQUESTS = [
    (pb.GenerateRequest(messages=[user("안녕")]), "model"),
    (pb.GenerateRequest(model="ko"), "messages"),
    (pb.GenerateRequest(model="ko", prompt="가", messages=[user("나")]), "messages"),
    (pb.GenerateRequest(model="ko", prompt="가", priority=77), "priority"),  # type: ignore[arg-type]
    (message(parts=TEXT), "messages[0].role"),
    (message(role=77, parts=TEXT), "messages[0].role"),
    (message(role=pb.ROLE_USER), "messages[0].parts[0].text"),
    (message(role=pb.ROLE_USER, parts=[pb.ContentPart(text="")]), "messages[0].parts[0].text"),
    (message(role=pb.ROLE_USER, parts=[pb.ContentPart()]), "messages[0].parts[0]"),
    (message(role=pb.ROLE_TOOL, parts=TEXT), "messages[0].tool_call_id"),
    (pb.GenerateRequest(model="ko", prompt="가", options=Options(tools=[pb.Tool(name="t")])), "options.tools"),
    (
        pb.GenerateRequest(model="ko", prompt="가", options=Options(template_arguments_json="{}")),
        "options.template_arguments_json",
    ),
]

OPTIONS: list[tuple[dict[str, Any], str]] = [
    ({"max_tokens": 0}, "max_tokens"),
    ({"max_tokens": -5}, "max_tokens"),
    ({"temperature": -0.1}, "temperature"),
    ({"temperature": 2.5}, "temperature"),
    ({"temperature": math.nan}, "temperature"),
    ({"temperature": math.inf}, "temperature"),
    ({"top_p": 0.0}, "top_p"),
    ({"top_p": 1.5}, "top_p"),
    ({"top_p": math.nan}, "top_p"),
    ({"top_k": -1}, "top_k"),
    ({"min_p": -0.5}, "min_p"),
    ({"min_p": 1.5}, "min_p"),
    ({"frequency_penalty": 2.5}, "frequency_penalty"),
    ({"presence_penalty": -2.5}, "presence_penalty"),
    ({"repetition_penalty": 0.0}, "repetition_penalty"),
    ({"repetition_penalty": math.inf}, "repetition_penalty"),
    ({"n": 0}, "n"),
    ({"n": 9}, "n"),
    ({"logprobs": True, "top_logprobs": 21}, "top_logprobs"),
    ({"logprobs": True, "top_logprobs": -1}, "top_logprobs"),
    ({"top_logprobs": 3}, "top_logprobs"),
    ({"logit_bias": {5: 101.0}}, "logit_bias"),
    ({"logit_bias": {-5: 1.0}}, "logit_bias"),
    ({"logit_bias": {5: math.nan}}, "logit_bias"),
    ({"stop": ["가"] * 17}, "stop"),
    ({"stop": ["가"] * 10_000}, "stop"),
    ({"stop": ["가", ""]}, "stop[1]"),
    ({"stop": ["가" * 257]}, "stop[0]"),
    ({"continue_final_message": True}, "continue_final_message"),
    ({"tools": [pb.Tool(name="")]}, "tools[0].name"),
    ({"tools": [pb.Tool(name="날씨")]}, "tools[0].name"),
    ({"tools": [pb.Tool(name="a" * 65)]}, "tools[0].name"),
    ({"tools": [pb.Tool(name="a"), pb.Tool(name="a")]}, "tools[1].name"),
    ({"tools": [pb.Tool(name=f"t{number}") for number in range(129)]}, "tools"),
    ({"tools": [pb.Tool(name="a")], "tool_choice": pb.ToolChoice(name="b")}, "tool_choice.name"),
    ({"tool_choice": pb.ToolChoice(mode=pb.ToolChoice.MODE_REQUIRED)}, "tool_choice.mode"),
    ({"tools": [pb.Tool(name="a")], "tool_choice": pb.ToolChoice(mode=9)}, "tool_choice.mode"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("request_", "field"), REQUESTS)
def test_requests_that_are_wrong_as_a_whole(request_: pb.GenerateRequest, field: str) -> None:
    """Model, prompt, messages."""
    with pytest.raises(InvalidField) as caught:
        validate(request_, 10_000)
    assert caught.value.field == field


@pytest.mark.parametrize(("options", "field"), OPTIONS)
def test_options_out_of_their_range(options: dict[str, Any], field: str) -> None:
    """As common.proto gives the ranges; NaN is in none."""
    with pytest.raises(InvalidField) as caught:
        validate(ask(**options), 10_000)
    assert caught.value.field == f"options.{field}"


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"max_tokens": 1, "temperature": 0, "top_p": 1, "top_k": 0, "min_p": 0, "n": 8},
        {"temperature": 2, "frequency_penalty": -2, "presence_penalty": 2, "repetition_penalty": 1.3},
        {"logprobs": True, "top_logprobs": 20, "stop": ["가" * 256] * 16, "logit_bias": {0: -100, 1: 100}},
        {"tools": [pb.Tool(name="get_weather-2")], "tool_choice": pb.ToolChoice(name="get_weather-2")},
        {"seed": -(2**63)},
    ],
)
def test_the_ends_of_every_range_are_inside(options: dict[str, Any]) -> None:
    """Nothing is refused that the contract allows."""
    validate(ask(**options), 100_000)


def test_an_assistant_message_without_text_may_ask_for_tools() -> None:
    """And continue when it is the last."""
    call = pb.ToolCall(id="c", name="weather", arguments="{}")
    request = ask(continue_final_message=True)
    request.messages.append(pb.Message(role=pb.ROLE_ASSISTANT, tool_calls=[call]))
    validate(request, 10_000)


def test_text_over_the_bound_names_where_it_passes_it() -> None:
    """All texts count together, in bytes: a Korean syllable has three."""
    validate(pb.GenerateRequest(model="ko", prompt="가" * 100), 300)
    with pytest.raises(TextTooLong) as caught:
        validate(pb.GenerateRequest(model="ko", prompt="가" * 101), 300)
    assert caught.value.field == "prompt"
    request = pb.GenerateRequest(model="ko", messages=[user("가" * 60), user("나" * 60)])
    with pytest.raises(TextTooLong) as caught:
        validate(request, 300)
    assert caught.value.field == "messages[1].parts[0].text"


def test_four_megabytes_are_the_default_bound() -> None:
    """Tools and shapes count, too."""
    request = ask(tools=[pb.Tool(name="t", parameters_json_schema="x" * 4_000_000)])
    with pytest.raises(TextTooLong) as caught:
        validate(request, 4_000_000)
    assert caught.value.field == "options.tools[0].parameters_json_schema"
    with pytest.raises(TextTooLong) as caught:
        validate(ask(response_format=pb.ResponseFormat(grammar="x" * 500)), 400)
    assert caught.value.field == "options.response_format.grammar"
