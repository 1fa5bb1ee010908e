"""What the model is sent, as against what the client sent: the model's defaults, its system prompt, NFC."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple
from unicodedata import is_normalized, normalize

import soban.v1 as pb
from soban.generation.validation import validate_ranges
from soban.runtime.config import ConfigError
from soban.runtime.errors import InvalidField
from soban.runtime.markers import Markers
from soban.runtime.model_settings import ModelConfig, ProfileConfig

_DEFAULTS = ("max_tokens", "temperature", "top_p", "top_k", "min_p", "frequency_penalty", "presence_penalty")
SAMPLING = (*_DEFAULTS, "repetition_penalty")
"""Options that `sampling` of models and profiles may set."""
_WHOLE = ("max_tokens", "top_k")


class Prepared(NamedTuple):
    """`normalized` tells whether a text was changed to its NFC form."""

    request: pb.GenerateRequest
    normalized: bool


class Preparation:
    """Of one model's requests, or of a profile's. Raises ConfigError when the defaults of sampling are none.

    `path` is where they stand in the configuration, such as `models.ko-8b`.
    """

    def __init__(self, path: str, model: ModelConfig, markers: Markers | None = None) -> None:
        self._sampling = _checked(path, model.sampling)
        self._system_prompt = model.system_prompt
        self._markers = markers or Markers()

    def prepare(self, request: pb.GenerateRequest) -> Prepared:
        """A changed copy; `request` stays as it is.

        NFC unless `options.normalize` is false: text in NFD, as macOS writes it, costs a model up to ten times the
        tokens. Stop texts too, since the model then writes NFC. The system prompt of the configuration goes before
        messages that have none. Control tokens in what becomes part of a chat are broken; a raw prompt may have them.
        """
        prepared = pb.GenerateRequest()
        prepared.CopyFrom(request)
        options = prepared.options
        given = {field.name for field, _ in options.ListFields()}
        for name, value in self._sampling.items():
            if name not in given:
                setattr(options, name, value)
        if self._system_prompt and prepared.messages and prepared.messages[0].role != pb.ROLE_SYSTEM:
            system = pb.Message(role=pb.ROLE_SYSTEM, parts=[pb.ContentPart(text=self._system_prompt)])
            rest = list(prepared.messages)
            del prepared.messages[:]
            prepared.messages.extend([system, *rest])
        wanted = not options.HasField("normalize") or options.normalize
        normalized = wanted and _normalize(prepared)
        self._break_markers(prepared)
        return Prepared(prepared, normalized)

    def _break_markers(self, request: pb.GenerateRequest) -> None:
        broken = self._markers.broken
        for message in request.messages:
            message.name = broken(message.name)
            message.tool_call_id = broken(message.tool_call_id)
            for part in message.parts:
                if part.HasField("text"):
                    part.text = broken(part.text)
            for call in message.tool_calls:
                call.id, call.name, call.arguments = broken(call.id), broken(call.name), broken(call.arguments)
        for tool in request.options.tools:
            tool.description = broken(tool.description)


def _normalize(request: pb.GenerateRequest) -> bool:
    changed = _composed(request.prompt, lambda text: setattr(request, "prompt", text))
    for message in request.messages:
        for part in message.parts:
            if part.HasField("text"):
                changed |= _composed(part.text, lambda text, part=part: setattr(part, "text", text))  # type: ignore[misc]
    request.options.stop[:] = [normalize("NFC", stop) for stop in request.options.stop]
    return changed


def _composed(text: str, put: Callable[[str], None]) -> bool:
    if is_normalized("NFC", text):
        return False
    put(normalize("NFC", text))
    return True


def under_profile(model: ModelConfig, profile: ProfileConfig) -> ModelConfig:
    """The model as a profile wants it: other instructions if it has any, its sampling over the model's."""
    instructions = model.system_prompt if profile.system_prompt is None else profile.system_prompt
    return model.model_copy(update={"system_prompt": instructions, "sampling": {**model.sampling, **profile.sampling}})


def _checked(path: str, sampling: Mapping[str, float]) -> dict[str, float | int]:
    for key, value in sampling.items():
        if key not in SAMPLING:
            raise ConfigError(f"{path}.sampling.{key}", f"unknown option; known are {', '.join(SAMPLING)}")
        if key in _WHOLE and value != int(value):
            raise ConfigError(f"{path}.sampling.{key}", "must be a whole number")
    defaults = {key: int(value) if key in _WHOLE else value for key, value in sampling.items()}
    try:
        validate_ranges(pb.GenerationOptions(**defaults))  # type: ignore[arg-type]
    except InvalidField as err:
        raise ConfigError(f"{path}.sampling", str(err)) from err
    return defaults
