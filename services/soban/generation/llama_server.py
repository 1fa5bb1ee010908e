"""llama.cpp's own server in a process of its own. `embedded.py` starts it for one machine, `engine_pod.py` for a pod.

    SOBAN_ENGINE_KEY=... python -m soban.generation.llama_server '{"path": "/models/ko.gguf", "name": "ko-8b", ...}'

Once the model is loaded it writes one line of JSON with its address to standard output. It ends when its parent does.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from dataclasses import asdict, dataclass, field
from typing import Any

from soban.runtime.child import exit_with_parent

KEY_VARIABLE = "SOBAN_ENGINE_KEY"
READY_PREFIX = '{"soban_engine":'

_ERRORS_ONLY = 1
# Most tokens of one step of all sequences. Every answer, and every cancelled one's slot, waits for the step under way;
# on one core prompts ran as fast in steps of 64 as in llama.cpp's own of 2,048.
_STEP_TOKENS = 64
# Requests that are no generation (health, load) need threads of the HTTP server, too.
_SPARE_HTTP_THREADS = 8


@dataclass(frozen=True, slots=True)
class ServerPlan:
    """What to serve; `context` is tokens of all sequences together."""

    path: str
    name: str
    parallel: int
    context: int
    unified: bool
    threads: int
    adapters: list[str] = field(default_factory=list)
    """Paths of LoRA adapters in GGUF; each request says which of them it wants."""
    host: str = "127.0.0.1"
    port: int = 0
    """0 is any free one."""

    def to_argument(self) -> str:
        """For the command line."""
        return json.dumps(asdict(self))


def ready_address(line: str, pid: int | None) -> str | None:
    """The base URL that a line of output of process `pid` tells, if it is the ready line."""
    if not line.startswith(READY_PREFIX):
        return None
    told = json.loads(line)
    return str(told["soban_engine"]) if told["pid"] == pid else None


def main(argv: list[str]) -> int:
    """Serves until a signal or its parent ends it."""
    exit_with_parent()
    plan = ServerPlan(**json.loads(argv[1]))
    server = _serve(plan, os.environ.pop(KEY_VARIABLE, ""))
    sys.stdout.write(json.dumps({"soban_engine": server.listening_address, "pid": os.getpid()}) + "\n")
    sys.stdout.flush()
    while True:
        signal.pause()


def _serve(plan: ServerPlan, key: str) -> Any:
    """Returns once the model is loaded. Loopback is open to other users, hence the key; an empty one asks for none."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = plan.path
    params.model_alias = {plan.name}
    params.n_parallel = plan.parallel
    params.n_ctx = plan.context
    params.kv_unified = plan.unified
    params.cpuparams.n_threads = plan.threads
    params.cpuparams_batch.n_threads = plan.threads
    params.n_batch = params.n_ubatch = max(_STEP_TOKENS, 2 * plan.parallel)
    params.n_threads_http = plan.parallel + _SPARE_HTTP_THREADS
    params.hostnames = [plan.host]
    params.port = plan.port
    params.api_keys = [key] if key else []
    params.ui = False
    params.endpoint_metrics = True
    params.endpoint_slots = True
    params.endpoint_props = True
    params.use_jinja = True
    params.lora_adapters = [_adapter(path) for path in plan.adapters]
    params.verbosity = _ERRORS_ONLY
    # What follows differs from llama.cpp's own defaults: an ASSISTANT message at the end is continued only when asked,
    # and prompts are kept in their slots alone rather than in 8 GiB beside them.
    params.prefill_assistant = False
    params.cache_ram_mib = 0
    params.fit_params = False
    return xllamacpp.Server(params)


def _adapter(path: str) -> Any:
    import xllamacpp

    adapter = xllamacpp.CommonAdapterLoraInfo()
    adapter.path = path
    # Until a request asks for it; `lora_init_without_apply` does not bring that about.
    adapter.scale = 0.0
    return adapter


if __name__ == "__main__":
    sys.exit(main(sys.argv))
