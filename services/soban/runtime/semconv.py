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


class Instrument(NamedTuple):
    """A counter or gauge."""

    name: str
    unit: str
    description: str


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

GENERATION_REPLICAS = Instrument("soban.generation.replicas", "{replica}", "Replicas of a model by state.")
GENERATION_RUNNING = Instrument("soban.generation.running", "{sequence}", "Sequences that engines work on for us.")
GENERATION_SLOTS = Instrument("soban.generation.slots", "{sequence}", "Sequences that ready replicas take at once.")
GENERATION_QUEUED = Instrument("soban.generation.queued", "{request}", "Requests that wait while replicas are ready.")
GENERATION_HELD = Instrument("soban.generation.held", "{request}", "Requests held because no replica is ready.")
GENERATION_TOKENS_IN_FLIGHT = Instrument(
    "soban.generation.tokens_in_flight", "{token}", "Tokens of prompts without output, and of answers as expected."
)
GENERATION_PREFILL_BACKLOG = Instrument(
    "soban.generation.prefill_backlog", "s", "Time in which one replica would read all prompts without output."
)
GENERATION_KV_CACHE_USE = Instrument(
    "soban.generation.kv_cache_use", "1", "Use of the KV cache from 0 to 1, summed over replicas."
)
GENERATION_KNEE = Instrument(
    "soban.generation.knee", "{sequence}", "Running sequences per replica at which its speed stops growing."
)
GENERATION_STALENESS = Instrument("soban.generation.staleness", "s", "Age of the oldest engine reading in use.")
GENERATION_OUTPUT_SPEED = Instrument(
    "soban.generation.output_speed", "{token}/s", "Output tokens per second over the last 10 s."
)
GENERATION_TOKENS = Instrument("soban.generation.tokens", "{token}", "Tokens by model, tenant and type.")
GENERATION_ENGINE_TIME = Instrument("soban.generation.engine.time", "s", "Engine-seconds by model and tenant.")
GENERATION_COST = Instrument(
    "soban.generation.cost", "{currency}", "Price of answers in won or dollars, by model, tenant and currency."
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

SOBAN_TENANT = "soban.tenant"
SOBAN_CURRENCY = "soban.currency"
SOBAN_REPLICA_STATE = "soban.replica.state"
