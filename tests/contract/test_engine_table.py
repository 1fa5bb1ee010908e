"""The pages about engines say what the code does."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from soban.generation.engine import Feature
from soban.generation.engines.kinds import KINDS
from soban.runtime.model_settings import EngineKind

PAGES = Path(__file__).resolve().parents[2] / "docs/engines"


def table() -> list[str]:
    """Engines by features, as the page has it. Paste what a failing test shows."""
    head = "| | " + " | ".join(f"[{kind}]({kind}.md)" for kind in KINDS) + " |"
    marks = {
        feature: " | ".join("yes" if feature in kind.features else "-" for kind in KINDS.values())
        for feature in Feature
    }
    return [head, "|---|" + "---|" * len(KINDS), *(f"| {feature.value} | {marks[feature]} |" for feature in Feature)]


def test_every_kind_that_can_be_configured_is_built() -> None:
    """And in the order in which errors name them."""
    assert sorted(KINDS) == sorted(get_args(EngineKind))
    assert [kind.name for kind in KINDS.values()] == list(KINDS)


def test_the_table_of_features_is_the_code_s() -> None:
    """Line by line."""
    lines = (PAGES / "README.md").read_text().splitlines()
    expected = table()
    begin = lines.index(expected[0])
    assert lines[begin : begin + len(expected) + 1] == [*expected, ""]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_page(kind: str) -> None:
    """Which tells how to start it and what was run."""
    page = (PAGES / f"{kind}.md").read_text()
    assert f"engine: {kind}" in page or f"Engine `{kind}`" in page
    assert len(page.splitlines()) <= 150
