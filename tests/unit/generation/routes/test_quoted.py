"""A route logs that it goes on, and nothing that may quote the request."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from soban.generation.routes.cascade import Cascade
from soban.generation.routes.escalation import Escalation
from soban.generation.routes.fallback import Fallback
from soban.generation.routes.vote import Vote
from soban.generation.target import Target
from soban.runtime.errors import Internal, InvalidField, NotBuilt, SobanError
from soban.runtime.route_settings import EscalateConfig
from unit.generation.routes.targets import FakeTarget, answer, ask, card

QUOTED = "전화는 010-1234-5678입니다"


def fallback(*members: FakeTarget) -> Target:
    return Fallback(card("fallback"), members)


def cascade(*members: FakeTarget) -> Target:
    return Cascade(card("cascade"), members, Escalation(EscalateConfig()))


def vote(*members: FakeTarget) -> Target:
    return Vote(card("vote"), members, 1, 0.7)


@pytest.mark.parametrize("route", [fallback, cascade, vote])
@pytest.mark.parametrize("error", [InvalidField, NotBuilt])
async def test_no_line_quotes_the_request(
    route: Callable[..., Target], error: type[SobanError], caplog: pytest.LogCaptureFixture
) -> None:
    """The line has the reason."""
    caplog.set_level(logging.DEBUG)
    first = FakeTarget("a", [error("the engine refuses the request", quoted=QUOTED)])
    seen = await answer(route(first, FakeTarget("b")), ask())
    assert QUOTED not in repr([vars(record) for record in caplog.records])
    told = [record.reason for record in caplog.records if hasattr(record, "reason")]
    assert told == [error.reason] or isinstance(seen.error, error)


async def test_a_fault_of_ours_is_logged_with_its_message(caplog: pytest.LogCaptureFixture) -> None:
    """Since its caller never reads it, and another member may answer."""
    await answer(fallback(FakeTarget("a", [Internal("the engine refuses its key (401)")]), FakeTarget("b")), ask())
    assert [record.error for record in caplog.records if hasattr(record, "error")] == [
        "the engine refuses its key (401)"
    ]
