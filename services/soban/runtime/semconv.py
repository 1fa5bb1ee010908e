"""Names, units and buckets of what Soban measures: OpenTelemetry's RPC and GenAI conventions, in one place.

RPC: semantic-conventions v1.44, docs/rpc/rpc-metrics.md (the status code is a string). GenAI:
semantic-conventions-genai, docs/gen-ai/gen-ai-metrics.md; the Python constants of 0.66b2 are marked as moved.
"""

from __future__ import annotations

from typing import NamedTuple


class Histogram(NamedTuple):
    """A histogram as the convention defines it."""

    name: str
    unit: str
    description: str
    buckets: tuple[float, ...]


_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
_DOUBLING = tuple(0.01 * 2**step for step in range(14))
_TOKENS = tuple(float(4**step) for step in range(14))
_PER_OUTPUT = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5)
_TO_FIRST = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)

RPC_SERVER_CALL_DURATION = Histogram("rpc.server.call.duration", "s", "Duration of incoming calls.", _SECONDS)
RPC_CLIENT_CALL_DURATION = Histogram("rpc.client.call.duration", "s", "Duration of outgoing calls.", _SECONDS)

GEN_AI_CLIENT_TOKEN_USAGE = Histogram(
    "gen_ai.client.token.usage", "{token}", "Input and output tokens used by one operation.", _TOKENS
)
GEN_AI_CLIENT_OPERATION_DURATION = Histogram(
    "gen_ai.client.operation.duration", "s", "Duration of one operation as its caller sees it.", _DOUBLING
)
GEN_AI_CLIENT_TIME_TO_FIRST_CHUNK = Histogram(
    "gen_ai.client.operation.time_to_first_chunk", "s", "Time until the caller had the first piece.", _DOUBLING
)
GEN_AI_SERVER_REQUEST_DURATION = Histogram(
    "gen_ai.server.request.duration", "s", "Time an engine took for one request.", _DOUBLING
)
GEN_AI_SERVER_TIME_PER_OUTPUT_TOKEN = Histogram(
    "gen_ai.server.time_per_output_token", "s", "Time per output token after the first.", _PER_OUTPUT
)
GEN_AI_SERVER_TIME_TO_FIRST_TOKEN = Histogram(
    "gen_ai.server.time_to_first_token", "s", "Time until the engine gave its first token.", _TO_FIRST
)

RPC_SYSTEM_NAME = "rpc.system.name"
RPC_METHOD = "rpc.method"
RPC_STATUS_CODE = "rpc.status_code"
ERROR_TYPE = "error.type"
OTHER_METHOD = "_OTHER"
"""Stands for methods that nobody serves, so that strangers cannot grow the number of series."""

GEN_AI_OPERATION_NAME = "gen_ai.operation.name"
GEN_AI_PROVIDER_NAME = "gen_ai.provider.name"
GEN_AI_REQUEST_MODEL = "gen_ai.request.model"
GEN_AI_RESPONSE_MODEL = "gen_ai.response.model"
GEN_AI_TOKEN_TYPE = "gen_ai.token.type"  # noqa: S105 - a kind of token, no secret
GEN_AI_USAGE_INPUT_TOKENS = "gen_ai.usage.input_tokens"
GEN_AI_USAGE_OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
"""Our ErrorInfo reason on spans."""
