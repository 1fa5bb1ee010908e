"""Models, profiles and routes by name: what the configuration refuses before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from soban.runtime.config import Config, ConfigError, load_config, make_config

MODELS = """
models:
  ko-2b: {url: small.gguf}
  ko-8b: {url: large.gguf, adapters: {law-v2: ./law.gguf}, safetyPolicy: strict}
"""


def config(text: str) -> Config:
    return make_config(yaml.safe_load(MODELS + text))


def refused(text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        config(text)
    assert "\n" not in str(caught.value)
    return caught.value


def test_names_of_all_three_kinds_are_known() -> None:
    """And a profile knows its model."""
    names = config("profiles: {law: {model: ko-8b}}\nroutes: {ko: [law]}".replace("[law]", "{fallback: [law]}")).names
    assert names.all() == {"ko-2b", "ko-8b", "law", "ko"}
    assert [names.model_of(name) for name in ("law", "ko", "ko-2b")] == ["ko-8b", "ko", "ko-2b"]


@pytest.mark.parametrize(
    ("text", "path", "told"),
    [
        ("profiles: {law: {model: ko-8}}", "profiles.law.model", "'ko-8b'"),
        ("profiles: {law: {model: 법률}}", "profiles.law.model", "known are ko-2b, ko-8b"),
        ("profiles: {law: {model: ko-8b, adapter: law-v1}}", "profiles.law.adapter", "'law-v2'"),
        ("profiles: {law: {model: ko-2b, adapter: x}}", "profiles.law.adapter", "models.ko-2b.adapters"),
        ("profiles: {a: {model: ko-8b}, b: {model: a}}", "profiles.b.model", "no model is named 'a'"),
        ("routes: {ko: {cascade: [ko-2b, ko-8c]}}", "routes.ko.cascade", "'ko-8b'"),
        ("routes: {ko: {split: {ko-2b: 1, k0-2b: 0}}}", "routes.ko.split", "'ko-2b'"),
    ],
)
def test_an_unknown_name_is_told_the_nearest_known_one(text: str, path: str, told: str) -> None:
    """Or all of them, where none is near."""
    error = refused(text)
    assert error.path == path
    assert told in error.message


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("profiles: {ko-8b: {model: ko-2b}}", "profiles.ko-8b"),
        ("routes: {ko-2b: {fallback: [ko-8b]}}", "routes.ko-2b"),
        ("profiles: {law: {model: ko-8b}}\nroutes: {law: {fallback: [ko-2b]}}", "routes.law"),
    ],
)
def test_a_name_stands_for_one_thing(text: str, path: str) -> None:
    """Over all three sections."""
    error = refused(text)
    assert error.path == path
    assert "has this name already" in error.message


@pytest.mark.parametrize(
    ("text", "circle"),
    [
        ("{a: {fallback: [a]}}", "routes.a -> routes.a"),
        ("{a: {fallback: [ko-2b, b]}, b: {cascade: [ko-2b, a]}}", "routes.a -> routes.b -> routes.a"),
        ("{a: {fallback: [b]}, b: {split: {c: 1}}, c: {vote: [ko-2b, b]}}", "routes.b -> routes.c -> routes.b"),
    ],
)
def test_a_circle_is_shown_whole(text: str, circle: str) -> None:
    """From where it closes."""
    assert refused(f"routes: {text}").message.endswith(circle)


def test_routes_stand_in_each_other_four_deep_at_most() -> None:
    """The same member twice, on two ways, is no circle."""
    chain = {f"r{index}": {"fallback": [f"r{index + 1}", "ko-2b"], "safetyPolicy": "strict"} for index in range(3)}
    chain["r3"] = {"fallback": ["ko-2b", "ko-8b"], "safetyPolicy": "strict"}
    assert config(yaml.safe_dump({"routes": chain})).routes["r0"].models == ("r1", "ko-2b")
    chain["r"] = {"fallback": ["r0"], "safetyPolicy": "strict"}
    assert "at most 4 routes" in refused(yaml.safe_dump({"routes": chain})).message


def test_one_request_costs_a_bounded_number_of_answers() -> None:
    """Votes of votes multiply."""
    text = "routes: {a: {vote: {models: [ko-2b], samples: 9}}, b: {vote: {models: [a], samples: 8}}}"
    error = refused(text)
    assert error.path == "routes.b"
    assert "72 answers" in error.message


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("{ko: {fallback: []}}", "routes.ko.fallback.models"),
        ("{ko: {fallback: [ko-2b, ko-2b]}}", "routes.ko.fallback.models"),
        ("{ko: {fallback: {models: [ko-2b], firstTextSeconds: 0}}}", "routes.ko.fallback.firstTextSeconds"),
        ("{ko: {vote: [ko-2b]}}", "routes.ko.vote"),
        ("{ko: {vote: {models: [ko-2b], samples: 17}}}", "routes.ko.vote.samples"),
        ("{ko: {split: {ko-2b: 0}}}", "routes.ko.split"),
        ("{ko: {split: {}}}", "routes.ko.split"),
        ("{ko: {split: {ko-2b: -1}}}", "routes.ko.split.ko-2b"),
        ("{ko: {}}", "routes.ko"),
        ("{ko: {cascade: {models: [ko-2b], escalate: {language: kr}}}}", "routes.ko.cascade.escalate.language"),
        ("{ko: {cascade: {models: [ko-2b], escalate: {pattern: '('}}}}", "routes.ko.cascade.escalate.pattern"),
        ("{ko: {cascade: {models: [ko-2b], escalate: {pattern: '(?=a)'}}}}", "routes.ko.cascade.escalate.pattern"),
        ("{ko: {cascade: {models: [ko-2b], escalate: {meanLogprob: 1}}}}", "routes.ko.cascade.escalate.meanLogprob"),
        ("{ko: {cascade: {models: [ko-2b], escalate: {refusals: no}}}}", "routes.ko.cascade.escalate.refusals"),
    ],
)
def test_a_wrong_route_is_named_by_its_path(text: str, path: str) -> None:
    """The first mistake."""
    assert refused(f"routes: {text}").path == path


def test_a_policy_comes_down_to_profiles_and_up_to_routes() -> None:
    """Own, else the model's; own, else that of all members."""
    names = config(
        """
profiles:
  law: {model: ko-8b}
  chat: {model: ko-8b, safetyPolicy: lenient}
  desk: {model: ko-2b}
routes:
  careful: {fallback: [law, ko-8b]}
  nested: {cascade: [careful, law]}
  plain: {split: {desk: 1, ko-2b: 1}}
  told: {vote: [ko-2b, law], safetyPolicy: observe}
"""
    ).names
    assert names.policies() == {
        "ko-2b": None,
        "ko-8b": "strict",
        "law": "strict",
        "chat": "lenient",
        "desk": None,
        "careful": "strict",
        "nested": "strict",
        "plain": None,
        "told": "observe",
    }


def test_a_strict_policy_is_not_lost_in_a_route() -> None:
    """A route over members that differ has to say which one holds."""
    error = refused("routes: {ko: {cascade: [ko-2b, ko-8b]}}")
    assert error.path == "routes.ko.safetyPolicy"
    assert "ko-2b has none, ko-8b has strict" in error.message


def test_every_server_refuses_the_same_file(tmp_path: Path) -> None:
    """The check is part of loading."""
    path = tmp_path / "soban.yaml"
    path.write_text("routes: {ko: {fallback: [soban-dem]}}", encoding="utf-8")
    with pytest.raises(ConfigError, match="the nearest known one is 'soban-demo'"):
        load_config(path)
