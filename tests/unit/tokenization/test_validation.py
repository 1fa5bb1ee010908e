"""What is refused, with the path of the field."""

from __future__ import annotations

import pytest

import soban.v1 as pb
from soban.runtime.errors import InvalidField, NotBuilt, SobanError, TextTooLong
from soban.tokenization import analysis_options, validation
from soban.tokenization.analysis_options import check_options
from soban.tokenization.offsets import code_points

TEXT = "했다. 😀 좋다"
BYTES = pb.OFFSET_UNIT_UTF8_BYTE
TOO_LONG = "가" * 1_333_334


def refused(check: object, request: object) -> SobanError:
    with pytest.raises(SobanError) as caught:
        check(request)  # type: ignore[operator]
    return caught.value


def word(**fields: object) -> dict[str, object]:
    return {"user_words": [pb.UserWord(form="좋은"), pb.UserWord(**fields)]}


def span(start: int, end: int, tag: str = "NNP", **fields: object) -> dict[str, object]:
    return {"known_spans": [pb.KnownSpan(span=pb.Span(start=start, end=end), tag=tag, **fields)]}


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"top_n": 0}, "options.top_n"),
        ({"top_n": -1}, "options.top_n"),
        ({"top_n": 11}, "options.top_n"),
        ({"top_n": 2, "split_lines": True}, "options.top_n"),
        ({"offset_unit": 9}, "options.offset_unit"),
        ({"model": 9}, "options.model"),
        ({"typo_tolerance": 9}, "options.typo_tolerance"),
        ({"unknown_words": 9}, "options.unknown_words"),
        ({"typo_cost_threshold": 0.0}, "options.typo_cost_threshold"),
        ({"typo_cost_threshold": float("nan")}, "options.typo_cost_threshold"),
        ({"include_tags": ["N", "명사"]}, "options.include_tags[1]"),
        ({"include_tags": [""]}, "options.include_tags[0]"),
        ({"exclude_tags": ["VV-I"]}, "options.exclude_tags[0]"),
        ({"stop_words": ["은"] * 10_001}, "options.stop_words"),
        ({"user_words": [pb.UserWord(form="밥")] * 10_001}, "options.user_words"),
        (word(form=""), "options.user_words[1].form"),
        (word(form=" 밥"), "options.user_words[1].form"),
        (word(form="밥" * 65), "options.user_words[1].form"),
        (word(form="밥", tag="명사"), "options.user_words[1].tag"),
        (word(form="밥", lemma="밥" * 65), "options.user_words[1].lemma"),
        (word(form="밥", value="밥" * 257), "options.user_words[1].value"),
        (span(0, 1, ""), "options.known_spans[0].tag"),
        (span(0, 1, form="밥" * 65), "options.known_spans[0].form"),
        (span(1, 1), "options.known_spans[0].span"),
        (span(2, 1), "options.known_spans[0].span"),
        (span(0, 99), "options.known_spans[0].span"),
        (span(0, 4), "options.known_spans[0].span"),
        (span(3, 5), "options.known_spans[0].span"),
        ({**span(0, 1), "offset_unit": BYTES}, "options.known_spans[0].span"),
        ({"known_spans": [*span(0, 2)["known_spans"], *span(1, 3)["known_spans"]]}, "options.known_spans[1].span"),
        ({"known_spans": [*span(0, 1)["known_spans"]] * 1_001}, "options.known_spans"),
    ],
)
def test_options_that_make_no_sense(options: dict[str, object], field: str) -> None:
    """Each is named by its path."""
    error = refused(validation.check_analysis, pb.AnalyzeRequest(text=TEXT, options=pb.AnalyzeOptions(**options)))
    assert isinstance(error, InvalidField)
    assert error.field == field


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"model": pb.MORPHOLOGY_MODEL_CONG_GLOBAL}, "options.model"),
        ({"dialects": ["jeju"]}, "options.dialects"),
        ({"dictionaries": ["의학"]}, "options.dictionaries"),
        (word(form="밥", score=1.0), "options.user_words.score"),
    ],
)
def test_options_that_are_not_built_are_named(options: dict[str, object], name: str) -> None:
    """They are no mistakes."""
    with pytest.raises(NotBuilt, match=name) as caught:
        check_options(pb.AnalyzeOptions(**options))
    assert caught.value.metadata == {"field": name}


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"top_n": 10, "offset_unit": BYTES, "typo_tolerance": pb.TYPO_TOLERANCE_ALL, "typo_cost_threshold": 2.5},
        {"include_tags": ["N", "VV", "W_"], "exclude_tags": ["NNB"], "stop_words": ["것"]},
        {**word(form="소반 상", tag="NNG", lemma="소반상", value="v" * 256), **span(0, 2)},
        {**span(8, 12), "offset_unit": BYTES},
        {**span(4, 6), "offset_unit": pb.OFFSET_UNIT_UTF16_UNIT},
        {"model": pb.MORPHOLOGY_MODEL_CONG, "unknown_words": pb.UNKNOWN_WORDS_FREQUENCY, "split_lines": True},
    ],
)
def test_options_that_do(options: dict[str, object]) -> None:
    """The bounds themselves are within."""
    validation.check_analysis(pb.AnalyzeRequest(text=TEXT, options=pb.AnalyzeOptions(**options)))


def test_the_limit_of_a_text_is_in_bytes() -> None:
    """4,000,000, of one byte or of three."""
    for fits in ("a" * 4_000_000, "가" * 1_333_333):
        validation.check_text(fits, "text")
    assert isinstance(refused(validation.check_analysis, pb.AnalyzeRequest(text=TOO_LONG)), TextTooLong)
    assert refused(validation.check_split, pb.SplitSentencesRequest(text="a" * 4_000_001)).field == "text"


def test_several_readings_and_known_spans_are_for_short_texts() -> None:
    """Of at most 2,000 characters."""
    several = pb.AnalyzeOptions(top_n=2)
    validation.check_analysis(pb.AnalyzeRequest(text="가" * 2_000, options=several))
    assert (
        refused(validation.check_analysis, pb.AnalyzeRequest(text="가" * 2_001, options=several)).field
        == "options.top_n"
    )
    known = pb.AnalyzeRequest(text="가" * 2_001, options=pb.AnalyzeOptions(**span(0, 1)))
    assert refused(validation.check_analysis, known).field == "options.known_spans"
    batch = pb.AnalyzeBatchRequest(texts=["가", "가" * 2_001], options=several)
    assert refused(validation.check_batch, batch).field == "options.top_n"


@pytest.mark.parametrize("texts", [[], ["밥"] * 1_025])
def test_the_number_of_texts_is_bounded(texts: list[str]) -> None:
    """From 1 to 1,024."""
    assert refused(validation.check_batch, pb.AnalyzeBatchRequest(texts=texts)).field == "texts"
    assert refused(validation.check_encode, pb.EncodeRequest(texts=texts)).field == "texts"
    assert refused(validation.check_count, pb.CountTokensRequest(texts=texts)).field == "texts"


def test_one_text_of_a_batch_that_is_too_long_is_refused_alone() -> None:
    """By its number; encoding and counting refuse the whole call, as their answers have no room for errors."""
    found = validation.refusals(["밥", TOO_LONG])
    assert {number: error.field for number, error in found.items()} == {1: "texts[1]"}
    assert refused(validation.check_encode, pb.EncodeRequest(texts=["밥", TOO_LONG])).field == "texts[1]"
    assert refused(validation.check_count, pb.CountTokensRequest(texts=[TOO_LONG])).field == "texts[0]"


def test_known_spans_belong_to_one_text() -> None:
    """A batch has many."""
    request = pb.AnalyzeBatchRequest(texts=["밥"], options=pb.AnalyzeOptions(**span(0, 1)))
    assert refused(validation.check_batch, request).field == "options.known_spans"


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (pb.Message(), "messages[1].role"),
        (pb.Message(role=9), "messages[1].role"),
        (pb.Message(role=pb.ROLE_USER, parts=[pb.ContentPart()]), "messages[1].parts[0]"),
        (pb.Message(role=pb.ROLE_USER, parts=[pb.ContentPart(image=pb.Image(uri="x"))]), "messages[1].parts[0]"),
        (pb.Message(role=pb.ROLE_USER, parts=[pb.ContentPart(text=TOO_LONG)]), "messages[1].parts[0].text"),
    ],
)
def test_messages_that_cannot_be_counted(message: pb.Message, field: str) -> None:
    """Each is named by its path."""
    request = pb.CountTokensRequest(messages=[pb.Message(role=pb.ROLE_SYSTEM), message])
    assert refused(validation.check_count, request).field == field


def test_texts_or_messages_are_counted() -> None:
    """Exactly one of them."""
    both = pb.CountTokensRequest(texts=["밥"], messages=[pb.Message(role=pb.ROLE_USER)])
    for request in (both, pb.CountTokensRequest()):
        assert refused(validation.check_count, request).field == "texts"
    assert refused(validation.check_messages, []).field == "messages"


def test_the_rest() -> None:
    """Ids, units, alignment."""
    assert refused(validation.check_decode, pb.DecodeRequest(token_ids=[1] * 1_000_001)).field == "token_ids"
    assert refused(validation.check_split, pb.SplitSentencesRequest(offset_unit=9)).field == "offset_unit"
    assert refused(validation.check_encode, pb.EncodeRequest(texts=["밥"], offset_unit=9)).field == "offset_unit"
    with pytest.raises(NotBuilt, match="align_morphemes"):
        validation.check_encode(pb.EncodeRequest(texts=["밥"], align_morphemes=True))


def test_one_table_of_offsets_serves_all_known_spans(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table for each would be a second of work."""
    built: list[str] = []

    def counted(text: str, unit: pb.OffsetUnit.ValueType) -> object:
        built.append(text)
        return code_points(text, unit)

    monkeypatch.setattr(analysis_options, "code_points", counted)
    spans = [pb.KnownSpan(span=pb.Span(start=at * 3, end=at * 3 + 3), tag="NNG") for at in range(1_000)]
    options = pb.AnalyzeOptions(offset_unit=BYTES, known_spans=spans)
    validation.check_analysis(pb.AnalyzeRequest(text="가" * 1_000, options=options))
    assert len(built) == 1


def test_the_number_of_messages_is_bounded() -> None:
    """To 2,048."""
    messages = [pb.Message(role=pb.ROLE_USER)] * 2_048
    validation.check_messages(messages)
    assert refused(validation.check_messages, [*messages, messages[0]]).field == "messages"


def test_tools_and_calls_are_bounded() -> None:
    """In number, and each of their texts."""
    message = pb.Message(role=pb.ROLE_USER)
    many = pb.CountTokensRequest(messages=[message], tools=[pb.Tool(name="날씨")] * 129)
    assert refused(validation.check_count, many).field == "tools"
    for field in ("description", "parameters_json_schema"):
        assert refused(validation.check_tools, [pb.Tool(**{field: TOO_LONG})]).field == f"tools[0].{field}"
    call = pb.Message(role=pb.ROLE_ASSISTANT, tool_calls=[pb.ToolCall(arguments=TOO_LONG)])
    assert refused(validation.check_messages, [call]).field == "messages[0].tool_calls[0].arguments"
