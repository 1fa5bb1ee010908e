"""Puts the parts of one model together: where its engines are, what speaks with them, who chooses among them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from importlib.util import find_spec
from random import Random

from aiohttp import ClientSession
from google.protobuf.timestamp_pb2 import Timestamp

from soban.generation.admission import Admission
from soban.generation.choosing.chooser import Chooser
from soban.generation.cost import Pricer
from soban.generation.description import Card
from soban.generation.discovery.addresses import source_of
from soban.generation.discovery.source import Found
from soban.generation.discovery.static import Static
from soban.generation.embedded import EmbeddedHost
from soban.generation.engine import Engine
from soban.generation.engines.context import EngineContext
from soban.generation.engines.http import Endpoint, EngineHttp
from soban.generation.engines.keys import key_of
from soban.generation.engines.kinds import make_engine
from soban.generation.engines.pace import Pace
from soban.generation.fleet import Fleet
from soban.generation.gguf import GgufHeader
from soban.generation.host import Host
from soban.generation.identity import Identity, wanted_names
from soban.generation.instruments import Spending
from soban.generation.models import find_model
from soban.generation.planning import plan_of
from soban.generation.pool import Pool
from soban.generation.remote import RemoteHost
from soban.generation.replica import Replica
from soban.generation.served import ServedModel
from soban.generation.settings import GenerationSettings
from soban.generation.sizing import usable_cores
from soban.generation.vetting import Vetting
from soban.runtime.config import ConfigError
from soban.runtime.errors import NoReplica
from soban.runtime.markers import Markers
from soban.runtime.model_settings import ModelConfig


class Assembly:
    """For all models of a server, which share one pace of deltas and two HTTP sessions: `far` is for external APIs.

    `key_variables` are what engines of our own do not get of the environment.
    """

    def __init__(
        self,
        session: ClientSession,
        far: ClientSession,
        settings: GenerationSettings,
        spending: Spending,
        key_variables: Collection[str] = (),
    ) -> None:
        self._session = session
        self._far = far
        self._settings = settings
        self._spending = spending
        self._key_variables = key_variables
        self._pace = Pace(settings.delta_interval_ms / 1000, settings.deltas_per_second)

    async def served(self, name: str, config: ModelConfig) -> ServedModel:
        """Not started yet. Raises ConfigError."""
        if config.replica_addresses:
            pool, header = self._remote(name, config), None
        else:
            pool, header = await self._embedded(name, config)
        markers = Markers(header.control_tokens if header is not None else ())
        created = Timestamp()
        created.GetCurrentTime()
        return ServedModel(
            name,
            Card(config, header.license if header is not None else "", created),
            markers,
            speaker=self._engine(name, config, _nowhere, lambda: False),
            pool=pool,
            fleet=Fleet(pool, Chooser(Random()), config.hold_seconds),  # noqa: S311 - spreads load, guards nothing
            admission=Admission(config.queue_limit, config.hold_seconds, lambda: pool.why_not),
            pricer=Pricer(config.price, self._settings.krw_per_usd),
            spending=self._spending,
        )

    def _remote(self, name: str, config: ModelConfig) -> Pool:
        """Engines that run already."""
        key = key_of(name, config)
        identity = Identity(name, wanted_names(config))
        # A first request to somebody else's API would cost money, and find it warm.
        vetting = Vetting(name, identity, config.adapters, warm=config.engine != "external")

        def make(found: Found) -> Replica:
            host = RemoteHost(found.name, Endpoint(found.url))
            engine = self._engine(name, config, lambda: Endpoint(found.url, key()), lambda: host.ready)
            return _replica(found, engine, host, vetting, config)

        return Pool(name, source_of(name, config.replica_addresses), make)

    async def _embedded(self, name: str, config: ModelConfig) -> tuple[Pool, GgufHeader]:
        """Engines of our own, and what the file of their model tells."""
        if find_spec("xllamacpp") is None:
            text = "an embedded engine needs xllamacpp: install soban[engine], or give the address of a running engine"
            raise ConfigError(f"models.{name}", text)
        file = await find_model(name, config.url)
        count = max(1, config.min_replicas)
        cores = max(1, usable_cores() // count)
        plan = plan_of(name, config, file, self._settings.kv_cache_mib, cores)
        seconds = self._settings.engine_start_seconds, self._settings.engine_hang_seconds
        hidden = self._key_variables
        hosts = [EmbeddedHost(name, plan, *seconds, index=index, hidden=hidden) for index in range(count)]
        by_name = {host.name: host for host in hosts}
        vetting = Vetting(name, None, config.adapters)

        def make(found: Found) -> Replica:
            host = by_name[found.url]
            return _replica(found, self._engine(name, config, host.endpoint, lambda: host.ready), host, vetting, config)

        return Pool(name, Static(Found(host.name) for host in hosts), make), file.header

    def _engine(
        self, name: str, config: ModelConfig, endpoint: Callable[[], Endpoint], up: Callable[[], bool]
    ) -> Engine:
        settings = self._settings
        http = EngineHttp(
            self._far if config.engine == "external" else self._session,
            endpoint,
            self._pace,
            silence=settings.engine_silence_seconds,
            idle=settings.engine_idle_seconds,
            up=up,
        )
        known = wanted_names(config)
        own = name if not config.replica_addresses else ""
        return make_engine(config.engine, EngineContext(http, name, known[0] if known else own, config))


def _replica(found: Found, engine: Engine, host: Host, vetting: Vetting, config: ModelConfig) -> Replica:
    return Replica(found.name, engine, host, vetting, parallel=config.parallel, group=found.group, weight=found.weight)


def _nowhere() -> Endpoint:
    raise NoReplica("nobody is asked here")
