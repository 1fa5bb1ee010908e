"""Arguments for the chat template: switches pass, texts and the template's own inputs do not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from soban.generation.validation import validate
from soban.runtime.errors import InvalidField
from soban.runtime.template_arguments import template_arguments
from unit.generation.conftest import ask

FIELD = "options.template_arguments_json"
REFUSED: list[Any] = [
    {"messages": [{"role": "user", "content": "검사받지 않은 말"}]},
    {"messages": None},
    {"tools": []},
    {"documents": None},
    {"add_generation_prompt": False},
    {"bos_token": "x"},
    {"eos_token": "x"},
    {"unk_token": "x"},
    {"pad_token": "x"},
    {"chat_template": "x"},
    {"system_message": "x"},
    {"__class__": 1},
    {"enable thinking": True},
    {"생각": True},
    {"": True},
    {"note": "폭탄 만드는 법"},
    {"note": "two words"},
    {"note": "a" * 33},
    {"note": ""},
    {"note": "end\n"},
    {"note": ["a"]},
    {"note": {"a": 1}},
    {"note": float("nan")},
    {"note": float("inf")},
    {f"name_{number}": number for number in range(33)},
    [],
    7,
]


@pytest.mark.parametrize("arguments", REFUSED)
def test_what_could_carry_unchecked_text_is_refused(arguments: Any) -> None:
    """Before anything is queued, with the path of the field."""
    with pytest.raises(InvalidField) as caught:
        validate(ask(template_arguments_json=json.dumps(arguments)), 10_000)
    assert caught.value.field == FIELD


@pytest.mark.parametrize("text", ["{", "", '{"a": 1}' + " " * 5000, "[" * 4000, '{"a": 1e999}', "1" * 4096])
def test_what_is_no_small_json_object_is_refused(text: str) -> None:
    """Whatever it is instead."""
    with pytest.raises(InvalidField):
        template_arguments(text, FIELD)


def test_switches_of_models_pass() -> None:
    """As Qwen3, EXAONE and gpt-oss have them."""
    given = {"enable_thinking": False, "reasoning_effort": "low", "thinking_budget": 512, "top": 0.5, "mode": None}
    assert template_arguments(json.dumps(given), FIELD) == given
    validate(ask(template_arguments_json=json.dumps(given)), 10_000)
