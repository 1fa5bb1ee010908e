"""Log lines: machines can read them, and they hold no user text."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

from soban.runtime.logs import JsonFormatter, LineFormatter


def record(event: str, exc_info: Any = None, **fields: Any) -> logging.LogRecord:
    logger = logging.getLogger("soban.test")
    return logger.makeRecord(logger.name, logging.INFO, "f.py", 1, event, (), exc_info, extra=fields)


def failure() -> Any:
    try:
        int("주민번호 900101-1234567")
    except ValueError:
        return sys.exc_info()


def test_a_line_is_one_json_object() -> None:
    """Time, level, service, logger, event, then the fields."""
    line = json.loads(JsonFormatter("safety").format(record("serving", port=50062, note="밥")))
    assert line["ts"].endswith("Z")
    assert (line["level"], line["service"], line["logger"]) == ("info", "safety", "soban.test")
    assert (line["event"], line["port"], line["note"]) == ("serving", 50062, "밥")


def test_fields_that_hold_user_text_are_refused_by_name() -> None:
    """Their names are kept, so that the mistake is found."""
    shown = JsonFormatter("safety").format(record("call", text="비밀", Prompt="비밀", method="Check"))
    assert "비밀" not in shown
    assert json.loads(shown)["refused"] == ["Prompt", "text"]


def test_an_exception_shows_where_and_not_what() -> None:
    """Messages of exceptions may quote a request; they show at debug only."""
    line = json.loads(JsonFormatter("safety").format(record("internal error", failure())))
    assert line["exception"] == "ValueError"
    assert "failure" in line["traceback"][-1]
    assert "900101" in json.loads(JsonFormatter("safety", verbose=True).format(record("x", failure())))["exception"]


def test_a_terminal_gets_a_readable_line() -> None:
    """With the traceback below it."""
    assert LineFormatter("safety").format(record("serving", port=1)).endswith("safety serving port=1")
    shown = LineFormatter("safety").format(record("internal error", failure()))
    assert "900101" not in shown
    assert "\n" in shown


def test_values_that_json_does_not_know_are_shown_as_text() -> None:
    """Logging never raises."""
    assert json.loads(JsonFormatter("x").format(record("a", kind=ValueError)))["kind"] == "<class 'ValueError'>"
