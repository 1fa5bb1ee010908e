"""Colours, and progress of long work."""

from __future__ import annotations

import io

import pytest

from soban.cli.console import Console
from soban.cli.progress import Progress
from unit.cli.fakes import TerminalText


def console(out: io.StringIO, err: io.StringIO, **env: str) -> Console:
    return Console(out, err, io.BytesIO(), env)


@pytest.mark.parametrize(
    ("out", "env", "coloured"),
    [
        (TerminalText(), {}, True),
        (io.StringIO(), {}, False),
        (TerminalText(), {"NO_COLOR": "1"}, False),
        (TerminalText(), {"NO_COLOR": ""}, True),
        (TerminalText(), {"TERM": "dumb"}, False),
    ],
)
def test_colours_are_for_terminals_that_want_them(out: io.StringIO, env: dict[str, str], coloured: bool) -> None:
    """An empty NO_COLOR counts as unset, as its page says."""
    painted = console(out, io.StringIO(), **env).paint("소반", "bold")
    assert painted == ("\x1b[1m소반\x1b[0m" if coloured else "소반")


class Clock:
    """Goes on by what it is told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_progress_shows_after_two_seconds_and_goes_away() -> None:
    """On the terminal of standard error, while results go into a file."""
    err, clock = TerminalText(), Clock()
    progress = Progress(console(io.StringIO(), err), clock)
    progress.count(failed=False)
    assert err.getvalue() == ""
    clock.now += 4.0
    for _ in range(1999):
        progress.count(failed=True)
    assert err.getvalue() == "\r\x1b[K2 lines, 1 failed, 0/s"
    progress.erase()
    assert err.getvalue().endswith("\r\x1b[K")
    assert (progress.done, progress.failed) == (2000, 1999)


@pytest.mark.parametrize(("out", "err"), [(TerminalText(), TerminalText()), (io.StringIO(), io.StringIO())])
def test_progress_never_mixes_with_results(out: io.StringIO, err: io.StringIO) -> None:
    """Neither on one terminal nor in a log."""
    clock = Clock()
    progress = Progress(console(out, err), clock)
    clock.now += 10.0
    progress.count(failed=False)
    progress.erase()
    assert err.getvalue() == ""
