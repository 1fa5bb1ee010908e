"""The engine's pod with the bundled model: what a rollout, an eviction and a crash do to its streams."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import psutil

import soban.v1 as pb
from integration.generation.conftest import BUNDLED
from integration.generation.engines import Service, ask, serving
from soban.generation import models
from soban.runtime.model_settings import DEMO_MODEL

SECONDS = 60
TOKENS = 300
# Far more than the bundled model writes in a second.
ENDLESS = 20_000


@dataclass
class Pod:
    """A running process, and a client of its engine."""

    process: asyncio.subprocess.Process
    http: aiohttp.ClientSession
    address: str

    def signal(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    async def exit_code(self) -> int:
        async with asyncio.timeout(SECONDS):
            return await self.process.wait()

    def engine(self) -> psutil.Process:
        """The server, which is the pod's only child."""
        (child,) = psutil.Process(self.process.pid).children()
        return child

    async def chunks(self, tokens: int) -> AsyncIterator[dict[str, Any]]:
        """Of one answer in Korean that has exactly so many tokens."""
        asked = {
            "messages": [{"role": "user", "content": "오늘 저녁은 뭐 먹을까요?"}],
            "max_tokens": tokens,
            "ignore_eos": True,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        async with self.http.post("/v1/chat/completions", json=asked) as response:
            assert response.status == 200
            async for line in response.content:
                data = line.removeprefix(b"data: ").strip()
                if data and data != b"[DONE]":
                    yield json.loads(data)


@contextlib.asynccontextmanager
async def pod(folder: Path, *arguments: str, key: str = "", url: str = BUNDLED) -> AsyncIterator[Pod]:
    """As the chart starts it, on a free port of this machine."""
    (folder / "soban.yaml").write_text(
        f"models: {{ko: {{url: '{url}', parallel: 4, contextLength: 32768}}}}", encoding="utf-8"
    )
    command = ["-m", "soban.generation.engine_pod", f"--config={folder / 'soban.yaml'}", "--model", "ko"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, "--host=127.0.0.1", "--port=0", *arguments, stderr=asyncio.subprocess.PIPE
    )
    try:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        address = await _address(process)
        async with aiohttp.ClientSession(address, headers=headers) as http:
            yield Pod(process, http, address)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _address(process: asyncio.subprocess.Process) -> str:
    """Told in the log once the model is loaded."""
    assert process.stderr is not None
    async with asyncio.timeout(SECONDS):
        async for line in process.stderr:
            with contextlib.suppress(json.JSONDecodeError):
                told = json.loads(line)
                if told.get("event") == "engine ready":
                    return str(told["address"])
    raise AssertionError("it ended before it was ready")


async def test_a_stream_that_runs_at_sigterm_ends_whole(tmp_path: Path) -> None:
    """And the pod's exit code is 0."""
    async with pod(tmp_path) as engine:
        answer = engine.chunks(TOKENS)
        await anext(answer)
        engine.signal()
        rest = [chunk async for chunk in answer]
        assert rest[-1]["usage"]["completion_tokens"] == TOKENS
        assert await engine.exit_code() == 0


async def test_a_pod_that_drains_still_serves(tmp_path: Path) -> None:
    """A client may learn of the end later than the pod."""
    async with pod(tmp_path) as engine:
        running = engine.chunks(TOKENS)
        await anext(running)
        engine.signal()
        late = [chunk async for chunk in engine.chunks(20)]
        assert late[-1]["usage"]["completion_tokens"] == 20
        assert [chunk async for chunk in running][-1]["usage"]["completion_tokens"] == TOKENS
        assert await engine.exit_code() == 0


async def test_the_grace_bounds_the_wait(tmp_path: Path) -> None:
    """What runs longer is cut off, and the pod ends as asked."""
    async with pod(tmp_path, "--grace=0.3") as engine:
        answer = engine.chunks(ENDLESS)
        await anext(answer)
        engine.signal()
        assert await engine.exit_code() == 0
        await answer.aclose()


async def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    """Ctrl-C twice, say."""
    async with pod(tmp_path) as engine:
        answer = engine.chunks(ENDLESS)
        await anext(answer)
        engine.signal()
        await asyncio.sleep(0.5)
        assert engine.process.returncode is None
        engine.signal()
        assert await engine.exit_code() == 0
        await answer.aclose()


async def test_the_end_of_the_engine_is_the_end_of_its_pod(tmp_path: Path) -> None:
    """With exit code 1: Kubernetes starts the container again."""
    async with pod(tmp_path) as engine:
        engine.engine().kill()
        assert await engine.exit_code() == 1


async def test_a_pod_that_dies_takes_its_engine_along(tmp_path: Path) -> None:
    """Nothing is left on the port and in the memory."""
    async with pod(tmp_path) as engine:
        child = engine.engine()
        engine.process.kill()
        await asyncio.to_thread(child.wait, SECONDS)


async def test_with_a_key_only_its_owner_is_served(tmp_path: Path) -> None:
    """Health is open for probes, and draining asks with the key."""
    (tmp_path / "key").write_text("pod-key\n", encoding="utf-8")
    async with pod(tmp_path, f"--key-file={tmp_path / 'key'}", key="pod-key") as engine:
        assert len([chunk async for chunk in engine.chunks(5)]) > 1
        async with engine.http.get("/health", headers={"Authorization": ""}) as response:
            assert response.status == 200
        async with engine.http.get("/metrics", headers={"Authorization": "Bearer other"}) as response:
            assert response.status == 401
        engine.signal()
        assert await engine.exit_code() == 0


async def test_generation_knows_a_pod_and_loses_no_stream_with_it(tmp_path: Path) -> None:
    """By the name of the repository, with a key, and with more streams than it has sequences when SIGTERM comes."""
    url, key_file = "hf://owner/repo/ko-Q4_K_M.gguf", tmp_path / "key"
    key_file.write_text("비밀이-아닌-열쇠".encode().hex())
    path = Path(models.__file__).parent / f"bundled/{DEMO_MODEL}.gguf"
    begun = asyncio.Event()
    async with (
        pod(tmp_path, f"--path={path}", f"--key-file={key_file}", key=key_file.read_text(), url=url) as engine,
        serving(url, address=engine.address, key_file=str(key_file), parallel=8) as service,
    ):
        streams = [asyncio.create_task(_stream(service, begun)) for _ in range(6)]
        await begun.wait()
        async with asyncio.timeout(SECONDS):
            load = (await service.stub.GetLoad(pb.GetLoadRequest())).loads[0]
            assert (load.ready_replicas, load.slots) == (1, 4)
            assert 1 <= load.running <= 4
            engine.signal()
            assert [usage.output_tokens for usage in await asyncio.gather(*streams)] == [TOKENS] * 6
        assert await engine.exit_code() == 0


async def _stream(service: Service, begun: asyncio.Event) -> pb.Usage:
    request = pb.StreamGenerateRequest(generate=ask("오늘 저녁은 뭐 먹을까요?", max_tokens=TOKENS, ignore_eos=True))
    usage = pb.Usage()
    async for event in service.stub.StreamGenerate(request, timeout=SECONDS):
        begun.set()
        usage = event.summary.usage if event.HasField("summary") else usage
    return usage
