"""The bundled model and SmolLM2, each behind a service with a real engine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import smollm2
from integration.generation.engines import Service, serving
from soban.runtime.model_settings import DEMO_MODEL

BUNDLED = f"bundled:{DEMO_MODEL}"


@pytest.fixture
async def bundled() -> AsyncIterator[Service]:
    async with serving(BUNDLED, parallel=8) as service:
        yield service


@pytest.fixture(scope="session")
def smollm2_path() -> Path:
    try:
        return smollm2.path()
    except smollm2.Unavailable as err:
        pytest.skip(str(err))
