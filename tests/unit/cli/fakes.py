"""Soban's servers as the command line meets them: real gRPC, answers that the text chooses."""

from __future__ import annotations

import asyncio
import io
import re
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import grpc

import soban.v1 as pb
from soban.cli.command import run
from soban.cli.console import Console
from soban.runtime.errors import ContextOverflow, EngineLost, InvalidField, ModelNotFound, QueueFull
from soban.runtime.server import RunningServer, running
from soban.runtime.settings import ServerSettings

T = TypeVar("T")
MODEL = "soban-demo"
PHONE = re.compile(r"010-\d{4}-\d{4}")
SWEAR = "씨발"


class FakeTokenization(pb.TokenizationServiceServicer):
    """Each eojeol is a noun. `느리게` answers late, `틀림` is refused, `없어` finds nobody behind a proxy."""

    def __init__(self) -> None:
        self.running = 0
        self.most_running = 0
        self.lost = 0

    async def Analyze(self, request: pb.AnalyzeRequest, context: Any) -> pb.AnalyzeResponse:
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            await asyncio.sleep(0.1 if "느리게" in request.text else 0.001)
            if "없어" in request.text:
                self.lost += 1
                await _proxy_refuses(context)
            if "틀림" in request.text:
                raise InvalidField("must not be wrong", field="text")
            analysis = pb.Analysis(morphemes=_eojeols(request.text), score=-1.5)
            return pb.AnalyzeResponse(analyses=[analysis] * (request.options.top_n or 1))
        finally:
            self.running -= 1

    async def CountTokens(self, request: pb.CountTokensRequest, context: Any) -> pb.CountTokensResponse:
        texts = [part.text for message in request.messages for part in message.parts] or list(request.texts)
        counts = [len(text) for text in texts]
        return pb.CountTokensResponse(counts=counts, total=sum(counts), eojeol=sum(len(text.split()) for text in texts))


async def _proxy_refuses(context: Any) -> None:
    """As something between client and server does: unlike our own errors it leaves to clients whether to try again."""
    await context.abort(grpc.StatusCode.UNAVAILABLE, "no healthy upstream")


def _eojeols(text: str) -> list[pb.Morpheme]:
    return [
        pb.Morpheme(
            form=found.group(),
            tag="NNG",
            lemma=found.group(),
            surface=found.group(),
            span=pb.Span(start=found.start(), end=found.end()),
            eojeol_index=number,
        )
        for number, found in enumerate(re.finditer(r"\S+", text))
    ]


class FakeSafety(pb.SafetyServiceServicer):
    """Masks phone numbers, blocks one swear word."""

    async def Check(self, request: pb.CheckRequest, context: Any) -> pb.CheckResponse:
        texts = [part.text for message in request.messages for part in message.parts] or [request.text]
        verdict = verdict_on("".join(texts))
        masked = verdict.action == pb.ACTION_MASK
        return pb.CheckResponse(verdict=verdict, masked_text=masked_text(texts[0]) if masked else "")

    async def Mask(self, request: pb.MaskRequest, context: Any) -> pb.MaskResponse:
        results = [pb.MaskedText(text=masked_text(text), findings=verdict_on(text).findings) for text in request.texts]
        return pb.MaskResponse(results=results)


def masked_text(text: str) -> str:
    return PHONE.sub("[전화번호_1]", text)


def verdict_on(text: str) -> pb.Verdict:
    verdict = pb.Verdict(action=pb.ACTION_ALLOW, policy="default", direction=pb.DIRECTION_INPUT)
    if found := PHONE.search(text):
        verdict.action = pb.ACTION_MASK
        span = pb.Span(start=found.start(), end=found.end())
        placeholder = "[전화번호_1]"
        finding = pb.Finding(category="pii.phone", span=span, action=pb.ACTION_MASK, placeholder=placeholder)
        verdict.findings.append(finding)
    if SWEAR in text:
        verdict.action = pb.ACTION_BLOCK
        verdict.reason.CopyFrom(pb.Reason(ko="욕설이 들어 있습니다", en="contains profanity"))
    return verdict


class FakeGeneration(pb.GenerationServiceServicer):
    """Two models, of which the second is ready."""

    async def ListModels(self, request: pb.ListModelsRequest, context: Any) -> pb.ListModelsResponse:
        sleeping = pb.Model(name="ko-8b", engine="vllm", state=pb.Model.STATE_SLEEPING)
        capabilities = [pb.Model.CAPABILITY_CHAT, pb.Model.CAPABILITY_COMPLETION]
        ready = pb.Model(
            name=MODEL,
            engine="llamacpp",
            state=pb.Model.STATE_READY,
            context_length=512,
            capabilities=capabilities,
        )
        return pb.ListModelsResponse(models=[sleeping, ready])


class FakeGateway(pb.ChatServiceServicer):
    """Echoes the last message in pieces. Words in it choose how it goes; more than `turns` messages do not fit."""

    def __init__(self) -> None:
        self.requests: list[pb.ChatRequest] = []
        self.cancelled = 0
        self.turns = 1_000

    async def Chat(self, request: pb.ChatRequest, context: Any) -> pb.ChatResponse:
        text = self._text(request)
        if "없어" in text:
            await _proxy_refuses(context)
        message = pb.Message(role=pb.ROLE_ASSISTANT, parts=[pb.ContentPart(text=f"{text}라고요?")])
        choice = pb.ChatChoice(message=message, finish_reason=pb.FINISH_REASON_STOP)
        return pb.ChatResponse(id="answer-1", model=request.model, choices=[choice], ai_generated=True)

    async def StreamChat(self, request: pb.StreamChatRequest, context: Any) -> AsyncIterator[pb.StreamChatResponse]:
        text = self._text(request.chat)
        yield pb.StreamChatResponse(start=pb.ChatStart(id="answer-1", model=request.chat.model))
        verdict = verdict_on(text)
        if verdict.action == pb.ACTION_BLOCK:
            finish = pb.ChatFinish(finish_reason=pb.FINISH_REASON_SAFETY)
        else:
            async for delta in self._deltas(text):
                yield pb.StreamChatResponse(delta=delta)
            finish = pb.ChatFinish(finish_reason=pb.FINISH_REASON_STOP)
        yield pb.StreamChatResponse(finish=finish)
        usage = pb.Usage(input_tokens=7, output_tokens=5, output_eojeol=2)
        summary = pb.ChatSummary(usage=usage, verdicts=[verdict], timings=pb.Timings(decode_ms=100.0))
        yield pb.StreamChatResponse(summary=summary)

    async def _deltas(self, text: str) -> AsyncIterator[pb.ChatDelta]:
        for piece in re.findall(r".{1,2}", f"{text}라고요?"):
            yield pb.ChatDelta(text=piece)
        if "끊김" in text:
            raise EngineLost("the engine died")
        if "기다려" in text:
            try:
                await asyncio.sleep(30)
            except asyncio.CancelledError:
                self.cancelled += 1
                raise

    def _text(self, request: pb.ChatRequest) -> str:
        self.requests.append(request)
        if request.model == "없음":
            raise ModelNotFound("no model is called 없음", field="model")
        if len(request.messages) > self.turns:
            raise ContextOverflow("the conversation does not fit", field="messages")
        text = request.prompt or request.messages[-1].parts[0].text
        if "붐빔" in text:
            raise QueueFull("64 requests wait already", retry_after=3.0)
        return text


@dataclass
class FakeStack:
    """All four services on one server, as a component of the runtime."""

    gateway: FakeGateway = field(default_factory=FakeGateway)
    tokenization: FakeTokenization = field(default_factory=FakeTokenization)

    @property
    def service_names(self) -> Sequence[str]:
        return [f"soban.v1.{name}Service" for name in ("Chat", "Tokenization", "Safety", "Generation")]

    def add_to(self, server: grpc.aio.Server) -> None:
        pb.add_ChatServiceServicer_to_server(self.gateway, server)
        pb.add_TokenizationServiceServicer_to_server(self.tokenization, server)
        pb.add_SafetyServiceServicer_to_server(FakeSafety(), server)
        pb.add_GenerationServiceServicer_to_server(FakeGeneration(), server)

    async def start(self) -> None:
        return None

    async def drain(self, grace: float) -> None:
        return None

    async def stop(self) -> None:
        return None


class ServerThread:
    """The fake stack in an event loop of its own, because the command line blocks."""

    def __init__(self, stack: FakeStack) -> None:
        self.stack = stack
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: AbstractAsyncContextManager[RunningServer] | None = None
        self.address = ""

    def start(self) -> None:
        self._thread.start()
        self.address = self._run(self._enter).target

    def stop(self) -> None:
        if self._server is not None:
            server = self._server
            self._run(lambda: server.__aexit__(None, None, None))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def env(self) -> dict[str, str]:
        names = ("GATEWAY", "TOKENIZATION", "SAFETY", "GENERATION")
        return {f"SOBAN_{name}": self.address for name in names}

    async def _enter(self) -> RunningServer:
        self._server = running(self.stack, ServerSettings(port=0), grace=0.0)
        return await self._server.__aenter__()

    def _run(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        return asyncio.run_coroutine_threadsafe(work(), self._loop).result(20)


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    code: int
    out: str
    err: str


class TerminalText(io.StringIO):
    """Text that a terminal would have shown."""

    def isatty(self) -> bool:
        return True


@dataclass
class Shell:
    """Runs `soban` in this process against the fake stack."""

    env: dict[str, str]

    def __call__(self, *argv: str, stdin: bytes = b"", **env: str) -> Outcome:
        return self._run(argv, Console(io.StringIO(), io.StringIO(), io.BytesIO(stdin), {**self.env, **env}))

    def on_terminal(self, *argv: str, typed: Sequence[str | BaseException] = (), **env: str) -> Outcome:
        """With a person who types these lines; an exception stands for Ctrl-C or Ctrl-D."""
        lines = iter(typed)

        def ask(prompt: str) -> str:
            line = next(lines, EOFError())
            if isinstance(line, BaseException):
                raise line
            return line

        return self.asked(ask, *argv, **env)

    def asked(self, ask: Callable[[str], str], *argv: str, **env: str) -> Outcome:
        """With what gives the lines one by one."""
        streams = (TerminalText(), TerminalText(), io.BytesIO())
        return self._run(argv, Console(*streams, {**self.env, **env}, keyboard=True, ask=ask))

    def _run(self, argv: Sequence[str], console: Console) -> Outcome:
        code = run(argv, console)
        assert isinstance(console.out, io.StringIO)
        assert isinstance(console.err, io.StringIO)
        return Outcome(code, console.out.getvalue(), console.err.getvalue())
