"""What a llama.cpp server of ours is told to serve: from the model's settings and its file to a plan."""

from __future__ import annotations

from soban.generation.llama_server import ServerPlan
from soban.generation.models import ModelFile
from soban.generation.sizing import layout_of
from soban.runtime.model_settings import ModelConfig


def plan_of(name: str, config: ModelConfig, file: ModelFile, kv_cache_mib: int, cores: int) -> ServerPlan:
    """The plan for one server that has `cores` and `kv_cache_mib` to itself, and calls the model `name`."""
    layout = layout_of(config, file.header, kv_cache_mib, cores)
    return ServerPlan(
        path=str(file.path),
        name=name,
        parallel=layout.parallel,
        context=layout.context,
        unified=layout.unified,
        threads=layout.threads,
        adapters=[path for path in config.adapters.values() if path],
    )
