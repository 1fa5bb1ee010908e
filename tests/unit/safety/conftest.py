"""Fixtures: the rules, compiled once."""

from __future__ import annotations

from datetime import date

import pytest

from soban.safety.policy import Policies
from soban.safety.ruleset import build_scanner
from soban.safety.scanner import Scanner

TODAY = date(2026, 11, 25)


@pytest.fixture(scope="session")
def scanner() -> Scanner:
    return build_scanner(lambda: TODAY)


@pytest.fixture(scope="session")
def policies() -> Policies:
    return Policies()
