"""The kinds of engine by name. A new one is an adapter and one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from soban.generation.engine import Engine, Feature
from soban.generation.engines.context import EngineContext
from soban.generation.engines.external import External
from soban.generation.engines.llamacpp import LlamaCpp
from soban.generation.engines.openvino import OpenVino
from soban.generation.engines.sglang import SgLang
from soban.generation.engines.tgi import Tgi
from soban.generation.engines.vllm import Vllm


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind: what it can do, and what speaks with it."""

    name: str
    features: frozenset[Feature]
    make: Callable[[EngineContext], Engine]


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "llamacpp": Kind("llamacpp", LlamaCpp.support, LlamaCpp),
        "tgi": Kind("tgi", Tgi.support, Tgi),
        "vllm": Kind("vllm", Vllm.support, Vllm),
        "sglang": Kind("sglang", SgLang.support, SgLang),
        "openvino": Kind("openvino", OpenVino.support, OpenVino),
        "external": Kind("external", External.support, External),
    }
)
"""By `models.<name>.engine`."""


def make_engine(kind: str, context: EngineContext) -> Engine:
    """The adapter to one replica. Raises KeyError for a kind that `EngineKind` does not name."""
    return KINDS[kind].make(context)
