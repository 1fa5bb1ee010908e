"""Policies: named decisions on categories, shipped ones and those of the configuration."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Any, Final

import yaml

from soban.runtime.config import ConfigError, parse, validate
from soban.runtime.errors import PolicyNotFound
from soban.safety.decisions import Action, Decisions, Direction, Mode, Role
from soban.safety.policy_settings import PolicySettings, RuleSettings
from soban.safety.taxonomy import CATEGORIES, covers

DEFAULT_POLICY: Final = "default"

_SHIPPED = ("default", "observe")
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_VERSION_LENGTH = 12


class Policy:
    """One policy. `version` is the hash of what it decides, `source` its YAML."""

    def __init__(self, name: str, settings: PolicySettings, source: str) -> None:
        self.name = name
        self.settings = settings
        self.source = source
        content = json.dumps(settings.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)
        self.version = hashlib.sha256(content.encode()).hexdigest()[:_VERSION_LENGTH]
        self._decisions = {
            (direction, role): self._decide(direction, role) for direction in Direction for role in (None, *Role)
        }

    @property
    def mode(self) -> Mode:
        """How it treats what it finds."""
        return Mode[self.settings.mode.upper()]

    def decisions(self, direction: Direction, role: Role | None = None) -> Decisions:
        """What it does in this direction with texts of this author."""
        return self._decisions[direction, role]

    def _decide(self, direction: Direction, role: Role | None) -> Decisions:
        wanted = {category: self._action(category, direction, role) for category in CATEGORIES}
        observes = self.mode is Mode.OBSERVE
        return Decisions(wanted, dict.fromkeys(wanted, Action.ALLOW) if observes else wanted)

    def _action(self, category: str, direction: Direction, role: Role | None) -> Action:
        fitting = [rule for rule in self.settings.rules if _fits(rule, category, direction, role)]
        if not fitting:
            return Action.ALLOW
        return Action[max(fitting, key=lambda rule: rule.specificity).action.upper()]


class Policies:
    """All policies by name. Raises ConfigError for one that is written wrongly."""

    def __init__(self, configured: Mapping[str, Any] | None = None) -> None:
        self._by_name = {name: _shipped(name) for name in _SHIPPED}
        self._by_name |= {name: _configured(name, raw) for name, raw in (configured or {}).items()}

    def __iter__(self) -> Iterator[Policy]:
        return iter(sorted(self._by_name.values(), key=lambda policy: policy.name))

    def get(self, name: str, field: str) -> Policy:
        """The policy of that name, the default one for an empty name. Raises PolicyNotFound for `field`."""
        found = self._by_name.get(name or DEFAULT_POLICY)
        if found is None:
            raise PolicyNotFound(f"no policy of that name; there are {', '.join(sorted(self._by_name))}", field=field)
        return found


def _fits(rule: RuleSettings, category: str, direction: Direction, role: Role | None) -> bool:
    return (
        covers(rule.category, category)
        and rule.direction in (None, direction.name.lower())
        and rule.role in (None, role.name.lower() if role is not None else None)
    )


def _shipped(name: str) -> Policy:
    source = resources.files(__package__).joinpath("policies", f"{name}.yaml").read_text(encoding="utf-8")
    return Policy(name, validate(PolicySettings, parse(source, name), f"policies.{name}"), source)


def _configured(name: str, raw: Any) -> Policy:
    path = f"policies.{name}"
    if _NAME.fullmatch(name) is None:
        raise ConfigError(path, "a policy's name has lower-case letters, digits, '-' and '_', at most 64 of them")
    settings = validate(PolicySettings, raw, path)
    return Policy(name, settings, yaml.safe_dump(raw, allow_unicode=True, sort_keys=False))
