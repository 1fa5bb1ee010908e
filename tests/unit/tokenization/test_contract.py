"""No field of a request that is built is ignored in silence: each is read, refused, or listed with a reason."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import soban.runtime.vocabulary
import soban.tokenization
import soban.v1 as pb
from soban.runtime.errors import InvalidField, NotBuilt
from soban.tokenization import validation

_SERVICE = pb.AnalyzeRequest.DESCRIPTOR.file.services_by_name["TokenizationService"]
BUILT = (
    "Analyze",
    "AnalyzeBatch",
    "SplitSentences",
    "Encode",
    "Decode",
    "CountTokens",
    "RenderChat",
    "ListTokenizers",
)
_IMAGE = pb.Message(role=pb.ROLE_USER, parts=[pb.ContentPart(image=pb.Image(uri="https://example.com/a.png"))])
_USER = pb.Message(role=pb.ROLE_USER, parts=[pb.ContentPart(text="안녕")])
_SCORED = pb.UserWord(form="소반", score=1.0)

READ = {
    "AnalyzeRequest": "text options",
    "AnalyzeBatchRequest": "texts options",
    "AnalyzeOptions": "top_n offset_unit model sentences normalize_coda split_complex compatible_jamo saisiot z_coda "
    "open_ending typo_tolerance typo_cost_threshold unknown_words user_words include_tags exclude_tags stop_words "
    "known_spans split_lines normalize",
    "UserWord": "form tag lemma value",
    "KnownSpan": "span tag form",
    "Span": "start end",
    "SplitSentencesRequest": "text offset_unit split_lines nested normalize_coda",
    "EncodeRequest": "model texts add_special_tokens with_tokens normalize offset_unit parse_special_tokens",
    "DecodeRequest": "model token_ids skip_special_tokens",
    "CountTokensRequest": "model texts messages tools add_special_tokens add_generation_prompt normalize",
    "RenderChatRequest": "model messages tools add_generation_prompt continue_final_message template_arguments_json",
    "Message": "role parts name tool_calls tool_call_id",
    "ContentPart": "text",
    "ToolCall": "id name arguments",
    "Tool": "name description parameters_json_schema",
}
"""What each message has that an answer depends on."""

REFUSED: dict[str, tuple[Any, Any]] = {
    "AnalyzeOptions.dialects": (
        validation.check_analysis,
        pb.AnalyzeRequest(options=pb.AnalyzeOptions(dialects=["jeju"])),
    ),
    "AnalyzeOptions.dictionaries": (
        validation.check_batch,
        pb.AnalyzeBatchRequest(texts=["밥"], options=pb.AnalyzeOptions(dictionaries=["의학"])),
    ),
    "AnalyzeOptions.tenant": (
        validation.check_analysis,
        pb.AnalyzeRequest(options=pb.AnalyzeOptions(tenant="회사")),
    ),
    "UserWord.score": (
        validation.check_analysis,
        pb.AnalyzeRequest(options=pb.AnalyzeOptions(user_words=[_SCORED])),
    ),
    "SplitSentencesRequest.dictionaries": (validation.check_split, pb.SplitSentencesRequest(dictionaries=["의학"])),
    "SplitSentencesRequest.tenant": (validation.check_split, pb.SplitSentencesRequest(tenant="회사")),
    "EncodeRequest.align_morphemes": (
        validation.check_encode,
        pb.EncodeRequest(texts=["밥"], align_morphemes=True),
    ),
    "EncodeRequest.analyze_options": (
        validation.check_encode,
        pb.EncodeRequest(texts=["밥"], analyze_options=pb.AnalyzeOptions()),
    ),
}
"""What is not built: a check, and a request that it refuses naming the field."""

UNUSED = {
    "Tool.strict": "binds how arguments are generated; templates are not told",
    "ContentPart.image": "refused as the part that it is: only text can be counted",
}
"""Accepted or refused elsewhere, and why."""


def _messages(message: Any, seen: set[str]) -> Iterator[Any]:
    """The message and all that it may hold, except below what is refused or unused."""
    if message.name in seen:
        return
    seen.add(message.name)
    yield message
    for field in message.fields:
        path = f"{message.name}.{field.name}"
        if field.message_type is not None and path not in REFUSED and path not in UNUSED:
            yield from _messages(field.message_type, seen)


def _fields() -> set[str]:
    seen: set[str] = set()
    inputs = [_SERVICE.methods_by_name[name].input_type for name in BUILT]
    found = [message for each in inputs for message in _messages(each, seen)]
    return {f"{message.name}.{field.name}" for message in found for field in message.fields}


def test_every_field_is_accounted_for() -> None:
    """Also one that the contract gets tomorrow."""
    read = {f"{message}.{field}" for message, fields in READ.items() for field in fields.split()}
    assert _fields() == read | REFUSED.keys() | UNUSED.keys()
    assert not read & REFUSED.keys()


def test_what_is_read_occurs_in_the_service() -> None:
    """By its name, as an attribute; in runtime where generation reads it, too."""
    folders = (Path(soban.tokenization.__path__[0]), Path(soban.runtime.vocabulary.__path__[0]))
    trees = [ast.parse(file.read_text(encoding="utf-8")) for folder in folders for file in folder.rglob("*.py")]
    names = {node.attr for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert {field for fields in READ.values() for field in fields.split()} <= names


@pytest.mark.parametrize("path", REFUSED)
def test_what_is_not_built_is_refused_by_name(path: str) -> None:
    """Rather than left out of the answer."""
    check, request = REFUSED[path]
    with pytest.raises(NotBuilt) as caught:
        check(request)
    assert caught.value.metadata["field"].endswith(path.partition(".")[2])


@pytest.mark.parametrize(
    ("field", "request_"),
    [
        ("tools", pb.CountTokensRequest(texts=["밥"], tools=[pb.Tool(name="날씨")])),
        ("add_generation_prompt", pb.CountTokensRequest(texts=["밥"], add_generation_prompt=False)),
        ("add_special_tokens", pb.CountTokensRequest(messages=[_USER], add_special_tokens=True)),
        ("messages[0].parts[0]", pb.CountTokensRequest(messages=[_IMAGE])),
    ],
)
def test_what_does_not_go_together_is_refused(field: str, request_: pb.CountTokensRequest) -> None:
    """A field for conversations beside texts, and the other way round."""
    with pytest.raises(InvalidField) as caught:
        validation.check_count(request_)
    assert caught.value.field == field
