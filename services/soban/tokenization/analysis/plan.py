"""Options of a request, made ready once for all texts that are analysed with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import soban.v1 as pb
from soban.tokenization.analysis.job import Flag
from soban.tokenization.analysis.user_words import Match, UserWords, without_overlaps
from soban.tokenization.analyzer import FixedMorpheme, KiwiToken, arguments_of
from soban.tokenization.normalization import Composed, nfc
from soban.tokenization.offsets import code_point_at, code_points, unit_of
from soban.tokenization.tags import TAGS, chosen


class Plan:
    """`arguments` for Kiwi, `unit` of offsets, and what becomes of the tokens. The options are valid."""

    def __init__(self, options: pb.AnalyzeOptions, flags: Flag) -> None:
        self.arguments: dict[str, Any] = arguments_of(options, open_ending=bool(flags & Flag.OPEN_ENDING))
        self.unit = unit_of(options.offset_unit)
        self.normalize = options.normalize or not options.HasField("normalize")
        self.split_lines = options.split_lines
        self.morphemes = not flags & Flag.SENTENCES_ONLY
        self.sentences = options.sentences or bool(flags & Flag.WITH_SENTENCES)
        self._tags = chosen(options.include_tags, options.exclude_tags)
        self._stop_words = frozenset(options.stop_words)
        self._filters = self._tags != TAGS or bool(self._stop_words)
        self._words = UserWords(self._in_form(word) for word in options.user_words)
        self._known = options.known_spans
        self.settles = bool(options.user_words or options.known_spans)
        """Whether the request settles any morphemes."""

    @classmethod
    def decode(cls, options: bytes, flags: Flag) -> Plan:
        """From an encoded `AnalyzeOptions`."""
        return cls(pb.AnalyzeOptions.FromString(options), flags)

    def kept(self, tokens: Sequence[KiwiToken]) -> Sequence[int]:
        """The numbers of the tokens that stay."""
        if not self._filters:
            return range(len(tokens))
        return [number for number, token in enumerate(tokens) if self._keeps(token)]

    def fixed(self, text: str, composed: Composed | None, analysed: str) -> list[Match]:
        """What the request settles in `text`, in code points of `analysed`, its form for Kiwi."""
        words = self._words.find(analysed)
        if not self._known:
            return list(words)
        places = code_points(text, self.unit)
        return without_overlaps([self._match(known, places, composed) for known in self._known], words)

    def _keeps(self, token: KiwiToken) -> bool:
        return token.tag.partition("-")[0] in self._tags and token.form not in self._stop_words

    def _in_form(self, word: pb.UserWord) -> pb.UserWord:
        if self.normalize:
            word.form = nfc(word.form)
        return word

    def _match(
        self, known: pb.KnownSpan, places: Mapping[int, int] | Sequence[int], composed: Composed | None
    ) -> Match:
        start, end = (code_point_at(places, offset) or 0 for offset in (known.span.start, known.span.end))
        if composed is not None:
            start, end = composed.locate(start, end)
        return Match(FixedMorpheme(start, end, known.tag, known.form))
