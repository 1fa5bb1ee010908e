"""Requests as llama.cpp wants them."""

from __future__ import annotations

from typing import Any

import pytest

import soban.v1 as pb
from soban.generation.engines.llamacpp import LlamaCpp
from soban.generation.engines.llamacpp_request import DIALECT
from soban.generation.engines.support import require_support
from soban.runtime.errors import InvalidField, NotBuilt
from unit.generation.conftest import ask

WEATHER = pb.Tool(name="weather", description="날씨", parameters_json_schema='{"type": "object"}', strict=True)


def body(**options: Any) -> dict[str, Any]:
    return DIALECT.body(ask(**options), None)


def test_every_sampling_option_reaches_the_engine() -> None:
    """Under llama.cpp's names, and only when it was given."""
    given = body(
        max_tokens=7,
        temperature=0.5,
        top_p=0.25,
        top_k=3,
        min_p=0.125,
        frequency_penalty=-1,
        presence_penalty=1,
        repetition_penalty=1.5,
        ignore_eos=True,
        logit_bias={42: -100.0, 7: 1.5},
    )
    expected = {
        "max_tokens": 7,
        "temperature": 0.5,
        "top_p": 0.25,
        "top_k": 3,
        "min_p": 0.125,
        "frequency_penalty": -1.0,
        "presence_penalty": 1.0,
        "repeat_penalty": 1.5,
        "ignore_eos": True,
        "logit_bias": [[7, 1.5], [42, -100.0]],
    }
    assert {key: given[key] for key in expected} == expected
    assert not set(expected) & set(body())


def test_zero_is_a_value() -> None:
    """Temperature 0 is greedy, not the default."""
    assert body(temperature=0)["temperature"] == 0.0
    assert body(top_k=0)["top_k"] == 0


@pytest.mark.parametrize(("seed", "sent"), [(0, 0), (7, 7), (2**32 - 1, 0), (-1, 2**32 - 2), (2**40, 256)])
def test_seeds_fit_into_32_bits_and_are_never_random(seed: int, sent: int) -> None:
    """The highest value would mean that llama.cpp picks one."""
    assert DIALECT.body(ask(), seed)["seed"] == sent
    assert "seed" not in DIALECT.body(ask(), None)


def test_stop_texts_stay_here() -> None:
    """And each event tells its tokens."""
    given = body(stop=["질문:"])
    assert "stop" not in given
    assert given["timings_per_token"] is True


def test_messages_carry_text_names_and_tool_calls() -> None:
    """Parts are joined as llama.cpp joins them."""
    call = pb.ToolCall(id="c1", name="weather", arguments='{"city": "부산"}')
    request = pb.GenerateRequest(
        messages=[
            pb.Message(role=pb.ROLE_SYSTEM, parts=[pb.ContentPart(text="짧게"), pb.ContentPart(text="답해라")]),
            pb.Message(role=pb.ROLE_USER, name="민수", parts=[pb.ContentPart(text="부산 날씨?")]),
            pb.Message(role=pb.ROLE_ASSISTANT, tool_calls=[call]),
            pb.Message(role=pb.ROLE_TOOL, tool_call_id="c1", parts=[pb.ContentPart(text="맑음")]),
        ]
    )
    sent_call = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "부산"}'}}
    assert DIALECT.body(request, None)["messages"] == [
        {"role": "system", "content": "짧게\n답해라"},
        {"role": "user", "content": "부산 날씨?", "name": "민수"},
        {"role": "assistant", "content": "", "tool_calls": [sent_call]},
        {"role": "tool", "content": "맑음", "tool_call_id": "c1"},
    ]
    assert DIALECT.path(request) == "/v1/chat/completions"


def test_a_raw_prompt_goes_to_completions() -> None:
    """Without a template."""
    request = pb.GenerateRequest(
        prompt="대한민국의 수도는", options=pb.GenerationOptions(logprobs=True, top_logprobs=3)
    )
    given = DIALECT.body(request, None)
    assert (DIALECT.path(request), given["prompt"], given["logprobs"]) == ("/v1/completions", "대한민국의 수도는", 3)
    assert "messages" not in given


def test_logprobs_without_alternatives_still_ask_for_one() -> None:
    """llama.cpp gives none at all for 0."""
    assert (body(logprobs=True)["logprobs"], body(logprobs=True)["top_logprobs"]) == (True, 1)


def test_an_assistant_message_is_continued_only_when_asked() -> None:
    """llama.cpp refuses a generation prompt beside it."""
    request = ask(continue_final_message=True)
    request.messages.append(pb.Message(role=pb.ROLE_ASSISTANT, parts=[pb.ContentPart(text="서울은")]))
    given = DIALECT.body(request, None)
    assert (given["continue_final_message"], given["add_generation_prompt"]) == (True, False)
    assert "continue_final_message" not in body()


@pytest.mark.parametrize(
    ("choice", "mode", "names"),
    [
        (pb.ToolChoice(), "auto", ["weather", "time"]),
        (pb.ToolChoice(mode=pb.ToolChoice.MODE_AUTO), "auto", ["weather", "time"]),
        (pb.ToolChoice(mode=pb.ToolChoice.MODE_NONE), "none", ["weather", "time"]),
        (pb.ToolChoice(mode=pb.ToolChoice.MODE_REQUIRED), "required", ["weather", "time"]),
        (pb.ToolChoice(name="time"), "required", ["time"]),
    ],
)
def test_tools_and_the_choice_among_them(choice: pb.ToolChoice, mode: str, names: list[str]) -> None:
    """A choice by name leaves that tool alone."""
    given = body(tools=[WEATHER, pb.Tool(name="time")], tool_choice=choice)
    assert (given["tool_choice"], given["parallel_tool_calls"]) == (mode, True)
    assert [tool["function"]["name"] for tool in given["tools"]] == names


def test_parallel_tool_calls_can_be_forbidden() -> None:
    """Unset means allowed."""
    assert body(tools=[WEATHER], parallel_tool_calls=False)["parallel_tool_calls"] is False


@pytest.mark.parametrize(
    ("shape", "sent"),
    [
        (pb.ResponseFormat(text=pb.ResponseFormat.Text()), {}),
        (pb.ResponseFormat(json_object=pb.ResponseFormat.JsonObject()), {"json_schema": {"type": "object"}}),
        (pb.ResponseFormat(json_schema='{"type": "array"}'), {"json_schema": {"type": "array"}}),
        (pb.ResponseFormat(grammar='root ::= "네"'), {"grammar": 'root ::= "네"'}),
    ],
)
def test_shapes_of_answers(shape: pb.ResponseFormat, sent: dict[str, Any]) -> None:
    """For chats and prompts alike."""
    given = body(response_format=shape)
    assert {key: given[key] for key in ("json_schema", "grammar") if key in given} == sent


def test_values_for_the_template() -> None:
    """A JSON object."""
    assert body(template_arguments_json='{"enable_thinking": false}')["chat_template_kwargs"] == {
        "enable_thinking": False
    }


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"response_format": pb.ResponseFormat(json_schema="{")}, "options.response_format.json_schema"),
        ({"response_format": pb.ResponseFormat(json_schema="[]")}, "options.response_format.json_schema"),
        ({"response_format": pb.ResponseFormat(json_schema="[" * 100_000)}, "options.response_format.json_schema"),
        ({"template_arguments_json": "7"}, "options.template_arguments_json"),
        ({"tools": [pb.Tool(name="t", parameters_json_schema="x")]}, "options.tools[0].parameters_json_schema"),
    ],
)
def test_json_that_is_none_names_its_field(options: dict[str, Any], field: str) -> None:
    """Before anything is sent."""
    with pytest.raises(InvalidField) as caught:
        body(**options)
    assert caught.value.field == field


def test_what_llama_cpp_cannot_do_is_named() -> None:
    """Regular expressions; a grammar says the same."""
    request = ask(response_format=pb.ResponseFormat(regex="[가-힣]+"))
    with pytest.raises(NotBuilt, match=r"response_format\.regex on engine llamacpp"):
        require_support("llamacpp", LlamaCpp.support, request)
