"""Bounds of grammars and JSON schemas, which engines compile with recursive parsers: llama.cpp dies of deep ones."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import soban.v1 as pb
from soban.runtime.errors import InvalidField

MOST_GRAMMAR_BYTES, DEEPEST_GRAMMAR = 65_536, 64
MOST_SCHEMA_BYTES, DEEPEST_SCHEMA = 262_144, 32
MOST_PATTERN_CHARACTERS = 512

# Parentheses, and what may hold some that group nothing: literals, character classes, tokens, comments of GBNF. What is
# not closed goes to the end, where llama.cpp refuses it; it also keeps the search linear.
_GRAMMAR_PARTS = re.compile(r'"(?:\\.|[^"\\])*+"?|\[(?:\\.|[^\]\\])*+\]?|<[^>]*+>?|#[^\r\n]*+|[()]', re.DOTALL)


def is_shaped(options: pb.GenerationOptions) -> bool:
    """Whether the answer is to have a shape other than free text."""
    return options.response_format.WhichOneof("format") not in (None, "text")


def validate_shapes(options: pb.GenerationOptions) -> None:
    """The shape of the answer, and those of the tools' parameters. Raises InvalidField."""
    shape = options.response_format
    if shape.grammar:
        _validate_grammar(shape.grammar, "options.response_format.grammar")
    if shape.WhichOneof("format") == "json_schema":
        json_schema(shape.json_schema, "options.response_format.json_schema")
    for index, tool in enumerate(options.tools):
        if tool.parameters_json_schema:
            json_schema(tool.parameters_json_schema, f"options.tools[{index}].parameters_json_schema")


def json_schema(text: str, field: str) -> dict[str, Any]:
    """The schema in `text`. Raises InvalidField for `field`."""
    if len(text.encode()) > MOST_SCHEMA_BYTES:
        raise InvalidField(f"must have at most {MOST_SCHEMA_BYTES:,} bytes", field=field)
    try:
        schema = json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidField("must be JSON text", field=field) from None
    if not isinstance(schema, dict):
        raise InvalidField("must be a JSON object", field=field)
    for depth, name, value in _walk(schema):
        if depth > DEEPEST_SCHEMA:
            raise InvalidField(f"must be nested at most {DEEPEST_SCHEMA} deep", field=field)
        if name == "pattern" and isinstance(value, str) and len(value) > MOST_PATTERN_CHARACTERS:
            raise InvalidField(f"patterns have at most {MOST_PATTERN_CHARACTERS} characters", field=field)
    return schema


def _walk(schema: dict[str, Any]) -> Iterator[tuple[int, str, Any]]:
    """Depth, name and value of everything in it; what is in a list has its index for a name."""
    waiting: list[tuple[int, str, Any]] = [(1, "", schema)]
    while waiting:
        depth, name, value = waiting.pop()
        yield depth, name, value
        if isinstance(value, dict):
            waiting += [(depth + 1, key, inner) for key, inner in value.items()]
        elif isinstance(value, list):
            waiting += [(depth + 1, str(index), inner) for index, inner in enumerate(value)]


def _validate_grammar(grammar: str, field: str) -> None:
    if len(grammar.encode()) > MOST_GRAMMAR_BYTES:
        raise InvalidField(f"must have at most {MOST_GRAMMAR_BYTES:,} bytes", field=field)
    depth = 0
    for part in _GRAMMAR_PARTS.finditer(grammar):
        if part.group() == "(":
            depth += 1
        elif part.group() == ")":
            depth -= 1
        if depth > DEEPEST_GRAMMAR:
            raise InvalidField(f"must be nested at most {DEEPEST_GRAMMAR} deep", field=field)
