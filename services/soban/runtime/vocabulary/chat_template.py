"""A model's chat template: Jinja in a sandbox, with what Hugging Face's templates expect to find."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NoReturn

import jinja2
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

from soban.runtime.config import ConfigError
from soban.runtime.errors import DeadlineExceeded, InvalidField

MOST_CHARACTERS = 16_000_000
MOST_SECONDS = 10.0
_MOST_SHOWN = 200
"""Characters of what a template says when it refuses a conversation."""


class _RefusalError(jinja2.TemplateError):
    """The template's own `raise_exception`."""


# Whatever goes wrong inside a template that met a conversation it does not expect.
_TROUBLE = (jinja2.TemplateError, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


class ChatTemplate:
    """Renders conversations. It is Python code from a model's files, so that it runs in a sandbox and within limits."""

    def __init__(self, name: str, source: str, special_tokens: Mapping[str, str]) -> None:
        """`name` is that of the model. Raises ConfigError where `source` is no template."""
        environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
        environment.filters["tojson"] = _to_json
        environment.globals.update(raise_exception=_refuse, strftime_now=_strftime_now)
        try:
            self._template = environment.from_string(source)
        except jinja2.TemplateError as err:
            raise ConfigError(f"models.{name}.tokenizer", f"chat template: {err}") from err
        self._tokens = {f"{role}_token": token for role, token in special_tokens.items()}

    def render(
        self,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Mapping[str, Any]],
        *,
        add_generation_prompt: bool,
        arguments: Mapping[str, Any],
        remaining: float | None = None,
    ) -> str:
        """The prompt. `arguments` are further values for the template, `remaining` is in seconds.

        Raises InvalidField where the template refuses the conversation, or makes more than 16 million characters of
        it, and DeadlineExceeded.
        """
        given = {
            **self._tokens,
            **arguments,
            "messages": messages,
            "tools": tools or None,
            "add_generation_prompt": add_generation_prompt,
        }
        end = time.monotonic() + min(MOST_SECONDS, MOST_SECONDS if remaining is None else remaining)
        pieces: list[str] = []
        size = 0
        try:
            for piece in self._template.generate(given):
                pieces.append(piece)
                size += len(piece)
                _check_limits(size, end)
        except _TROUBLE as err:
            why = _shown(err)
            raise InvalidField(f"the model's chat template refuses this conversation: {why}", field="messages") from err
        return "".join(pieces)


def _check_limits(size: int, end: float) -> None:
    if size > MOST_CHARACTERS:
        raise InvalidField(f"the rendered conversation has more than {MOST_CHARACTERS:,} characters", field="messages")
    if time.monotonic() > end:
        raise DeadlineExceeded("rendering the conversation took too long")


def _shown(err: Exception) -> str:
    """The template's own words; those of Jinja and Python may quote the conversation."""
    return str(err)[:_MOST_SHOWN] if isinstance(err, _RefusalError) else type(err).__name__


def _to_json(value: Any, indent: int | None = None) -> str:
    """Without HTML escapes, unlike Jinja's own: transformers/utils/chat_template_utils.py."""
    return json.dumps(value, ensure_ascii=False, indent=indent)


def _refuse(message: str) -> NoReturn:
    raise _RefusalError(message)


def _strftime_now(pattern: str) -> str:
    return datetime.now().astimezone().strftime(pattern)
