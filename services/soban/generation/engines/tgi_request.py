"""A request of the contract as a body for TGI: for `/generate_stream`, or for its chat endpoint.

What TGI validates is in its router/src/validation.rs: values that mean "off" elsewhere (`temperature` 0, `top_p` 1,
`top_k` 0) are errors there, and left out here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import soban.v1 as pb
from soban.generation.answer_shapes import json_schema
from soban.generation.engine import EngineRequest
from soban.generation.engines.openai_request import Dialect
from soban.generation.engines.tgi_info import Info
from soban.runtime.errors import NotBuilt

KIND = "tgi"
# The llama.cpp backend cuts seeds to 32 bits and takes the highest value as "random".
_SEEDS = 2**32 - 1
# Low enough that the likeliest token is taken even where two are as close as floats of a model get.
_ALMOST_ZERO = 1e-5
_SAME = ("repetition_penalty", "frequency_penalty")


def native_body(asked: EngineRequest, prompt: str, most: int | None, info: Info) -> dict[str, Any]:
    """`most` new tokens; without a number TGI has a limit of its own. Stop texts stay here (`stops.py` says why)."""
    options = asked.request.options
    parameters: dict[str, Any] = {
        "details": True,
        "return_full_text": False,
        "max_new_tokens": most,
        **_sampling(options, info),
        **{given.name: value for given, value in options.ListFields() if given.name in _SAME},
    }
    if asked.seed is not None:
        parameters["seed"] = asked.seed % _SEEDS
    if options.top_logprobs:
        parameters["top_n_tokens"] = options.top_logprobs
    if asked.adapter:
        parameters["adapter_id"] = asked.adapter
    grammar = _grammar(options.response_format)
    if grammar is not None:
        parameters["grammar"] = grammar
    return {"inputs": prompt, "parameters": parameters}


def chat_body(asked: EngineRequest, info: Info) -> dict[str, Any]:
    """`model` is the adapter: TGI takes any other name than "tgi" for one (router/src/server.rs)."""
    body = CHAT.body(asked.request, asked.seed, asked.adapter or KIND)
    if body.get("top_p") == 1:
        del body["top_p"]
    if body.get("temperature") == 0 and info.always_samples:
        body["temperature"] = _ALMOST_ZERO
    return body


def check_options(request: pb.GenerateRequest) -> None:
    """What no feature stands for. Raises NotBuilt, and InvalidField for unusable JSON."""
    options = request.options
    if options.presence_penalty:
        raise NotBuilt(
            "presence_penalty on engine tgi is not built; frequency_penalty and repetition_penalty are",
            metadata={"feature": "presence_penalty", "engine": KIND},
        )
    _grammar(options.response_format)


def check_logprobs(options: pb.GenerationOptions, info: Info) -> None:
    """The llama.cpp backend computes them after its filters, so that without randomness each of them is 0.

    Raises NotBuilt rather than to pass on numbers that say nothing.
    """
    if not (options.logprobs and info.always_samples):
        return
    unfit = "logprobs with temperature 0" if _greedy(options) else "top_logprobs" if options.top_logprobs else ""
    if unfit:
        raise NotBuilt(
            f"{unfit} on TGI's llama.cpp backend is not built: it does not tell them",
            metadata={"feature": "logprobs", "engine": KIND},
        )


def _sampling(options: pb.GenerationOptions, info: Info) -> dict[str, Any]:
    if _greedy(options):
        return _greedily(options, info)
    sampling: dict[str, Any] = {"do_sample": True}
    if options.temperature:
        sampling["temperature"] = options.temperature
    if 0 < options.top_p < 1:
        sampling["top_p"] = options.top_p
    if options.top_k:
        sampling["top_k"] = options.top_k
    return sampling


def _greedily(options: pb.GenerationOptions, info: Info) -> dict[str, Any]:
    """Always the likeliest token. `top_k` 1 would do on every backend, but on others it makes every log-probability 0.

    The llama.cpp backend reads no `do_sample`, and has penalties come after `top_k`, where they change nothing.
    """
    if not info.always_samples:
        return {"do_sample": False}
    if options.HasField("repetition_penalty") and options.repetition_penalty != 1:
        return {"do_sample": True, "temperature": _ALMOST_ZERO}
    return {"do_sample": False, "top_k": 1}


def _greedy(options: pb.GenerationOptions) -> bool:
    return options.HasField("temperature") and options.temperature == 0


def _grammar(shape: pb.ResponseFormat) -> dict[str, Any] | None:
    kind = shape.WhichOneof("format")
    if kind == "json_schema":
        return {"type": "json", "value": json_schema(shape.json_schema, "options.response_format.json_schema")}
    if kind == "regex":
        return {"type": "regex", "value": shape.regex}
    return None


def _chat_shape(shape: pb.ResponseFormat) -> dict[str, Any]:
    grammar = _grammar(shape)
    return {} if grammar is None else {"response_format": grammar}


_CHAT_OPTIONS: Mapping[str, str] = {
    "max_tokens": "max_tokens",
    "temperature": "temperature",
    "top_p": "top_p",
    "frequency_penalty": "frequency_penalty",
}
CHAT = Dialect(KIND, options=_CHAT_OPTIONS, shape=_chat_shape, seeds=_SEEDS)
"""Of its chat endpoint. `presence_penalty` is no part of it: versions take it for a repetition penalty 2 too high."""
