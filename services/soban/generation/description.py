"""A served model as clients see it."""

from __future__ import annotations

from dataclasses import dataclass

from google.protobuf.timestamp_pb2 import Timestamp

import soban.v1 as pb
from soban.generation.engine import Feature
from soban.generation.pool import Pool
from soban.runtime.model_settings import ModelConfig

_CAPABILITIES = {
    Feature.CHAT: pb.Model.CAPABILITY_CHAT,
    Feature.COMPLETION: pb.Model.CAPABILITY_COMPLETION,
    Feature.TOOLS: pb.Model.CAPABILITY_TOOLS,
    Feature.IMAGES: pb.Model.CAPABILITY_IMAGES,
    Feature.JSON_SCHEMA: pb.Model.CAPABILITY_JSON_SCHEMA,
    Feature.REGEX: pb.Model.CAPABILITY_REGEX,
    Feature.GRAMMAR: pb.Model.CAPABILITY_GRAMMAR,
    Feature.LOGPROBS: pb.Model.CAPABILITY_LOGPROBS,
}


@dataclass(frozen=True, slots=True)
class Card:
    """What is known of a model beside its engine."""

    config: ModelConfig
    license: str
    created: Timestamp


def model_of(name: str, card: Card, pool: Pool, support: frozenset[Feature]) -> pb.Model:
    """What clients may know; `support` is that of its kind of engine."""
    told = pool.description
    able = support - told.lacks if told is not None else support
    return pb.Model(
        name=name,
        url=card.config.url,
        engine=card.config.engine,
        state=_state(card.config, pool),
        context_length=(told.context_length if told is not None else None) or card.config.context_length or 0,
        capabilities=[capability for feature, capability in _CAPABILITIES.items() if feature in able],
        license=card.license,
        external=bool(card.config.data_leaves),
        safety_policy=card.config.safety_policy or "",
        create_time=card.created,
    )


def _state(config: ModelConfig, pool: Pool) -> pb.Model.State.ValueType:
    if pool.ready():
        return pb.Model.STATE_READY
    if pool.loading:
        return pb.Model.STATE_LOADING
    grows = any(address.url.startswith("kubernetes+") for address in config.replica_addresses)
    return pb.Model.STATE_SLEEPING if grows and not pool.replicas else pb.Model.STATE_UNAVAILABLE
