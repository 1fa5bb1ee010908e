"""Which AnalyzeOptions can be served. Paths of errors begin with `options.`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import soban.v1 as pb
from soban.runtime.errors import InvalidField, NotBuilt
from soban.tokenization.analysis.cost import WHOLE
from soban.tokenization.offsets import code_point_at, code_points, unit_of
from soban.tokenization.tags import TAGS, matching

MOST_READINGS = 10
MOST_USER_WORDS = 10_000
MOST_WORD_CHARACTERS = 64
MOST_VALUE_CHARACTERS = 256
MOST_STOP_WORDS = 10_000
MOST_KNOWN_SPANS = 1_000


def check_options(options: pb.AnalyzeOptions) -> None:
    """Raises InvalidField and NotBuilt."""
    if not options.ByteSize():
        return
    _check_enums(options)
    _check_built(options)
    if options.HasField("top_n") and not 1 <= options.top_n <= MOST_READINGS:
        raise InvalidField(f"from 1 to {MOST_READINGS}", field="options.top_n")
    if options.top_n > 1 and options.split_lines:
        raise InvalidField("more than one reading does not go with split_lines", field="options.top_n")
    threshold = options.typo_cost_threshold
    if options.HasField("typo_cost_threshold") and not (math.isfinite(threshold) and threshold > 0):
        raise InvalidField("a number over 0", field="options.typo_cost_threshold")
    _check_heads(options.include_tags, "options.include_tags")
    _check_heads(options.exclude_tags, "options.exclude_tags")
    if len(options.stop_words) > MOST_STOP_WORDS:
        raise InvalidField(f"at most {MOST_STOP_WORDS:,}", field="options.stop_words")
    _check_user_words(options.user_words)


def check_known_spans(options: pb.AnalyzeOptions, text: str) -> None:
    """Raises InvalidField for spans that Kiwi would not take as they are. `options` is valid otherwise."""
    if not options.known_spans:
        return
    if len(options.known_spans) > MOST_KNOWN_SPANS or len(text) > WHOLE:
        raise InvalidField(
            f"at most {MOST_KNOWN_SPANS:,} spans, in a text of at most {WHOLE:,} characters",
            field="options.known_spans",
        )
    taken: set[int] = set()
    places = code_points(text, unit_of(options.offset_unit))
    for number, known in enumerate(options.known_spans):
        path = f"options.known_spans[{number}]"
        _check_tag(known.tag, f"{path}.tag")
        _check_length(known.form, MOST_WORD_CHARACTERS, f"{path}.form")
        span = range(*_code_points(known.span, places, text, f"{path}.span"))
        if not taken.isdisjoint(span):
            raise InvalidField("overlaps another known span", field=f"{path}.span")
        taken.update(span)


def _check_enums(options: pb.AnalyzeOptions) -> None:
    # proto3 hands on numbers that no value has.
    if options.offset_unit not in pb.OffsetUnit.values():
        raise InvalidField("no such unit", field="options.offset_unit")
    if options.model not in pb.MorphologyModel.values():
        raise InvalidField("no such model", field="options.model")
    if options.typo_tolerance not in pb.TypoTolerance.values():
        raise InvalidField("no such tolerance", field="options.typo_tolerance")
    if options.unknown_words not in pb.UnknownWords.values():
        raise InvalidField("no such handling", field="options.unknown_words")


def _check_built(options: pb.AnalyzeOptions) -> None:
    asked = {
        "options.model CONG_GLOBAL": options.model == pb.MORPHOLOGY_MODEL_CONG_GLOBAL,
        "options.dialects": bool(options.dialects),
        "options.dictionaries": bool(options.dictionaries),
        "options.tenant": bool(options.tenant),
        "options.user_words.score": any(word.score for word in options.user_words),
    }
    for name, is_asked in asked.items():
        if is_asked:
            raise NotBuilt(f"{name} is not built in this release", metadata={"field": name.partition(" ")[0]})


def _check_heads(heads: Sequence[str], field: str) -> None:
    for number, head in enumerate(heads):
        if not head or not matching([head]):
            raise InvalidField("no tag begins so", field=f"{field}[{number}]")


def _check_user_words(words: Sequence[pb.UserWord]) -> None:
    if len(words) > MOST_USER_WORDS:
        raise InvalidField(f"at most {MOST_USER_WORDS:,}", field="options.user_words")
    for number, word in enumerate(words):
        path = f"options.user_words[{number}]"
        if not word.form or word.form != word.form.strip():
            raise InvalidField("a word has characters, and no white space around them", field=f"{path}.form")
        _check_length(word.form, MOST_WORD_CHARACTERS, f"{path}.form")
        _check_length(word.lemma, MOST_WORD_CHARACTERS, f"{path}.lemma")
        _check_length(word.value, MOST_VALUE_CHARACTERS, f"{path}.value")
        if word.tag:
            _check_tag(word.tag, f"{path}.tag")


def _check_length(text: str, most: int, field: str) -> None:
    if len(text) > most:
        raise InvalidField(f"at most {most} characters", field=field)


def _check_tag(tag: str, field: str) -> None:
    if tag not in TAGS:
        raise InvalidField("no such tag; see the list in the documentation of Kiwi", field=field)


def _code_points(span: pb.Span, places: Mapping[int, int] | Sequence[int], text: str, field: str) -> tuple[int, int]:
    """The span as code points of `text`."""
    start, end = (code_point_at(places, at) for at in (span.start, span.end))
    if start is None or end is None or start >= end:
        raise InvalidField("no range of the text that begins and ends between characters", field=field)
    if text[start].isspace() or text[end - 1].isspace():
        raise InvalidField("a morpheme neither begins nor ends with white space", field=field)
    return start, end
