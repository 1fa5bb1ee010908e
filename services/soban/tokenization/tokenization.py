"""The tokenization service as a component of its server."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import grpc

import soban.v1 as pb
from soban.runtime.names import Names
from soban.tokenization.analysis.pool import WorkerPool
from soban.tokenization.analyzer import versions
from soban.tokenization.model_tokens import ModelTokens
from soban.tokenization.morphology import Morphology
from soban.tokenization.normalization import normalizer_version
from soban.tokenization.servicer import TokenizationServicer
from soban.tokenization.settings import TokenizationSettings, processors

TOKENIZATION_SERVICE = "soban.v1.TokenizationService"


class Tokenization:
    """Ready once every worker has Kiwi and every tokenizer is loaded."""

    service_names: Sequence[str] = (TOKENIZATION_SERVICE,)

    def __init__(self, settings: TokenizationSettings, names: Names) -> None:
        self._workers = WorkerPool(settings.worker_count, settings.load_seconds, settings.log_level)
        self._tokens = ModelTokens(names, processors())

    def add_to(self, server: grpc.aio.Server) -> None:
        """Registers the servicer."""
        kiwi, model = versions()
        produced_by = pb.MorphologyVersions(kiwi=kiwi, model=model, normalizer=normalizer_version())
        morphology = Morphology(self._workers, produced_by)
        # RPCs that are not built stay as generated, which the types call abstract.
        servicer = TokenizationServicer(morphology, self._tokens)  # type: ignore[abstract]
        pb.add_TokenizationServiceServicer_to_server(servicer, server)

    async def start(self) -> None:
        """Loads workers and tokenizers at the same time. Raises ConfigError and NotReady."""
        await asyncio.gather(self._tokens.start(), self._workers.start())

    async def drain(self, grace: float) -> None:
        """There is no work that gRPC does not see."""

    async def stop(self) -> None:
        """Ends workers and threads."""
        await asyncio.gather(self._tokens.stop(), self._workers.stop())
