"""A conversation of the contract as the text that a model reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import soban.v1 as pb
from soban.runtime.errors import InvalidField
from soban.runtime.markers import Markers
from soban.runtime.vocabulary.chat_template import ChatTemplate
from soban.runtime.vocabulary.conversation import Writer


@dataclass(frozen=True)
class Rendering:
    """How a conversation is rendered, beside its messages and tools."""

    add_generation_prompt: bool = True
    continue_final_message: bool = False
    normalize: bool = True
    arguments: Mapping[str, Any] | None = None
    system_prompt: str | None = None
    """Goes before messages without one."""


def render_chat(
    template: ChatTemplate,
    markers: Markers,
    messages: Sequence[pb.Message],
    tools: Sequence[pb.Tool],
    how: Rendering,
    *,
    remaining: float | None = None,
) -> str:
    """The prompt that an engine is given; `markers` are broken in what callers wrote. `remaining` is in seconds.

    Raises InvalidField and DeadlineExceeded.
    """
    writer = Writer(markers, normalize=how.normalize)
    written = writer.messages(messages, how.system_prompt)
    begun = begun_answer(written) if how.continue_final_message else ""
    prompt = template.render(
        written,
        writer.tools(tools),
        add_generation_prompt=how.add_generation_prompt or how.continue_final_message,
        arguments=how.arguments or {},
        remaining=remaining,
    )
    return prompt + begun


def begun_answer(written: list[dict[str, Any]]) -> str:
    """Takes the last message out: its text follows the header of the answer, and is left open. Raises InvalidField."""
    if not written or written[-1]["role"] != "assistant":
        raise InvalidField("only an ASSISTANT message can be continued, and it is the last", field="messages")
    text: str = written.pop()["content"]
    return text
