"""What `soban up` tells."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import TextIO

import pytest

from soban.cli.console import Console
from soban.cli.journal import Journal
from soban.cli.plan import Plan, make_plan
from soban.cli.reporters import PersonReporter, ProgramReporter
from soban.runtime.process import State

EXAMPLE = Path(__file__).parents[3] / "examples" / "free_ports.yaml"


@pytest.fixture
def console() -> Console:
    return Console(io.StringIO(), io.StringIO(), io.BytesIO(), {})


@pytest.fixture
def plan() -> Plan:
    return make_plan(EXAMPLE)


def shown(console: Console) -> str:
    assert isinstance(console.out, io.StringIO)
    return console.out.getvalue()


def test_a_person_learns_how_to_send_the_first_request(console: Console, plan: Plan) -> None:
    """Also where the ports are not the usual ones."""
    reporter = PersonReporter(console, Journal(None, console.err))
    reporter.starting(plan)
    reporter.ready(plan, 4.2, {})
    text = shown(console)
    assert "소반이 준비됐습니다 · Soban is ready (4.2 s)" in text
    assert f"export SOBAN_GATEWAY={plan.address('gateway')} " in text
    assert f"curl {plan.http_url}/chat/completions" in text
    assert '"model": "soban-demo"' in text


@pytest.mark.parametrize(("logs", "place"), [(None, "soban up --logs -"), ("-", "'generation' above")])
def test_models_that_are_not_ready_are_told_with_a_place_to_look(
    console: Console, plan: Plan, logs: str | None, place: str
) -> None:
    """A line each, beside the addresses of servers that are; nothing is to be tried with them."""
    reporter = PersonReporter(console, Journal(logs, console.err))
    reporter.ready(plan, 4.2, {"soban-demo": "LOADING", "ko-8b": "UNAVAILABLE"})
    lines = [line for line in shown(console).splitlines() if "모델을 아직" in line]
    assert lines == [
        f"  soban-demo    모델을 아직 쓸 수 없습니다 · model is LOADING; 까닭은 · why: {place}",
        f"  ko-8b         모델을 아직 쓸 수 없습니다 · model is UNAVAILABLE; 까닭은 · why: {place}",
    ]


def test_a_crash_is_told_with_the_last_words(console: Console) -> None:
    """And the new start; the first one is not worth a line."""
    journal = Journal(None, console.err)
    journal.sink("safety")("soban: out of memory")
    reporter = PersonReporter(console, journal)
    for state in (State.STARTING, State.RUNNING, State.BACKOFF, State.STARTING):
        reporter.state("safety", state, 1.0)
    assert shown(console).splitlines() == [
        "  safety        ready  1.0 s",
        "  safety        ended  1.0 s",
        "    soban: out of memory",
        "  safety        starts again  1.0 s",
    ]


@pytest.mark.parametrize("kind", ["person", "program"])
@pytest.mark.parametrize("where", ["pipe", "disk"])
def test_lines_that_cannot_be_written_are_no_error(kind: str, where: str, plan: Plan) -> None:
    """Neither for want of a reader nor of space; nothing is left that would fail when it is flushed at exit."""
    with without_reader() if where == "pipe" else Path("/dev/full").open("w", encoding="utf-8") as out:
        console = Console(out, io.StringIO(), io.BytesIO(), {})
        journal = Journal(None, console.err)
        reporter = ProgramReporter(console) if kind == "program" else PersonReporter(console, journal)
        reporter.starting(plan)
        reporter.state("safety", State.BACKOFF, 1.0)
        reporter.ready(plan, 3.0, {"down": "UNAVAILABLE"})
        reporter.stopped()


def without_reader() -> TextIO:
    read_end, write_end = os.pipe()
    os.close(read_end)
    return open(write_end, "w", encoding="utf-8")  # noqa: PTH123 - a descriptor


def test_a_program_reads_addresses_before_anything_is_ready(console: Console, plan: Plan) -> None:
    """And each event as one JSON line."""
    reporter = ProgramReporter(console)
    reporter.starting(plan)
    reporter.state("safety", State.RUNNING, 1.25)
    reporter.waiting(["tokenization"])
    reporter.ready(plan, 3.0, {"down": "UNAVAILABLE"})
    reporter.stopping()
    reporter.stopped()
    events = [json.loads(line) for line in shown(console).splitlines()]
    assert [event["event"] for event in events] == ["starting", "state", "waiting", "ready", "stopping", "stopped"]
    assert set(events[0]["endpoints"]) == {"gateway", "tokenization", "safety", "generation", "http"}
    assert events[0]["endpoints"] == events[3]["endpoints"]
    assert events[3]["unready"] == {"down": "UNAVAILABLE"}
    assert events[1] == {"event": "state", "service": "safety", "state": "running", "seconds": 1.25}
