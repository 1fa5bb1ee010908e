"""The kinds of engine whose servers are played back, each with its adapter."""

from __future__ import annotations

from typing import Any

from soban.generation.engines.external import External
from soban.generation.engines.openvino import OpenVino
from soban.generation.engines.sglang import SgLang
from soban.generation.engines.vllm import Vllm
from soban.runtime.model_settings import ModelConfig
from unit.generation.engines.answers import Bench
from unit.generation.engines.fakes import external, openvino, sglang, vllm


def _config(kind: str, model: str, **more: Any) -> ModelConfig:
    return ModelConfig(url=f"hf://{model}", engine=kind, address=f"http://{kind}:8000", **more)


VLLM = Bench(Vllm, vllm.fake_vllm, _config("vllm", vllm.MODEL, adapters={"law": ""}), "ko-2b")
SGLANG = Bench(SgLang, sglang.fake_sglang, _config("sglang", sglang.MODEL, adapters={"law": ""}), "ko-1b")
OPENVINO = Bench(OpenVino, openvino.fake_openvino, _config("openvino", openvino.MODEL), openvino.MODEL)
EXTERNAL = Bench(
    External,
    external.fake_external,
    ModelConfig(
        url="external",
        engine="external",
        address="https://api.example.com/v1",
        engine_model=external.MODEL,
        data_leaves=True,
    ),
    external.MODEL,
    "/v1",
)
