"""`soban chat` and `soban complete`: inputs answered, and the prompt."""

from __future__ import annotations

import json
import time

import pytest

import soban.v1 as pb
from unit.cli.fakes import FakeStack, ServerThread, Shell


def test_an_argument_is_answered_and_the_answer_alone_is_the_output(soban: Shell) -> None:
    """Usage, speed and safety stand beside it on standard error."""
    outcome = soban("chat", "배고파")
    assert (outcome.code, outcome.out) == (0, "배고파라고요?\n")
    assert "soban-demo" in outcome.err
    assert "out 5 tokens (2 어절 eojeol) · 50.0 tokens/s" in outcome.err
    assert "안전 safety: ALLOW 통과" in outcome.err


def test_the_first_ready_model_is_asked_when_none_is_named(soban: Shell, stack: FakeStack) -> None:
    """--model goes first, then SOBAN_MODEL."""
    soban("chat", "안녕")
    soban("chat", "안녕", SOBAN_MODEL="from-env")
    soban("chat", "안녕", "--model", "named", SOBAN_MODEL="from-env")
    assert [request.model for request in stack.gateway.requests] == ["soban-demo", "from-env", "named"]


def test_options_reach_the_gateway(soban: Shell, stack: FakeStack) -> None:
    """System text, sampling, policy."""
    options = ["--max-tokens", "9", "--temperature", "0", "--seed", "7", "--policy", "strict", "--system", "짧게."]
    soban("chat", *options, "--options", '{"top_k": 3}', "안녕")
    (request,) = stack.gateway.requests
    assert [message.role for message in request.messages] == [pb.ROLE_SYSTEM, pb.ROLE_USER]
    assert request.safety_policy == "strict"
    assert (request.options.max_tokens, request.options.seed, request.options.top_k) == (9, 7, 3)
    assert request.options.HasField("temperature")
    assert not request.options.HasField("top_p")


def test_each_line_is_a_conversation_of_its_own(soban: Shell, stack: FakeStack) -> None:
    """Answered in order."""
    assert soban("chat", stdin="밥\n국\n".encode()).out == "밥라고요?\n국라고요?\n"
    assert [len(request.messages) for request in stack.gateway.requests] == [1, 1]


def test_json_gives_whole_answers(soban: Shell) -> None:
    """The input's id, and the answer's under another name."""
    line = json.loads(soban("chat", "--json", '{"id": "q", "text": "밥"}').out)
    assert (line["id"], line["answer_id"]) == ("q", "answer-1")
    assert line["choices"][0]["message"]["parts"] == [{"text": "밥라고요?"}]
    assert line["choices"][0]["finish_reason"] == "FINISH_REASON_STOP"
    assert line["ai_generated"] is True


def test_complete_sends_the_raw_prompt(soban: Shell, stack: FakeStack) -> None:
    """No message and no template."""
    assert soban("complete", "옛날 옛적에").out == "옛날 옛적에라고요?\n"
    (request,) = stack.gateway.requests
    assert (request.prompt, len(request.messages)) == ("옛날 옛적에", 0)


def test_a_blocked_message_is_explained_and_is_no_error(soban: Shell) -> None:
    """The reason stands in both languages."""
    outcome = soban("chat", "씨발")
    assert (outcome.code, outcome.out) == (0, "")
    assert "차단됨 (blocked): 욕설이 들어 있습니다 / contains profanity" in outcome.err


def test_masked_personal_data_is_told(soban: Shell) -> None:
    """With the category and what the model saw."""
    assert "입력 input MASK 가림 pii.phone→[전화번호_1]" in soban("chat", "내 번호 010-1234-5678").err


def test_a_broken_stream_keeps_its_text_and_fails(soban: Shell) -> None:
    """The next input is answered."""
    outcome = soban("chat", stdin="끊김\n밥\n".encode())
    assert (outcome.code, outcome.out) == (1, "끊김라고요?\n밥라고요?\n")
    assert "soban: line 1 (ENGINE_LOST): the engine died; send it again" in outcome.err


def test_an_answer_is_asked_for_once(soban: Shell, stack: FakeStack) -> None:
    """However it is lost: to generate it anew is the caller's decision. A read is asked again."""
    assert soban("chat", "--json", "없어").code == 3
    assert len(stack.gateway.requests) == 1
    assert soban("analyze", "없어").code == 3
    assert stack.tokenization.lost == 3


def test_failures_say_what_to_do(soban: Shell) -> None:
    """One line each."""
    missing = soban("chat", "--model", "없음", "안녕")
    assert missing.code == 1
    expected = "soban: request failed (MODEL_NOT_FOUND): no model is called 없음; see the models with: soban models"
    assert missing.err.strip() == expected
    assert "try again in 3 s" in soban("chat", "붐빔").err


def test_a_stranger_learns_that_nothing_runs(soban: Shell) -> None:
    """Whichever server is asked first."""
    for variable in ("SOBAN_GATEWAY", "SOBAN_GENERATION"):
        outcome = soban("chat", "안녕", **{variable: "127.0.0.1:1"})
        assert outcome.code == 3
        assert "start it with: soban up" in outcome.err


def test_what_a_model_writes_cannot_steer_the_terminal(soban: Shell) -> None:
    """Shown as signs there, untouched in a pipe."""
    assert "␛]0;제목" in soban.on_terminal("chat", "\x1b]0;제목").out
    assert "\x1b]0;제목" in soban("chat", "\x1b]0;제목").out


def test_the_prompt_keeps_the_conversation(soban: Shell, stack: FakeStack) -> None:
    """Until it is reset."""
    outcome = soban.on_terminal("chat", typed=["안녕", "  ", "배고파", "/reset", "그래", "/exit"])
    assert outcome.code == 0
    said = [[message.parts[0].text for message in request.messages] for request in stack.gateway.requests]
    assert said == [["안녕"], ["안녕", "안녕라고요?", "배고파"], ["그래"]]


def test_the_prompt_changes_the_model_and_helps_in_korean(soban: Shell, stack: FakeStack) -> None:
    """Commands begin with a slash; two of them say a slash."""
    outcome = soban.on_terminal("chat", typed=["/model ko-8b", "//안녕", "/help", "/뭐지"])
    assert outcome.code == 0
    assert "대화를 처음부터" in outcome.err
    assert "/뭐지?" in outcome.err
    (request,) = stack.gateway.requests
    assert (request.model, request.messages[0].parts[0].text) == ("ko-8b", "/안녕")


def test_a_failed_turn_leaves_the_prompt_and_the_conversation(soban: Shell, stack: FakeStack) -> None:
    """It is as if it had not been asked."""
    outcome = soban.on_terminal("chat", typed=["붐빔", "안녕"])
    assert outcome.code == 0
    assert "(QUEUE_FULL)" in outcome.err
    assert len(stack.gateway.requests[-1].messages) == 1


def test_the_oldest_turns_are_forgotten_when_the_conversation_outgrows_the_model(
    soban: Shell, stack: FakeStack
) -> None:
    """The system text stays."""
    stack.gateway.turns = 4
    outcome = soban.on_terminal("chat", "--system", "짧게.", typed=["하나", "둘", "셋"])
    assert "앞부분을 잊었습니다" in outcome.err
    said = [message.parts[0].text for message in stack.gateway.requests[-1].messages]
    assert said == ["짧게.", "둘", "둘라고요?", "셋"]


def test_nothing_is_forgotten_for_a_turn_that_fails(soban: Shell, stack: FakeStack) -> None:
    """A smaller question afterwards finds the whole conversation."""
    turns = iter([1, 3, 5, 1, 7])
    typed = ["하나", "둘", "셋", "붐빔", "넷"]

    def ask(prompt: str) -> str:
        stack.gateway.turns = next(turns, 0)
        if not typed:
            raise EOFError
        return typed.pop(0)

    outcome = soban.asked(ask, "chat")
    assert "앞부분을 잊었습니다" in outcome.err
    assert "(QUEUE_FULL)" in outcome.err
    assert len(stack.gateway.requests[-1].messages) == 7


@pytest.mark.parametrize(
    "typed", ["\udcff\udcfe 안녕", "/model \udcff", UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")]
)
def test_bytes_that_are_no_text_do_not_end_the_chat(soban: Shell, stack: FakeStack, typed: str | Exception) -> None:
    """They are lone surrogates, or an error, as the locale has it; a line says so and the prompt goes on."""
    outcome = soban.on_terminal("chat", typed=[typed, "밥"])
    assert outcome.code == 0
    assert "not UTF-8" in outcome.err
    assert [request.model for request in stack.gateway.requests] == ["soban-demo"]


def test_ctrl_c_at_the_prompt_asks_back_once(soban: Shell) -> None:
    """Twice in a row leaves with 130; Ctrl-D leaves with 0."""
    stop = KeyboardInterrupt()
    assert soban.on_terminal("chat", typed=[stop, "안녕", stop]).code == 0
    assert soban.on_terminal("chat", typed=[stop, stop]).code == 130


def test_leaving_an_answer_frees_the_server(soban: Shell, server: ServerThread) -> None:
    """A client that stops reading cancels the call."""
    soban("chat", "기다려", "--timeout", "0.3")
    deadline = time.monotonic() + 10
    while not server.stack.gateway.cancelled and time.monotonic() < deadline:
        time.sleep(0.01)
    assert server.stack.gateway.cancelled == 1
