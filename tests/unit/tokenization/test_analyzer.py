"""What is asked of Kiwi."""

from __future__ import annotations

import kiwipiepy
import pytest
from kiwipiepy.utils import _valid_tags

import soban.v1 as pb
from soban.tokenization.analyzer import Analyzer, arguments_of, versions
from soban.tokenization.tags import TAGS, chosen, matching
from unit.tokenization.korean import SENTENCES


def test_the_tags_are_those_of_kiwi() -> None:
    """A new tag of a new version shows here first."""
    assert frozenset(_valid_tags) == TAGS


def test_versions_are_those_installed() -> None:
    """Without loading anything."""
    kiwi, model = versions()
    assert kiwi == kiwipiepy.__version__
    assert model.startswith("cong ")


def test_lemma_and_regularity_follow_from_form_and_tag(analyzer: Analyzer) -> None:
    """The writer of morphemes keeps them by form and tag."""
    seen: dict[tuple[str, str], tuple[str, bool | None]] = {}
    for text in SENTENCES:
        for tolerance in (pb.TYPO_TOLERANCE_NONE, pb.TYPO_TOLERANCE_ALL):
            for reading in analyzer.analyze(text, arguments_of(pb.AnalyzeOptions(top_n=5, typo_tolerance=tolerance))):
                for token in reading.tokens:
                    known = seen.setdefault((token.form, token.tag), (token.lemma, token.regularity))
                    assert known == (token.lemma, token.regularity)


@pytest.mark.parametrize(
    ("heads", "expected"),
    [(["N"], {"NNG", "NNP", "NNB", "NR", "NP"}), (["VV", "SS"], {"VV", "SS", "SSO", "SSC"}), ([], set())],
)
def test_a_head_stands_for_the_tags_that_begin_so(heads: list[str], expected: set[str]) -> None:
    """And a tag for itself."""
    assert matching(heads) == expected


def test_tags_are_taken_in_and_out() -> None:
    """Nothing given means all."""
    assert chosen([], []) == TAGS
    assert chosen([], ["S"]) == TAGS - matching(["S"])
    assert chosen(["N"], ["NNG", "NR", "NP"]) == {"NNP", "NNB"}
