"""The events of a llama.cpp stream: each of them tells its tokens.

{"choices": [{"finish_reason": null, "index": 0, "delta": {"content": "안녕"}}], "timings": {...}, ...}
"""

from __future__ import annotations

from typing import Any

from soban.generation.engines.openai_events import Answer


class LlamaCppAnswer(Answer):
    """With `timings_per_token`, usage is exact also when a stream ends early."""

    def _count(self, event: dict[str, Any], seen: int) -> int:
        timings = event.get("timings")
        if not timings:
            return super()._count(event, seen)
        usage, before = self._usage, self._usage.output_tokens
        usage.output_tokens = timings["predicted_n"]
        usage.cached_input_tokens = timings["cache_n"]
        usage.input_tokens = timings["cache_n"] + timings["prompt_n"]
        if told := event.get("usage"):
            self._take_usage(told)
        return usage.output_tokens - before
