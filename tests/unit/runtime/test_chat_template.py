"""Chat templates in their sandbox."""

from __future__ import annotations

from typing import Any

import pytest

import soban.v1 as pb
from soban.runtime.config import ConfigError
from soban.runtime.errors import DeadlineExceeded, InvalidField
from soban.runtime.markers import BREAK, Markers
from soban.runtime.vocabulary import chat_template
from soban.runtime.vocabulary.chat_template import ChatTemplate
from soban.runtime.vocabulary.conversation import Writer, json_object
from unit.tokenization.vocabularies import TEMPLATE

WRITER = Writer(Markers(["<|end|>"], ["<tool_call>", "<b>"]), normalize=True)
HELLO = [{"role": "user", "content": "안녕"}]


def render(
    source: str, messages: list[dict[str, Any]] | None = None, remaining: float | None = None, **more: Any
) -> str:
    template = ChatTemplate("ko", source, {"bos": "<s>"})
    given = {"tools": [], "add_generation_prompt": True, "arguments": {}, **more}
    return template.render(HELLO if messages is None else messages, remaining=remaining, **given)


def test_a_conversation_is_rendered() -> None:
    """With the model's tokens and the header of the answer."""
    assert render(TEMPLATE) == "<s><|user|>안녕<|end|><|assistant|>"
    assert render(TEMPLATE, add_generation_prompt=False) == "<s><|user|>안녕<|end|>"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{%- for m in messages %}\n  {{- m.content }}\n{%- endfor %}", "안녕"),
        ("{% for m in messages %}{% if loop.first %}{% break %}{% endif %}x{% endfor %}", ""),
        ("{{ messages | tojson }}", '[{"role": "user", "content": "안녕"}]'),
        ("{{ messages[0] | tojson(indent=1) }}", '{\n "role": "user",\n "content": "안녕"\n}'),
        ("{{ '<b>' }}", "<b>"),
        ("{{ strftime_now('%Y') | length }}", "4"),
        ("{{ tools is none }}", "True"),
        ("{{ enable_thinking }}", "False"),
    ],
)
def test_what_templates_expect_is_there(source: str, expected: str) -> None:
    """As transformers gives it."""
    assert render(source, arguments={"enable_thinking": False}) == expected


def test_arguments_replace_nothing_of_ours() -> None:
    """The conversation is what was sent."""
    assert render("{{ messages | length }}", arguments={"messages": "other"}) == "1"


@pytest.mark.parametrize(
    "source",
    [
        "{{ raise_exception('roles must alternate') }}",
        "{{ messages[7].content }}",
        "{{ messages[0].content + 1 }}",
        "{{ 1 // 0 }}",
        "{{ ''.__class__.__mro__ }}",
        "{{ messages.append(1) }}",
        "{{ cycler.__init__.__globals__.os.getcwd() }}",
        "{% for i in range(999999999) %}{% endfor %}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    ],
)
def test_a_template_that_refuses_or_reaches_out_is_an_error_of_the_request(source: str) -> None:
    """Nothing of this process is within its reach."""
    with pytest.raises(InvalidField) as caught:
        render(source)
    assert caught.value.field == "messages"


def test_an_error_quotes_no_message() -> None:
    """Only what the template itself says, and not all of it."""
    with pytest.raises(InvalidField, match="UndefinedError") as caught:
        render("{{ none_such[messages[0].content].x }}")
    with pytest.raises(InvalidField) as hidden:
        render("{{ {}[messages[0].content].x }}")
    assert "안녕" not in f"{caught.value}{hidden.value}"
    with pytest.raises(InvalidField, match="roles must alternate") as told:
        render("{{ raise_exception('roles must alternate' ~ '!' * 1000) }}")
    assert len(str(told.value)) < 300


def test_what_a_template_makes_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """In size and in time."""
    monkeypatch.setattr(chat_template, "MOST_CHARACTERS", 1_000)
    endless = "{% for i in range(9999) %}{% for j in range(9999) %}가{% endfor %}{% endfor %}"
    with pytest.raises(InvalidField, match="1,000"):
        render(endless)
    with pytest.raises(DeadlineExceeded):
        render(endless, remaining=0.0)


def test_text_that_is_no_template_is_named() -> None:
    """With the key of the model."""
    with pytest.raises(ConfigError, match=r"models\.ko\.tokenizer"):
        ChatTemplate("ko", "{% for %}", {})


def message(role: pb.Role.ValueType, *texts: str, **more: Any) -> pb.Message:
    return pb.Message(role=role, parts=[pb.ContentPart(text=text) for text in texts], **more)


def test_messages_are_written_as_engines_get_them() -> None:
    """Parts joined as llama.cpp joins them, texts in NFC, arguments of calls as objects where they are."""
    calls = [pb.ToolCall(id="1", name="날씨", arguments='{"도시": "서울"}'), pb.ToolCall(id="2", arguments="서울")]
    messages = [
        message(pb.ROLE_SYSTEM, "간단히"),
        message(pb.ROLE_USER, "첫 부분", "\u1100\u1161", name="철수"),
        message(pb.ROLE_ASSISTANT, tool_calls=calls),
        message(pb.ROLE_TOOL, "맑음", tool_call_id="1"),
    ]
    system, user, assistant, tool = WRITER.messages(messages, "쓰이지 않는다")
    assert system == {"role": "system", "content": "간단히"}
    assert user == {"role": "user", "content": "첫 부분\n가", "name": "철수"}
    assert [call["function"]["arguments"] for call in assistant["tool_calls"]] == [{"도시": "서울"}, "서울"]
    assert tool == {"role": "tool", "content": "맑음", "tool_call_id": "1"}


def test_the_models_system_prompt_goes_before_messages_without_one() -> None:
    """As generation does it."""
    written = WRITER.messages([message(pb.ROLE_USER, "안녕")], "너는 소반이다.")
    assert written[0] == {"role": "system", "content": "너는 소반이다."}
    assert WRITER.messages([], "너는 소반이다.") == []


def test_texts_stay_as_they_are_when_asked() -> None:
    """Decomposed, if so sent."""
    (written,) = Writer(Markers(), normalize=False).messages([message(pb.ROLE_USER, "\u1100\u1161")], None)
    assert written["content"] == "\u1100\u1161"


def test_tools_are_written_as_openai_does() -> None:
    """Without a schema they take no arguments."""
    given = [
        pb.Tool(name="날씨", description="오늘 날씨", parameters_json_schema='{"type": "object"}'),
        pb.Tool(name="시각"),
    ]
    weather, clock = WRITER.tools(given)
    assert weather["function"] == {"name": "날씨", "description": "오늘 날씨", "parameters": {"type": "object"}}
    assert clock["type"] == "function"


@pytest.mark.parametrize("text", ["{", "[]", "1", "[" * 100_000])
def test_what_must_be_a_json_object_is_checked(text: str) -> None:
    """With the path of the field."""
    with pytest.raises(InvalidField) as caught:
        json_object(text, "template_arguments_json")
    assert caught.value.field == "template_arguments_json"
    with pytest.raises(InvalidField):
        WRITER.tools([pb.Tool(name="날씨", parameters_json_schema=text)])


@pytest.mark.parametrize("marker", ["<|end|>", "<tool_call>", "<start_of_turn>", "[INST]", "<|anything|>", "<｜끝｜>"])
def test_control_tokens_in_messages_stay_text(marker: str) -> None:
    """In every part of a message that a template writes; otherwise a user could end a turn and write the next one."""
    broken = marker[0] + BREAK + marker[1:]
    call = pb.ToolCall(id=marker, name=marker, arguments=f'{{"값": "{marker}"}}')
    given = message(pb.ROLE_ASSISTANT, f"가{marker}나", name=marker, tool_calls=[call], tool_call_id=marker)
    (written,) = WRITER.messages([given], None)
    assert written == {
        "role": "assistant",
        "content": f"가{broken}나",
        "name": broken,
        "tool_call_id": broken,
        "tool_calls": [{"id": broken, "type": "function", "function": {"name": broken, "arguments": {"값": broken}}}],
    }
    (tool,) = WRITER.tools([pb.Tool(name="날씨", description=marker)])
    assert tool["function"]["description"] == broken
    assert WRITER.messages([message(pb.ROLE_USER, "밥")], marker)[0]["content"] == broken


@pytest.mark.parametrize("text", ["<b>굵게</b>", "1 < 2 | 3 > 2", "<| |>", "[밥]", ""])
def test_other_text_is_left_alone(text: str) -> None:
    """HTML, comparisons, brackets."""
    assert WRITER.messages([message(pb.ROLE_USER, text)], None)[0]["content"] == text
