"""Structured logs on standard error: JSON lines, or one readable line each on a terminal. Never user text.

Fields go through `extra`: `logger.info("call", extra={"method": name})`. Fields that usually hold user text are left
out and named under `refused`, and messages of unexpected exceptions, which may quote a request, show at debug only.
"""

from __future__ import annotations

import json
import logging
import sys
import time
import traceback
from types import TracebackType
from typing import Any

_TEXT_FIELDS = "text texts content contents prompt prompts completion delta input output query document messages"
REFUSED = frozenset([*_TEXT_FIELDS.split(), "request", "response", "body", "message", "user_text"])

_STANDARD = frozenset(vars(logging.LogRecord("", 0, "", 0, "", (), None))) | {"message", "asctime", "taskName"}
_ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


def configure_logging(service: str, level: str = "info") -> None:
    """Sends all logging of this process to standard error, in the form that fits it."""
    handler = logging.StreamHandler(sys.stderr)
    verbose = level == "debug"
    pretty = sys.stderr.isatty()
    handler.setFormatter(LineFormatter(service, verbose) if pretty else JsonFormatter(service, verbose))
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.upper())
    logging.getLogger("asyncio").setLevel(logging.WARNING)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: `ts`, `level`, `service`, `logger`, `event`, then the record's own fields."""

    def __init__(self, service: str, verbose: bool = False) -> None:
        super().__init__()
        self._service = service
        self._verbose = verbose

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line: dict[str, Any] = {
            "ts": _timestamp(record),
            "level": record.levelname.lower(),
            "service": self._service,
            "logger": record.name,
            "event": record.getMessage(),
            **fields_of(record),
        }
        if record.exc_info:
            line.update(_exception(record.exc_info, self._verbose))
        return json.dumps(line, ensure_ascii=False, default=str)


class LineFormatter(logging.Formatter):
    """`12:03:04 INFO  safety serving port=50062`, with the traceback below."""

    def __init__(self, service: str, verbose: bool = False) -> None:
        super().__init__()
        self._service = service
        self._verbose = verbose

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        fields = "".join(f" {key}={value}" for key, value in fields_of(record).items())
        line = f"{clock} {record.levelname:<7} {self._service} {record.getMessage()}{fields}"
        if not record.exc_info:
            return line
        shown = _exception(record.exc_info, self._verbose)
        return "\n".join([f"{line} {shown['exception']}", *shown["traceback"]])


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """What the caller gave in `extra`, without the fields that could hold user text."""
    given = {key: value for key, value in vars(record).items() if key not in _STANDARD}
    refused = sorted(key for key in given if key.lower() in REFUSED)
    kept = {key: value for key, value in given.items() if key not in refused and value is not None}
    return {**kept, "refused": refused} if refused else kept


def _timestamp(record: logging.LogRecord) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z"


def _exception(exc_info: _ExcInfo, verbose: bool) -> dict[str, Any]:
    kind, error, trace = exc_info
    name = kind.__qualname__ if kind else "None"
    frames = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(trace)]
    return {"exception": f"{name}: {error}" if verbose else name, "traceback": frames}
