"""Hundreds of real Korean sentences, and what Kiwi in this process makes of them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import soban.v1 as pb
from soban.tokenization.analyzer import KiwiToken
from unit.tokenization.korean import SENTENCES

_PAIRS = Path(__file__).parents[3] / "tools" / "demo_pairs_ko.jsonl"
_REGULARITY = {None: pb.REGULARITY_UNSPECIFIED, True: pb.REGULARITY_REGULAR, False: pb.REGULARITY_IRREGULAR}


def sentences() -> list[str]:
    """Dialogue, one turn each, and the odd ones of the unit tests."""
    pairs = [json.loads(line) for line in _PAIRS.read_text(encoding="utf-8").splitlines()]
    turns = [turn for pair in pairs for side in ("user", "assistant") for turn in pair[side][:2]]
    return [*SENTENCES, *turns]


def expected(text: str, tokens: list[KiwiToken]) -> list[pb.Morpheme]:
    """The tokens as morphemes with every field, in code points, made without the service's code."""
    return [_morpheme(text, token) for token in tokens]


def _morpheme(text: str, token: KiwiToken) -> pb.Morpheme:
    return pb.Morpheme(
        form=token.form,
        tag=re.sub("-[RI]$", "", token.tag),
        lemma=token.lemma,
        span=pb.Span(start=token.start, end=token.end),
        surface=text[token.start : token.end],
        score=token.score,
        eojeol_index=len(text[: token.start + 1].split()) - 1,
        sentence_index=token.sent_position,
        line_index=token.line_number,
        regularity=_REGULARITY[token.regularity],
        unknown=token.oov,
        typo_cost=token.typo_cost,
        sense=token.sense,
        pair_index=token.paired_token if token.paired_token >= 0 else None,
        nested_sentence_index=token.sub_sent_position,
    )
