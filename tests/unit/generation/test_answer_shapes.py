"""Grammars and schemas that would cost an engine its life are refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

import soban.v1 as pb
from soban.generation.validation import validate
from soban.runtime.errors import InvalidField
from unit.generation.conftest import ask


def nested(depth: int, leaf: Any) -> Any:
    """`leaf` is the deepest of `depth` values."""
    for _ in range(depth - 1):
        leaf = {"items": leaf}
    return leaf


def brackets(depth: int) -> str:
    return "root ::= " + "(" * depth + '"가"' + ")" * depth


def refused(**options: Any) -> str | None:
    with pytest.raises(InvalidField) as caught:
        validate(ask(**options), 10_000_000)
    return caught.value.field


@pytest.mark.parametrize(
    "grammar",
    [
        brackets(65),
        brackets(30_000),
        'root ::= "[" ' + "(" * 65,
        'root ::= [\\]"] ' + "(" * 65,
        'root ::= "\\"" ' + "(" * 65,
        'root ::= a # "\n' + "(" * 65,
        'root ::= "가' * 70_000,
    ],
)
def test_deep_or_long_grammars_are_refused(grammar: str) -> None:
    """Also where quotes, classes and comments hide the brackets."""
    assert refused(response_format=pb.ResponseFormat(grammar=grammar)) == "options.response_format.grammar"


@pytest.mark.parametrize(
    "schema",
    [nested(33, 1), [1], {"a": "가" * 90_000}, {"pattern": "a" * 513}, {"oneOf": [{"x": {"pattern": "가" * 513}}]}],
)
def test_deep_or_long_schemas_are_refused(schema: Any) -> None:
    """Of answers and of tools."""
    text = json.dumps(schema, ensure_ascii=False)
    assert refused(response_format=pb.ResponseFormat(json_schema=text)) == "options.response_format.json_schema"
    tools = [pb.Tool(name="a"), pb.Tool(name="b", parameters_json_schema=text)]
    assert refused(tools=tools) == "options.tools[1].parameters_json_schema"


def test_a_schema_of_brackets_alone_is_refused() -> None:
    """Python's own parser gives up on it, too."""
    text = '{"a":' + "[" * 200_000
    assert refused(response_format=pb.ResponseFormat(json_schema=text)) == "options.response_format.json_schema"


@pytest.mark.parametrize(
    "shape",
    [
        pb.ResponseFormat(grammar=brackets(64)),
        pb.ResponseFormat(grammar="root ::= " + '"(" ' * 100 + "[(]* # " + "(" * 100),
        pb.ResponseFormat(json_schema=json.dumps(nested(32, {}))),
        pb.ResponseFormat(json_schema=json.dumps({"pattern": "a" * 512})),
        pb.ResponseFormat(json_object=pb.ResponseFormat.JsonObject()),
        pb.ResponseFormat(text=pb.ResponseFormat.Text()),
    ],
)
def test_what_is_inside_the_bounds_passes(shape: pb.ResponseFormat) -> None:
    """Brackets in literals, classes and comments nest nothing."""
    validate(ask(response_format=shape), 10_000_000)


@pytest.mark.parametrize(
    "text", ['"\\' * 32_000, '"' * 65_000, "[" * 65_000, "[\\" * 32_000, "<" * 65_000, "#" * 65_000]
)
def test_no_grammar_takes_long_to_look_at(text: str) -> None:
    """What is open to its end is read once: a quadratic search would take minutes here."""
    validate(ask(response_format=pb.ResponseFormat(grammar=text)), 10_000_000)
