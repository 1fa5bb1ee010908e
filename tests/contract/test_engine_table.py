"""The pages about engines say what the code does."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from soban.generation.engine import Feature
from soban.generation.engines.kinds import KINDS, Kind
from soban.runtime.model_settings import EngineKind

# By kind, what a yes depends on; the lines below the table say it.
CONDITIONS = {
    "tgi": {
        **dict.fromkeys(
            (Feature.CONTINUATION, Feature.TEMPLATE_ARGUMENTS, Feature.TOP_K, Feature.REPETITION_PENALTY), " ¹"
        ),
        **dict.fromkeys(
            (
                Feature.TOOLS,
                Feature.IMAGES,
                Feature.JSON_SCHEMA,
                Feature.REGEX,
                Feature.LOGPROBS,
                Feature.ADAPTERS,
            ),
            " ²",
        ),
    }
}
PAGES = Path(__file__).resolve().parents[2] / "docs/engines"


def table() -> list[str]:
    """Engines by features, as the page has it. Paste what a failing test shows."""
    head = "| | " + " | ".join(f"[{kind}]({kind}.md)" for kind in KINDS) + " |"
    marks = {feature: " | ".join(_mark(kind, feature) for kind in KINDS.values()) for feature in Feature}
    return [head, "|---|" + "---|" * len(KINDS), *(f"| {feature.value} | {marks[feature]} |" for feature in Feature)]


def _mark(kind: Kind, feature: Feature) -> str:
    return "yes" + CONDITIONS.get(kind.name, {}).get(feature, "") if feature in kind.features else "-"


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
    assert all(any(line.startswith(f"* {mark}") for line in lines) for mark in "¹²")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_page(kind: str) -> None:
    """Which tells how to start it and what was run."""
    page = (PAGES / f"{kind}.md").read_text()
    assert f"engine: {kind}" in page or f"Engine `{kind}`" in page
    assert len(page.splitlines()) <= 150
