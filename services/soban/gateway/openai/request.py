"""What every handler does with a request: read its body within bounds, answer in JSON."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web

from soban.gateway.openai import errors
from soban.gateway.openai.fields import Fields
from soban.runtime.context import Call
from soban.runtime.errors import InvalidMessage

CALL = web.RequestKey("call", Call)
"""Id, deadline and trace of a request; set before its handler runs."""
ERROR = web.RequestKey("error", str)
"""Reason of an error that came after the status had gone out."""
AI_GENERATED = "X-AI-Generated"

_BODY_SECONDS = 60.0


async def body_of(request: web.Request) -> Fields:
    """The body as a JSON object, whatever its content type says.

    Raises InvalidField, InvalidMessage, or the HTTP errors 408 and 413.
    """
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            raw = await request.read()
    except TimeoutError as err:
        raise web.HTTPRequestTimeout from err
    except web.RequestPayloadError as err:
        raise InvalidMessage("the body could not be read") from err
    return Fields.parse(raw)


def as_json(data: Any, status: int = 200, *, ai_generated: bool = False) -> web.Response:
    """`data` in UTF-8."""
    headers = {AI_GENERATED: "true"} if ai_generated else None
    return web.Response(
        body=errors.encode(data), status=status, headers=headers, content_type="application/json", charset="utf-8"
    )
