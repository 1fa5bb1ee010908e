"""Where a field of an upstream request stands in the request that the gateway's client sent."""

from __future__ import annotations

from collections.abc import Callable

from soban.runtime.details import FieldViolation
from soban.runtime.errors import SobanError

Rename = Callable[[str], str]


def of_generation(path: str) -> str:
    """`generate.options.n` is `options.n` of ChatRequest."""
    return path.removeprefix("generate.")


def of_safety(path: str) -> str:
    """`policy` of CheckRequest and `config.policy` of FilterRequest are `safety_policy` of ChatRequest."""
    path = path.removeprefix("config.")
    if path.startswith("tools"):
        return f"options.{path}"
    return {"policy": "safety_policy", "text": "prompt"}.get(path, path)


def of_stream_chat(path: str) -> str:
    """Fields of ChatRequest are those of `chat` in StreamChatRequest."""
    return f"chat.{path}"


def renamed(error: SobanError, rename: Rename) -> SobanError:
    """The same error, its field paths renamed in place."""
    error.violations = tuple(FieldViolation(rename(path), text) for path, text in error.violations)
    return error
