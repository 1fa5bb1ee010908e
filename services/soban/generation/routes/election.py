"""Which of several answers to one request is given."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import soban.v1 as pb
from soban.generation.routes.agreement import best_by_agreement
from soban.generation.routes.short_answers import short_form

_JSON_SHAPES = ("json_object", "json_schema")


def elect(answers: Sequence[pb.GeneratedChoice], options: pb.GenerationOptions) -> int:
    """Number of the answer; between equal ones the first.

    Answers of the commoner kind count: tool calls, text, or nothing at all. Tool calls, JSON and short texts go by
    majority of what they say, each in its canonical form. If at most half of the texts are short, the text wins that
    agrees most with all others.
    """
    kinds = [_kind(answer) for answer in answers]
    kind = _majority([each for each in kinds if each != "nothing"] or kinds)
    running = [number for number, each in enumerate(kinds) if each == kind]
    forms = [_form(answers[number], options) for number in running]
    sayings = [(number, form) for number, form in zip(running, forms, strict=True) if form is not None]
    if 2 * len(sayings) > len(running):
        most = _majority([form for _, form in sayings])
        return next(number for number, form in sayings if form == most)
    return running[best_by_agreement([answers[number].text for number in running])]


def _majority(values: Sequence[str]) -> str:
    """The commonest; the first of equally common ones."""
    return Counter(values).most_common(1)[0][0]


def _kind(answer: pb.GeneratedChoice) -> str:
    if answer.tool_calls:
        return "calls"
    return "text" if answer.text.strip() else "nothing"


def _form(answer: pb.GeneratedChoice, options: pb.GenerationOptions) -> str | None:
    """What it says; None for a text that is too long to be said twice alike."""
    if answer.tool_calls:
        return json.dumps([[call.name, _canonical(call.arguments)] for call in answer.tool_calls])
    if options.response_format.WhichOneof("format") in _JSON_SHAPES:
        return _canonical(answer.text)
    return short_form(answer.text)


def _canonical(text: str) -> str:
    """JSON without its spelling: order of keys, spaces, escapes. What is no JSON stays as it is."""
    try:
        value = json.loads(text)
        return json.dumps(_whole(value), sort_keys=True, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text


def _whole(value: Any) -> Any:
    """1.0 and 1 are the same number."""
    if isinstance(value, dict):
        return {key: _whole(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_whole(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
