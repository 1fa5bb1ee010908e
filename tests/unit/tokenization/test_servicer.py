"""The servicer and its component, without workers."""

from __future__ import annotations

import os

import grpc
import pytest

import soban.v1 as pb
from soban.runtime.config import Config, ConfigError
from soban.runtime.context import Call, bind
from soban.runtime.errors import InvalidField, TextTooLong
from soban.runtime.names import Names
from soban.tokenization.model_tokens import ModelTokens
from soban.tokenization.morphology import Morphology
from soban.tokenization.servicer import TokenizationServicer
from soban.tokenization.settings import TokenizationSettings, processors
from soban.tokenization.tokenization import TOKENIZATION_SERVICE, Tokenization
from unit.tokenization.fakes import InlineWorkers

VERSIONS = pb.MorphologyVersions(kiwi="0", model="cong 0", normalizer="nfc-0")


class Context:
    """As much of a servicer's context as a call needs."""

    def __init__(self) -> None:
        bind(self, Call("id"))  # type: ignore[arg-type]


@pytest.fixture
def servicer() -> TokenizationServicer:
    morphology = Morphology(InlineWorkers(), VERSIONS)
    return TokenizationServicer(morphology, ModelTokens(Names({}), threads=1))  # type: ignore[abstract]


async def test_an_analysis_says_what_produced_it(servicer: TokenizationServicer) -> None:
    """And in what unit it counts."""
    response = await servicer.Analyze(pb.AnalyzeRequest(text="비가 온다"), Context())
    assert response.versions == VERSIONS
    assert response.offset_unit == pb.OFFSET_UNIT_CODE_POINT
    assert len(response.analyses[0].morphemes) == 2


async def test_a_batch_says_it_once(servicer: TokenizationServicer) -> None:
    """Its results do not."""
    options = pb.AnalyzeOptions(offset_unit=pb.OFFSET_UNIT_UTF8_BYTE)
    request = pb.AnalyzeBatchRequest(texts=["비", "가" * 1_333_334], options=options)
    response = await servicer.AnalyzeBatch(request, Context())
    assert (response.versions, response.offset_unit) == (VERSIONS, pb.OFFSET_UNIT_UTF8_BYTE)
    assert not response.results[0].response.HasField("versions")
    assert response.results[1].error.field == "texts[1]"


@pytest.mark.parametrize("nested", [True, False])
async def test_sentences_come_without_morphemes(servicer: TokenizationServicer, nested: bool) -> None:
    """In long texts, too."""
    text = "비가 온다. 눈이 온다. " * 200
    response = await servicer.SplitSentences(pb.SplitSentencesRequest(text=text, nested=nested), Context())
    assert [sentence.text for sentence in response.sentences] == ["비가 온다.", "눈이 온다."] * 200
    assert response.versions == VERSIONS


async def test_what_is_wrong_is_refused_before_any_work(servicer: TokenizationServicer) -> None:
    """By every method."""
    with pytest.raises(TextTooLong):
        await servicer.Analyze(pb.AnalyzeRequest(text="가" * 1_333_334), Context())
    for call in (
        servicer.AnalyzeBatch(pb.AnalyzeBatchRequest(), Context()),
        servicer.SplitSentences(pb.SplitSentencesRequest(offset_unit=9), Context()),
        servicer.Encode(pb.EncodeRequest(), Context()),
        servicer.Decode(pb.DecodeRequest(), Context()),
        servicer.CountTokens(pb.CountTokensRequest(), Context()),
        servicer.RenderChat(pb.RenderChatRequest(), Context()),
    ):
        with pytest.raises(InvalidField):
            await call
    assert not (await servicer.ListTokenizers(pb.ListTokenizersRequest(), Context())).tokenizers


async def test_a_component_that_never_started_stops() -> None:
    """As after a port that is taken."""
    component = Tokenization(TokenizationSettings(), Names({}))
    component.add_to(grpc.aio.server())
    assert component.service_names == (TOKENIZATION_SERVICE,)
    await component.drain(1.0)
    await component.stop()
    await component.stop()


def test_there_is_a_worker_more_than_processors() -> None:
    """Unless the file says otherwise; fewer than two cannot keep short texts from long ones."""
    assert TokenizationSettings().worker_count == processors() + 1
    assert processors() <= (os.cpu_count() or 1)
    assert TokenizationSettings(workers=5).worker_count == 5
    with pytest.raises(ConfigError, match=r"services\.tokenization\.workers"):
        _section({"workers": 1})


def test_settings_are_the_section_of_the_file() -> None:
    """On the port of the design."""
    assert _section({"loadSeconds": 30}).load_seconds == 30
    assert _section({}).port == 50_061


def _section(raw: dict[str, object]) -> TokenizationSettings:
    from soban.runtime.settings import ConfigFile

    file = ConfigFile.model_validate({"services": {"tokenization": raw}}, by_alias=True)
    return Config(file).section("tokenization", TokenizationSettings)
