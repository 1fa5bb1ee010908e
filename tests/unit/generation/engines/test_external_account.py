"""What is somebody else's about an external API: its account, its key, its list of models."""

from __future__ import annotations

import contextlib
import logging
import shutil
import ssl
import subprocess
import traceback
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from soban.generation.engine import Description, Reading
from soban.generation.engines.external import External
from soban.generation.engines.keys import key_of
from soban.runtime.config import ConfigError, validate
from soban.runtime.errors import EngineFailed, Internal, InvalidField, NoReplica, SobanError
from soban.runtime.model_settings import ModelConfig
from unit.generation.engines.answers import adapter, events_of
from unit.generation.engines.fakes import external as fake
from unit.generation.engines.fakes.playback import Playback, Script, refusal, stream

CONFIG = ModelConfig(
    url="external", engine="external", address="https://api.example.com/v1", engine_model=fake.MODEL, data_leaves=True
)


class Clock:
    """Stands until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@contextlib.asynccontextmanager
async def external(
    server: Playback,
    model: str = fake.MODEL,
    config: ModelConfig = CONFIG,
    clock: Callable[[], float] = Clock(),  # noqa: B008 - it stands
    **given: Any,
) -> AsyncIterator[External]:
    async with adapter(
        lambda context: External(context, clock), server, config, model=model, base="/v1", **given
    ) as one:
        yield one


@pytest.mark.parametrize(("status", "body"), [(401, fake.WRONG_KEY), (403, fake.NO_PERMISSION), (429, fake.NO_QUOTA)])
async def test_what_is_wrong_with_the_account_is_hidden_from_callers_and_told_to_the_operator(
    status: int, body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """Once, and with no part of the key, which the API itself quotes in part."""
    server = fake.fake_external(refusal(status, body))
    async with external(server, key=lambda: fake.SECRET) as engine:
        for _ in range(3):
            with pytest.raises(Internal) as caught:
                await events_of(engine)
    assert caught.value.public_message == f"internal error {caught.value.id}"
    told = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert [record.getMessage() for record in told] == ["external API refuses this account"]
    shown = f"{[vars(record) for record in caplog.records]}{''.join(traceback.format_exception(caught.value))}"
    assert fake.SECRET not in shown
    assert fake.SECRET[-4:] not in shown


async def test_the_key_is_read_for_each_request(tmp_path: Path) -> None:
    """A file that is changed counts at once."""
    path = tmp_path / "key"
    path.write_text("sk-old\n")
    config = CONFIG.model_copy(update={"key_file": str(path)})
    server = fake.fake_external()
    async with external(server, key=key_of("ko", config)) as engine:
        await events_of(engine)
        path.write_text("sk-renewed\n")
        await events_of(engine)
    assert [asked.headers["Authorization"] for asked in server.asked] == ["Bearer sk-old", "Bearer sk-renewed"]


async def test_a_redirect_is_not_followed() -> None:
    """Prompt and key would go where the configuration does not say."""
    elsewhere = fake.fake_external()
    async with elsewhere.running() as url:
        moved = Script(status=307, headers={"Location": f"{url}/v1/chat/completions"})
        async with external(fake.fake_external(moved)) as engine:
            with pytest.raises(EngineFailed):
                await events_of(engine)
    assert elsewhere.asked == []


@pytest.mark.parametrize(
    ("status", "body", "up"),
    [
        (200, fake.models(fake.MODEL), True),
        (401, fake.WRONG_KEY, False),
        (403, b"", True),
        (404, b"", True),
        (429, fake.RATE_LIMITED, True),
        (500, b"", False),
        (502, fake.HTML, False),
    ],
)
async def test_health_costs_nothing(status: int, body: bytes, up: bool) -> None:
    """The list of models is asked for; an API that does not show one counts as up until it fails."""
    server = fake.fake_external()
    server.pages["/v1/models"] = fake.page(body, status)
    async with external(server) as engine:
        assert await engine.healthy() is up
    assert (server.looked, server.asked) == (["/v1/models"], [])


async def test_health_is_asked_for_seldom() -> None:
    """Every 30 s, every 5 s while it is away: lists count against limits, too."""
    clock, server = Clock(), fake.fake_external()
    async with adapter(
        lambda context: External(context, clock), server, CONFIG, model=fake.MODEL, base="/v1"
    ) as engine:
        for seconds in (0, 2, 27):
            clock.now += seconds
            assert await engine.healthy()
        assert len(server.looked) == 1
        server.pages["/v1/models"] = fake.page(b"", 500)
        clock.now += 2
        assert not await engine.healthy()
        server.pages["/v1/models"] = fake.page(fake.models(fake.MODEL))
        assert not await engine.healthy()
        clock.now += 5
        assert await engine.healthy()
        assert len(server.looked) == 3


async def test_an_account_that_is_refused_is_left_alone_for_a_while() -> None:
    """Though the list of models says nothing of it."""
    clock, server = Clock(), fake.fake_external(refusal(429, fake.NO_QUOTA), stream(fake.chat("네")))
    async with adapter(
        lambda context: External(context, clock), server, CONFIG, model=fake.MODEL, base="/v1"
    ) as engine:
        assert await engine.healthy()
        with pytest.raises(Internal):
            await events_of(engine)
        assert not await engine.healthy()
        clock.now += 30
        assert await engine.healthy()
        await events_of(engine)
        assert await engine.healthy()


@pytest.mark.parametrize("body", [fake.HTML, fake.error("Your input was flagged", "moderation", "flagged")])
async def test_a_firewall_that_refuses_one_prompt_takes_the_api_from_nobody(
    body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """Its sender is told, and in no log is what the page says."""
    server = fake.fake_external(refusal(403, body), stream(fake.chat("네")))
    async with external(server) as engine:
        assert await engine.healthy()
        with pytest.raises(InvalidField):
            await events_of(engine)
        assert await engine.healthy()
        await events_of(engine)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_a_401_that_names_nothing_has_the_list_of_models_looked_at() -> None:
    """It tells at once whether the key is good; servers say `Unauthorized` and no more."""
    server = fake.fake_external(refusal(401, b'{"error":"Unauthorized"}'))
    async with external(server) as engine:
        assert await engine.healthy()
        server.pages["/v1/models"] = fake.page(b'{"error":"Unauthorized"}', 401)
        assert await engine.healthy()
        with pytest.raises(InvalidField):
            await events_of(engine)
        assert not await engine.healthy()


async def test_it_describes_the_model_as_far_as_the_api_shows_it() -> None:
    """Gateways tell context lengths; a model that is not listed may still be found by its name."""
    server = fake.fake_external()
    async with external(server) as engine:
        assert await engine.describe() == Description(models=(fake.MODEL,))
        server.pages["/v1/models"] = fake.page(fake.models("a", fake.MODEL, max_model_len=32_768))
        assert await engine.describe() == Description(models=(fake.MODEL,), context_length=32_768)
        server.pages["/v1/models"] = fake.page(fake.models("a", "b"))
        assert (await engine.describe()).models == ("a", "b")
        server.pages[f"/v1/models/{fake.MODEL}"] = fake.page(b"{}")
        assert (await engine.describe()).models == (fake.MODEL,)
        server.pages["/v1/models"] = fake.page(b"", 404)
        assert await engine.describe() == Description()


async def test_deployments_of_azure_are_not_looked_up() -> None:
    """Its list is one of models, and deployments have names of their own."""
    config = CONFIG.model_copy(update={"address": "https://ko.openai.azure.com/openai/v1"})
    async with external(fake.fake_external(), config=config, model="my-deployment") as engine:
        assert await engine.describe() == Description()


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [(401, fake.WRONG_KEY, Internal), (500, b"", EngineFailed), (200, b'{"data":[7]}', EngineFailed)],
)
async def test_an_api_that_does_not_list_is_an_error(status: int, body: bytes, error: type[SobanError]) -> None:
    """Where it should."""
    server = fake.fake_external()
    server.pages["/v1/models"] = fake.page(body, status)
    async with external(server) as engine:
        with pytest.raises(error):
            await engine.describe()


async def test_without_a_configured_name_the_only_model_is_asked() -> None:
    """Of several, the operator must name one."""
    server = fake.fake_external()
    async with external(server, model="") as engine:
        with pytest.raises(EngineFailed, match="2 models: set engineModel"):
            await events_of(engine)
        server.pages["/v1/models"] = fake.page(fake.models("ko-8b"))
        await events_of(engine)
    assert server.asked[0].body["model"] == "ko-8b"


async def test_its_load_is_nobodys_business() -> None:
    """Not told is not zero."""
    async with external(fake.fake_external()) as engine:
        assert await engine.read_load() == Reading()


@pytest.mark.parametrize("leaves", [True, False])
def test_the_operator_says_whether_data_leaves(leaves: bool) -> None:
    """A gateway of one's own is external, too, and data stays."""
    given = {"url": "external", "engine": "external", "address": "https://gateway.internal/v1"}
    assert validate(ModelConfig, {**given, "dataLeaves": leaves}, "models.ko").data_leaves is leaves
    with pytest.raises(
        ConfigError, match="needs dataLeaves: true if prompts leave your own machines, else false"
    ) as told:
        validate(ModelConfig, given, "models.ko")
    assert told.value.path == "models.ko"


def certificate(folder: Path) -> ssl.SSLContext:
    """Of a server that nobody vouches for."""
    key, cert = folder / "key.pem", folder / "cert.pem"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    subprocess.run([*made, "-keyout", key, "-out", cert], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes its certificate with openssl")
async def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    """Neither prompt nor key is sent."""
    server = fake.fake_external()
    async with external(server, key=lambda: fake.SECRET, tls=certificate(tmp_path)) as engine:
        with pytest.raises(NoReplica, match="Certificate"):
            await events_of(engine)
        assert not await engine.healthy()
    assert (server.asked, server.looked) == ([], [])
