"""A served model as the contract shows it: `Model` for clients, `ModelLoad` for those who scale."""

from __future__ import annotations

from dataclasses import dataclass

from google.protobuf.timestamp_pb2 import Timestamp

import soban.v1 as pb
from soban.generation.served import ServedModel
from soban.runtime.model_settings import ModelConfig

_ALWAYS = (
    pb.Model.CAPABILITY_CHAT,
    pb.Model.CAPABILITY_COMPLETION,
    pb.Model.CAPABILITY_JSON_SCHEMA,
    pb.Model.CAPABILITY_GRAMMAR,
    pb.Model.CAPABILITY_LOGPROBS,
)


@dataclass(frozen=True, slots=True)
class Card:
    """What is known of a model beside its engine."""

    config: ModelConfig
    license: str
    created: Timestamp


async def model_of(served: ServedModel, card: Card) -> pb.Model:
    """What clients may know."""
    told = await served.description()
    model = pb.Model(
        name=served.name,
        url=card.config.url,
        engine=card.config.engine,
        state=_state(served),
        context_length=(told.context_length if told is not None else card.config.context_length) or 0,
        capabilities=_ALWAYS,
        license=card.license,
        safety_policy=card.config.safety_policy or "",
        create_time=card.created,
    )
    if told is not None and told.tools:
        model.capabilities.append(pb.Model.CAPABILITY_TOOLS)
    return model


def load_of(served: ServedModel) -> pb.ModelLoad:
    """Counted here, not read from the engine; what is not known stays unset."""
    ready, admission = served.replica.ready, served.admission
    return pb.ModelLoad(
        model=served.name,
        ready_replicas=int(ready),
        loading_replicas=int(served.replica.loading),
        running=admission.running,
        slots=admission.parallel if ready else 0,
        queued=admission.queued,
        held=served.held,
        output_tokens_per_second=served.throughput.per_second(),
    )


def _state(served: ServedModel) -> pb.Model.State.ValueType:
    if served.replica.ready:
        return pb.Model.STATE_READY
    return pb.Model.STATE_LOADING if served.replica.loading else pb.Model.STATE_UNAVAILABLE
