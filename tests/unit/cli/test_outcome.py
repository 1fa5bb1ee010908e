"""The line under an answer."""

from __future__ import annotations

import soban.v1 as pb
from soban.cli.answer import Answer, outcome


def answered(**summary: object) -> Answer:
    usage = pb.Usage(input_tokens=12, output_tokens=9, output_eojeol=3)
    told = pb.ChatSummary(usage=usage, timings=pb.Timings(decode_ms=100), **summary)  # type: ignore[arg-type]
    return Answer(model="ko-8b", summary=told)


def test_a_models_answer_tells_its_speed() -> None:
    """Tokens by the time from the first to the last."""
    assert outcome(answered()).startswith("ko-8b · 입력 in 12 · 출력 out 9 tokens (3 어절 eojeol) · 90.0 tokens/s")


def test_a_routes_answer_tells_the_way_to_it() -> None:
    """And no speed, as its tokens are those of several answers."""
    steps = [pb.RouteStep(model="ko-2b", outcome="refusal"), pb.RouteStep(model="ko-8b", outcome="accepted")]
    line = outcome(answered(route_steps=steps))
    assert " · ko-2b refusal → ko-8b accepted · " in line
    assert "tokens/s" not in line
