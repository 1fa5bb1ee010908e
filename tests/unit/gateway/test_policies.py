"""Which safety policy holds for a request to a model, a profile or a route."""

from __future__ import annotations

import pytest

import soban.v1 as pb
from soban.gateway.openai.models import as_object
from soban.gateway.policies import Policies
from soban.runtime.config import make_config
from soban.runtime.errors import PolicyForbidden
from unit.gateway.conftest import say

CONFIG = make_config(
    {
        "models": {"ko-2b": {"url": "s.gguf"}, "ko-8b": {"url": "l.gguf", "safetyPolicy": "strict"}},
        "profiles": {"law": {"model": "ko-8b"}, "desk": {"model": "ko-2b", "safetyPolicy": "support-desk"}},
        "routes": {
            "careful": {"fallback": ["law", "ko-8b"]},
            "ko": {"cascade": ["ko-2b", "ko-8b"], "safetyPolicy": "strict"},
        },
    }
)


@pytest.fixture
def policies() -> Policies:
    return Policies("default", CONFIG.names.policies(), ["lenient"])


@pytest.mark.parametrize(
    ("model", "policy"),
    [
        ("ko-2b", "default"),
        ("ko-8b", "strict"),
        ("law", "strict"),
        ("desk", "support-desk"),
        ("careful", "strict"),
        ("ko", "strict"),
        ("nobody", "default"),
    ],
)
def test_each_name_has_its_policy(policies: Policies, model: str, policy: str) -> None:
    """A profile its own or its model's, a route its own or that of all its members, else the default."""
    assert policies.of_chat(say("안녕하세요", model=model)) == policy
    assert policies.of_chat(say("안녕하세요", model=model, safety_policy=policy)) == policy


@pytest.mark.parametrize("model", ["law", "careful", "ko"])
def test_a_request_cannot_choose_a_laxer_one(policies: Policies, model: str) -> None:
    """Unless the operator opened it."""
    with pytest.raises(PolicyForbidden):
        policies.of_chat(say("안녕하세요", model=model, safety_policy="default"))
    assert policies.of_chat(say("안녕하세요", model=model, safety_policy="lenient")) == "lenient"


def test_v1_models_shows_what_a_route_stands_for() -> None:
    """And which adapter a profile has."""
    route = as_object(pb.Model(name="ko", route_strategy="cascade", route_models=["ko-2b", "ko-8b"]))
    assert route["soban"]["route_strategy"] == "cascade"
    assert route["soban"]["route_models"] == ["ko-2b", "ko-8b"]
    assert as_object(pb.Model(name="law", engine="vllm", adapter="law-v2"))["soban"]["adapter"] == "law-v2"
