"""Answers to raw prompts as long as the context allows, of engines that mean 16 tokens when nothing is said.

vLLM and SGLang refuse more than what fits, and vLLM also takes null for 16 (0.33), so that the prompt must be counted.
"""

from __future__ import annotations

import soban.v1 as pb
from soban.generation.engines.http import EngineHttp
from soban.generation.engines.openai_errors import number
from soban.generation.engines.openai_models import ServedModel
from soban.runtime.errors import EngineFailed


class Room:
    """Of the contexts of `model`. `spare` is how many tokens of one the engine leaves empty."""

    def __init__(self, http: EngineHttp, model: ServedModel, spare: int = 0) -> None:
        self._http = http
        self._model = model
        self._spare = spare

    async def limit(self, request: pb.GenerateRequest) -> dict[str, int]:
        """`max_tokens` for the body of a raw prompt that does not say it, else nothing. Raises SobanError.

        A prompt that leaves no room gets 1: the engine's refusal tells both counts.
        """
        if not request.prompt or request.options.HasField("max_tokens"):
            return {}
        context = await self._model.context_length()
        if context is None:
            raise EngineFailed("the engine does not say how long its context is")
        return {"max_tokens": max(1, context - self._spare - await self._tokens(request.prompt))}

    async def _tokens(self, prompt: str) -> int:
        """Of a prompt; at most, where a version cannot count them: no token is shorter than a byte."""
        body = {"model": await self._model.name(), "prompt": prompt}
        answered = await self._http.post("/tokenize", body)
        counted = number(answered.json().get("count"), 0) if answered.status == 200 else 0
        return counted or len(prompt.encode())
