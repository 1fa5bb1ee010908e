"""What a request asks of an engine, as features: an engine that lacks one refuses by its name."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import soban.v1 as pb
from soban.generation.engine import Feature
from soban.runtime.errors import NotBuilt

_SHAPES = {
    "json_object": Feature.JSON_OBJECT,
    "json_schema": Feature.JSON_SCHEMA,
    "regex": Feature.REGEX,
    "grammar": Feature.GRAMMAR,
}


def require_support(kind: str, support: Collection[Feature], request: pb.GenerateRequest, adapter: str = "") -> None:
    """Raises NotBuilt for the first feature that `request` needs and engines of `kind` do not have."""
    for feature in needed(request, adapter):
        if feature not in support:
            raise not_built(kind, feature)


def not_built(kind: str, feature: Feature, **beside: str) -> NotBuilt:
    """The error for a feature that engines of `kind` do not have; `beside` is more metadata."""
    metadata = {"feature": feature.value, "engine": kind, **beside}
    return NotBuilt(f"{feature.value} on engine {kind} is not built", metadata=metadata)


def needed(request: pb.GenerateRequest, adapter: str = "") -> Iterator[Feature]:
    """The features that an answer takes. Values that mean "none", such as `min_p` 0, take none."""
    options = request.options
    yield Feature.CHAT if request.messages else Feature.COMPLETION
    if adapter:
        yield Feature.ADAPTERS
    if any(part.HasField("image") for message in request.messages for part in message.parts):
        yield Feature.IMAGES
    shape = _SHAPES.get(options.response_format.WhichOneof("format") or "")
    if shape is not None:
        yield shape
    yield from _of_options(options)


def _of_options(options: pb.GenerationOptions) -> Iterator[Feature]:
    if options.continue_final_message:
        yield Feature.CONTINUATION
    if options.tools:
        yield Feature.TOOLS
    if options.logprobs:
        yield Feature.LOGPROBS
    if options.logit_bias:
        yield Feature.LOGIT_BIAS
    if options.template_arguments_json:
        yield Feature.TEMPLATE_ARGUMENTS
    if options.ignore_eos:
        yield Feature.IGNORE_EOS
    if options.min_p > 0:
        yield Feature.MIN_P
    if options.top_k > 0:
        yield Feature.TOP_K
    if options.HasField("repetition_penalty") and options.repetition_penalty != 1:
        yield Feature.REPETITION_PENALTY
