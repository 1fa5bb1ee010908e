"""What an engine has to show before it gets requests."""

from __future__ import annotations

from dataclasses import replace

import pytest

from soban.generation.engine import Feature
from soban.generation.identity import Identity
from soban.generation.vetting import Unfit, Vetting
from soban.runtime.errors import EngineLost, EngineOverloaded, InvalidField, NotBuilt
from unit.generation.fake_replicas import MODEL, FakeEngine

ADAPTERS = {"law": "/adapters/law", "medicine": ""}


def vetting(adapters: dict[str, str] | None = None, *, warm: bool = True) -> Vetting:
    return Vetting("ko", Identity("ko", (MODEL,)), adapters or {}, warm=warm)


async def test_a_first_request_asks_for_one_token() -> None:
    """In Korean, as a conversation."""
    engine = FakeEngine()
    vetted = await vetting().admit("a", engine)
    assert vetted.description is engine.description
    assert vetted.pause is None
    (request,) = engine.asked
    assert (request.model, request.options.max_tokens) == ("ko", 1)
    assert request.messages[0].parts[0].text == "안녕하세요"


@pytest.mark.parametrize("error", [InvalidField("no chat template", field="messages"), NotBuilt("no messages")])
async def test_a_model_without_a_chat_template_is_asked_with_a_plain_text(error: InvalidField | NotBuilt) -> None:
    """Base models have none."""
    engine = FakeEngine()
    engine.refuses = [error]
    await vetting().admit("a", engine)
    assert [request.prompt for request in engine.asked] == ["", "안녕하세요"]


async def test_conversations_are_not_promised_where_the_first_was_refused(caplog: pytest.LogCaptureFixture) -> None:
    """Nor by later checks; why is in the log, once. The next process of the engine may have a template."""
    engine, ours = FakeEngine(), vetting()
    engine.refuses = [InvalidField("no chat template", field="messages")]
    assert (await ours.admit("a", engine)).description.lacks == {Feature.CHAT}
    assert (await ours.check("a", engine)).description.lacks == {Feature.CHAT}
    assert (await ours.check("b", engine)).description.lacks == frozenset()
    (record,) = caplog.records
    assert (record.message, record.error) == ("model answers raw prompts and no conversations", "no chat template")  # type: ignore[attr-defined]
    ours.forget("a")
    assert (await ours.admit("a", engine)).description.lacks == frozenset()


async def test_an_engine_that_fails_its_first_request_is_unfit() -> None:
    """Whatever its health says."""
    engine = FakeEngine()
    engine.refuses = [EngineLost("CUDA out of memory")]
    with pytest.raises(Unfit, match="replica a fails its first request: CUDA out of memory"):
        await vetting().admit("a", engine)


async def test_an_engine_that_is_overloaded_is_warm() -> None:
    """Others use it; it is only left alone for as long as it says."""
    engine = FakeEngine()
    engine.refuses = [EngineOverloaded("busy", retry_after=3.0)]
    assert (await vetting().admit("a", engine)).pause == 3.0


async def test_a_wrong_model_is_never_asked() -> None:
    """Its name is enough."""
    engine = FakeEngine("LGAI-EXAONE/EXAONE-4.0-1.2B")
    with pytest.raises(Unfit, match="not 'kakaocorp/kanana"):
        await vetting().admit("a", engine)
    assert engine.asked == []


async def test_an_engine_that_does_not_describe_itself_is_unfit() -> None:
    """It may be something else at this address."""
    engine = FakeEngine()
    engine.fails = EngineLost("the engine answers without JSON")
    with pytest.raises(Unfit, match="does not describe itself: the engine answers without JSON"):
        await vetting().admit("a", engine)


async def test_somebody_elses_api_gets_no_first_request() -> None:
    """It would cost money."""
    engine = FakeEngine()
    await vetting(warm=False).admit("a", engine)
    assert engine.asked == []


async def test_adapters_with_a_path_are_loaded() -> None:
    """Once; one that is there already is not loaded again, and others' are not ours."""
    engine = FakeEngine()
    engine.description = replace(engine.description, adapters=("medicine", "others"))
    assert (await vetting(ADAPTERS).admit("a", engine)).adapters == {"law", "medicine"}
    assert engine.loaded == [("law", "/adapters/law")]
    engine.description = replace(engine.description, adapters=("law", "medicine"))
    assert (await vetting(ADAPTERS).check("a", engine)).adapters == {"law", "medicine"}
    assert len(engine.loaded) == 1


async def test_an_adapter_that_does_not_load_is_not_there(caplog: pytest.LogCaptureFixture) -> None:
    """The replica is still good for other requests; it is tried again with each check, and logged once."""
    engine, ours = FakeEngine(), vetting({"law": "/adapters/law"}, warm=False)
    engine.refuses = [InvalidField("no such path", field="adapter")] * 2
    assert (await ours.admit("a", engine)).adapters == frozenset()
    assert (await ours.check("a", engine)).adapters == frozenset()
    assert caplog.text.count("adapter not loaded") == 1
    assert (await ours.check("a", engine)).adapters == {"law"}


async def test_engines_that_cannot_load_are_not_asked_to() -> None:
    """What they list counts, and of those that list nothing what the configuration says."""
    engine = FakeEngine()
    engine.support -= {Feature.ADAPTER_LOADING}
    assert (await vetting(ADAPTERS).admit("a", engine)).adapters == {"medicine"}
    engine.description = replace(engine.description, adapters=("law",))
    assert (await vetting(ADAPTERS).admit("a", engine)).adapters == {"law"}
    assert engine.loaded == []


async def test_an_adapter_is_no_wrong_model() -> None:
    """Agreement is about what is below it."""
    by_agreement = Vetting("ko", Identity("ko", ()), {"law": ""})
    for name, adapters in (("a", ()), ("b", ("law",))):
        engine = FakeEngine()
        engine.description = replace(engine.description, models=(*adapters, MODEL))
        await by_agreement.admit(name, engine)
