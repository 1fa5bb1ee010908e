"""A request's texts as passages, and judged passages as messages again."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator

import soban.v1 as pb
from soban.safety.check import Judged, Passage
from soban.safety.decisions import Direction, Role

_ROLES: dict[int, Role] = {role.value: role for role in Role}
_AUTHORS = {Direction.INPUT: Role.USER, Direction.OUTPUT: Role.ASSISTANT}


def author_of(direction: Direction) -> Role:
    """Who writes a text that comes without a role."""
    return _AUTHORS[direction]


def passages_of(request: pb.CheckRequest, direction: Direction) -> list[Passage]:
    """All texts of a request: the text or the messages, then the tools."""
    if request.messages:
        found = [passage for index, message in enumerate(request.messages) for passage in _of_message(index, message)]
    else:
        found = [Passage(request.text, author_of(direction))]
    return found + [passage for index, tool in enumerate(request.tools) for passage in _of_tool(index, tool)]


def masked_messages(messages: Iterable[pb.Message], judged: Iterable[Judged]) -> list[pb.Message]:
    """Copies of the messages with the masked texts in their places."""
    copies = [copy.deepcopy(message) for message in messages]
    for result in judged:
        if result.passage.tool is None:
            _put(copies[result.passage.message], result.passage, result.masked)
    return copies


def masked_tools(tools: Iterable[pb.Tool], judged: Iterable[Judged]) -> list[pb.Tool]:
    """Copies of the tools with the masked texts in their places."""
    copies = [copy.deepcopy(tool) for tool in tools]
    for result in judged:
        if result.passage.tool is not None:
            setattr(copies[result.passage.tool], _field_of(result.passage), result.masked)
    return copies


def texts_of(messages: Iterable[pb.Message]) -> Iterator[str]:
    """The texts of a conversation."""
    return (passage.text for index, message in enumerate(messages) for passage in _of_message(index, message))


def path_of(passage: Passage, request: pb.CheckRequest) -> str:
    """Where the text stands in the request: `messages[2].parts[0].text`."""
    if not request.messages or passage.tool is not None:
        return passage.place
    place = f"parts[{passage.part}].text" if passage.place == "text" else passage.place
    return f"messages[{passage.message}].{place}"


def _of_message(index: int, message: pb.Message) -> Iterator[Passage]:
    role = _ROLES.get(message.role)
    for part, content in enumerate(message.parts):
        if content.WhichOneof("part") == "text":
            yield Passage(content.text, role, index, part)
    if message.name:
        yield Passage(message.name, role, index, place="name")
    for call, tool_call in enumerate(message.tool_calls):
        yield Passage(tool_call.arguments, role, index, place=f"tool_calls[{call}].arguments")


def _of_tool(index: int, tool: pb.Tool) -> Iterator[Passage]:
    """A tool's texts are the operator's."""
    for field in ("description", "parameters_json_schema"):
        text = getattr(tool, field)
        if text:
            yield Passage(text, Role.SYSTEM, place=f"tools[{index}].{field}", tool=index)


def _field_of(passage: Passage) -> str:
    return passage.place.rpartition(".")[2]


def _put(message: pb.Message, passage: Passage, text: str) -> None:
    if passage.place == "text":
        message.parts[passage.part].text = text
    elif passage.place == "name":
        message.name = text
    else:
        message.tool_calls[int(passage.place.partition("[")[2].partition("]")[0])].arguments = text
