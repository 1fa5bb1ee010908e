"""Fixtures: the fake stack and a shell whose commands reach it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from unit.cli.fakes import FakeStack, ServerThread, Shell


@pytest.fixture
def server() -> Iterator[ServerThread]:
    thread = ServerThread(FakeStack())
    thread.start()
    yield thread
    thread.stop()


@pytest.fixture
def stack(server: ServerThread) -> FakeStack:
    return server.stack


@pytest.fixture
def soban(server: ServerThread) -> Shell:
    return Shell(server.env)
