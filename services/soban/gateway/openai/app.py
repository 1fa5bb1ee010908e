"""The routes of the OpenAI API and what each does."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from aiohttp import web

import soban.v1 as pb
from soban.gateway.answer import choice_count
from soban.gateway.collecting import collect
from soban.gateway.flow import ChatFlow
from soban.gateway.openai import chat_answer, completion_answer, models, moderation, sse
from soban.gateway.openai.chat_request import Asked, read_chat, read_completion
from soban.gateway.openai.fields import Fields
from soban.gateway.openai.params import params_of
from soban.gateway.openai.request import CALL, as_json, body_of
from soban.gateway.policies import Policies
from soban.gateway.upstream import GenerationClient, SafetyClient


class OpenAIApi:
    """Handlers: JSON in, the flow, JSON or events out. They raise SobanError; the middleware answers it."""

    def __init__(self, flow: ChatFlow, safety: SafetyClient, generation: GenerationClient, policies: Policies) -> None:
        self._flow = flow
        self._safety = safety
        self._generation = generation
        self._policies = policies

    def routes(self) -> list[web.RouteDef]:
        """All paths under /v1."""
        return [
            web.post("/v1/chat/completions", self.chat_completions),
            web.post("/v1/completions", self.completions),
            web.post("/v1/moderations", self.moderations),
            web.get("/v1/models", self.list_models, allow_head=False),
            web.get("/v1/models/{name:.+}", self.get_model, allow_head=False),
        ]

    async def chat_completions(self, request: web.Request) -> web.StreamResponse:
        """POST /v1/chat/completions."""
        body = await body_of(request)
        return await self._answer(request, body, read_chat(body), chat_answer.ChatChunks, chat_answer.whole)

    async def completions(self, request: web.Request) -> web.StreamResponse:
        """POST /v1/completions."""
        body = await body_of(request)
        asked = read_completion(body)
        return await self._answer(request, body, asked, completion_answer.CompletionChunks, completion_answer.whole)

    async def _answer(
        self,
        request: web.Request,
        body: Fields,
        asked: Asked,
        chunks: Callable[[bool], sse.Chunks],
        whole: Callable[[pb.ChatResponse], dict[str, Any]],
    ) -> web.StreamResponse:
        events = self._flow.stream(asked.chat, request[CALL])
        with params_of(body):
            if asked.stream:
                return await sse.stream(request, events, chunks(asked.include_usage), choice_count(asked.chat))
            return as_json(whole(await collect(events)), ai_generated=True)

    async def moderations(self, request: web.Request) -> web.Response:
        """POST /v1/moderations."""
        body = await body_of(request)
        texts = moderation.read_inputs(body)
        extension = body.object("soban")
        named = (extension.text("safety_policy") if extension else None) or ""
        body.ignore("model")
        body.refuse_unread()
        results = []
        with params_of(body):
            policy = self._policies.of_text(named)
            for text in texts:
                check = pb.CheckRequest(text=text, policy=policy, direction=pb.DIRECTION_INPUT)
                checked = await self._safety.check(check, request[CALL])
                results.append(moderation.result_of(checked.verdict))
        answer = {"id": f"modr-{secrets.token_hex(12)}", "model": moderation.MODEL_NAME, "results": results}
        return as_json(answer)

    async def list_models(self, request: web.Request) -> web.Response:
        """GET /v1/models."""
        return as_json(models.as_list(await self._generation.models(request[CALL])))

    async def get_model(self, request: web.Request) -> web.Response:
        """GET /v1/models/{name}."""
        return as_json(models.as_object(await self._generation.model(request.match_info["name"], request[CALL])))
