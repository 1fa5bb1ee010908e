"""docs/routes.md and docs/profiles.md hold what they say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from soban.generation.prompt import SAMPLING, Preparation, under_profile
from soban.generation.routes import vote
from soban.generation.routes.inquiry import ACCEPTED, CANCELLED, NOT_READY
from soban.runtime.config import make_config
from soban.runtime.route_settings import STRATEGIES, EscalateConfig

DOCS = Path(__file__).parents[4] / "docs"
ROUTES = (DOCS / "routes.md").read_text(encoding="utf-8")
PROFILES = (DOCS / "profiles.md").read_text(encoding="utf-8")


def blocks(text: str) -> list[dict[str, Any]]:
    return [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)]


def test_the_routes_that_are_shown_are_valid() -> None:
    """One of each strategy."""
    (shown,) = blocks(ROUTES)
    assert {route.strategy for route in make_config(shown).routes.values()} == set(STRATEGIES)


def test_the_profiles_that_are_shown_are_valid() -> None:
    """Their sampling, too; and each says of itself what it is not, or whom to ask instead."""
    first, second = blocks(PROFILES)
    for profiles in (first["profiles"], second["profiles"]):
        config = make_config({"models": first["models"], "profiles": profiles})
        for name, profile in config.profiles.items():
            Preparation(f"profiles.{name}", under_profile(config.models[profile.model], profile))
    assert set(second["profiles"]) == {"law", "medicine", "finance", "customer-service"}
    prompts = [profile["systemPrompt"] for profile in second["profiles"].values()]
    assert all("아닙니다" in prompt or "상담원 연결" in prompt for prompt in prompts)


def test_every_option_and_outcome_is_told() -> None:
    """Those of a cascade, and what steps say."""
    keys = {str(field.alias) for field in EscalateConfig.model_fields.values()}
    outcomes = {ACCEPTED, CANCELLED, NOT_READY, vote.LATE, vote.OUTVOTED}
    source = Path(vote.__file__).with_name("escalation.py").read_text(encoding="utf-8")
    outcomes |= set(re.findall(r'return .*?"([a-z_]+)"', source)) - {"text", "format"}
    assert {word for word in keys | outcomes if f"`{word}`" not in ROUTES} == set()
    assert {option for option in SAMPLING if f"`{option}`" not in PROFILES} == set()
