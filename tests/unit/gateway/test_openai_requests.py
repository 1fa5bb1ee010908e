"""Bodies of OpenAI's clients as requests of the contract, and what is refused with which param."""

from __future__ import annotations

from typing import Any

import pytest

import soban.v1 as pb
from soban.gateway.openai.chat_request import read_chat, read_completion
from soban.gateway.openai.fields import Fields
from soban.gateway.openai.params import param_of
from soban.runtime.errors import InvalidField

USER = {"role": "user", "content": "안녕하세요"}


def chat_of(**body: Any) -> pb.ChatRequest:
    return read_chat(Fields({"model": "m", "messages": [USER], **body})).chat


def text(value: str) -> pb.ContentPart:
    return pb.ContentPart(text=value)


@pytest.mark.parametrize(
    ("message", "wanted"),
    [
        (USER, pb.Message(role=pb.ROLE_USER, parts=[text("안녕하세요")])),
        ({"role": "developer", "content": "짧게"}, pb.Message(role=pb.ROLE_SYSTEM, parts=[text("짧게")])),
        (
            {"role": "system", "content": [{"type": "text", "text": "가"}, {"type": "text", "text": "나"}]},
            pb.Message(role=pb.ROLE_SYSTEM, parts=[text("가"), text("나")]),
        ),
        (
            {"role": "user", "name": "철수", "content": [{"type": "image_url", "image_url": {"url": "https://x/y.png"}}]},
            pb.Message(
                role=pb.ROLE_USER, name="철수", parts=[pb.ContentPart(image=pb.Image(uri="https://x/y.png"))]
            ),
        ),
        (
            {"role": "assistant", "content": None, "refusal": None, "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
            pb.Message(role=pb.ROLE_ASSISTANT, tool_calls=[pb.ToolCall(id="c1", name="f", arguments="{}")]),
        ),
        (
            {"role": "tool", "tool_call_id": "c1", "content": "맑음"},
            pb.Message(role=pb.ROLE_TOOL, tool_call_id="c1", parts=[text("맑음")]),
        ),
    ],
)  # fmt: skip
def test_messages(message: dict[str, Any], wanted: pb.Message) -> None:
    assert list(chat_of(messages=[message]).messages) == [wanted]


def options(**fields: Any) -> pb.GenerationOptions:
    return pb.GenerationOptions(**fields)


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ({}, options()),
        ({"temperature": None, "stop": None, "tools": None, "n": None}, options()),
        ({"temperature": 0, "top_p": 0.5, "n": 2}, options(temperature=0, top_p=0.5, n=2)),
        ({"seed": -(2**62)}, options(seed=-(2**62))),
        ({"max_tokens": 5}, options(max_tokens=5)),
        ({"max_completion_tokens": 6.0}, options(max_tokens=6)),
        ({"max_tokens": -1}, options(max_tokens=-1)),
        ({"frequency_penalty": 1, "presence_penalty": -1}, options(frequency_penalty=1, presence_penalty=-1)),
        ({"stop": "끝"}, options(stop=["끝"])),
        ({"stop": ["끝", "\n"]}, options(stop=["끝", "\n"])),
        ({"logit_bias": {"15": -100}}, options(logit_bias={15: -100})),
        ({"logprobs": True, "top_logprobs": 3}, options(logprobs=True, top_logprobs=3)),
        ({"parallel_tool_calls": False}, options(parallel_tool_calls=False)),
        ({"top_k": 4, "min_p": 0.5, "repetition_penalty": 2, "ignore_eos": True},
         options(top_k=4, min_p=0.5, repetition_penalty=2, ignore_eos=True)),
        ({"response_format": {"type": "text"}},
         options(response_format=pb.ResponseFormat(text=pb.ResponseFormat.Text()))),
        ({"response_format": {"type": "json_object"}},
         options(response_format=pb.ResponseFormat(json_object=pb.ResponseFormat.JsonObject()))),
        ({"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}}},
         options(response_format=pb.ResponseFormat(json_schema='{"type": "object"}'))),
        ({"tools": [{"type": "function", "function": {"name": "f", "description": "날씨", "parameters": {}}}]},
         options(tools=[pb.Tool(name="f", description="날씨", parameters_json_schema="{}")])),
        ({"tool_choice": "required"}, options(tool_choice=pb.ToolChoice(mode=pb.ToolChoice.MODE_REQUIRED))),
        ({"tool_choice": {"type": "function", "function": {"name": "f"}}},
         options(tool_choice=pb.ToolChoice(name="f"))),
        ({"soban": {"regex": "[가-힣]+"}}, options(response_format=pb.ResponseFormat(regex="[가-힣]+"))),
        ({"soban": {"normalize": False, "template_arguments": {"thinking": True}}},
         options(normalize=False, template_arguments_json='{"thinking": true}')),
    ],
)  # fmt: skip
def test_options(body: dict[str, Any], wanted: pb.GenerationOptions) -> None:
    assert chat_of(**body).options == wanted


def test_the_rest_of_a_request() -> None:
    chat = chat_of(
        user="u1",
        metadata={"team": "support"},
        service_tier="flex",
        prompt_cache_key="s1",
        store=False,
        modalities=["text"],
        soban={"safety_policy": "strict", "offset_unit": "utf16_unit", "restore_personal_data": True},
    )
    assert (chat.user, dict(chat.labels), chat.priority) == ("u1", {"team": "support"}, pb.PRIORITY_LOW)
    assert (chat.session, chat.safety_policy, chat.restore_personal_data) == ("s1", "strict", True)
    assert chat.offset_unit == pb.OFFSET_UNIT_UTF16_UNIT


def test_newer_name_of_the_user_goes_first() -> None:
    assert chat_of(user="old", safety_identifier="new").user == "new"


@pytest.mark.parametrize("prompt", ["옛날에", ["옛날에"]])
def test_completion_prompt(prompt: Any) -> None:
    asked = read_completion(Fields({"model": "m", "prompt": prompt, "logprobs": 2, "echo": False, "best_of": 1}))
    assert asked.chat == pb.ChatRequest(model="m", prompt="옛날에", options=options(logprobs=True, top_logprobs=2))


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"model": None}, "model"),
        ({"model": 5}, "model"),
        ({"messages": []}, "messages"),
        ({"messages": "안녕"}, "messages"),
        ({"messages": ["안녕"]}, "messages[0]"),
        ({"messages": [{"content": "가"}]}, "messages[0].role"),
        ({"messages": [{"role": "function", "content": "가"}]}, "messages[0].role"),
        ({"messages": [USER, {"role": "user", "content": 5}]}, "messages[1].content"),
        ({"messages": [{"role": "user", "content": ["가"]}]}, "messages[0].content[0]"),
        ({"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]}, "messages[0].content[0].type"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages[0].content[0].image_url"),
        ({"messages": [{"role": "user", "content": "가", "mood": 1}]}, "messages[0].mood"),
        ({"messages": [{"role": "assistant", "tool_calls": [{"id": "c"}]}]}, "messages[0].tool_calls[0].function"),
        ({"temperature": "hot"}, "temperature"),
        ({"temperature": True}, "temperature"),
        ({"temperature": 10**400}, "temperature"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"max_tokens": 2**31}, "max_tokens"),
        ({"seed": 2**63}, "seed"),
        ({"n": "2"}, "n"),
        ({"stop": 5}, "stop"),
        ({"stop": ["끝", 5]}, "stop[1]"),
        ({"logit_bias": [1]}, "logit_bias"),
        ({"logit_bias": {"가": 1}}, "logit_bias"),
        ({"logit_bias": {"5": "x"}}, "logit_bias.5"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": {"include_everything": True}}, "stream_options.include_everything"),
        ({"tools": [{"type": "custom"}]}, "tools[0].type"),
        ({"tools": [{"type": "function"}]}, "tools[0].function"),
        ({"tools": [{"function": {"name": "f", "parameters": "{}"}}]}, "tools[0].function.parameters"),
        ({"tool_choice": "maybe"}, "tool_choice"),
        ({"tool_choice": {"type": "function"}}, "tool_choice"),
        ({"response_format": {"type": "xml"}}, "response_format.type"),
        ({"response_format": {}}, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema.schema"),
        ({"metadata": {"team": 5}}, "metadata.team"),
        ({"service_tier": "gold"}, "service_tier"),
        ({"reasoning_effort": "high"}, "reasoning_effort"),
        ({"functions": []}, "functions"),
        ({"modalities": ["audio"]}, "modalities"),
        ({"soban": {"policy": "strict"}}, "soban.policy"),
        ({"temprature": 1}, "temprature"),
    ],
)
def test_what_is_refused_names_its_param(body: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidField) as caught:
        chat_of(**body)
    assert caught.value.field == param


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "prompt"),
        ({"prompt": ""}, "prompt"),
        ({"prompt": ["가", "나"]}, "prompt"),
        ({"prompt": [1, 2]}, "prompt"),
        ({"prompt": "가", "echo": True}, "echo"),
        ({"prompt": "가", "best_of": 3}, "best_of"),
        ({"prompt": "가", "suffix": "나"}, "suffix"),
        ({"prompt": "가", "logprobs": True}, "logprobs"),
        ({"prompt": "가", "messages": []}, "messages"),
    ],
)
def test_what_a_completion_refuses_names_its_param(body: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidField) as caught:
        read_completion(Fields({"model": "m", **body}))
    assert caught.value.field == param


@pytest.mark.parametrize(
    ("path", "param"),
    [
        ("model", "model"),
        ("messages", "messages"),
        ("messages[0].parts[0].text", "messages[0].content"),
        ("messages[1].parts[0].text", "messages[1].content[0].text"),
        ("messages[1].parts[1].image.uri", "messages[1].content[1].image_url.url"),
        ("messages[0].role", "messages[0].role"),
        ("messages[0].tool_calls[2].name", "messages[0].tool_calls[2].function.name"),
        ("messages[7].parts[0].text", "messages[7].content"),
        ("options.temperature", "temperature"),
        ("options.max_tokens", "max_completion_tokens"),
        ("options.stop[3]", "stop[3]"),
        ("options.stop[0]", "stop"),
        ("options.tools[0].name", "tools[0].function.name"),
        ("options.tools[1].parameters_json_schema", "tools[1].function.parameters"),
        ("options.tool_choice.name", "tool_choice.function.name"),
        ("options.response_format.json_schema", "response_format.json_schema.schema"),
        ("options.response_format.regex", "soban.regex"),
        ("options.normalize", "soban.normalize"),
        ("options.template_arguments_json", "soban.template_arguments"),
        ("safety_policy", "soban.safety_policy"),
        ("labels['team']", "metadata['team']"),
        ("user", "user"),
        ("session", "prompt_cache_key"),
    ],
)
def test_fields_of_the_contract_by_their_place_in_the_body(path: str, param: str) -> None:
    body = Fields(
        {
            "messages": [USER, {"role": "user", "content": [{"type": "text", "text": "가"}]}],
            "max_completion_tokens": 5,
            "stop": "끝",
        }
    )
    assert param_of(path, body) == param
