"""The one way of a chat: check the input, generate, filter the output, deliver. Only checked text leaves."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator

import soban.v1 as pb
from soban.gateway.answer import Answer
from soban.gateway.callers import Callers
from soban.gateway.events import Announcer
from soban.gateway.metering import Meter
from soban.gateway.policies import Policies
from soban.gateway.pump import Pump
from soban.gateway.requests import to_check, to_filter, to_generate
from soban.gateway.served_models import ServedModels
from soban.gateway.upstream import GenerateCall, GenerationClient, SafetyClient
from soban.gateway.validation import Validator
from soban.runtime.context import Call
from soban.runtime.errors import EngineLost


class ChatFlow:
    """Answers chat requests; the gRPC and the HTTP side both stand on it."""

    def __init__(
        self,
        *,
        safety: SafetyClient,
        generation: GenerationClient,
        models: ServedModels,
        validator: Validator,
        policies: Policies,
        callers: Callers,
        announcer: Announcer,
        meter: Meter,
    ) -> None:
        self._safety = safety
        self._generation = generation
        self._models = models
        self._validator = validator
        self._policies = policies
        self._callers = callers
        self._announcer = announcer
        self._meter = meter

    async def stream(self, chat: pb.ChatRequest, call: Call) -> AsyncGenerator[pb.StreamChatResponse, None]:
        """Yields start, deltas, a finish for each choice, summary. Raises SobanError.

        Input that is blocked is no error: its choices finish with SAFETY. Whoever stops reading closes the iterator
        (`contextlib.aclosing`), which cancels what runs upstream.
        """
        self._validator.validate(chat)
        policy = self._policies.of_chat(chat)
        with self._meter.measure(chat, call) as watch, contextlib.ExitStack() as cancelled_at_exit:
            await self._models.require(chat.model, call)
            watch.asked_model = chat.model
            checked = await self._safety.check(to_check(chat, policy), call)
            watch.input_checked()
            if checked.verdict.action == pb.ACTION_BLOCK:
                for event in self._announcer.refusal(chat, checked.verdict, watch):
                    yield event
                return

            asked = to_generate(chat, checked, self._callers)
            generating = self._generation.stream(asked, call)
            cancelled_at_exit.callback(generating.cancel)
            # Opened while the engine reads the prompt; opened beside the check it would hold that up by 0.4 ms.
            filtering = self._safety.filter(call)
            cancelled_at_exit.callback(filtering.cancel)
            await self._safety.configure(filtering, to_filter(chat, policy, asked, checked.vault))
            model = await self._model_of(generating)

            answer = Answer(chat)
            watch.counts(answer.told)
            pump = Pump(generating, filtering, answer)
            cancelled_at_exit.callback(pump.cancel)
            yield self._announcer.start(model, watch)
            with self._safety.errors():
                async for response in filtering:
                    for event in answer.released(response):
                        watch.leaves(event)
                        yield event
                    if answer.stopped:
                        break
            if answer.stopped:
                # At once: a reader who takes its time over the summary must not keep the engine busy.
                generating.cancel()
            else:
                await pump.drained()
            yield self._announcer.summary(chat, checked.verdict, answer, watch)

    async def _model_of(self, generating: GenerateCall) -> str:
        """Name of the model that answers, once an engine has taken the request."""
        with self._generation.errors():
            first = await anext(aiter(generating), None)
        if first is None or not first.HasField("start"):
            raise EngineLost("generation ended before it began")
        return first.start.model
