"""Findings that overlap: none hides a digit that the policy would not let pass."""

from __future__ import annotations

import random

import pytest

from soban.safety.decisions import Action, Decisions
from soban.safety.scanner import Scanner
from soban.safety.taxonomy import CARD, CATEGORIES, EMAIL, PHONE, RESIDENT_NUMBER
from unit.safety.random_texts import card, digit_runs, phone, random_cuts, registration_number
from unit.safety.seeing import filtered, output_decisions

DEFAULT = output_decisions()


def only(category: str, action: Action) -> Decisions:
    """A policy with a single rule."""
    done = dict.fromkeys(CATEGORIES, Action.ALLOW) | {category: action}
    return Decisions(done, done)


@pytest.mark.parametrize(
    ("decisions", "text", "value"),
    [
        (DEFAULT, "010 1234 4111 1111 1111 1111", "4111111111111111"),
        (DEFAULT, "연락처 02-900-4111111111111111", "4111111111111111"),
        (DEFAULT, "010-1234-900101-1234568", "9001011234568"),
        (only(RESIDENT_NUMBER, Action.BLOCK), "a900101-1234568@naver.com", "9001011234568"),
        (only(RESIDENT_NUMBER, Action.BLOCK), "02-123-9001011234568", "9001011234568"),
        (only(RESIDENT_NUMBER, Action.BLOCK), "010 1234 900101 1234568", "9001011234568"),
        (only(PHONE, Action.MASK), "a010-1234-5678@naver.com", "01012345678"),
        (only(CARD, Action.MASK), "010-1234-4111-1111-1111-1111", "4111111111111111"),
    ],
)
def test_nothing_hides_behind_what_begins_before_it(
    scanner: Scanner, decisions: Decisions, text: str, value: str
) -> None:
    """However the text comes, no five digits of the value go out."""
    for pieces in ([text], list(text)):
        out = "".join(filtered(scanner, pieces, decisions)[0])
        digits = "".join(char for char in out if char.isdecimal())
        assert not [run for run in digit_runs(value) if run in digits], out


def test_what_blocks_counts_inside_what_masks(scanner: Scanner) -> None:
    """The stream stops, and the verdict says so."""
    done = dict.fromkeys(CATEGORIES, Action.MASK) | {RESIDENT_NUMBER: Action.BLOCK}
    pieces, findings, text_filter = filtered(scanner, ["a900101-1234568@naver.com 끝"], Decisions(done, done))
    assert text_filter.stopped
    assert [(found.category, found.start, found.end) for found in findings] == [
        (EMAIL, 0, 25),
        (RESIDENT_NUMBER, 1, 15),
    ]
    assert "".join(pieces) == "[이메일_1]"


def test_overlapping_values_do_not_leak_for_any_cut(scanner: Scanner) -> None:
    """Values side by side, with every sign between them, through the default policy and those with one rule."""
    source = random.Random(20261126)
    policies = [DEFAULT, *(only(category, Action.MASK) for category in (PHONE, CARD, RESIDENT_NUMBER, EMAIL))]
    for _ in range(1_500):
        makers = source.choices((phone, card, registration_number), k=3)
        text = "번호 " + source.choice(("-", " ", "", "@", ".")).join(make(source) for make in makers)
        text = text[: source.randint(len(text) // 2, len(text))] + "입니다"
        decisions = source.choice(policies)
        whole, findings, _ = filtered(scanner, [text], decisions)
        cut, cut_findings, _ = filtered(scanner, random_cuts(text, source), decisions)
        assert ("".join(cut), cut_findings) == ("".join(whole), findings), text
        masked = [text[found.start : found.end] for found in findings if found.action is Action.MASK]
        places = {at for found in findings if found.action is Action.MASK for at in range(found.start, found.end)}
        left = "".join(char if at not in places else "|" for at, char in enumerate(text))
        out = "".join(whole)
        assert all(run not in out or run in left for value in masked for run in digit_runs(value)), text
