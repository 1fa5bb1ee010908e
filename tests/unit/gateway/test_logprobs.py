"""Log-probabilities leave only with their text, and not once the text was changed."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

import soban.v1 as pb
from soban.gateway.logprobs import LogprobLedger


def tokens(*raw: bytes) -> list[pb.TokenLogprob]:
    return [pb.TokenLogprob(token=part.decode("utf-8", "replace"), bytes=part) for part in raw]


def bytes_of(logprobs: Sequence[pb.TokenLogprob]) -> bytes:
    return b"".join(token.bytes for token in logprobs)


def test_a_syllable_in_two_tokens_leaves_when_it_is_whole() -> None:
    ledger, raw = LogprobLedger(), "안".encode()
    ledger.wrote(tokens(raw[:2], raw[2:], "녕".encode()))
    assert bytes_of(ledger.released("안")) == raw
    assert bytes_of(ledger.released("녕")) == "녕".encode()


def test_a_token_waits_for_all_of_its_text() -> None:
    ledger = LogprobLedger()
    ledger.wrote(tokens("안녕하세요".encode()))
    assert ledger.released("안녕") == []
    assert bytes_of(ledger.released("하세요")) == "안녕하세요".encode()


def test_from_the_first_change_on_nothing_leaves() -> None:
    ledger = LogprobLedger()
    ledger.wrote(tokens("번호 ".encode(), b"010", b"-1234", "끝".encode()))
    assert bytes_of(ledger.released("번호 [전화번호_1]")) == "번호 ".encode()
    ledger.wrote(tokens("더".encode()))
    assert ledger.released("끝더") == []


def test_tokens_beyond_a_stop_text_never_leave() -> None:
    ledger = LogprobLedger()
    ledger.wrote(tokens("네.".encode(), b"\n\nUser:"))
    assert bytes_of(ledger.released("네.")) == "네.".encode()
    assert ledger.released("") == []


def test_engines_without_bytes_are_read_by_their_text() -> None:
    ledger = LogprobLedger()
    ledger.wrote([pb.TokenLogprob(token="네")])
    assert [token.token for token in ledger.released("네")] == ["네"]


@given(st.lists(st.text(alphabet="가나다01-", max_size=4)), st.lists(st.text(alphabet="가나다01-*", max_size=4)))
def test_what_leaves_is_always_a_beginning_of_what_was_delivered(written: list[str], delivered: list[str]) -> None:
    ledger = LogprobLedger()
    ledger.wrote(tokens(*(text.encode() for text in written)))
    out = b"".join(bytes_of(ledger.released(text)) for text in delivered)
    assert "".join(delivered).encode().startswith(out)
