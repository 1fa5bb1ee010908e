"""A TGI with a real tokenizer and a scripted model: endpoints, validation, and every quirk that was recorded."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from tokenizers import Tokenizer

from unit.generation.engines.fakes import tgi_wire as wire

MODEL = "HuggingFaceTB/SmolLM2-135M-Instruct"
SEED = 14_108_765


@dataclass
class FakeTgi:
    """Says `says` to every prompt, then its end token.

    The backend "llamacpp" decodes each token by itself; "python" holds a token back until its characters are whole, and
    keeps to grammars.
    """

    tokenizer: Tokenizer
    says: Sequence[int]
    eos: int
    backend: str = "llamacpp"
    total_tokens: int = 256
    input_tokens: int = 200
    concurrent: int = 128
    adds_specials: bool = True
    space: bool = True
    pages: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    """Answers in place of its own, by path."""
    fails: tuple[int, str, str] | None = None
    """After so many tokens: an error, and its type."""
    cut_after: int | None = None
    """The connection ends after so many tokens, without a last event."""
    gate: asyncio.Semaphore | None = None
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    running_now: int = 0
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    def bodies(self, path: str = "/generate_stream") -> list[dict[str, Any]]:
        return [body for at, body in self.asked if at == path]

    @property
    def parameters(self) -> dict[str, Any]:
        """Of the last native request."""
        found: dict[str, Any] = self.bodies()[-1]["parameters"]
        return found

    @contextlib.asynccontextmanager
    async def running(self, tls: Any = None) -> AsyncIterator[str]:
        """Its base URL."""
        app = web.Application(client_max_size=2**26)
        app.router.add_post("/generate_stream", self._generate_stream)
        app.router.add_post("/", self._compat)
        app.router.add_post("/tokenize", self._tokenize)
        app.router.add_post("/chat_tokenize", self._chat_tokenize)
        app.router.add_post("/v1/chat/completions", self._chat)
        for path in ("/info", "/health", "/metrics"):
            app.router.add_get(path, self._page)
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()

    def info(self) -> dict[str, Any]:
        return {
            "model_id": MODEL,
            "model_sha": None,
            "model_pipeline_tag": None,
            "max_concurrent_requests": self.concurrent,
            "max_best_of": 0 if self.backend == "llamacpp" else 2,
            "max_stop_sequences": 0 if self.backend == "llamacpp" else 4,
            "max_input_tokens": self.input_tokens,
            "max_total_tokens": self.total_tokens,
            "validation_workers": 2,
            "max_client_batch_size": 4,
            "router": "text-generation-router",
            "version": wire.VERSION,
            "sha": "db931fcf",
            "docker_label": None,
        }

    async def _page(self, request: web.Request) -> web.Response:
        metrics = wire.METRICS_LLAMACPP if self.backend == "llamacpp" else wire.METRICS
        own = {"/info": json.dumps(self.info()).encode(), "/health": b"", "/metrics": metrics}
        status, body = self.pages.get(request.path, (200, own[request.path]))
        return web.Response(status=status, body=body)

    async def _body(self, request: web.Request) -> dict[str, Any] | web.Response:
        if request.path in self.pages:
            status, text = self.pages[request.path]
            return web.Response(status=status, body=text, content_type="text/plain")
        if request.content_type != "application/json":
            status, text = wire.NO_CONTENT_TYPE
            return web.Response(status=status, body=text, content_type="text/plain")
        body: dict[str, Any] = json.loads(await request.read())
        self.asked.append((request.path, body))
        return body

    async def _tokenize(self, request: web.Request) -> web.Response:
        body = await self._body(request)
        if isinstance(body, web.Response):
            return body
        encoded = self.tokenizer.encode(body["inputs"], add_special_tokens=self.adds_specials)
        # `start` and `stop` are bytes of UTF-8; the tokens of one syllable share one span.
        text = body["inputs"]
        spans = [(len(text[:start].encode()), len(text[:stop].encode())) for start, stop in encoded.offsets]
        tokens = [
            {"id": number, "text": text[start:stop], "start": span[0], "stop": span[1]}
            for number, (start, stop), span in zip(encoded.ids, encoded.offsets, spans, strict=True)
        ]
        return web.json_response(tokens)

    async def _chat_tokenize(self, request: web.Request) -> web.Response:
        body = await self._body(request)
        if isinstance(body, web.Response):
            return body
        text = self._templated(body)
        ids = self.tokenizer.encode(text, add_special_tokens=False).ids
        tokens = [{"id": number, "text": "", "start": 0, "stop": 0} for number in ids]
        return web.json_response({"tokenize_response": tokens, "templated_text": text})

    def _templated(self, body: Mapping[str, Any]) -> str:
        return "".join(f"<|{each['role']}|>{each['content']}<|end|>" for each in body["messages"]) + "<|assistant|>"

    async def _compat(self, request: web.Request) -> web.StreamResponse:
        """Where huggingface_hub sends everything."""
        return await self._generate_stream(request)

    async def _generate_stream(self, request: web.Request) -> web.StreamResponse:
        body = await self._body(request)
        if isinstance(body, web.Response):
            return body
        response = await self._begin(request)
        parameters = body.get("parameters", {})
        prompt = len(self.tokenizer.encode(body["inputs"], add_special_tokens=self.adds_specials).ids)
        refused = self._refusal(body["inputs"], parameters, prompt)
        if refused is not None:
            await response.write(wire.event(wire.error(*refused), space=self.space))
            return response
        await self._run(request, response, self._native(parameters, prompt))
        return response

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = await self._body(request)
        if isinstance(body, web.Response):
            return body
        response = await self._begin(request)
        prompt = len(self.tokenizer.encode(self._templated(body), add_special_tokens=False).ids)
        parameters = {"max_new_tokens": body.get("max_tokens"), "top_p": body.get("top_p"), "details": True}
        refused = self._refusal("chat", parameters, prompt)
        if refused is not None:
            await response.write(wire.event(wire.chat_error(refused[0])) + wire.DONE)
            return response
        await self._run(request, response, self._chunks(parameters, prompt, body))
        return response

    async def _begin(self, request: web.Request) -> web.StreamResponse:
        headers = {"Content-Type": "text/event-stream", "X-Accel-Buffering": "no", "x-compute-type": "gpu+optimized"}
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        return response

    async def _run(self, request: web.Request, response: web.StreamResponse, events: AsyncIterator[bytes]) -> None:
        self.running_now += 1
        try:
            async for data in events:
                await response.write(data)
            if self.cut_after == 0 and request.transport is not None:
                request.transport.abort()
        except (asyncio.CancelledError, ConnectionError):
            self.closed.set()
            raise
        finally:
            self.running_now -= 1

    async def _native(self, parameters: Mapping[str, Any], prompt: int) -> AsyncIterator[bytes]:
        yield wire.COMMENT
        tokens = self._tokens(parameters, prompt)
        whole = ""
        for index, (number, text, reason) in enumerate(tokens, 1):
            if (stopped := await self._stopped(index)) is not None:
                if stopped:
                    yield wire.event(wire.error(*stopped), space=self.space)
                return
            special = number == self.eos
            told = wire.token(index, number, text, special=special)
            whole += "" if special else text
            if parameters.get("top_n_tokens"):
                top = {"id": number, "text": text, "logprob": wire.LOGPROB, "special": special}
                told["top_tokens"] = [top] * parameters["top_n_tokens"]
            if reason:
                told["generated_text"] = whole
                told["details"] = wire.details(reason, index, SEED, prompt) if parameters.get("details") else None
            yield wire.event(told, space=self.space)

    async def _chunks(
        self, parameters: Mapping[str, Any], prompt: int, body: Mapping[str, Any]
    ) -> AsyncIterator[bytes]:
        model = str(body.get("model"))
        count = 0
        for number, text, reason in self._tokens(parameters, prompt):
            count += 1
            if (stopped := await self._stopped(count)) is not None:
                if stopped:
                    yield wire.event(wire.chat_error(stopped[0])) + wire.DONE
                return
            said = {"eos_token": "stop"}.get(reason, reason) or None
            yield wire.event(wire.chunk(model, [wire.choice("" if number == self.eos else text, said)]))
        if (body.get("stream_options") or {}).get("include_usage"):
            usage = {"prompt_tokens": prompt, "completion_tokens": count, "total_tokens": prompt + count}
            yield wire.event(wire.chunk(model, [], usage))
        yield wire.DONE

    async def _stopped(self, index: int) -> tuple[str, str] | tuple[()] | None:
        """An error, or nothing more at all, or None to go on."""
        if self.gate is not None:
            await self.gate.acquire()
        if self.cut_after is not None and index > self.cut_after:
            return ()
        if self.fails is not None and index > self.fails[0]:
            return self.fails[1:]
        return None

    def _tokens(self, parameters: Mapping[str, Any], prompt: int) -> list[tuple[int, str, str]]:
        """Ids, the texts that the backend has for them, and why the last one is it."""
        most = parameters.get("max_new_tokens") or self.total_tokens - prompt
        ids = [*self._answer(parameters), self.eos][:most]
        reason = "eos_token" if ids[-1] == self.eos else "length"
        texts = self._alone(ids) if self.backend == "llamacpp" else self._held(ids)
        return [(number, text, reason if at == len(ids) else "") for at, (number, text) in enumerate(texts, 1)]

    def _answer(self, parameters: Mapping[str, Any]) -> Sequence[int]:
        grammar = parameters.get("grammar")
        if self.backend == "llamacpp" or not grammar or grammar["type"] != "regex":
            return self.says
        found: list[int] = self.tokenizer.encode(grammar["value"], add_special_tokens=False).ids
        return found

    def _alone(self, ids: Sequence[int]) -> list[tuple[int, str]]:
        return [(number, self.tokenizer.decode([number], skip_special_tokens=False)) for number in ids]

    def _held(self, ids: Sequence[int]) -> list[tuple[int, str]]:
        shown, texts = "", []
        for at in range(1, len(ids) + 1):
            whole = self.tokenizer.decode(ids[:at], skip_special_tokens=True)
            text = "" if whole.endswith("\ufffd") else whole[len(shown) :]
            shown += text
            texts.append((ids[at - 1], text))
        return texts

    def _refusal(self, inputs: str, given: Mapping[str, Any], prompt: int) -> tuple[str, str] | None:
        if self.running_now >= self.concurrent:
            return wire.OVERLOADED
        wrong = _wrong(given, self.backend) or self._too_long(given.get("max_new_tokens") or 0, prompt)
        if not inputs:
            wrong = "`inputs` cannot be empty"
        return (f"Input validation error: {wrong}", "validation") if wrong else None

    def _too_long(self, new: int, prompt: int) -> str:
        if prompt + new > self.total_tokens:
            given = f"Given: {prompt} `inputs` tokens and {new} `max_new_tokens`"
            return f"`inputs` tokens + `max_new_tokens` must be <= {self.total_tokens}. {given}"
        if prompt > self.input_tokens:
            return f"`inputs` must have less than {self.input_tokens} tokens. Given: {prompt}"
        return ""


def _wrong(given: Mapping[str, Any], backend: str) -> str:
    """The words of router/src/validation.rs."""
    most_stops, most_top = (0, 0) if backend == "llamacpp" else (4, 5)
    stops, top = len(given.get("stop") or ()), given.get("top_n_tokens") or 0
    checks = {
        "`temperature` must be strictly positive": (given.get("temperature") or 1) <= 0
        or given.get("temperature") == 0,
        "`top_p` must be > 0.0 and < 1.0": given.get("top_p") is not None and not 0 < given["top_p"] < 1,
        "`top_k` must be strictly positive": given.get("top_k") is not None and given["top_k"] <= 0,
        "`repetition_penalty` must be strictly positive": (given.get("repetition_penalty") or 1) <= 0,
        "`max_new_tokens` must be strictly positive": given.get("max_new_tokens") == 0,
        f"`stop` supports up to {most_stops} stop sequences. Given: {stops}": stops > most_stops,
        f"`top_n_tokens` must be >= 0 and <= {most_top}. Given: {top}": top > most_top,
    }
    return next((message for message, wrong in checks.items() if wrong), "")
