"""/v1/models: `generation.ListModels` in OpenAI's shape."""

from __future__ import annotations

from typing import Any

from google.protobuf.json_format import MessageToDict

import soban.v1 as pb

OWNER = "soban"


def as_object(model: pb.Model) -> dict[str, Any]:
    """One model; `soban` holds what the contract says of it, but for the place of its weights."""
    told: dict[str, Any] = MessageToDict(model, preserving_proto_field_name=True)
    told.pop("url", None)
    return {
        "id": model.name,
        "object": "model",
        "created": model.create_time.seconds,
        "owned_by": OWNER,
        "soban": told,
    }


def as_list(models: list[pb.Model]) -> dict[str, Any]:
    """All of them."""
    return {"object": "list", "data": [as_object(model) for model in models]}
