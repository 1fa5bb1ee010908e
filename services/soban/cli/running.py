"""A stack from its start to its end, and what it says on the way."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path

import yaml

import soban.v1 as pb
from soban.cli.console import Console
from soban.cli.failure import EXIT_FAILED, EXIT_OK, Failure
from soban.cli.journal import Journal
from soban.cli.models import list_models, state_of
from soban.cli.plan import Plan, make_plan
from soban.cli.reporters import PersonReporter, ProgramReporter, Reporter
from soban.cli.stack import Stack
from soban.runtime.child import exit_with_parent
from soban.runtime.signals import StopSignals

_STILL_WAITING_SECONDS = 20.0
_LIST_SECONDS = 5.0


def run_stack(config: Path | None, model: str | None, logs: str | None, as_json: bool, console: Console) -> int:
    """Starts, waits for a signal, stops. Raises Failure."""
    exit_with_parent()
    logging.getLogger("soban").addHandler(logging.NullHandler())  # the reporter tells what a person has to know
    plan = make_plan(config, model)
    try:
        journal = Journal(logs, console.err)
    except OSError as err:
        raise Failure("cannot write logs", "LOGS", f"{logs}: {err.strerror}", exit_code=EXIT_FAILED) from err
    reporter: Reporter = ProgramReporter(console) if as_json else PersonReporter(console, journal)
    with _config_file(plan, config) as path:
        return asyncio.run(_run(plan, path, journal, reporter))


async def _run(plan: Plan, path: Path | None, journal: Journal, reporter: Reporter) -> int:
    with StopSignals() as signals:
        stack = Stack(plan, path, journal, reporter.state)
        try:
            reporter.starting(plan)
            await stack.start()
            await _until_ready(stack, plan, reporter, signals.first)
            await signals.first.wait()
            reporter.stopping()
        finally:
            await stack.stop(signals.second)
    reporter.stopped()
    return EXIT_OK


async def _until_ready(stack: Stack, plan: Plan, reporter: Reporter, stop: asyncio.Event) -> None:
    """Returns when the stack is ready or was asked to stop. Raises Failure."""
    ready, asked = asyncio.create_task(stack.wait_ready()), asyncio.create_task(stop.wait())
    try:
        while not (ready.done() or asked.done()):
            await asyncio.wait([ready, asked], timeout=_STILL_WAITING_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if not (ready.done() or asked.done()):
                reporter.waiting(stack.waiting)
        if ready.done():
            seconds = ready.result()
            reporter.ready(plan, seconds, await asyncio.to_thread(_unready, plan))
    finally:
        ready.cancel()
        asked.cancel()
        await asyncio.gather(ready, asked, return_exceptions=True)


def _unready(plan: Plan) -> dict[str, str]:
    """States of the models that cannot answer yet; none where generation does not tell, as while it starts again."""
    try:
        models = list_models(plan.address("generation"), _LIST_SECONDS).models
    except Failure:
        return {}
    return {model.name: state_of(model) for model in models if model.state != pb.Model.STATE_READY}


@contextlib.contextmanager
def _config_file(plan: Plan, given: Path | None) -> Iterator[Path | None]:
    """What the services read: the given file, or one of our own where the plan differs from it."""
    if not plan.changed:
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="soban-") as folder:
        path = Path(folder) / "soban.yaml"
        path.write_text(yaml.safe_dump(dict(plan.data), allow_unicode=True, sort_keys=False), encoding="utf-8")
        yield path
