"""Kiwi. The only file that knows it.

Facts about kiwipiepy 0.24 that the callers build on: a call with a text of fewer than 4,000 characters holds the GIL
to its end, and nothing can stop a call. So it runs in processes of its own (`analysis/`) on texts of bounded length.
Offsets are code points. `Token.len` has 16 bits, which such texts never fill. The loaded instance is never changed.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from importlib import metadata
from typing import Any, NamedTuple, Protocol

import soban.v1 as pb

_MODEL = "cong"
_WARM_TEXT = "어제 친구랑 서울에 있는 식당에서 김치찌개를 먹었는데, 정말 맛있었어요."

_TYPOS = {
    pb.TYPO_TOLERANCE_BASIC: "basic",
    pb.TYPO_TOLERANCE_CONTINUAL: "continual",
    pb.TYPO_TOLERANCE_LENGTHENING: "lengthening",
    pb.TYPO_TOLERANCE_ALL: "all",
}
_UNKNOWN_WORDS = {
    pb.UNKNOWN_WORDS_RULE: "rule",
    pb.UNKNOWN_WORDS_CHARACTERS: "chr",
    pb.UNKNOWN_WORDS_FREQUENCY: "chr_freq",
}


class KiwiToken(Protocol):
    """What is read of Kiwi's tokens. `tag` may end in "-R" or "-I"; `paired_token` is -1 where there is none."""

    form: str
    tag: str
    lemma: str
    start: int
    end: int
    score: float
    typo_cost: float
    sense: int
    oov: bool
    regularity: bool | None
    sent_position: int
    sub_sent_position: int
    line_number: int
    paired_token: int


class Reading(NamedTuple):
    """One way to read a text, with its log-probability."""

    tokens: Sequence[KiwiToken]
    score: float


class FixedMorpheme(NamedTuple):
    """`[start, end)` of the text, in code points, is one morpheme of this tag and form."""

    start: int
    end: int
    tag: str
    form: str


def versions() -> tuple[str, str]:
    """Of kiwipiepy and of the language model. Asks the installed packages; loads nothing."""
    return metadata.version("kiwipiepy"), f"{_MODEL} {metadata.version('kiwipiepy_model')}"


class Analyzer:
    """A loaded Kiwi: about 510 MB, which processes forked from this one share."""

    def __init__(self, kiwi: Any) -> None:
        self._kiwi = kiwi

    @classmethod
    def load(cls) -> Analyzer:
        """Loads and warms it, in 3 to 5 seconds of one processor. It starts no threads, so that forking is safe."""
        from kiwipiepy import Kiwi

        with warnings.catch_warnings():
            # It warns that 0 meant "all processors" before 0.21.
            warnings.simplefilter("ignore", DeprecationWarning)
            kiwi = Kiwi(num_workers=0, model_type=_MODEL)
        kiwi.tokenize("")
        analyzer = cls(kiwi)
        for tolerance in (pb.TYPO_TOLERANCE_NONE, *_TYPOS):
            analyzer.analyze(_WARM_TEXT, arguments_of(pb.AnalyzeOptions(typo_tolerance=tolerance)))
        return analyzer

    def analyze(self, text: str, arguments: dict[str, Any], fixed: Sequence[FixedMorpheme] = ()) -> list[Reading]:
        """The readings of `text`, best first; one without tokens where there is nothing to read.

        `arguments` come from `arguments_of`. `fixed` is in order, without overlaps and without white space at an
        end of a range.
        """
        spans = [_pretokenized(known) for known in fixed] or None
        return [Reading(tokens, score) for tokens, score in self._kiwi.analyze(text, pretokenized=spans, **arguments)]


def arguments_of(options: pb.AnalyzeOptions, *, open_ending: bool = False) -> dict[str, Any]:
    """What Kiwi is told for these options. `open_ending` tells it that the text goes on."""
    return {
        "top_n": options.top_n if options.HasField("top_n") else 1,
        "match_options": _match_options(options),
        # In `match_options` already.
        "z_coda": False,
        "open_ending": options.open_ending or open_ending,
        "oov_handling": _UNKNOWN_WORDS.get(options.unknown_words),
        "typos": _TYPOS.get(options.typo_tolerance),
        **({"typo_cost_threshold": options.typo_cost_threshold} if options.HasField("typo_cost_threshold") else {}),
    }


def _match_options(options: pb.AnalyzeOptions) -> int:
    from kiwipiepy.const import Match

    flags = {
        Match.NORMALIZING_CODA: options.normalize_coda,
        Match.SPLIT_COMPLEX: options.split_complex,
        Match.SPLIT_SAISIOT: options.saisiot,
        Match.COMPATIBLE_JAMO: options.compatible_jamo or not options.HasField("compatible_jamo"),
        Match.Z_CODA: options.z_coda or not options.HasField("z_coda"),
    }
    return int(Match.ALL) | sum(int(flag) for flag, wanted in flags.items() if wanted)


def _pretokenized(known: FixedMorpheme) -> tuple[int, int, Any]:
    from kiwipiepy import PretokenizedToken

    return known.start, known.end, PretokenizedToken(known.form, known.tag, 0, known.end - known.start)
