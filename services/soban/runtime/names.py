"""The names that clients can send, as the configuration gives them: models, domain profiles, routes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from soban.runtime.config_error import ConfigError
from soban.runtime.model_settings import ModelConfig, ProfileConfig
from soban.runtime.nearest import hint
from soban.runtime.route_settings import RouteConfig

MOST_DEPTH = 4
"""Routes within a route, itself included."""
MOST_ANSWERS = 64
"""Answers of models that one request to a route may cost."""


@dataclass(frozen=True)
class Names:
    """Each section by name."""

    models: Mapping[str, ModelConfig]
    profiles: Mapping[str, ProfileConfig] = field(default_factory=dict)
    routes: Mapping[str, RouteConfig] = field(default_factory=dict)

    def all(self) -> frozenset[str]:
        """Every name."""
        return frozenset((*self.models, *self.profiles, *self.routes))

    def model_of(self, name: str) -> str:
        """The model behind a profile; any other name as it is."""
        profile = self.profiles.get(name)
        return name if profile is None else profile.model

    def check(self) -> None:
        """Raises ConfigError for a name that is there twice, unknown, in a circle, or too much for one request."""
        self._check_once()
        for name, profile in self.profiles.items():
            self._check_profile(f"profiles.{name}", profile)
        known = self.all()
        for name, route in self.routes.items():
            for member in route.models:
                if member not in known:
                    what = "no model, profile or route"
                    raise ConfigError(f"routes.{name}.{route.strategy}", _unknown(member, what, known))
        for name in self.routes:
            self._check_circle((name,))
        for name in self.routes:
            self._check_size(name)
        self.policies()

    def policies(self) -> dict[str, str | None]:
        """The safety policy of each name; None where the gateway's default applies.

        A profile has its own, else its model's. A route has its own, else that of all its members; members that differ
        raise ConfigError, since one policy holds for the whole request and no strict one is to be lost unseen. `check`
        must have passed for the rest.
        """
        return {name: self._policy_of(name) for name in (*self.models, *self.profiles, *self.routes)}

    def _check_once(self) -> None:
        for section, names, others in (
            ("profiles", self.profiles, {"models": self.models}),
            ("routes", self.routes, {"models": self.models, "profiles": self.profiles}),
        ):
            for name in names:
                for other, taken in others.items():
                    if name in taken:
                        raise ConfigError(f"{section}.{name}", f"{other}.{name} has this name already")

    def _check_profile(self, path: str, profile: ProfileConfig) -> None:
        model = self.models.get(profile.model)
        if model is None:
            raise ConfigError(f"{path}.model", _unknown(profile.model, "no model", self.models))
        if profile.adapter is not None and profile.adapter not in model.adapters:
            what = f"no adapter in models.{profile.model}.adapters"
            raise ConfigError(f"{path}.adapter", _unknown(profile.adapter, what, model.adapters))

    def _check_circle(self, path: tuple[str, ...]) -> None:
        for member in self._routes_of(path[-1]):
            if member in path:
                circle = " -> ".join(f"routes.{name}" for name in (*path[path.index(member) :], member))
                raise ConfigError(f"routes.{path[0]}", f"a route cannot stand for itself: {circle}")
            if len(path) >= MOST_DEPTH:
                chain = " -> ".join(f"routes.{name}" for name in (*path, member))
                raise ConfigError(f"routes.{path[0]}", f"at most {MOST_DEPTH} routes stand in each other: {chain}")
            self._check_circle((*path, member))

    def _check_size(self, name: str) -> None:
        answers = self._answers_of(name)
        if answers > MOST_ANSWERS:
            text = f"one request may cost {answers} answers of models; at most {MOST_ANSWERS} are allowed"
            raise ConfigError(f"routes.{name}", text)

    def _answers_of(self, name: str) -> int:
        route = self.routes.get(name)
        if route is None:
            return 1
        return route.answers_each * sum(self._answers_of(member) for member in route.models)

    def _routes_of(self, name: str) -> list[str]:
        return [member for member in self.routes[name].models if member in self.routes]

    def _policy_of(self, name: str) -> str | None:
        if name in self.models:
            return self.models[name].safety_policy
        if name in self.profiles:
            profile = self.profiles[name]
            return profile.safety_policy or self.models[profile.model].safety_policy
        return self.routes[name].safety_policy or self._policy_of_members(name)

    def _policy_of_members(self, name: str) -> str | None:
        told = {member: self._policy_of(member) for member in self.routes[name].models}
        if len(set(told.values())) > 1:
            each = ", ".join(f"{member} has {policy or 'none'}" for member, policy in told.items())
            text = f"its members have different safety policies ({each}): name the one that holds for this route"
            raise ConfigError(f"routes.{name}.safetyPolicy", text)
        return next(iter(told.values()))


def _unknown(name: str, what: str, known: Iterable[str]) -> str:
    """`what` says what there is none of."""
    return f"{what} is named {name!r}{hint(name, known)}"
