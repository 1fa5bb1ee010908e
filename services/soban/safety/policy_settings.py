"""How a policy is written in YAML."""

from __future__ import annotations

import difflib
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from soban.runtime.section import Section
from soban.safety.taxonomy import CATEGORIES, heads, leaves


class Description(Section):
    """What a policy is for, for people."""

    ko: str = ""
    en: str = ""


class RuleSettings(Section):
    """One decision. Where several cover a category, the most specific one counts."""

    category: str
    """A category such as `pii.phone`, or the head of several (`pii`)."""
    action: Literal["allow", "mask", "block"]
    direction: Literal["input", "output"] | None = None
    """None means both ways."""
    role: Literal["system", "user", "assistant", "tool"] | None = None
    """None means every author."""

    @field_validator("category")
    @classmethod
    def _is_known(cls, value: str) -> str:
        if any(leaves(value)):
            return value
        near = difflib.get_close_matches(value, [*CATEGORIES, *heads()], n=1)
        hint = f"; the nearest known one is {near[0]}" if near else f"; known are {', '.join(CATEGORIES)}"
        raise ValueError(f"unknown category '{value}'{hint}")

    @property
    def specificity(self) -> tuple[int, bool, bool]:
        """Orders rules that cover the same category."""
        return (self.category.count("."), self.direction is not None, self.role is not None)


class PolicySettings(Section):
    """A policy, but for its name."""

    description: Description = Description()
    mode: Literal["strict", "balanced", "observe"] = "balanced"
    rules: Annotated[list[RuleSettings], Field(min_length=1)]
    fail_open: Literal[False] = False
    """Whether text passes when a stage of checking cannot run. The rules always run, so that only False is taken."""

    @model_validator(mode="after")
    def _has_no_rule_twice(self) -> PolicySettings:
        seen = [(rule.category, rule.direction, rule.role) for rule in self.rules]
        twice = next((rule for rule in seen if seen.count(rule) > 1), None)
        if twice is not None:
            raise ValueError(f"two rules decide on '{twice[0]}' for the same direction and role")
        return self
