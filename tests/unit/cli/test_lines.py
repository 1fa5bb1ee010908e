"""Inputs from lines and arguments, JSON lines out."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import soban.v1 as pb
from soban.cli.failure import Problem
from soban.cli.lines import Item, items_of_arguments, items_of_stream, json_line, read_lines


def items(data: bytes, conversations: bool = False) -> list[Item]:
    return list(items_of_stream(io.BytesIO(data), conversations))


def test_plain_lines_are_numbered_from_one() -> None:
    """An empty line is an input, too, so that answers stand beside their lines; the last line end begins none."""
    found = items("안녕하세요.\n\nㅋㅋ 배고파\n".encode())
    assert [(item.id, item.text) for item in found] == [(1, "안녕하세요."), (2, ""), (3, "ㅋㅋ 배고파")]


def test_the_last_line_needs_no_line_end() -> None:
    """As `printf 안녕` writes it."""
    assert [item.text for item in items("밥\n국".encode())] == ["밥", "국"]


def test_windows_files_are_read_as_text() -> None:
    """Byte order mark and carriage returns are no part of the text."""
    assert [item.text for item in items(b"\xef\xbb\xbf" + "밥\r\n국\r\n".encode())] == ["밥", "국"]


def test_no_input_gives_no_item() -> None:
    """An empty file."""
    assert items(b"") == []


def test_objects_bring_their_own_id_or_get_their_line_number() -> None:
    """An id is any JSON value and given back as it is."""
    lines = '{"text": "밥", "id": "a-1"}\n{"text": "국"}\n{"id": 7, "text": "김치", "label": "더 있음"}\n'
    assert [(item.id, item.text) for item in items(lines.encode())] == [("a-1", "밥"), (2, "국"), (7, "김치")]


def test_blank_lines_between_objects_are_no_inputs() -> None:
    """They count as lines all the same."""
    assert [item.id for item in items('{"text": "밥"}\n\n{"text": "국"}\n'.encode())] == [1, 3]


def test_a_brace_in_a_later_line_is_plain_text() -> None:
    """The first line decides for all."""
    assert [item.text for item in items('밥\n{"text": "국"}\n'.encode())] == ["밥", '{"text": "국"}']


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"\xff\xfe", "INVALID_MESSAGE"),
        (b"\xed\xa0\x80", "INVALID_MESSAGE"),
        ("밥".encode("cp949"), "INVALID_MESSAGE"),
        (b"{not json", "INVALID_MESSAGE"),
        (b"[1]", "INVALID_MESSAGE"),
        (b"[" * 100_000, "INVALID_MESSAGE"),
        (b'{"id": 3}', "INVALID_FIELD"),
        (b'{"text": 3}', "INVALID_FIELD"),
        (b'{"text": "\\ud800"}', "INVALID_MESSAGE"),
    ],
)
def test_a_bad_line_is_a_problem_of_that_line(line: bytes, reason: str) -> None:
    """The lines around it stay good."""
    before, bad, after = items(b'{"text": "a"}\n' + line + b'\n{"text": "b"}')
    assert (before.text, after.text) == ("a", "b")
    assert bad.problem is not None
    assert (bad.problem.code, bad.problem.reason) == ("INVALID_ARGUMENT", reason)


def test_a_line_over_the_limit_is_skipped_and_said() -> None:
    """Only that line; a text of exactly the limit passes with either line end."""
    data = b"12345678\r\n123456789\n" + b"x" * 1000 + b"\n12345678\nend"
    assert list(read_lines(io.BytesIO(data), limit=8)) == [b"12345678", None, None, b"12345678", b"end"]


@given(st.lists(st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=30), min_size=1))
@settings(max_examples=200, deadline=None)
def test_texts_come_through_lines_unchanged(texts: list[str]) -> None:
    """Whatever Unicode they hold (U+2028 is no line end), unless the first looks like an object."""
    texts[0] = "가" + texts[0]
    assert [item.text for item in items("\n".join([*texts, ""]).encode())] == texts


def test_arguments_are_inputs_also_with_line_ends_in_them() -> None:
    """One argument, one input."""
    assert [(item.id, item.text) for item in items_of_arguments(["밥\n국", "김치"])] == [(1, "밥\n국"), (2, "김치")]


def test_arguments_may_be_objects() -> None:
    """As lines may."""
    assert [item.id for item in items_of_arguments(['{"text": "밥", "id": "x"}'])] == ["x"]


def test_argument_bytes_that_are_not_utf8_are_a_problem() -> None:
    """Python hands them over as lone surrogates."""
    (item,) = items_of_arguments(["\udcff"])
    assert item.problem is not None
    assert item.problem.reason == "INVALID_MESSAGE"


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400"])
def test_numbers_that_json_does_not_have_are_refused(number: str) -> None:
    """They would come back in the id and break whoever reads the output."""
    found = items(f'{{"id": {number}, "text": "밥"}}\n'.encode())
    assert found[0].id == 1
    assert found[0].problem is not None
    assert found[0].problem.reason == "INVALID_MESSAGE"


def test_conversations_are_read_where_they_are_taken() -> None:
    """In the familiar form and in the proto's."""
    line = {
        "messages": [
            {"role": "system", "content": "짧게 답해."},
            {"role": "ROLE_USER", "parts": [{"text": "배고파"}]},
        ]
    }
    (item,) = items(json.dumps(line).encode(), conversations=True)
    assert [(message.role, message.parts[0].text) for message in item.messages] == [
        (pb.ROLE_SYSTEM, "짧게 답해."),
        (pb.ROLE_USER, "배고파"),
    ]


@pytest.mark.parametrize(
    ("messages", "place"),
    [
        ([], "messages"),
        ("안녕", "messages"),
        (["안녕"], "messages[0]"),
        ([{"role": "boss", "content": "안녕"}], "messages[0].role"),
        ([{"role": "user", "content": 3}], "messages[0].content"),
        ([{"role": "user", "content": "\ud800"}], "messages[0].content"),
        ([{"role": "ROLE_USER", "parts": [{"txt": "안녕"}]}], "messages[0]"),
    ],
)
def test_a_bad_conversation_names_the_place(messages: object, place: str) -> None:
    """So that the line can be mended."""
    (item,) = items(json.dumps({"messages": messages}).encode(), conversations=True)
    assert item.problem is not None
    assert item.problem.message.startswith(f"{place}: ")


def test_a_response_is_written_by_its_proto_field_names() -> None:
    """Fields at their default are there, 64-bit integers are strings as proto3's mapping has them, Hangul is Hangul."""
    response = pb.CountTokensResponse(counts=[3], total=3)
    assert json.loads(json_line("가", response)) == {
        "id": "가",
        "counts": ["3"],
        "total": "3",
        "eojeol": "0",
        "context_length": 0,
        "tokenizer_version": "",
    }
    assert json_line("가", response).startswith('{"id": "가", ')


def test_the_inputs_id_wins_over_the_answers() -> None:
    """Which is kept under another name."""
    line = json.loads(json_line(1, pb.ChatResponse(id="answer-1")))
    assert (line["id"], line["answer_id"]) == (1, "answer-1")


def test_a_problem_is_an_error_object() -> None:
    """With these three keys."""
    problem = Problem("NOT_FOUND", "MODEL_NOT_FOUND", "no such model", field="model")
    error = {"code": "NOT_FOUND", "reason": "MODEL_NOT_FOUND", "message": "no such model"}
    assert json.loads(json_line("a", problem)) == {"id": "a", "error": error}


def test_an_id_with_a_lone_surrogate_stays_valid_json() -> None:
    """It is escaped, since UTF-8 has no form for it."""
    line = json_line("\ud800", pb.CountTokensResponse())
    assert json.loads(line.encode())["id"] == "\ud800"
