"""The self-test: a service whose rules do not work must not start."""

from __future__ import annotations

import pytest

from soban.safety.normalization import Folding
from soban.safety.rules.phone import PhoneRule
from soban.safety.ruleset import build_scanner
from soban.safety.scanner import Scanner
from soban.safety.selftest import EXAMPLES, SelfTestError, run_self_test
from soban.safety.taxonomy import CATEGORIES


def test_the_rules_as_shipped_pass() -> None:
    """With today's date."""
    run_self_test(build_scanner())


def test_a_missing_rule_is_noticed() -> None:
    """Text of an example does not get into the message."""
    with pytest.raises(SelfTestError, match="example 0 was not judged"):
        run_self_test(Scanner([PhoneRule()], Folding()))


def test_every_category_has_an_example() -> None:
    """And there are texts in which nothing may be found."""
    assert {category for example in EXAMPLES for category in example.categories} >= set(CATEGORIES)
    assert any(not example.categories for example in EXAMPLES)
