"""Counting, encoding, decoding and rendering as the service offers them."""

from __future__ import annotations

import unicodedata
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import soban.v1 as pb
from soban.runtime.config import ConfigError
from soban.runtime.errors import InvalidField, ModelNotFound, TokenizerNotFound
from soban.runtime.model_settings import ModelConfig, ProfileConfig
from soban.runtime.names import Names
from soban.runtime.route_settings import RouteConfig
from soban.tokenization.model_tokens import ModelTokens
from unit.tokenization.korean import NFD, SENTENCES
from unit.tokenization.vocabularies import BOS, CONFIG, END, USER, byte_level, save

NFC = unicodedata.normalize("NFC", NFD)


@pytest.fixture
async def tokens(tmp_path: Path) -> AsyncIterator[ModelTokens]:
    plain = save(byte_level(), tmp_path / "plain")
    starting = save(byte_level(adds_bos=True), tmp_path / "starting", {**CONFIG, "model_max_length": None})
    untold = save(byte_level(), tmp_path / "untold", {})
    models = {
        "ko": ModelConfig(url="hf://soban/ko", tokenizer=str(plain)),
        "ko-bos": ModelConfig(url="hf://soban/ko", tokenizer=str(starting), context_length=2_048),
        "ko-base": ModelConfig(url="hf://soban/ko", tokenizer=str(untold)),
        "ko-polite": ModelConfig(url="hf://soban/ko", tokenizer=str(plain), system_prompt="공손히 답한다."),
        "ko-bare": ModelConfig(url="hf://soban/ko"),
    }
    profiles = {
        "law": ProfileConfig(model="ko", system_prompt="공손히 답한다."),
        "chat": ProfileConfig(model="ko-polite"),
        "bare": ProfileConfig(model="ko-bare"),
    }
    routes = {"both": RouteConfig.model_validate({"fallback": ["ko", "law"]})}
    tokens = ModelTokens(Names(models, profiles, routes), threads=2)
    await tokens.start()
    yield tokens
    await tokens.stop()


def user(text: str) -> pb.Message:
    return pb.Message(role=pb.ROLE_USER, parts=[pb.ContentPart(text=text)])


async def test_texts_are_counted(tokens: ModelTokens) -> None:
    """One by one and together, with eojeol and what the model takes."""
    counted = await tokens.count(pb.CountTokensRequest(model="ko", texts=["비가 온다", "", "눈"]), None)
    encoded = await tokens.encode(pb.EncodeRequest(model="ko", texts=["비가 온다", "", "눈"]))
    assert list(counted.counts) == [len(encoding.token_ids) for encoding in encoded.encodings]
    assert counted.total == sum(counted.counts)
    assert (counted.eojeol, counted.context_length) == (3, 512)
    assert counted.tokenizer_version == encoded.tokenizer_version != ""


async def test_long_work_gives_the_same_as_short_work(tokens: ModelTokens) -> None:
    """In threads, in portions."""
    texts = ["비가 온다. " * 3_000, *SENTENCES * 20, "눈이 온다. " * 30_000]
    counted = await tokens.count(pb.CountTokensRequest(model="ko", texts=texts), None)
    one_by_one = [await tokens.count(pb.CountTokensRequest(model="ko", texts=[text]), None) for text in texts]
    assert list(counted.counts) == [each.total for each in one_by_one]


async def test_decomposed_text_costs_what_composed_text_does(tokens: ModelTokens) -> None:
    """Unless it is counted as it is."""
    counts = (await tokens.count(pb.CountTokensRequest(model="ko", texts=[NFC, NFD]), None)).counts
    assert counts[0] == counts[1]
    (as_sent,) = (await tokens.count(pb.CountTokensRequest(model="ko", texts=[NFD], normalize=False), None)).counts
    assert as_sent > 2 * counts[0]


async def test_special_tokens_around_texts_are_counted_when_asked(tokens: ModelTokens) -> None:
    """This tokenizer has two."""
    request = pb.CountTokensRequest(model="ko-bos", texts=["눈"])
    without = (await tokens.count(request, None)).total
    request.add_special_tokens = True
    assert (await tokens.count(request, None)).total == without + 2


@pytest.mark.parametrize("unit", [pb.OFFSET_UNIT_CODE_POINT, pb.OFFSET_UNIT_UTF8_BYTE, pb.OFFSET_UNIT_UTF16_UNIT])
async def test_tokens_have_bytes_and_spans(tokens: ModelTokens, unit: pb.OffsetUnit.ValueType) -> None:
    """In the text as sent, whole characters each."""
    text = f"😀 {NFD} 뷁"
    request = pb.EncodeRequest(model="ko", texts=[text], with_tokens=True, offset_unit=unit)
    (encoding,) = (await tokens.encode(request)).encodings
    assert encoding.normalized
    assert [token.id for token in encoding.tokens] == list(encoding.token_ids)
    assert b"".join(token.bytes for token in encoding.tokens).decode() == unicodedata.normalize("NFC", text)
    ends = {pb.OFFSET_UNIT_CODE_POINT: len(text), pb.OFFSET_UNIT_UTF8_BYTE: len(text.encode())}
    assert encoding.tokens[-1].span.end == ends.get(unit, len(text.encode("utf-16-le")) // 2)


async def test_text_that_looks_like_special_tokens_is_text(tokens: ModelTokens) -> None:
    """Unless the caller says that it is theirs."""
    request = pb.EncodeRequest(model="ko", texts=[f"안녕{USER}"], with_tokens=True)
    (plain,) = (await tokens.encode(request)).encodings
    assert not any(token.special for token in plain.tokens)
    request.parse_special_tokens = True
    (parsed,) = (await tokens.encode(request)).encodings
    assert [token.special for token in parsed.tokens][-1]
    assert parsed.tokens[-1].bytes == USER.encode()


async def test_ids_are_decoded(tokens: ModelTokens) -> None:
    """With or without special tokens; what is incomplete comes apart."""
    text = "비가 온다. 뷁"
    (encoding,) = (await tokens.encode(pb.EncodeRequest(model="ko", texts=[text]))).encodings
    ids = [1, *encoding.token_ids]
    assert (await tokens.decode(pb.DecodeRequest(model="ko", token_ids=ids))).text == text
    kept = await tokens.decode(pb.DecodeRequest(model="ko", token_ids=ids, skip_special_tokens=False))
    assert kept.text == END + text
    cut = await tokens.decode(pb.DecodeRequest(model="ko", token_ids=ids[:-1]))
    assert (cut.text, cut.incomplete) == ("비가 온다. ", "뷁".encode()[:2])


@pytest.mark.parametrize("bad", [9_999, 2**32 - 1])
async def test_an_unknown_id_is_named(tokens: ModelTokens, bad: int) -> None:
    """By its place."""
    with pytest.raises(InvalidField) as caught:
        await tokens.decode(pb.DecodeRequest(model="ko", token_ids=[5, 6, bad]))
    assert caught.value.field == "token_ids[2]"


async def test_a_conversation_is_rendered_and_counted(tokens: ModelTokens) -> None:
    """The count is that of the prompt, in which special tokens are tokens."""
    rendered = await tokens.render(pb.RenderChatRequest(model="ko", messages=[user("안녕")]), None)
    assert rendered.text == f"{BOS}{USER}안녕{END}<|assistant|>"
    counted = await tokens.count(pb.CountTokensRequest(model="ko", messages=[user("안녕")]), None)
    assert (list(counted.counts), counted.eojeol) == ([rendered.tokens], 1)
    encoded = await tokens.encode(pb.EncodeRequest(model="ko", texts=[rendered.text], parse_special_tokens=True))
    assert rendered.tokens == len(encoded.encodings[0].token_ids)


async def test_a_begin_token_is_counted_once(tokens: ModelTokens) -> None:
    """Although both the template and the tokenizer put it there; and the end token that the tokenizer adds."""
    plain, starting = [
        await tokens.count(pb.CountTokensRequest(model=model, messages=[user("안녕")]), None)
        for model in ("ko", "ko-bos")
    ]
    assert starting.total == plain.total + 1
    assert starting.context_length == 2_048


async def test_the_header_of_the_answer_may_be_left_out(tokens: ModelTokens) -> None:
    """Of the prompt and of the count."""
    request = pb.RenderChatRequest(model="ko", messages=[user("안녕")], add_generation_prompt=False)
    assert (await tokens.render(request, None)).text == f"{BOS}{USER}안녕{END}"
    counts = [
        (
            await tokens.count(
                pb.CountTokensRequest(model="ko", messages=[user("안녕")], add_generation_prompt=add), None
            )
        ).total
        for add in (True, False)
    ]
    assert counts[0] > counts[1]


async def test_an_answer_is_continued_after_its_header(tokens: ModelTokens) -> None:
    """As llama.cpp does it; the last message must be an answer."""
    answer = pb.Message(role=pb.ROLE_ASSISTANT, parts=[pb.ContentPart(text="오늘은 ")])
    request = pb.RenderChatRequest(model="ko", messages=[user("날씨"), answer], continue_final_message=True)
    assert (await tokens.render(request, None)).text == f"{BOS}{USER}날씨{END}<|assistant|>오늘은 "
    del request.messages[1]
    with pytest.raises(InvalidField):
        await tokens.render(request, None)


async def test_a_profile_counts_as_its_model_under_its_own_instructions(tokens: ModelTokens) -> None:
    """Or under the model's, where it has none."""

    async def total(model: str) -> int:
        return (await tokens.count(pb.CountTokensRequest(model=model, messages=[user("비가 온다")]), None)).total

    assert await total("law") == await total("chat") == await total("ko-polite") > await total("ko")


@pytest.mark.parametrize(
    ("name", "told"), [("both", "name ko, law"), ("bare", "models.ko-bare.tokenizer"), ("ko-bare", "models.ko-bare")]
)
async def test_a_name_without_a_tokenizer_says_what_to_do(tokens: ModelTokens, name: str, told: str) -> None:
    """A route has as many as it has models."""
    with pytest.raises(TokenizerNotFound, match=told):
        await tokens.count(pb.CountTokensRequest(model=name, texts=["비"]), None)


async def test_the_models_system_prompt_is_counted(tokens: ModelTokens) -> None:
    """As generation sends it."""
    rendered = await tokens.render(pb.RenderChatRequest(model="ko-polite", messages=[user("안녕")]), None)
    assert "공손히 답한다." in rendered.text


async def test_decomposed_messages_are_rendered_composed(tokens: ModelTokens) -> None:
    """As engines are sent them."""
    rendered = await tokens.render(pb.RenderChatRequest(model="ko", messages=[user(NFD)]), None)
    assert NFC in rendered.text


@pytest.mark.parametrize(
    ("model", "error", "field"),
    [("", InvalidField, "model"), ("없음", ModelNotFound, "model"), ("ko-bare", TokenizerNotFound, "model")],
)
async def test_models_that_cannot_be_counted_with(
    tokens: ModelTokens, model: str, error: type[Exception], field: str
) -> None:
    """The message says how to mend it."""
    for call in (
        tokens.count(pb.CountTokensRequest(model=model, texts=["눈"]), None),
        tokens.encode(pb.EncodeRequest(model=model, texts=["눈"])),
        tokens.decode(pb.DecodeRequest(model=model, token_ids=[1])),
        tokens.render(pb.RenderChatRequest(model=model, messages=[user("눈")]), None),
    ):
        with pytest.raises(error) as caught:
            await call
        assert getattr(caught.value, "field", None) == field


async def test_a_model_without_a_template_renders_no_chat(tokens: ModelTokens) -> None:
    """A base model."""
    with pytest.raises(InvalidField, match="no chat template"):
        await tokens.render(pb.RenderChatRequest(model="ko-base", messages=[user("눈")]), None)


@pytest.mark.parametrize(
    "given",
    [
        "[]",
        '{"messages": null}',
        '{"tools": null}',
        '{"bos_token": "x"}',
        '{"eos_token": "x"}',
        '{"add_generation_prompt": false}',
        '{"__class__": 1}',
        '{"날씨": 1}',
        '{"style": "두 낱말"}',
        '{"style": ["a"]}',
        '{"budget": NaN}',
        " " * 5_000 + "{}",
    ],
)
async def test_template_arguments_are_checked(tokens: ModelTokens, given: str) -> None:
    """They are switches by name, none of which stands for the conversation."""
    switches = '{"enable_thinking": false, "budget": 1.5, "style": "short", "none": null}'
    allowed = pb.RenderChatRequest(model="ko", messages=[user("눈")], template_arguments_json=switches)
    assert (await tokens.render(allowed, None)).tokens
    request = pb.RenderChatRequest(model="ko", messages=[user("눈")], template_arguments_json=given)
    with pytest.raises(InvalidField) as caught:
        await tokens.render(request, None)
    assert caught.value.field == "template_arguments_json"


async def test_tokenizers_are_listed(tokens: ModelTokens) -> None:
    """Those that are loaded, with their special tokens."""
    described = tokens.describe().tokenizers
    assert [info.model for info in described] == ["ko", "ko-base", "ko-bos", "ko-polite"]
    assert dict(described[0].special_tokens) == {"bos": 0, "eos": 1}
    assert (described[0].source, described[0].has_chat_template) == ("tokenizer.json", True)
    assert described[0].vocabulary_size > 256


async def test_a_tokenizer_that_cannot_be_used_stops_the_start(tmp_path: Path) -> None:
    """Rather than the first request."""
    (tmp_path / "tokenizer.json").write_text("{}", encoding="utf-8")
    broken = ModelTokens(Names({"ko": ModelConfig(url="hf://soban/ko", tokenizer=str(tmp_path))}), threads=1)
    with pytest.raises(ConfigError):
        await broken.start()
    await broken.stop()


class Recording(ThreadPoolExecutor):
    """Counts what was given to threads."""

    given = 0

    def submit(self, *args: Any, **more: Any) -> Any:
        self.given += 1
        return super().submit(*args, **more)


async def test_work_that_is_long_in_any_field_leaves_the_event_loop(
    tokens: ModelTokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Arguments of calls, many messages without text, the search for a bad id after decoding."""
    threads = Recording(1)
    monkeypatch.setattr(tokens, "_threads", threads)
    call = pb.Message(role=pb.ROLE_ASSISTANT, tool_calls=[pb.ToolCall(name="날씨", arguments="가" * 2_000)])
    await tokens.render(pb.RenderChatRequest(model="ko", messages=[call]), None)
    assert threads.given == 1
    await tokens.render(pb.RenderChatRequest(model="ko", messages=[pb.Message(role=pb.ROLE_USER)] * 600), None)
    assert threads.given == 2
    with pytest.raises(InvalidField):
        await tokens.decode(pb.DecodeRequest(model="ko", token_ids=[*[5] * 2_000, 9_999]))
    assert threads.given == 4
