"""Lines in, JSON lines out.

An input is a line of plain text, or a JSON object with `text` (or `messages`) and optionally `id` when the first line
starts with `{`. Every input has an id: its own, or its line number from 1.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, NoReturn

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

import soban.v1 as pb
from soban.cli.failure import Problem, invalid
from soban.cli.messages import InvalidMessages, messages_of

MAX_LINE_BYTES = 16 * 1024 * 1024
"""As large as the servers take a message; a longer line is skipped without keeping it in memory."""

_BOM = b"\xef\xbb\xbf"
_TOO_LONG = invalid("TEXT_TOO_LONG", f"the line has more than {MAX_LINE_BYTES} bytes")
_NOT_UTF8 = invalid("INVALID_MESSAGE", "the line is not UTF-8 text")
_SURROGATE = invalid("INVALID_MESSAGE", "text: holds a lone surrogate, which is no Unicode text")
_NO_OBJECT = "the line is no JSON object, though the first line starts with '{'"


@dataclass(frozen=True, slots=True)
class Item:
    """One input, or the problem that it has before it is sent."""

    id: Any
    text: str = ""
    messages: tuple[pb.Message, ...] = ()
    problem: Problem | None = None

    @property
    def label(self) -> str:
        """How errors call it."""
        return f"line {self.id}" if isinstance(self.id, int) else f"input {str(self.id)[:60]!r}"


def items_of_arguments(texts: Sequence[str], conversations: bool = False) -> Iterator[Item]:
    """Each argument is an input, whatever line ends it has; bytes that are not UTF-8 arrive as lone surrogates."""
    yield from _items((text.encode("utf-8", "surrogateescape") for text in texts), conversations)


def items_of_stream(stream: BinaryIO, conversations: bool = False) -> Iterator[Item]:
    """Each line is an input, given on as soon as it is there. `messages` are read where `conversations` are taken."""
    yield from _items(read_lines(stream), conversations)


def read_lines(stream: BinaryIO, limit: int = MAX_LINE_BYTES) -> Iterator[bytes | None]:
    """Lines without their ends (`\\n` or `\\r\\n`) and without a byte order mark; None for one over `limit` bytes."""
    start = _BOM
    while line := stream.readline(limit + 2):
        whole = line.endswith(b"\n")
        text = line.removesuffix(b"\n").removesuffix(b"\r").removeprefix(start)
        start = b""
        while not whole and len(line) == limit + 2:
            line = stream.readline(limit + 2)
            whole = line.endswith(b"\n")
        yield text if len(text) <= limit else None


def json_line(identity: Any, result: Message | Problem) -> str:
    """One JSON object: `id`, then the response by its proto field names, or `error`.

    Fields without presence are written also when they hold their default, so that a reader finds `start: 0`. A
    response that has an `id` of its own gives it as `answer_id`.
    """
    if isinstance(result, Problem):
        return dumps({"id": identity, "error": result.as_json()})
    fields = MessageToDict(result, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
    if "id" in fields:
        fields = {"answer_id": fields.pop("id"), **fields}
    return dumps({"id": identity, **fields})


def dumps(value: Any) -> str:
    """JSON on one line; Hangul as it is, lone surrogates as escapes."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return text if is_unicode(text) else json.dumps(value, allow_nan=False)


def is_unicode(text: str) -> bool:
    """Whether `text` can be written as UTF-8: it holds no lone surrogate."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _items(lines: Iterable[bytes | None], conversations: bool) -> Iterator[Item]:
    numbered = enumerate(lines, 1)
    first = next(numbered, None)
    if first is None:
        return
    objects = (first[1] or b"").startswith(b"{")
    for number, line in itertools.chain([first], numbered):
        text = _decoded(line)
        if isinstance(text, Problem):
            yield Item(number, problem=text)
        elif not objects:
            yield Item(number, text)
        elif text.strip():
            yield _object_item(number, text, conversations)


def _object_item(number: int, line: str, conversations: bool) -> Item:
    try:
        data = json.loads(line, parse_constant=_no_number, parse_float=_finite)
    except (ValueError, RecursionError) as err:
        return Item(number, problem=invalid("INVALID_MESSAGE", f"{_NO_OBJECT}: {str(err)[:120]}"))
    if not isinstance(data, dict):
        return Item(number, problem=invalid("INVALID_MESSAGE", _NO_OBJECT))
    identity, text = data.get("id", number), data.get("text")
    if conversations and "messages" in data:
        return _conversation(identity, data["messages"])
    if not isinstance(text, str):
        return Item(identity, problem=invalid("INVALID_FIELD", "text: must be there and be a string"))
    return Item(identity, text) if is_unicode(text) else Item(identity, problem=_SURROGATE)


def _conversation(identity: Any, messages: Any) -> Item:
    try:
        return Item(identity, messages=messages_of(messages))
    except InvalidMessages as err:
        return Item(identity, problem=invalid("INVALID_FIELD", str(err)))


def _no_number(name: str) -> NoReturn:
    """NaN and Infinity, which Python reads and JSON does not know."""
    raise ValueError(f"{name} is no JSON")


def _finite(digits: str) -> float:
    """1e400 would come back as Infinity."""
    number = float(digits)
    return number if math.isfinite(number) else _no_number(digits[:20])


def _decoded(line: bytes | None) -> str | Problem:
    if line is None:
        return _TOO_LONG
    try:
        return line.decode()
    except UnicodeDecodeError:
        return _NOT_UTF8
