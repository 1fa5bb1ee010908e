"""Whether a replica serves the model that it should."""

from __future__ import annotations

import pytest

from soban.generation.identity import Identity, same_model, wanted_names
from soban.runtime.model_settings import ModelConfig

KANANA = "kakaocorp/kanana-1.5-8b-instruct-2505"


@pytest.mark.parametrize(
    ("url", "engine_model", "wanted"),
    [
        (f"hf://{KANANA}", None, (KANANA,)),
        (f"hf://{KANANA}/kanana-Q4_K_M.gguf", None, (KANANA, "kanana-Q4_K_M.gguf")),
        (f"hf://{KANANA}", "우리-모델", ("우리-모델",)),
        ("/models/kanana.gguf", None, ()),
        ("bundled:soban-demo", None, ()),
    ],
)
def test_what_is_wanted(url: str, engine_model: str | None, wanted: tuple[str, ...]) -> None:
    """The name that was given, else what the hub calls it."""
    assert wanted_names(ModelConfig(url=url, engine_model=engine_model)) == wanted


@pytest.mark.parametrize(
    ("told", "wanted"),
    [
        (KANANA, KANANA),
        (KANANA.upper(), KANANA),
        (f"{KANANA}:Q4_K_M", KANANA),
        (
            "/root/.cache/huggingface/hub/models--kakaocorp--kanana-1.5-8b-instruct-2505/snapshots/1a2b/model.gguf",
            KANANA,
        ),
        ("/models/kanana-1.5-8b-instruct-2505", KANANA),
        ("/models/kanana-1.5-8b-instruct-2505/", KANANA),
        ("/models/kanana-1.5-8b-instruct-2505.gguf", KANANA),
        ("./kanana-Q4_K_M.gguf", "kanana-Q4_K_M.gguf"),
        ("kanana-Q4_K_M.gguf", "models/kanana-Q4_K_M.gguf"),
        ("exaone3.5:2.4b", "exaone3.5:2.4b"),
    ],
)
def test_names_of_the_same_model(told: str, wanted: str) -> None:
    """As vLLM, SGLang, TGI, llama.cpp and Ollama write them."""
    assert same_model(told, wanted)


@pytest.mark.parametrize(
    ("told", "wanted"),
    [
        ("LGAI-EXAONE/EXAONE-4.0-1.2B", KANANA),
        ("someone/kanana-1.5-8b-instruct-2505", KANANA),
        ("kanana-1.5-8b-instruct-2505", KANANA),
        ("/models/kanana-1.5-2.1b-instruct-2505", KANANA),
        ("/models/kanana-1.5-8b-instruct-2505/model.gguf", KANANA),
        (f"{KANANA}:Q4_K_M", f"{KANANA}:Q8_0"),
        ("exaone3.5:7.8b", "exaone3.5:2.4b"),
        ("exaone3.5:7.8b", "exaone3.5"),
        ("", KANANA),
    ],
)
def test_names_of_different_models(told: str, wanted: str) -> None:
    """Another owner, size, file or tag."""
    assert not same_model(told, wanted)


def test_a_wrong_model_is_told_with_both_names_and_the_cure() -> None:
    """A sentence that can be acted on."""
    identity = Identity("ko-8b", (KANANA,))
    assert identity.judge("http://engine:8000", ["LGAI-EXAONE/EXAONE-4.0-1.2B"]) == (
        f"replica http://engine:8000 serves 'LGAI-EXAONE/EXAONE-4.0-1.2B', not '{KANANA}'; set models.ko-8b.engineModel"
    )


def test_one_right_name_is_enough() -> None:
    """vLLM lists adapters, llama.cpp alias and path."""
    identity = Identity("ko", (KANANA,))
    assert identity.judge("a", ["law", KANANA, "medicine"], ["law", "medicine"]) == ""


def test_a_long_list_is_cut() -> None:
    """Some APIs have hundreds of models."""
    why = Identity("ko", (KANANA,)).judge("a", [f"gpt-{number}" for number in range(300)])
    assert "'gpt-4', ..., not" in why


def test_an_engine_that_names_no_model_is_believed() -> None:
    """There is nothing to judge."""
    assert Identity("ko", (KANANA,)).judge("a", []) == ""


def test_without_a_wanted_name_all_have_to_agree() -> None:
    """With the first, by any of its names, adapters aside."""
    identity = Identity("ko", ())
    assert identity.judge("a", ["law", "/models/kanana.gguf"], ["law"]) == ""
    assert identity.judge("b", ["kanana.gguf"]) == ""
    why = identity.judge("c", ["law", "/models/exaone.gguf"], ["law"])
    assert (
        why
        == "replica c serves '/models/exaone.gguf', not '/models/kanana.gguf'; set models.ko.engineModel (as a does)"
    )


def test_who_is_away_has_no_say() -> None:
    """All of them may have been replaced meanwhile; a refused one counts as little."""
    identity = Identity("ko", ())
    identity.judge("a", ["kanana"])
    assert identity.judge("b", ["exaone"]) != ""
    identity.forget("a")
    assert identity.judge("b", ["exaone"]) == ""
    assert identity.judge("a", ["kanana"]) != ""
    assert identity.judge("b", ["kanana"]) == ""
