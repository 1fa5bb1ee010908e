"""A streamed chat over the OpenAI HTTP API with the standard library alone."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from typing import Any

_DONE = "[DONE]"


def stream_chat(base_url: str, body: dict[str, Any], timeout: float) -> Iterator[str]:
    """The pieces of text of `POST {base_url}/chat/completions`. Raises urllib.error.URLError and ValueError."""
    request = urllib.request.Request(  # noqa: S310 - an address that we have made ourselves
        f"{base_url}/chat/completions",
        data=json.dumps({**body, "stream": True}).encode(),
        headers={"Content-Type": "application/json"},
    )
    # No proxy: the address is on this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=timeout) as response:
        for raw in response:
            line = raw.decode().strip()
            if not line.startswith("data:"):
                continue
            data = line.removeprefix("data:").strip()
            if data == _DONE:
                return
            for choice in json.loads(data).get("choices", []):
                yield choice.get("delta", {}).get("content") or ""
