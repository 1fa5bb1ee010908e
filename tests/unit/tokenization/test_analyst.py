"""Analyses as a worker makes them, with the real Kiwi."""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import soban.v1 as pb
from soban.tokenization.analysis.analyst import Analyst
from soban.tokenization.analysis.job import BEGIN, Flag, Start
from soban.tokenization.analyzer import Analyzer, arguments_of
from soban.tokenization.tags import TAGS
from unit.tokenization.conftest import Analyze, shown
from unit.tokenization.korean import NFD, SENTENCES, texts

UNITS = (pb.OFFSET_UNIT_CODE_POINT, pb.OFFSET_UNIT_UTF8_BYTE, pb.OFFSET_UNIT_UTF16_UNIT)


def cut(text: str, span: pb.Span, unit: int) -> str:
    """The slice of `text` at `span`, cut as a client in that unit does."""
    if unit == pb.OFFSET_UNIT_UTF8_BYTE:
        return text.encode()[span.start : span.end].decode()
    if unit == pb.OFFSET_UNIT_UTF16_UNIT:
        return text.encode("utf-16-le")[2 * span.start : 2 * span.end].decode("utf-16-le")
    return text[span.start : span.end]


@pytest.mark.parametrize("text", SENTENCES)
def test_every_field_is_kiwis(text: str, analyzer: Analyzer, analyze: Analyze) -> None:
    """Token by token; eojeol are counted over the whole text, where Kiwi counts within a sentence."""
    ((tokens, score),) = analyzer.analyze(text, arguments_of(pb.AnalyzeOptions()))
    (analysis,) = analyze(text).analyses
    assert analysis.score == pytest.approx(score)
    for morpheme, token in zip(analysis.morphemes, tokens, strict=True):
        assert (morpheme.form, morpheme.lemma) == (token.form, token.lemma)
        assert morpheme.tag == token.tag.split("-")[0]
        assert (morpheme.span.start, morpheme.span.end) == (token.start, token.end)
        assert morpheme.surface == text[token.start : token.end]
        assert (morpheme.score, morpheme.typo_cost) == pytest.approx((token.score, token.typo_cost))
        assert morpheme.sentence_index == token.sent_position
        assert morpheme.nested_sentence_index == token.sub_sent_position
        assert morpheme.line_index == token.line_number
        assert morpheme.eojeol_index == len(re.findall(r"(?<!\S)\S", text[: token.start + 1])) - 1
        assert (morpheme.unknown, morpheme.sense) == (token.oov, token.sense)
        assert (morpheme.pair_index if morpheme.HasField("pair_index") else -1) == token.paired_token
        regularity = {None: pb.REGULARITY_UNSPECIFIED, True: pb.REGULARITY_REGULAR, False: pb.REGULARITY_IRREGULAR}
        assert morpheme.regularity == regularity[token.regularity]


@given(text=texts, unit=st.sampled_from(UNITS), normalize=st.booleans(), base=st.sampled_from([0, 70_000]))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_spans_are_those_of_the_text_as_sent(
    text: str, unit: pb.OffsetUnit.ValueType, normalize: bool, base: int, analyst: Analyst
) -> None:
    """The slice at the span is the surface, starts never go back, nothing lies outside, in every unit and form."""
    options = pb.AnalyzeOptions(offset_unit=unit, normalize=normalize, sentences=True)
    request = pb.AnalyzeBatchRequest(texts=[text], options=options)
    answer = pb.AnalyzeBatchResponse.FromString(analyst.answer(request, Start(base, 0, 0), Flag.NONE))
    response = answer.results[0].response
    morphemes = response.analyses[0].morphemes
    for found in (*morphemes, *response.sentences):
        found.span.start -= base
        found.span.end -= base
    assert [cut(text, morpheme.span, unit) for morpheme in morphemes] == [morpheme.surface for morpheme in morphemes]
    assert [cut(text, sentence.span, unit) for sentence in response.sentences] == [
        sentence.text for sentence in response.sentences
    ]
    assert all(one.span.start <= other.span.start for one, other in pairwise(morphemes))
    assert all(one.span.end <= other.span.start for one, other in pairwise(response.sentences))
    assert response.normalized == (normalize and not unicodedata.is_normalized("NFC", text))
    assert {morpheme.tag for morpheme in morphemes} <= TAGS


def test_fused_morphemes_share_a_surface(analyze: Analyze) -> None:
    """In "했다" 하 and 었 are one syllable."""
    morphemes = analyze("했다").analyses[0].morphemes
    assert [(m.form, m.tag, m.surface) for m in morphemes] == [
        ("하", "VV", "했"),
        ("었", "EP", "했"),
        ("다", "EF", "다"),
    ]


def test_what_leaves_no_trace_starts_no_later_than_what_follows(analyze: Analyze) -> None:
    """Kiwi itself puts this 하 at 3 and 어요, which comes after it, at 2."""
    (trace,) = [m for m in analyze("걸린대요.각어제 친구랑").analyses[0].morphemes if m.form == "하"]
    assert (trace.span.start, trace.span.end, trace.surface) == (2, 2, "")


def test_irregular_verbs_say_so(analyze: Analyze) -> None:
    """The tag has no suffix."""
    (verb, *_) = analyze("도와줘서 고마워요").analyses[0].morphemes
    assert (verb.form, verb.tag, verb.lemma, verb.regularity) == ("돕", "VV", "돕다", pb.REGULARITY_IRREGULAR)


def test_decomposed_text_is_read_as_composed(analyze: Analyze) -> None:
    """And the spans are those of the decomposed one; without it, Kiwi finds nothing it knows."""
    composed = unicodedata.normalize("NFC", NFD)
    assert shown(analyze(NFD)) == shown(analyze(composed))
    assert analyze(NFD).normalized
    assert not analyze(composed).normalized
    assert shown(analyze(NFD, normalize=False)) != shown(analyze(composed))


def test_final_consonants_come_as_compatibility_jamo_unless_refused(analyze: Analyze) -> None:
    """ "ㄴ다" can be typed, "ᆫ다" cannot."""
    assert "ㄴ다/EF" in shown(analyze("눈이 온다."))
    assert "\u11ab다/EF" in shown(analyze("눈이 온다.", compatible_jamo=False))


@pytest.mark.parametrize(
    ("text", "options", "expected"),
    [
        ("먹었엌ㅋㅋ", {"normalize_coda": True}, "ㅋㅋㅋ/SW"),
        ("고마움을 전하다", {"split_complex": True}, "음/ETN"),
        ("시곗바늘", {"saisiot": True}, "ㅅ/Z_SIOT"),
        ("우리집에성", {}, "ㅇ/Z_CODA"),
        ("됬어요", {"typo_tolerance": pb.TYPO_TOLERANCE_BASIC}, "되/VV"),
        ("됬어요", {"typo_tolerance": pb.TYPO_TOLERANCE_ALL, "typo_cost_threshold": 3.0}, "되/VV"),
    ],
)
def test_options_reach_kiwi(analyze: Analyze, text: str, options: dict[str, object], expected: str) -> None:
    """Each changes the reading of a text made for it."""
    assert expected in shown(analyze(text, **options))


def test_options_that_take_something_away(analyze: Analyze) -> None:
    """Final consonants stay with their syllable, and an open text is not pressed into an ending."""
    assert "Z_CODA" not in " ".join(shown(analyze("우리집에성", z_coda=False)))
    assert shown(analyze("밥을 먹고", open_ending=True)) == ["밥/NNG", "을/JKO", "먹/VV", "고/EC"]
    assert shown(analyze("눈이 온다", open_ending=False))[-1] == "ㄴ다/EF"


def test_several_readings_come_best_first(analyze: Analyze) -> None:
    """As many as asked for."""
    scores = [analysis.score for analysis in analyze("나는 학교에 간다", top_n=3).analyses]
    assert len(scores) == 3
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("text", ["", " \n\t", "\x00"])
def test_text_without_words_has_an_empty_reading(analyze: Analyze, text: str) -> None:
    """It is no error."""
    response = analyze(text, sentences=True)
    assert len(response.analyses) == 1
    assert len(response.analyses[0].morphemes) <= 1


def test_tags_and_forms_filter_what_is_returned(analyze: Analyze) -> None:
    """Sentence numbers stay; brackets whose other one is left out stand alone."""
    text = "밥을 먹었다. 그리고 나서 (물을) 마셨다."
    assert shown(analyze(text, include_tags=["N"])) == ["밥/NNG", "물/NNG"]
    assert shown(analyze(text, include_tags=["N", "JKO"], exclude_tags=["NNG"], stop_words=["을"])) == []
    (opening,) = analyze(text, include_tags=["SSO"]).analyses[0].morphemes
    assert opening.sentence_index == 1
    assert not opening.HasField("pair_index")
    pair = analyze(text, include_tags=["SSO", "SSC"]).analyses[0].morphemes
    assert [bracket.pair_index for bracket in pair] == [1, 0]


def test_sentences_have_nested_ones(analyze: Analyze) -> None:
    """White space between sentences belongs to none."""
    response = analyze('그는 "집에 갔다"고 말했다. 비가 왔다.', sentences=True)
    assert [sentence.text for sentence in response.sentences] == ['그는 "집에 갔다"고 말했다.', "비가 왔다."]
    assert [nested.text for nested in response.sentences[0].nested] == ["집에 갔다"]


def test_sentences_never_overlap(analyze: Analyze) -> None:
    """Not even where the border falls into a character that NFC takes apart."""
    response = analyze("비가 왔다.\u1161\u0344 눈", sentences=True)
    assert all(one.span.end <= other.span.start for one, other in pairwise(response.sentences))


def test_lines_can_be_texts_of_their_own(analyze: Analyze) -> None:
    """Numbers go on from line to line."""
    text = "오늘은 비가\n왔다고 했다.\r\n\n끝"
    whole = analyze(text, sentences=True)
    lines = analyze(text, sentences=True, split_lines=True, offset_unit=pb.OFFSET_UNIT_UTF8_BYTE)
    assert whole.sentences[0].text == "오늘은 비가\n왔다고 했다."
    assert [sentence.text for sentence in lines.sentences] == ["오늘은 비가", "왔다고 했다.", "끝"]
    (*_, last) = lines.analyses[0].morphemes
    assert (last.sentence_index, last.line_index, last.eojeol_index) == (2, 3, 4)
    assert cut(text, last.span, pb.OFFSET_UNIT_UTF8_BYTE) == last.surface == "끝"


def test_words_of_the_request_are_one_morpheme(analyze: Analyze) -> None:
    """With tag, lemma and value, wherever an eojeol begins with them; Kiwi alone reads 소 and 반."""
    words = [pb.UserWord(form="소반", value="제품", lemma="소반(小盤)"), pb.UserWord(form="달리기하", tag="VV")]
    response = analyze('우리 소반에서 "소반"을 쓰다가 달리기했다', user_words=words)
    found = [m for m in response.analyses[0].morphemes if m.dictionary == "request"]
    assert [(m.form, m.tag, m.lemma, m.value) for m in found] == [("소반", "NNP", "소반(小盤)", "제품")] * 2


def test_words_of_the_request_are_found_in_decomposed_text(analyze: Analyze) -> None:
    """Also when they are sent decomposed themselves."""
    form = unicodedata.normalize("NFD", "소반")
    text = unicodedata.normalize("NFD", "우리 소반에서")
    word = next(m for m in analyze(text, user_words=[pb.UserWord(form=form)]).analyses[0].morphemes if m.dictionary)
    assert (word.form, word.surface) == ("소반", form)


def test_known_spans_are_one_morpheme(analyze: Analyze) -> None:
    """In the unit of the request, in any order, with a form of their own if they have one."""
    text = "이 아이폰 십칠을 샀다 😀 좋다"
    start, end = len("이 ".encode()), len("이 아이폰 십칠".encode())
    emoji = len("이 아이폰 십칠을 샀다 ".encode())
    spans = [
        pb.KnownSpan(span=pb.Span(start=emoji, end=emoji + 4), tag="IC", form="웃음"),
        pb.KnownSpan(span=pb.Span(start=start, end=end), tag="NNP"),
    ]
    found = shown(analyze(text, known_spans=spans, offset_unit=pb.OFFSET_UNIT_UTF8_BYTE))
    assert "아이폰 십칠/NNP" in found
    assert "웃음/IC" in found


def test_known_spans_go_before_words(analyze: Analyze) -> None:
    """What overlaps them is not looked up."""
    known = pb.KnownSpan(span=pb.Span(start=0, end=3), tag="NNP")
    response = analyze("소반상을 차렸다", known_spans=[known], user_words=[pb.UserWord(form="소반")])
    assert shown(response)[0] == "소반상/NNP"


def test_a_job_may_ask_for_sentences_alone(analyze: Analyze) -> None:
    """Then there are no analyses."""
    response = analyze("비가 왔다. 눈이 왔다.", flags=Flag.SENTENCES_ONLY | Flag.WITH_SENTENCES)
    assert not response.analyses
    assert len(response.sentences) == 2


def test_jobs_of_several_texts_are_answered_in_order(analyst: Analyst) -> None:
    """Each by itself."""
    request = pb.AnalyzeBatchRequest(texts=["비가 왔다", "", "눈"])
    answer = pb.AnalyzeBatchResponse.FromString(analyst.answer(request, BEGIN, Flag.NONE))
    assert [shown(result.response)[:1] for result in answer.results] == [["비/NNG"], [], ["눈/NNG"]]
