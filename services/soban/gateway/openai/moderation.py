"""/v1/moderations: `safety.Check` in OpenAI's shape."""

from __future__ import annotations

from typing import Any

from google.protobuf.json_format import MessageToDict

import soban.v1 as pb
from soban.gateway.openai.fields import Fields, as_object, as_text
from soban.runtime.errors import InvalidField

MOST_INPUTS = 128
MODEL_NAME = "soban-safety"

# OpenAI's categories; its clients expect every key in every result.
OPENAI_CATEGORIES = (
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm",
    "self-harm/intent",
    "self-harm/instructions",
    "sexual",
    "sexual/minors",
    "violence",
    "violence/graphic",
)

# Only where a category of ours means what OpenAI's means. Profanity and personal data have no counterpart there and
# stand beside them under their own names.
COUNTERPARTS = {
    "abuse.harassment": "harassment",
    "abuse.threat": "harassment/threatening",
    "hate": "hate",
    "illicit": "illicit",
    "self_harm": "self-harm",
    "sexual": "sexual",
    "sexual.minors": "sexual/minors",
    "violence": "violence",
}


def read_inputs(body: Fields) -> list[str]:
    """`input`: a text, a list of texts, or a list of text parts. Raises InvalidField."""
    given = body.raw("input")
    if isinstance(given, str):
        return [given]
    if not isinstance(given, list) or not 0 < len(given) <= MOST_INPUTS:
        raise InvalidField(f"'input' must be a text, or a list of 1 to {MOST_INPUTS} texts", field="input")
    return [_input(item, f"input[{index}]") for index, item in enumerate(given)]


def _input(item: Any, path: str) -> str:
    if not isinstance(item, dict):
        return as_text(item, path)
    part = as_object(item, path)
    if part.required_text("type") != "text":
        raise InvalidField("only parts of type text are supported", field=part.at("type"))
    return part.required_text("text")


def result_of(verdict: pb.Verdict) -> dict[str, Any]:
    """One element of `results`. A score is the best confidence of the findings, or the rating where there is one."""
    scores: dict[str, float] = dict.fromkeys(OPENAI_CATEGORIES, 0.0)
    flagged: dict[str, bool] = dict.fromkeys(OPENAI_CATEGORIES, False)
    rated = [(score.category, score.score, score.score >= score.threshold) for score in verdict.scores]
    found = [(finding.category, finding.confidence, True) for finding in verdict.findings]
    for category, score, acted in (*rated, *found):
        for name in _names_of(category):
            scores[name] = max(scores.get(name, 0.0), round(score, 6))
            flagged[name] = flagged.get(name, False) or acted
    return {
        "flagged": verdict.action in (pb.ACTION_MASK, pb.ACTION_BLOCK),
        "categories": flagged,
        "category_scores": scores,
        "category_applied_input_types": {name: ["text"] for name in flagged},
        "soban": MessageToDict(verdict, preserving_proto_field_name=True),
    }


def _names_of(category: str) -> list[str]:
    """Our own name, and OpenAI's where the category or the head of it has a counterpart."""
    parts = category.split(".")
    heads = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    counterpart = next((COUNTERPARTS[head] for head in heads if head in COUNTERPARTS), None)
    return [category] if counterpart is None or counterpart == category else [category, counterpart]
