"""Routes out of the configuration, each over the targets that it names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import random

from google.protobuf.timestamp_pb2 import Timestamp

from soban.generation.engine import Feature
from soban.generation.engines.kinds import KINDS
from soban.generation.routes.card import RouteCard
from soban.generation.routes.cascade import Cascade
from soban.generation.routes.escalation import Escalation
from soban.generation.routes.fallback import Fallback
from soban.generation.routes.split import Split
from soban.generation.routes.vote import Vote
from soban.generation.target import Target
from soban.runtime.config_error import ConfigError
from soban.runtime.names import Names
from soban.runtime.route_settings import RouteConfig


def make_routes(
    names: Names, targets: Mapping[str, Target], created: Timestamp, draw: Callable[[], float] = random
) -> dict[str, Target]:
    """Every route by name. `targets` are the models and profiles; `names.check` must have passed."""
    policies = names.policies()
    made: dict[str, Target] = {}

    def find(name: str) -> Target:
        if name in targets:
            return targets[name]
        if name not in made:
            config = names.routes[name]
            card = RouteCard(name, config.strategy, policies[name] or "", created)
            made[name] = _make(card, config, [find(member) for member in config.models], draw)
        return made[name]

    for name in names.routes:
        find(name)
    return made


def check_confidence(names: Names) -> None:
    """Raises ConfigError for a cascade that goes by log-probabilities over a model whose engine never tells any."""
    for name, route in names.routes.items():
        if route.cascade is None or route.cascade.escalate.mean_logprob is None:
            continue
        for member in route.cascade.models[:-1]:
            model = names.profiles[member].model if member in names.profiles else member
            if model in names.models and Feature.LOGPROBS not in KINDS[names.models[model].engine].features:
                text = f"engine {names.models[model].engine} of models.{model} tells no log-probabilities: leave it out"
                raise ConfigError(f"routes.{name}.cascade.escalate.meanLogprob", text)


def _make(card: RouteCard, config: RouteConfig, members: Sequence[Target], draw: Callable[[], float]) -> Target:
    if config.cascade is not None:
        return Cascade(card, members, Escalation(config.cascade.escalate))
    if config.vote is not None:
        return Vote(card, members, config.vote.samples, config.vote.temperature)
    if config.split is not None:
        return Split(card, list(zip(members, config.split.values(), strict=True)), draw)
    return Fallback(card, members, config.fallback.first_text_seconds if config.fallback is not None else None)
