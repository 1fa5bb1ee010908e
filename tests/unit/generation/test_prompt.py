"""What the model is sent."""

from __future__ import annotations

from typing import Any
from unicodedata import normalize

import pytest

import soban.v1 as pb
from soban.generation.prompt import Preparation, Prepared
from soban.runtime.config import ConfigError
from soban.runtime.model_settings import ModelConfig
from unit.generation.conftest import ask, user

NFD = normalize("NFD", "값싼 닭갈비 주세요")
NFC = normalize("NFC", NFD)


def prepared(request: pb.GenerateRequest, **model: Any) -> Prepared:
    return Preparation("models.ko", ModelConfig(url="m.gguf", **model)).prepare(request)


def text_of(request: pb.GenerateRequest) -> list[str]:
    return [part.text for message in request.messages for part in message.parts]


def test_the_models_defaults_fill_what_the_client_left_open() -> None:
    """Also where the client gave 0."""
    request, _ = prepared(ask(temperature=0), sampling={"temperature": 0.7, "top_k": 40, "repetition_penalty": 1.1})
    assert (request.options.temperature, request.options.top_k) == (0.0, 40)
    assert request.options.repetition_penalty == pytest.approx(1.1)


@pytest.mark.parametrize(
    ("sampling", "path"),
    [
        ({"temprature": 1}, "models.ko.sampling.temprature"),
        ({"top_k": 1.5}, "models.ko.sampling.top_k"),
        ({"temperature": 9}, "models.ko.sampling"),
    ],
)
def test_defaults_that_are_none_name_their_key(sampling: dict[str, float], path: str) -> None:
    """At the start, not at the first request."""
    with pytest.raises(ConfigError) as caught:
        prepared(ask(), sampling=sampling)
    assert caught.value.path == path


def test_the_system_prompt_goes_before_messages_without_one() -> None:
    """And stays out of raw prompts."""
    assert text_of(prepared(ask("안녕"), system_prompt="존댓말로 답하세요.").request) == ["존댓말로 답하세요.", "안녕"]
    own = pb.GenerateRequest(
        messages=[pb.Message(role=pb.ROLE_SYSTEM, parts=[pb.ContentPart(text="짧게")]), user("응")]
    )
    assert text_of(prepared(own, system_prompt="길게").request) == ["짧게", "응"]
    assert not prepared(pb.GenerateRequest(prompt="안녕"), system_prompt="길게").request.messages


def test_nfd_is_composed_for_the_model() -> None:
    """In messages, prompts and stop texts; the client's own request stays as it was."""
    request = ask(NFD, stop=[NFD])
    sent, normalized = prepared(request)
    assert (text_of(sent), list(sent.options.stop), normalized) == ([NFC], [NFC], True)
    assert text_of(request) == [NFD]
    assert prepared(pb.GenerateRequest(prompt=NFD)).request.prompt == NFC


def test_nfc_is_not_reported_as_changed() -> None:
    """Nor is what was asked to be left alone."""
    assert not prepared(ask("값싼 닭갈비 ㅋㅋ 👍")).normalized
    sent, normalized = prepared(ask(NFD, normalize=False))
    assert (text_of(sent), normalized) == ([NFD], False)
