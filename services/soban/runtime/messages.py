"""What makes a message of a chat well-formed, for every server that takes one."""

from __future__ import annotations

import soban.v1 as pb
from soban.runtime.errors import InvalidField


def validate_message(message: pb.Message, path: str) -> None:
    """Raises InvalidField; `path` is where the message stands in the request, such as `messages[2]`."""
    if message.role not in (pb.ROLE_SYSTEM, pb.ROLE_USER, pb.ROLE_ASSISTANT, pb.ROLE_TOOL):
        raise InvalidField("a role is required: SYSTEM, USER, ASSISTANT or TOOL", field=f"{path}.role")
    if message.role == pb.ROLE_TOOL and not message.tool_call_id:
        raise InvalidField("a TOOL message names the call it answers", field=f"{path}.tool_call_id")
    for index, part in enumerate(message.parts):
        if part.WhichOneof("part") is None:
            raise InvalidField("a part has text or an image", field=f"{path}.parts[{index}]")
    if message.role == pb.ROLE_USER and not any(part.text or part.HasField("image") for part in message.parts):
        raise InvalidField("a USER message must not be empty", field=f"{path}.parts[0].text")
