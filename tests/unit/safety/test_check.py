"""Whole texts: the same automaton, over many passages."""

from __future__ import annotations

import random

from soban.safety.check import Checker, Passage
from soban.safety.decisions import Direction, Role
from soban.safety.filter import SLICE
from soban.safety.policy import Policies
from soban.safety.scanner import Scanner
from soban.safety.taxonomy import CARD
from unit.safety.random_texts import random_cuts, random_text
from unit.safety.seeing import filtered, output_decisions


def test_a_whole_text_is_judged_as_a_stream_is(scanner: Scanner, policies: Policies) -> None:
    """Up to the first word that would stop the stream."""
    source, checker, policy = random.Random(5), Checker(scanner), policies.get("default", "policy")
    for _ in range(300):
        text = random_text(source).text
        (judged,) = checker.check([Passage(text)], policy, Direction.OUTPUT, len, explain=False)
        pieces, findings, text_filter = filtered(scanner, random_cuts(text, source), output_decisions())
        assert list(judged.findings)[: len(findings)] == findings
        if not text_filter.stopped:
            assert "".join(pieces) == judged.masked


def test_equal_values_share_a_placeholder_across_passages(scanner: Scanner, policies: Policies) -> None:
    """However they are written."""
    passages = [Passage("010-1234-5678", Role.USER), Passage("네, +82 10 1234 5678이죠", Role.ASSISTANT, message=1)]
    judged = Checker(scanner).check(passages, policies.get("", "policy"), Direction.INPUT, len, explain=False)
    assert [result.masked for result in judged] == ["[전화번호_1]", "네, [전화번호_1]이죠"]


def test_the_models_echo_of_a_placeholder_stays(scanner: Scanner, policies: Policies) -> None:
    """In a conversation that is sent again, while a person's look-alike is told apart."""
    passages = [
        Passage("010-1234-5678", Role.USER),
        Passage("[전화번호_1]이 맞나요?", Role.ASSISTANT, message=1),
        Passage("[전화번호_1]", Role.USER, message=2),
    ]
    judged = Checker(scanner).check(passages, policies.get("", "policy"), Direction.INPUT, len, explain=False)
    assert [result.masked for result in judged] == ["[전화번호_1]", "[전화번호_1]이 맞나요?", "［전화번호_1］"]


def test_mask_takes_the_categories_asked_for(scanner: Scanner, policies: Policies) -> None:
    """Or what the policy masks; blocking is not its business."""
    checker, policy, text = Checker(scanner), policies.get("", "policy"), "시발 010-1234-5678 4111-1111-1111-1111"
    (by_policy,) = checker.mask([text], policy, frozenset(), len, explain=False)
    (by_name,) = checker.mask([text], policy, frozenset({CARD}), len, explain=False)
    assert by_policy.masked == "시발 [전화번호_1] [카드번호_1]"
    assert by_name.masked == "시발 010-1234-5678 [카드번호_1]"


def test_a_value_over_the_edge_of_a_slice_is_found(scanner: Scanner, policies: Policies) -> None:
    """Long texts are scanned in slices."""
    text = "가" * (SLICE - 5) + "010-1234-5678"
    (judged,) = Checker(scanner).check([Passage(text)], policies.get("", "policy"), Direction.INPUT, len, explain=False)
    assert judged.masked.endswith("가[전화번호_1]")


def test_an_empty_text_has_no_findings(scanner: Scanner, policies: Policies) -> None:
    """And stays empty."""
    (judged,) = Checker(scanner).check([Passage("")], policies.get("", "policy"), Direction.INPUT, len, explain=True)
    assert (judged.masked, list(judged.findings), list(judged.rejected)) == ("", [], [])
