"""The embedded engine's child: what it is told, what it tells. Running it is an integration test."""

from __future__ import annotations

import json

from soban.generation.embedded import EmbeddedHost
from soban.generation.llama_server import ServerPlan, ready_address

PLAN = ServerPlan(
    path="/m/한국어.gguf", name="ko", parallel=4, context=4096, unified=False, threads=1, adapters=["/m/법.gguf"]
)


def test_a_plan_survives_the_command_line() -> None:
    """As JSON."""
    assert ServerPlan(**json.loads(PLAN.to_argument())) == PLAN


def test_the_ready_line_counts_only_from_the_running_child() -> None:
    """A line of an earlier child may come late."""
    line = '{"soban_engine": "http://127.0.0.1:4711", "pid": 42}'
    assert ready_address(line, 42) == "http://127.0.0.1:4711"
    assert ready_address(line, 43) is None
    assert ready_address("0.00.147.105 I srv load_model: n_slots = 32", 42) is None


def test_the_key_is_not_on_the_command_line() -> None:
    """Everybody on the machine can read those."""
    replica = EmbeddedHost("ko", PLAN, 1.0, 30.0)
    assert not any(replica._key in argument for argument in replica._argv)
