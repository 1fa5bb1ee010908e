"""What APIs like OpenAI's answer when they do not answer, as errors of the contract.

A key that is refused and an account without credit are the operator's own, and no caller reads of them. Others are
limits of a rate, which pass, or are about the request: so are 401 and 403 where nothing in them names the account, as a
firewall or a filter answers to one text and not to the next.

Codes are those of platform.openai.com/docs/guides/error-codes and of Azure OpenAI's content filter.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

import soban.v1 as pb
from soban.generation.engines import openai_errors
from soban.generation.engines.http import Answered
from soban.generation.engines.openai_errors import Refusal, overflow, refusal_of, text_field
from soban.runtime.errors import EngineFailed, InvalidField, SobanError, TextTooLong

_FILTERED = "content_filter"
_TOO_LONG = "context_length_exceeded"
# "This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 tokens.", "Input tokens
# exceed the configured limit of 272000 tokens."
_ROOM = re.compile(r"(?:length is|limit of) (\d+)")
_ASKED = re.compile(r"(?:resulted in|requested) (\d+)")
_NO_MODEL = "model_not_found"
# As in: invalid_api_key, authentication_error, permission_denied, billing_not_active, insufficient_quota,
# mismatched_organization, unsupported_country_region_territory; Azure's code for a wrong key is "401".
_ACCOUNT = re.compile(r"key|auth|permission|billing|quota|account|organi[sz]ation|country|^401$")
# Google's reason for a wrong key, and the begin of Anthropic's message, both with status 400.
_KEY_INVALID = "API_KEY_INVALID"
_NO_CREDIT = "Your credit balance is too low"
_LONGEST_RETRY = 60.0
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s)")
_LIMITS = ("requests", "tokens")
_PARAMETERS = {"max_completion_tokens": "max_tokens"}


def refusal_with_limits(answered: Answered) -> Refusal:
    """As `refusal_of`, with the time after which a limit is over, in whichever header it is told."""
    refusal = refusal_of(answered)
    if refusal.retry_after is not None:
        return refusal
    named = [limit for limit in _LIMITS if limit in refusal.kind.split()]
    return replace(refusal, retry_after=_reset(answered.headers, named))


def error_of(refusal: Refusal, request: pb.GenerateRequest) -> SobanError:
    """As `ErrorOf`."""
    if _TOO_LONG in refusal.kind.split():
        return overflow(request, _ASKED.search(refusal.words), _ROOM.search(refusal.words))
    if refusal.status == 429 and "too large" in refusal.words:
        # It asks for more tokens than a minute has: waiting does not help.
        return TextTooLong("the request has more tokens than the API takes in a minute", field=text_field(request))
    if refusal.status in (401, 403) and not _ACCOUNT.search(refusal.kind.lower()):
        return _forbidden(refusal, request)
    if refusal.status == 400 and (_KEY_INVALID in str(refusal.details) or refusal.message.startswith(_NO_CREDIT)):
        refusal = replace(refusal, status=402)
    found = openai_errors.error_of(refusal, request)
    if isinstance(found, EngineFailed) and refusal.status == 404 and "model" not in refusal.words:
        return EngineFailed("the API has no such path: its address ends with the base path, such as /v1")
    if isinstance(found, InvalidField):
        return InvalidField(found.message, quoted=found.quoted, field=_field_of(refusal, found.field))
    return found


def before_the_answer(refusal: Refusal, request: pb.GenerateRequest) -> SobanError:
    """As `error_of`, of an HTTP status; of what the API's own filter refuses, `was_filtered` is true."""
    if _FILTERED not in refusal.kind.split():
        return error_of(refusal, request)
    told = "the API's own filter refuses the request"
    return InvalidField(told, field=text_field(request), metadata={"engine_error": _FILTERED})


def was_filtered(err: SobanError) -> bool:
    """Whether it is no error but an answer without text."""
    return err.metadata.get("engine_error") == _FILTERED


def _forbidden(refusal: Refusal, request: pb.GenerateRequest) -> SobanError:
    """Without its words: they may be a firewall's page, or hold a part of the key."""
    if _NO_MODEL in refusal.kind:
        return EngineFailed("the account at the API has no model of the configured name (engineModel)")
    told = f"the API, or what stands before it, refuses the request ({refusal.status})"
    return InvalidField(told, field=text_field(request))


def _field_of(refusal: Refusal, guessed: str | None) -> str | None:
    """The parameter that the API names, as the contract calls it."""
    told = str(refusal.details.get("param") or "").partition("[")[0].partition(".")[0]
    name = _PARAMETERS.get(told, told)
    if name in ("messages", "prompt"):
        return name
    return f"options.{name}" if name in pb.GenerationOptions.DESCRIPTOR.fields_by_name else guessed


def _reset(headers: Mapping[str, str], named: Sequence[str]) -> float | None:
    """Seconds until a limit is over: `retry-after-ms: 350`, or `x-ratelimit-reset-tokens: 6m0s` of the limit that is
    `named` or used up (`x-ratelimit-remaining-tokens: 0`)."""
    exact = headers.get("retry-after-ms", "")
    if exact.isdigit():
        return min(_LONGEST_RETRY, int(exact) * _SECONDS["ms"])
    used_up = [limit for limit in _LIMITS if headers.get(f"x-ratelimit-remaining-{limit}", "") in ("0", "-1")]
    waits = [_duration(headers.get(f"x-ratelimit-reset-{limit}", "")) for limit in {*named, *used_up}]
    told = [wait for wait in waits if wait]
    return min(_LONGEST_RETRY, max(told)) if told else None


def _duration(text: str) -> float | None:
    """Go's durations, as OpenAI writes them (`1h2m3.5s`, `20ms`), or plain seconds, as Azure does."""
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)
