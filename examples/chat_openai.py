# ruff: noqa: T201 - an example prints
"""The same chat with the unmodified `openai` client (`pip install openai`) and a running stack (`soban up`)."""

from __future__ import annotations

import sys

from openai import OpenAI


def main(base_url: str = "http://127.0.0.1:8080/v1", text: str = "안녕하세요, 오늘 하루 힘들었어요.") -> None:
    """Writes the answer while it comes."""
    client = OpenAI(base_url=base_url, api_key="none")
    stream = client.chat.completions.create(
        model="soban-demo", messages=[{"role": "user", "content": text}], max_tokens=64, stream=True
    )
    for chunk in stream:
        for choice in chunk.choices:
            print(choice.delta.content or "", end="", flush=True)
    print()


if __name__ == "__main__":
    main(*sys.argv[1:])
