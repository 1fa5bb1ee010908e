"""llama.cpp as a pod of its own: `python -m soban.generation.engine_pod -c soban.yaml --model NAME --port 8000`.

The model is the one that soban.yaml calls NAME, wherever generation finds its replicas; `--path` says where its file
lies in this container. `/health` answers once it is loaded. Threads follow the CPU limit of the container, and memory
for contexts its memory limit, unless soban.yaml or the arguments say otherwise.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from soban.generation.cgroup import memory_limit
from soban.generation.engines.keys import FileKey
from soban.generation.first_process import end_at_signal
from soban.generation.identity import wanted_names
from soban.generation.llama_server import ServerPlan
from soban.generation.models import find_model
from soban.generation.planning import plan_of
from soban.generation.pod_life import PodLife
from soban.generation.settings import GenerationSettings
from soban.generation.sizing import pod_kv_cache_mib, usable_cores
from soban.runtime.config import Config, ConfigError, load_config
from soban.runtime.logs import configure_logging
from soban.runtime.model_settings import ModelConfig
from soban.runtime.server import run


async def main() -> int:
    """Arguments, configuration, plan, then the pod's life. Raises ConfigError."""
    arguments = _parsed(sys.argv[1:])
    config = load_config(arguments.config)
    settings = config.section("generation", GenerationSettings)
    configure_logging("engine", settings.log_level)
    key = FileKey(arguments.model, arguments.key_file)() if arguments.key_file else ""
    plan = await _plan(arguments, config, settings)
    grace = settings.longest_stream_seconds if arguments.grace is None else arguments.grace
    return await PodLife(plan, key, grace).run()


async def _plan(arguments: argparse.Namespace, config: Config, settings: GenerationSettings) -> ServerPlan:
    """The server calls its model as generation asks for it: by `engineModel`, else its repository, else NAME."""
    name: str = arguments.model
    model = config.model(name)
    _check_files(arguments.path, name, model)
    file = await find_model(name, model.url if arguments.path is None else str(arguments.path))
    kv_cache_mib = arguments.kv_cache_mib or _kv_cache_mib(config, settings, file.path)
    alias = next(iter(wanted_names(model)), name)
    plan = plan_of(alias, model, file, kv_cache_mib, usable_cores())
    return replace(plan, host=arguments.host, port=arguments.port)


def _kv_cache_mib(config: Config, settings: GenerationSettings, file: Path) -> int:
    if "kvCacheMib" in config.services["generation"]:
        return settings.kv_cache_mib
    return pod_kv_cache_mib(memory_limit(), file.stat().st_size, settings.kv_cache_mib)


def _check_files(path: Path | None, name: str, model: ModelConfig) -> None:
    if path is not None and not path.is_file():
        raise ConfigError("--path", f"no such file: {path}")
    for adapter, file in model.adapters.items():
        if file and not Path(file).is_file():
            raise ConfigError(f"models.{name}.adapters.{adapter}", f"no such file: {file}")


def _parsed(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m soban.generation.engine_pod",
        description="Serves one model of the configuration by llama.cpp until SIGTERM, and then until its running "
        "sequences have ended. A second signal ends it at once.",
        epilog="Exit codes: 0 stopped as asked, 1 the engine ended, 2 wrong arguments or configuration.",
    )
    parser.add_argument("-c", "--config", metavar="FILE", help="soban.yaml; without it the bundled model is there")
    parser.add_argument("--model", metavar="NAME", required=True, help="as in models of the file")
    parser.add_argument("--path", metavar="FILE", type=Path, help="its GGUF file, in place of the url")
    parser.add_argument("--host", default="0.0.0.0")
    parser.add_argument("--port", type=int, default=8000, help="0 is any free one (default: %(default)s)")
    parser.add_argument("--grace", metavar="SECONDS", type=float, help="for running sequences (longestStreamSeconds)")
    parser.add_argument("--key-file", metavar="FILE", type=Path, help="holds the key that requests must bring")
    parser.add_argument("--kv-cache-mib", metavar="N", type=int, help="memory for contexts")
    return parser.parse_args(argv)


if __name__ == "__main__":
    end_at_signal()
    sys.exit(run(main))
