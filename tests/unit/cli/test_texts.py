"""Verbs that ask once for each text: analyze, check, mask, count."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator

import pytest

from soban.cli.batch import Batch
from soban.cli.lines import Item
from unit.cli.fakes import FakeStack, Outcome, Shell


def objects(outcome: Outcome) -> list[dict[str, object]]:
    return [json.loads(line) for line in outcome.out.splitlines()]


def test_json_gives_one_object_for_each_line_in_order(soban: Shell) -> None:
    """Also when an early line takes longest."""
    texts = ["느리게 오는 답", *(f"문장 {number}" for number in range(40))]
    outcome = soban("analyze", "--json", stdin="\n".join(texts).encode())
    assert outcome.code == 0
    assert [line["id"] for line in objects(outcome)] == list(range(1, 42))
    first = objects(outcome)[0]["analyses"][0]["morphemes"][1]  # type: ignore[index]
    assert (first["form"], first["span"]) == ("오는", {"start": 4, "end": 6})


def test_requests_under_way_are_bounded(soban: Shell, stack: FakeStack) -> None:
    """By --concurrency."""
    soban("analyze", "--json", "--concurrency", "3", stdin="느리게\n".encode() * 12)
    assert stack.tokenization.most_running == 3


def test_one_bad_line_does_not_stop_the_others(soban: Shell) -> None:
    """It has its error object, and the exit code says that there was one."""
    outcome = soban("analyze", "--json", stdin="좋은 말\n틀림\n".encode() + b"\xff\n" + "끝 말".encode())
    assert outcome.code == 1
    lines = objects(outcome)
    assert [line["id"] for line in lines] == [1, 2, 3, 4]
    assert lines[1]["error"] == {
        "code": "INVALID_ARGUMENT",
        "reason": "INVALID_FIELD",
        "message": "text: must not be wrong",
    }
    assert lines[2]["error"]["code"] == "INVALID_ARGUMENT"  # type: ignore[index]
    assert "analyses" in lines[3]


def test_people_read_errors_beside_the_results(soban: Shell) -> None:
    """Results on standard output, one line for each error on the other stream."""
    outcome = soban("analyze", stdin="밥\n틀림\n국".encode())
    assert (outcome.code, outcome.out) == (1, "밥/NNG\n국/NNG\n")
    assert outcome.err == "soban: line 2 (INVALID_FIELD): text: must not be wrong\n"


def test_an_unreachable_server_ends_the_command_with_3(soban: Shell) -> None:
    """And says how to start one."""
    outcome = soban("analyze", "밥", "--address", "127.0.0.1:1")
    assert (outcome.code, outcome.out) == (3, "")
    assert outcome.err.startswith("soban: cannot reach the tokenization server at 127.0.0.1:1 (UNAVAILABLE): ")
    assert outcome.err.endswith("; start it with: soban up\n")
    assert outcome.err.count("\n") == 1


def test_a_timeout_says_how_to_give_more_time(soban: Shell) -> None:
    """DEADLINE_EXCEEDED is a failed request."""
    outcome = soban("analyze", "느리게", "--timeout", "0.02")
    assert outcome.code == 1
    assert "(DEADLINE_EXCEEDED)" in outcome.err
    assert "--timeout" in outcome.err


def test_analysis_for_people_joins_morphemes_by_eojeol(soban: Shell) -> None:
    """In the notation of Korean corpora."""
    assert soban("analyze", "친구랑 영화를").out == "친구랑/NNG 영화를/NNG\n"


def test_the_table_names_tags_in_korean(soban: Shell) -> None:
    """And shows where the morpheme stands."""
    line = soban("analyze", "--table", "영화").out.splitlines()[1]
    assert line.split() == ["영화", "NNG", "일반", "명사", "common", "noun", "영화", "영화", "0-2"]


def test_several_readings_are_numbered(soban: Shell) -> None:
    """With their scores."""
    assert soban("analyze", "--top-n", "2", "밥").out == "1. (-1.50)\n밥/NNG\n2. (-1.50)\n밥/NNG\n"


def test_further_options_are_json(soban: Shell) -> None:
    """A wrong field name is a usage error."""
    assert soban("analyze", "--options", '{"top_n": 2}', "밥").out.count("밥/NNG") == 2
    outcome = soban("analyze", "--options", '{"topp": 2}', "밥")
    assert outcome.code == 2
    assert "AnalyzeOptions" in outcome.err


def test_check_marks_what_it_found(soban: Shell) -> None:
    """Text, finding and masked text; on a terminal the span is coloured."""
    text = "제 번호는 010-1234-5678이에요"
    assert "→ 제 번호는 [전화번호_1]이에요" in soban("check", text).out
    assert "제 번호는 \x1b[33m010-1234-5678\x1b[0m이에요" in soban.on_terminal("check", text).out


def test_a_blocked_text_is_a_result_and_no_error(soban: Shell) -> None:
    """With its reason in both languages."""
    outcome = soban("check", "씨발 뭐야")
    assert outcome.code == 0
    assert "BLOCK 차단" in outcome.out
    assert "욕설이 들어 있습니다 / contains profanity" in outcome.out


def test_check_takes_conversations(soban: Shell) -> None:
    """As JSON objects with messages."""
    line = json.dumps({"id": "c", "messages": [{"role": "user", "content": "씨발"}]})
    assert objects(soban("check", "--json", line))[0]["verdict"]["action"] == "ACTION_BLOCK"  # type: ignore[index]


def test_mask_writes_the_text_alone(soban: Shell) -> None:
    """So that it works in a pipe."""
    outcome = soban("mask", stdin="전화 010-1234-5678\n안녕\n".encode())
    assert (outcome.code, outcome.out) == (0, "전화 [전화번호_1]\n안녕\n")


def test_no_color_is_respected(soban: Shell) -> None:
    """And a pipe never gets colours."""
    text = "010-1234-5678"
    assert "\x1b[" in soban.on_terminal("mask", text).out
    assert "\x1b[" not in soban.on_terminal("mask", text, NO_COLOR="1").out
    assert "\x1b[" not in soban("mask", text).out


def test_count_sums_up(soban: Shell) -> None:
    """Aligned below Korean heads."""
    lines = soban("count", "밥 먹자", "국").out.splitlines()
    assert [line.split()[:2] for line in lines] == [["토큰", "어절"], ["4", "2"], ["1", "1"], ["5", "3"]]


def test_count_counts_conversations(soban: Shell) -> None:
    """As one input."""
    line = json.dumps({"messages": [{"role": "user", "content": "배고파"}]})
    assert objects(soban("count", "--json", "--model", "m", line))[0]["total"] == "3"


def test_the_keyboard_is_announced(soban: Shell) -> None:
    """Someone who typed the verb alone learns why nothing happens."""
    assert "Ctrl-D" in soban.on_terminal("mask").err


def test_a_dash_reads_standard_input(soban: Shell) -> None:
    """As elsewhere."""
    assert soban("mask", "-", stdin="안녕\n".encode()).out == "안녕\n"


class Ready:
    """A request whose answer is there."""

    def __init__(self, answer: str) -> None:
        self._answer = answer

    def result(self) -> str:
        return self._answer


def test_an_answer_is_given_on_before_the_next_line_has_come() -> None:
    """`tail -f | soban analyze` shows each line at once."""
    next_line = threading.Event()

    def lines() -> Iterator[Item]:
        yield Item(1, "밥")
        assert next_line.wait(10)
        yield Item(2, "국")

    answers = iter(Batch(lines(), lambda item: Ready(item.text), limit=4))
    assert next(answers)[1] == "밥"
    next_line.set()
    assert [answer for _, answer in answers] == ["국"]


def test_no_more_lines_are_read_than_are_under_way() -> None:
    """A million lines do not sit in memory while the first answer is awaited."""
    read = 0

    def lines() -> Iterator[Item]:
        nonlocal read
        for read in range(1, 1_000):
            yield Item(read, "밥")

    answers = iter(Batch(lines(), lambda item: Ready(item.text), limit=5))
    for taken in range(1, 101):
        next(answers)
        assert read <= taken + 5


def test_a_failing_input_is_raised_where_answers_are_read() -> None:
    """The input thread has nobody to tell."""

    def lines() -> Iterator[Item]:
        yield Item(1, "밥")
        raise OSError("disk is gone")

    with pytest.raises(OSError, match="disk is gone"):
        list(Batch(lines(), lambda item: Ready(item.text), limit=2))
