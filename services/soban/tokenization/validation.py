"""What the service refuses, with the path of the field at fault. What stands here is what the contract promises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import soban.v1 as pb
from soban.runtime.errors import InvalidField, NotBuilt, SobanError, TextTooLong
from soban.tokenization.analysis.cost import WHOLE
from soban.tokenization.analysis_options import check_known_spans, check_options

MOST_TEXT_BYTES = 4_000_000
MOST_TEXTS = 1_024
MOST_TOKEN_IDS = 1_000_000
MOST_MESSAGES = 2_048
MOST_TOOLS = 128

_BYTES_OF_A_CHARACTER = 4


def check_analysis(request: pb.AnalyzeRequest) -> None:
    """Raises TextTooLong, InvalidField and NotBuilt."""
    check_text(request.text, "text")
    check_options(request.options)
    check_known_spans(request.options, request.text)
    _check_readings(request.options, [request.text])


def check_batch(request: pb.AnalyzeBatchRequest) -> None:
    """Raises InvalidField and NotBuilt for what concerns all texts; `refusals` tells what concerns one."""
    check_number_of_texts(request.texts)
    check_options(request.options)
    if request.options.known_spans:
        raise InvalidField("spans of a text go with Analyze, not with a batch", field="options.known_spans")
    _check_readings(request.options, request.texts)


def check_split(request: pb.SplitSentencesRequest) -> None:
    """Raises TextTooLong, InvalidField and NotBuilt."""
    check_text(request.text, "text")
    check_unit(request.offset_unit)
    _refuse_not_built({"dictionaries": bool(request.dictionaries), "tenant": bool(request.tenant)})


def check_encode(request: pb.EncodeRequest) -> None:
    """Raises TextTooLong, InvalidField and NotBuilt."""
    check_number_of_texts(request.texts)
    check_each_text(request.texts)
    check_unit(request.offset_unit)
    _refuse_not_built(
        {"align_morphemes": request.align_morphemes, "analyze_options": request.HasField("analyze_options")}
    )


def check_decode(request: pb.DecodeRequest) -> None:
    """Raises InvalidField."""
    if len(request.token_ids) > MOST_TOKEN_IDS:
        raise InvalidField(f"at most {MOST_TOKEN_IDS:,} ids", field="token_ids")


def check_count(request: pb.CountTokensRequest) -> None:
    """Raises TextTooLong and InvalidField."""
    if bool(request.texts) == bool(request.messages):
        raise InvalidField("exactly one of texts and messages is given", field="texts")
    if request.messages:
        if request.add_special_tokens:
            raise InvalidField(
                "goes with texts; a conversation has the tokens of its template", field="add_special_tokens"
            )
        check_messages(request.messages)
        check_tools(request.tools)
        return
    if request.tools:
        raise InvalidField("goes with messages", field="tools")
    if request.HasField("add_generation_prompt"):
        raise InvalidField("goes with messages", field="add_generation_prompt")
    check_number_of_texts(request.texts)
    check_each_text(request.texts)


def check_messages(messages: Sequence[pb.Message]) -> None:
    """Raises TextTooLong and InvalidField."""
    if not 1 <= len(messages) <= MOST_MESSAGES:
        raise InvalidField(f"from 1 to {MOST_MESSAGES:,} messages", field="messages")
    for number, message in enumerate(messages):
        path = f"messages[{number}]"
        if message.role not in (pb.ROLE_SYSTEM, pb.ROLE_USER, pb.ROLE_ASSISTANT, pb.ROLE_TOOL):
            raise InvalidField("a role is required: SYSTEM, USER, ASSISTANT or TOOL", field=f"{path}.role")
        for index, part in enumerate(message.parts):
            if part.WhichOneof("part") != "text":
                raise InvalidField("only text can be counted", field=f"{path}.parts[{index}]")
            check_text(part.text, f"{path}.parts[{index}].text")
        for index, call in enumerate(message.tool_calls):
            check_text(call.arguments, f"{path}.tool_calls[{index}].arguments")


def check_tools(tools: Sequence[pb.Tool]) -> None:
    """Raises TextTooLong and InvalidField."""
    if len(tools) > MOST_TOOLS:
        raise InvalidField(f"at most {MOST_TOOLS} tools", field="tools")
    for number, tool in enumerate(tools):
        check_text(tool.description, f"tools[{number}].description")
        check_text(tool.parameters_json_schema, f"tools[{number}].parameters_json_schema")


def check_text(text: str, field: str) -> None:
    """Raises TextTooLong."""
    if len(text) * _BYTES_OF_A_CHARACTER > MOST_TEXT_BYTES and len(text.encode()) > MOST_TEXT_BYTES:
        raise TextTooLong(f"a text may have {MOST_TEXT_BYTES:,} bytes of UTF-8", field=field)


def check_each_text(texts: Sequence[str]) -> None:
    """Raises TextTooLong for the first that is."""
    for number, text in enumerate(texts):
        check_text(text, f"texts[{number}]")


def check_number_of_texts(texts: Sequence[str]) -> None:
    """Raises InvalidField."""
    if not 1 <= len(texts) <= MOST_TEXTS:
        raise InvalidField(f"from 1 to {MOST_TEXTS:,} texts; there are {len(texts):,}", field="texts")


def refusals(texts: Sequence[str]) -> Mapping[int, SobanError]:
    """The errors of single texts of a batch, by number."""
    found: dict[int, SobanError] = {}
    for number, text in enumerate(texts):
        try:
            check_text(text, f"texts[{number}]")
        except TextTooLong as err:
            found[number] = err
    return found


def check_unit(unit: pb.OffsetUnit.ValueType, field: str = "offset_unit") -> None:
    """Raises InvalidField."""
    if unit not in pb.OffsetUnit.values():
        raise InvalidField("no such unit", field=field)


def _refuse_not_built(asked: Mapping[str, bool]) -> None:
    for field, is_asked in asked.items():
        if is_asked:
            raise NotBuilt(f"{field} is not built in this release", metadata={"field": field})


def _check_readings(options: pb.AnalyzeOptions, texts: Sequence[str]) -> None:
    if options.top_n > 1 and any(len(text) > WHOLE for text in texts):
        raise InvalidField(f"more than one reading needs texts of at most {WHOLE:,} characters", field="options.top_n")
