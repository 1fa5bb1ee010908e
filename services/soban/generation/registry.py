"""The models of this server by name."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from importlib.util import find_spec
from typing import NamedTuple

from aiohttp import ClientSession
from google.protobuf.timestamp_pb2 import Timestamp

from soban.generation.admission import Admission
from soban.generation.description import Card
from soban.generation.embedded import EmbeddedHost
from soban.generation.engines.context import EngineContext
from soban.generation.engines.http import Endpoint, EngineHttp, open_session
from soban.generation.engines.kinds import make_engine
from soban.generation.engines.pace import Pace
from soban.generation.gguf import GgufHeader
from soban.generation.host import Host
from soban.generation.llama_server import ServerPlan
from soban.generation.models import find_model
from soban.generation.prompt import Preparation
from soban.generation.remote import RemoteHost
from soban.generation.served import ServedModel
from soban.generation.settings import GenerationSettings
from soban.generation.sizing import layout_of, usable_cores
from soban.runtime.config import ConfigError
from soban.runtime.errors import ModelNotFound, NotBuilt
from soban.runtime.markers import Markers
from soban.runtime.model_settings import ModelConfig

ENGINES = ("llamacpp",)


class Entry(NamedTuple):
    """A model with what belongs to it."""

    served: ServedModel
    preparation: Preparation
    card: Card


class Registry:
    """Builds and starts every configured model, all at once, and stops them.

    Raises NotBuilt for engines that this release does not have, and ConfigError for what is wrong in `models`.
    """

    def __init__(self, configs: Mapping[str, ModelConfig], settings: GenerationSettings) -> None:
        for name, config in configs.items():
            if config.engine not in ENGINES:
                raise NotBuilt(
                    f"engine {config.engine} of models.{name} is not built; known are {', '.join(ENGINES)}",
                    metadata={"engine": config.engine},
                )
        self._configs = configs
        self._settings = settings
        for name, config in configs.items():
            Preparation(name, config)
        self._pace = Pace(settings.delta_interval_ms / 1000, settings.deltas_per_second)
        self._session: ClientSession | None = None
        self._entries: dict[str, Entry] = {}

    def find(self, name: str) -> Entry:
        """Raises ModelNotFound."""
        entry = self._entries.get(name)
        if entry is None:
            raise ModelNotFound("no model of this name is served here", metadata={"model": name})
        return entry

    def all(self) -> list[Entry]:
        """Ordered by name."""
        return [self._entries[name] for name in sorted(self._entries)]

    async def start(self) -> None:
        """Returns when every engine of our own is loaded and warm."""
        self._session = open_session()
        try:
            async with asyncio.TaskGroup() as group:
                for name, config in self._configs.items():
                    group.create_task(self._start(self._session, name, config))
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None

    async def stop(self) -> None:
        """Nothing is left afterwards."""
        await asyncio.gather(*(entry.served.stop() for entry in self._entries.values()))
        if self._session is not None:
            await self._session.close()

    async def _start(self, session: ClientSession, name: str, config: ModelConfig) -> None:
        replica, header = await self._replica(name, config)
        markers = Markers(header.control_tokens if header is not None else ())
        http = EngineHttp(session, replica.endpoint, self._pace, self._settings.engine_silence_seconds)
        engine = make_engine(config.engine, EngineContext(http, name, config))
        admission = Admission(config.queue_limit, config.hold_seconds, lambda: f"no engine of {name} is ready")
        admission.set_capacity(config.parallel)
        served = ServedModel(
            name,
            engine=engine,
            replica=replica,
            admission=admission,
            return_seconds=self._settings.engine_return_seconds,
        )
        created = Timestamp()
        created.GetCurrentTime()
        card = Card(config, header.license if header is not None else "", created)
        self._entries[name] = Entry(served, Preparation(name, config, markers), card)
        await served.start()

    async def _replica(self, name: str, config: ModelConfig) -> tuple[Host, GgufHeader | None]:
        """The replica, and what the file of its model tells where there is one."""
        if config.address is not None:
            return RemoteHost(name, Endpoint(config.address)), None
        if find_spec("xllamacpp") is None:
            text = "an embedded engine needs xllamacpp: install soban[engine], or give the address of a running engine"
            raise ConfigError(f"models.{name}", text)
        file = await find_model(name, config.url)
        layout = layout_of(config, file.header, self._settings.kv_cache_mib, usable_cores())
        plan = ServerPlan(
            path=str(file.path),
            name=name,
            parallel=layout.parallel,
            context=layout.context,
            unified=layout.unified,
            threads=layout.threads,
            adapters=[path for path in config.adapters.values() if path],
        )
        seconds = self._settings.engine_start_seconds, self._settings.engine_hang_seconds
        return EmbeddedHost(name, plan, *seconds), file.header
