"""Every kind of engine behind one face: what it is made to do, and never how it says that."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from aiohttp import web
from tokenizers import Tokenizer

from unit.generation import recorded
from unit.generation.cutting import pieces_of
from unit.generation.engines.fakes import external, llamacpp, openvino, sglang, vllm
from unit.generation.engines.fakes import tgi as tgi_fake
from unit.generation.engines.fakes.playback import Playback, Script, refusal, stream
from unit.generation.engines.fakes.vocabularies import BUNDLED

_PACKET = 7
_TOKENIZER = Tokenizer.from_file(str(BUNDLED))
_END = 1


class Fake(Protocol):
    """A server that can be run."""

    closed: asyncio.Event

    def running(self) -> AbstractAsyncContextManager[str]:
        """Its base URL."""


@dataclass(frozen=True)
class Cast:
    """One kind of engine. `texts` are pieces of an answer, a token each where the fake is told of tokens."""

    kind: str
    config: Mapping[str, Any]
    wanted: str
    """The model that it must serve."""
    make: Callable[[], Any]
    """A server that has the model, and greets."""
    other_model: Callable[[Any], None]
    whole: Callable[[Sequence[str], str], bytes]
    """A stream with its reason."""
    begun: Callable[[Sequence[str]], bytes]
    """A stream that has not ended."""
    overloaded: Script
    base: str = ""
    body_of: Callable[[str], bytes] = lambda words: _error("error", words)
    """A refusal of the request, in these words."""

    def count(self, texts: Sequence[str]) -> int:
        """Tokens of these, without an end token."""
        return len(texts)

    def says(self, fake: Playback, *texts: str, reason: str = "stop") -> None:
        """From now on; in packets that cut characters."""
        fake.scripts[:] = [stream(*_packets(self.whole(texts, reason)))]

    def dies_once(self, fake: Playback, *texts: str, then: Sequence[str]) -> None:
        """After `texts`, before any without them; afterwards it says `then`.

        A connection that breaks may take with it what the reader has not read yet: so that `texts` are heard, it ends.
        """
        fake.scripts[:] = [stream(self.begun(texts), cut=not texts), stream(self.whole(then, "stop"))]

    def hangs(self, fake: Playback, *texts: str) -> None:
        """After `texts`."""
        fake.scripts[:] = [stream(self.begun(texts), hang=True)]

    def is_full_once(self, fake: Playback, *then: str) -> None:
        """Then it says `then`."""
        fake.scripts[:] = [self.overloaded, stream(self.whole(then, "stop"))]

    def refuses(self, fake: Any, words: str) -> None:
        """With status 400."""
        fake.scripts[:] = [refusal(400, self.body_of(words))]

    def refuses_late(self, fake: Any, words: str) -> None:
        """In a stream that has begun."""
        fake.scripts[:] = [stream(self.begun(()), b"data: ", self.body_of(words), b"\n\n")]


class TgiCast(Cast):
    """TGI's fake has a tokenizer and a model that says ids."""

    def count(self, texts: Sequence[str]) -> int:
        return len(_ids(texts))

    def says(self, fake: Any, *texts: str, reason: str = "stop") -> None:
        fake.scenes[:] = [_scene(says=_ids(texts))]

    def dies_once(self, fake: Any, *texts: str, then: Sequence[str]) -> None:
        first = _scene(says=_ids([*texts, " 그리고"]), cut_after=len(_ids(texts)))
        fake.scenes[:] = [first, _scene(says=_ids(then))]

    def hangs(self, fake: Any, *texts: str) -> None:
        ids = _ids([*texts, " 그리고"])
        fake.scenes[:] = [_scene(says=ids, gate=asyncio.Semaphore(len(ids)))]

    def is_full_once(self, fake: Any, *then: str) -> None:
        fake.scenes[:] = [_scene(concurrent=0), _scene(says=_ids(then))]

    def refuses(self, fake: Any, words: str) -> None:
        fake.pages["/generate_stream"] = (422, self.body_of(words))

    def refuses_late(self, fake: Any, words: str) -> None:
        fake.pages["/generate_stream"] = (200, b"data: " + self.body_of(words) + b"\n\n")


class SceneTgi(tgi_fake.FakeTgi):
    """Takes the next of `scenes` for each request, the last one again and again."""

    def __init__(self) -> None:
        super().__init__(_TOKENIZER, _ids(["안녕하세요"]), _END)
        self.scenes: list[dict[str, Any]] = []

    async def _generate_stream(self, request: web.Request) -> web.StreamResponse:
        if self.scenes:
            scene = self.scenes.pop(0) if len(self.scenes) > 1 else self.scenes[0]
            for name, value in scene.items():
                setattr(self, name, value)
        return await super()._generate_stream(request)


def _scene(**given: Any) -> dict[str, Any]:
    return {"concurrent": 128, "cut_after": None, "gate": None, **given}


def _ids(texts: Sequence[str]) -> list[int]:
    ids: list[int] = _TOKENIZER.encode("".join(texts), add_special_tokens=False).ids
    return ids


def _packets(whole: bytes) -> list[bytes]:
    return pieces_of(whole, range(_PACKET, len(whole), _PACKET))


def _page(path: str, body: bytes) -> Callable[[Playback], None]:
    def put(fake: Playback) -> None:
        fake.pages[path] = refusal(200, body)

    return put


def _error(key: str, words: str) -> bytes:
    error = {"message": words, "type": "BadRequestError", "code": 400}
    return json.dumps({key: error} if key else {"object": "error", **error}).encode()


def _other_llamacpp(fake: Playback) -> None:
    props = {**recorded.PROPS, "model_alias": "other", "model_path": "/models/other.gguf"}
    fake.pages["/props"] = llamacpp.page(json.dumps(props).encode())


def _other_sglang(fake: Playback) -> None:
    fake.pages["/v1/models"] = sglang.page(sglang.models({**sglang.BASE, "id": "other", "root": "other"}))
    fake.pages["/model_info"] = sglang.page(b'{"model_path":"other/model","is_generation":true}')


def _other_tgi(fake: SceneTgi) -> None:
    fake.pages["/info"] = (200, json.dumps({**fake.info(), "model_id": "other/model"}).encode())


def _numbered(first: bytes, delta: Callable[[str, int], bytes]) -> Callable[[Sequence[str]], bytes]:
    """A stream whose events tell how many tokens there are so far."""
    return lambda texts: first + b"".join(delta(text, number) for number, text in enumerate(texts, 1))


def _hub(model: str, **more: Any) -> dict[str, Any]:
    return {"url": f"hf://{model}", **more}


LLAMACPP = Cast(
    kind="llamacpp",
    config=_hub("kakaocorp/kanana-1.5-2.1b-instruct-2505", engine_model=llamacpp.PATH.rpartition("/")[2]),
    wanted=llamacpp.PATH.rpartition("/")[2],
    make=llamacpp.fake_llamacpp,
    other_model=_other_llamacpp,
    whole=lambda texts, reason: recorded.chat(*texts, reason=reason),
    begun=_numbered(recorded.ROLE, recorded.delta),
    overloaded=refusal(500, recorded.CONTEXT_FULL),
)
TGI = TgiCast(
    kind="tgi",
    config=_hub(tgi_fake.MODEL, tokenizer=str(BUNDLED)),
    wanted=tgi_fake.MODEL,
    make=SceneTgi,
    other_model=_other_tgi,
    whole=lambda _texts, _reason: b"",
    begun=lambda _texts: b"",
    overloaded=Script(),
    body_of=lambda words: json.dumps(
        {"error": f"Input validation error: {words}", "error_type": "validation"}
    ).encode(),
)
VLLM = Cast(
    kind="vllm",
    config=_hub(vllm.MODEL),
    wanted=vllm.MODEL,
    make=vllm.fake_vllm,
    other_model=_page("/v1/models", vllm.models({**vllm.BASE, "id": "other", "root": "other/model"})),
    whole=lambda texts, reason: vllm.chat(*texts, reason=reason),
    begun=_numbered(vllm.ROLE, vllm.delta),
    overloaded=refusal(503, vllm.FULL),
)
SGLANG = Cast(
    kind="sglang",
    config=_hub(sglang.MODEL),
    wanted=sglang.MODEL,
    make=sglang.fake_sglang,
    other_model=_other_sglang,
    whole=lambda texts, reason: sglang.chat(*texts, reason=reason),
    begun=_numbered(sglang.ROLE, sglang.delta),
    overloaded=refusal(503, sglang.FULL),
    body_of=lambda words: _error("", words),
)
OPENVINO = Cast(
    kind="openvino",
    config=_hub(openvino.MODEL),
    wanted=openvino.MODEL,
    make=openvino.fake_openvino,
    other_model=_page("/v1/config", openvino.config(other__model="AVAILABLE")),
    whole=lambda texts, reason: openvino.chat(*texts, reason=reason, tokens=len(texts) + 1),
    begun=lambda texts: openvino.HANDSHAKE + b"".join(map(openvino.delta, texts)),
    overloaded=refusal(400, openvino.failure("RESOURCE_EXHAUSTED", "no free blocks")),
    body_of=lambda words: openvino.failure("INVALID_ARGUMENT", words),
)
EXTERNAL = Cast(
    kind="external",
    config={"url": "external", "engine_model": external.MODEL, "data_leaves": True},
    wanted=external.MODEL,
    make=external.fake_external,
    other_model=_page("/v1/models", external.models("other")),
    whole=lambda texts, reason: external.chat(*texts, reason=reason),
    begun=lambda texts: external.ROLE + b"".join(map(external.delta, texts)),
    overloaded=refusal(429, external.RATE_LIMITED, retry_after_ms="20"),
    base="/v1",
)
CASTS = (LLAMACPP, TGI, VLLM, SGLANG, OPENVINO, EXTERNAL)
