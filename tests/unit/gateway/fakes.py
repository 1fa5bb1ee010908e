"""The far sides of the gateway as real gRPC servers that do what a test tells them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import grpc

import soban.v1 as pb
from soban.runtime.errors import SobanError

PHONE = "010-1234-5678"
PHONE_MASK = "[전화번호_1]"
SWEARING = "씨발"
REASON = pb.Reason(ko="욕설이 들어 있어 답하지 않습니다.", en="The text holds profanity.")

Script = Callable[[pb.GenerateRequest], AsyncIterator[pb.StreamGenerateResponse]]


class FakeSafety(pb.SafetyServiceServicer):
    """Masks PHONE, blocks SWEARING, and holds back what may become one of them."""

    def __init__(self) -> None:
        self.checks: list[pb.CheckRequest] = []
        self.configs: list[pb.FilterConfig] = []
        self.lanes: list[int] = []
        """Lanes of the texts that came, in order."""
        self.check_error: SobanError | None = None
        self.filter_error: SobanError | None = None
        """Raised at the first text."""
        self.ends_early = False
        self.hangs = False
        self.filter_left = asyncio.Event()

    async def Check(self, request: pb.CheckRequest, context: Any) -> pb.CheckResponse:
        self.checks.append(request)
        if self.check_error is not None:
            raise self.check_error
        if self.hangs:
            await asyncio.sleep(60)
        texts = [request.text, *(part.text for message in request.messages for part in message.parts)]
        if any(SWEARING in text for text in texts):
            return pb.CheckResponse(verdict=verdict(pb.ACTION_BLOCK, "abuse.profanity", pb.DIRECTION_INPUT))
        if not any(PHONE in text for text in texts):
            return pb.CheckResponse(verdict=pb.Verdict(action=pb.ACTION_ALLOW, policy=request.policy))
        answer = pb.CheckResponse(
            verdict=verdict(pb.ACTION_MASK, "pii.phone", pb.DIRECTION_INPUT),
            masked_text=request.text.replace(PHONE, PHONE_MASK),
            masked_messages=request.messages,
            vault="vault-1" if request.keep_values else "",
        )
        for message in answer.masked_messages:
            for part in message.parts:
                part.text = part.text.replace(PHONE, PHONE_MASK)
        return answer

    async def Filter(self, requests: Any, context: Any) -> AsyncIterator[pb.FilterResponse]:
        lanes: dict[int, ToyLane] = {}
        try:
            async for request in requests:
                for response in self._filter(request, lanes):
                    yield response
                if self.ends_early and lanes:
                    return
            for number, lane in lanes.items():
                if not lane.judged:
                    yield lane.end(number)
        finally:
            self.filter_left.set()

    def _filter(self, request: pb.FilterRequest, lanes: dict[int, ToyLane]) -> list[pb.FilterResponse]:
        kind = request.WhichOneof("event")
        if kind == "config":
            self.configs.append(request.config)
            return []
        if self.filter_error is not None:
            raise self.filter_error
        number = request.text.lane if kind == "text" else request.end.lane
        lane = lanes.setdefault(number, ToyLane())
        if kind == "end":
            return [lane.end(number)]
        self.lanes.append(number)
        return lane.take(number, request.text.text)


class ToyLane:
    """One text of a Filter stream."""

    def __init__(self) -> None:
        self.judged = False
        self._held = ""
        self._action: pb.Action = pb.ACTION_ALLOW

    def take(self, number: int, text: str) -> list[pb.FilterResponse]:
        if self.judged:
            return []
        self._held += text
        if SWEARING in self._held:
            self.judged = True
            released = self._held.split(SWEARING)[0]
            return [pb.FilterResponse(lane=number, text=released, verdict=verdict(pb.ACTION_BLOCK, "abuse.profanity"))]
        if PHONE in self._held:
            self._action = pb.ACTION_MASK
            self._held = self._held.replace(PHONE, PHONE_MASK)
        keep = max(_overlap(self._held, word) for word in (PHONE, SWEARING))
        released, self._held = self._held[: len(self._held) - keep], self._held[len(self._held) - keep :]
        return [pb.FilterResponse(lane=number, text=released)] if released else []

    def end(self, number: int) -> pb.FilterResponse:
        self.judged = True
        found = (
            verdict(self._action, "pii.phone") if self._action == pb.ACTION_MASK else pb.Verdict(action=self._action)
        )
        return pb.FilterResponse(lane=number, text=self._held, verdict=found)


def _overlap(text: str, word: str) -> int:
    """How much of the end of `text` may be the begin of `word`."""
    return next((size for size in range(len(word) - 1, 0, -1) if text.endswith(word[:size])), 0)


def verdict(action: pb.Action, category: str, direction: pb.Direction = pb.DIRECTION_OUTPUT) -> pb.Verdict:
    finding = pb.Finding(category=category, action=action, confidence=0.9)
    return pb.Verdict(action=action, findings=[finding], reason=REASON, direction=direction)


class FakeGeneration(pb.GenerationServiceServicer):
    """Plays a script."""

    def __init__(self) -> None:
        self.requests: list[pb.GenerateRequest] = []
        self.script: Script = saying(["안녕하세요. ", "반갑습니다."])
        self.left = asyncio.Event()
        """Set when a stream ends, however it ends."""
        self.cancelled = asyncio.Event()
        self.metadata: dict[str, str] = {}

    async def StreamGenerate(
        self, request: pb.StreamGenerateRequest, context: Any
    ) -> AsyncIterator[pb.StreamGenerateResponse]:
        self.requests.append(request.generate)
        self.metadata = dict(context.invocation_metadata())
        try:
            async for event in self.script(request.generate):
                yield event
        except (asyncio.CancelledError, GeneratorExit):
            self.cancelled.set()
            raise
        finally:
            self.left.set()

    async def ListModels(self, request: pb.ListModelsRequest, context: Any) -> pb.ListModelsResponse:
        return pb.ListModelsResponse(models=[model("soban-demo"), model("kakaocorp/kanana-1.5-2.1b")])

    async def GetModel(self, request: pb.GetModelRequest, context: Any) -> pb.GetModelResponse:
        from soban.runtime.errors import ModelNotFound

        if request.name not in ("soban-demo", "kakaocorp/kanana-1.5-2.1b"):
            raise ModelNotFound(f"no model {request.name}", field="name")
        return pb.GetModelResponse(model=model(request.name))


def model(name: str) -> pb.Model:
    return pb.Model(name=name, url="/models/secret.gguf", engine="llamacpp", state=pb.Model.STATE_READY)


def start(name: str = "soban-demo") -> pb.StreamGenerateResponse:
    return pb.StreamGenerateResponse(start=pb.GenerationStart(model=name))


def piece(text: str = "", index: int = 0, **fields: Any) -> pb.StreamGenerateResponse:
    fields.setdefault("tokens", 1)
    return pb.StreamGenerateResponse(delta=pb.GenerationDelta(index=index, text=text, **fields))


def finish(
    reason: pb.FinishReason = pb.FINISH_REASON_STOP, index: int = 0, stop_sequence: str = ""
) -> pb.StreamGenerateResponse:
    end = pb.GenerationFinish(index=index, finish_reason=reason, stop_sequence=stop_sequence)
    return pb.StreamGenerateResponse(finish=end)


def summary(**fields: Any) -> pb.StreamGenerateResponse:
    usage = pb.Usage(input_tokens=11, output_tokens=7, cached_input_tokens=3, reasoning_tokens=2)
    told = pb.GenerationSummary(usage=usage, timings=pb.Timings(queue_ms=1, prefill_ms=2, decode_ms=3), **fields)
    return pb.StreamGenerateResponse(summary=told)


def playing(events: Sequence[pb.StreamGenerateResponse | Exception | float]) -> Script:
    """A script of events; a number is a pause in seconds, an exception is raised."""

    async def script(_: pb.GenerateRequest) -> AsyncIterator[pb.StreamGenerateResponse]:
        for event in events:
            if isinstance(event, Exception):
                raise event
            if isinstance(event, float | int):
                await asyncio.sleep(event)
            else:
                yield event

    return script


def saying(texts: Sequence[str], reason: pb.FinishReason = pb.FINISH_REASON_STOP) -> Script:
    """A script of one choice."""
    return playing([start(), *(piece(text) for text in texts), finish(reason), summary()])


class Far:
    """A servicer as a component of a server."""

    def __init__(self, name: str, register: Callable[[grpc.aio.Server], None]) -> None:
        self.service_names = (name,)
        self._register = register

    def add_to(self, server: grpc.aio.Server) -> None:
        self._register(server)

    async def start(self) -> None:
        """Nothing to load."""

    async def drain(self, grace: float) -> None:
        """Nothing beside gRPC."""

    async def stop(self) -> None:
        """Nothing to close."""
