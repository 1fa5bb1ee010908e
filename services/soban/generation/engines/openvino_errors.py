"""What OpenVINO Model Server answers when it does not answer, as errors of the contract.

Texts are those of src/status.cpp of openvinotoolkit/model_server (2026). A run that fails has status 400 whoever is at
fault; MediaPipe's own status inside the text tells them apart:

    {"error": "Mediapipe execution failed. MP status - INVALID_ARGUMENT: CalculatorGraph::Run() failed: \\n
               Calculator::Process() for node \\"LLMExecutor\\" failed: temperature out of range(0.0, 2.0)"}

A run that fails in the middle of a stream writes the same object bare into it, which is no event: the stream just ends.
"""

from __future__ import annotations

import re
from dataclasses import replace

import soban.v1 as pb
from soban.generation.engines import openai_errors
from soban.generation.engines.openai_errors import Refusal, overflow
from soban.runtime.errors import EngineFailed, EngineOverloaded, InvalidField, NoReplica, SobanError

_RUN = re.compile(r"MP status - ([A-Z_]+): (.*)", re.DOTALL)
_NODE = re.compile(r'Calculator::\w+\(\) for node "[^"]*" failed: ')
_CALLERS_FAULT = ("INVALID_ARGUMENT", "OUT_OF_RANGE")
_ABSENT = ("is not found", "is retired")


def error_of(refusal: Refusal, request: pb.GenerateRequest) -> SobanError:
    """As `ErrorOf`."""
    run = _RUN.search(refusal.message)
    if run is not None:
        return _of_run(run.group(1), replace(refusal, message=_NODE.split(run.group(2))[-1]), request)
    if "is not loaded yet" in refusal.message:
        return NoReplica("the engine is loading its model", retry_after=refusal.retry_after)
    if any(words in refusal.message for words in _ABSENT):
        return EngineFailed("the engine has no model of the configured name (engineModel)")
    if "Invalid request URL" in refusal.message or refusal.status == 412:
        return EngineFailed(f"the engine cannot run its model, or is no OpenVINO Model Server ({refusal.status})")
    return openai_errors.error_of(refusal, request)


def _of_run(status: str, refusal: Refusal, request: pb.GenerateRequest) -> SobanError:
    if status == "RESOURCE_EXHAUSTED":
        return EngineOverloaded("the engine is overloaded", retry_after=refusal.retry_after)
    if status not in _CALLERS_FAULT:
        return EngineFailed(f"the run of the engine failed ({status})")
    if "exceeds the maximum allowed length" in refusal.message:
        # NPUs have a fixed room for prompts, and do not tell it here.
        return overflow(request, None, None)
    found = openai_errors.error_of(replace(refusal, status=400), request)
    if isinstance(found, InvalidField) and refusal.message.startswith(("max_tokens", "max_completion_tokens")):
        return InvalidField(found.message, quoted=found.quoted, field="options.max_tokens")
    return found
