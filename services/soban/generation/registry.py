"""What this server answers to, by name: models, domain profiles, routes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from aiohttp import ClientSession
from google.protobuf.timestamp_pb2 import Timestamp

import soban.v1 as pb
from soban.generation.assembly import Assembly
from soban.generation.engines.http import open_session
from soban.generation.instruments import Spending
from soban.generation.load import loads_of
from soban.generation.profiles import Profile
from soban.generation.prompt import Preparation, under_profile
from soban.generation.routes.building import check_confidence, make_routes
from soban.generation.served import ServedModel
from soban.generation.settings import GenerationSettings
from soban.generation.target import Target
from soban.runtime.config import Config
from soban.runtime.errors import ModelNotFound


class Registry:
    """Builds and starts every configured model, all at once, and stops them; profiles and routes stand on them.

    Raises ConfigError for sampling and tests of cascades that cannot be, and from `start` for engines that cannot.
    """

    def __init__(self, config: Config, settings: GenerationSettings, spending: Spending) -> None:
        for name, model in config.models.items():
            Preparation(f"models.{name}", model)
        for name, profile in config.profiles.items():
            Preparation(f"profiles.{name}", under_profile(config.models[profile.model], profile))
        check_confidence(config.names)
        self._config = config
        self._settings = settings
        self._spending = spending
        self._sessions: list[ClientSession] = []
        self._models: dict[str, ServedModel] = {}
        self._targets: dict[str, Target] = {}

    def find(self, name: str) -> Target:
        """Raises ModelNotFound."""
        target = self._targets.get(name)
        if target is None:
            raise ModelNotFound("no model of this name is served here", metadata={"model": name})
        return target

    def all(self) -> list[Target]:
        """Ordered by name."""
        return [self._targets[name] for name in sorted(self._targets)]

    def served(self, name: str) -> ServedModel:
        """The model itself. Raises KeyError."""
        return self._models[name]

    def loads(self, names: Sequence[str] = ()) -> list[pb.ModelLoad]:
        """Of the named models, all without names. Raises ModelNotFound."""
        return loads_of({name: model.load for name, model in self._models.items()}, names)

    async def start(self) -> None:
        """Returns when every engine of our own is loaded and warm, and the others were looked for."""
        near, far = open_session(), open_session(far=True)
        self._sessions = [near, far]
        assembly = Assembly(near, far, self._settings, self._spending, self._config.key_variables)
        try:
            async with asyncio.TaskGroup() as group:
                for name, config in self._config.models.items():
                    group.create_task(self._start(assembly, name), name=f"start-{name}-{config.engine}")
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None
        self._targets = self._named_targets()

    async def stop(self) -> None:
        """Nothing is left afterwards."""
        try:
            await asyncio.gather(*(model.stop() for model in self._models.values()))
        finally:
            for session in self._sessions:
                await session.close()

    async def _start(self, assembly: Assembly, name: str) -> None:
        model = self._models[name] = await assembly.served(name, self._config.models[name])
        await model.start()

    def _named_targets(self) -> dict[str, Target]:
        names = self._config.names
        policies = names.policies()
        created = Timestamp()
        created.GetCurrentTime()
        targets: dict[str, Target] = dict(self._models)
        for name, profile in names.profiles.items():
            targets[name] = Profile(name, profile, self._models[profile.model], policies[name] or "")
        return targets | make_routes(names, targets, created)
