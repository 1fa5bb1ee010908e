"""What an engine has to show before its replica gets requests, and again now and then: the right model, an answer."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace

import soban.v1 as pb
from soban.generation.engine import Description, Engine, EngineRequest, Feature, Finished
from soban.generation.identity import Identity
from soban.runtime.errors import EngineLost, EngineOverloaded, InvalidArgument, NotBuilt, SobanError

_logger = logging.getLogger(__name__)

_HELLO = "안녕하세요"


class Unfit(Exception):  # noqa: N818 - it is no error that anybody made here
    """The replica is not to be used; the text is a sentence for people."""


@dataclass(frozen=True, slots=True)
class Vetted:
    """A replica that may be used. `pause` is how many seconds its engine asked to be left alone, being overloaded."""

    description: Description
    adapters: frozenset[str]
    pause: float | None = None


class Vetting:
    """For the replicas of the model called `model`.

    `identity` is None for engines that Soban starts, which hold what they were told to load. `adapters` are paths by
    name, empty where engines have them loaded already. `warm` says whether a first request is sent.
    """

    def __init__(
        self, model: str, identity: Identity | None, adapters: Mapping[str, str], *, warm: bool = True
    ) -> None:
        self._model = model
        self._identity = identity
        self._adapters = dict(adapters)
        self._warm = warm
        self._missing: set[tuple[str, str]] = set()
        """Replicas and adapters of which the log knows already."""
        self._chatless: set[str] = set()
        """Replicas that answered a plain text and no conversation."""

    async def admit(self, replica: str, engine: Engine) -> Vetted:
        """Asks everything, adapters and a first request included. Raises Unfit."""
        try:
            vetted = await self.check(replica, engine)
        except SobanError as err:
            raise Unfit(f"replica {replica} does not describe itself: {err.whole_message}") from err
        if not self._warm:
            return vetted
        pause = await self._greet(replica, engine)
        return replace(vetted, description=self._as_greeted(replica, vetted.description), pause=pause)

    async def check(self, replica: str, engine: Engine) -> Vetted:
        """Asks without a first request. Raises Unfit, and SobanError when the engine does not tell."""
        description = await engine.describe()
        if self._identity is not None:
            wrong = self._identity.judge(replica, description.models, {*description.adapters, *self._adapters})
            if wrong:
                raise Unfit(wrong)
        adapters = await self._load_adapters(replica, engine, description)
        return Vetted(self._as_greeted(replica, description), adapters)

    def forget(self, replica: str) -> None:
        """It is away."""
        self._missing = {(known, adapter) for known, adapter in self._missing if known != replica}
        self._chatless.discard(replica)
        if self._identity is not None:
            self._identity.forget(replica)

    async def _load_adapters(self, replica: str, engine: Engine, description: Description) -> frozenset[str]:
        """Adapters without a path are believed of engines that list none."""
        have = set(description.adapters) or {name for name, path in self._adapters.items() if not path}
        have &= set(self._adapters) or have
        if Feature.ADAPTER_LOADING not in engine.support:
            return frozenset(have)
        for name, path in self._adapters.items():
            if path and name not in have and await self._loaded(replica, engine, name, path):
                have.add(name)
        return frozenset(have)

    async def _loaded(self, replica: str, engine: Engine, name: str, path: str) -> bool:
        """A replica without one of its adapters is still good for all other requests; each check tries again."""
        try:
            await engine.load_adapter(name, path)
        except SobanError as err:
            if (replica, name) not in self._missing:
                fields = {"model": self._model, "replica": replica, "adapter": name, "error": err.whole_message}
                _logger.warning("adapter not loaded", extra=fields)
            self._missing.add((replica, name))
            return False
        return True

    async def _greet(self, replica: str, engine: Engine) -> float | None:
        """The first request through an engine is slow: it compiles the chat template and touches all of the model.

        Models without a chat template get a plain text, and conversations are no longer among what they can do. An
        engine that has no time is warm: others use it already.
        """
        hello = pb.Message(role=pb.ROLE_USER, parts=[pb.ContentPart(text=_HELLO)])
        try:
            try:
                await _answered(engine, pb.GenerateRequest(model=self._model, messages=[hello]))
            except (InvalidArgument, NotBuilt) as err:
                await _answered(engine, pb.GenerateRequest(model=self._model, prompt=_HELLO))
                self._chatless.add(replica)
                fields = {"model": self._model, "replica": replica, "error": err.whole_message}
                _logger.warning("model answers raw prompts and no conversations", extra=fields)
        except EngineOverloaded as err:
            return err.retry_after
        except SobanError as err:
            raise Unfit(f"replica {replica} fails its first request: {err.whole_message}") from err
        return None

    def _as_greeted(self, replica: str, description: Description) -> Description:
        """With what its first request showed."""
        if replica not in self._chatless:
            return description
        return replace(description, lacks=description.lacks | {Feature.CHAT})


async def _answered(engine: Engine, request: pb.GenerateRequest) -> None:
    """Asks for one token. Raises SobanError."""
    request.options.CopyFrom(pb.GenerationOptions(max_tokens=1, temperature=0))
    async with aclosing(engine.generate(EngineRequest(request))) as events:
        async for event in events:
            if isinstance(event, Finished):
                return
    raise EngineLost("the answer was cut off")
