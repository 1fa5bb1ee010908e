"""The stream filter: the proof that cuts do not matter and nothing leaks, then its single promises."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soban.safety.decisions import Action, Decisions
from soban.safety.filter import SLICE, TextFilter
from soban.safety.masking import Placeholders
from soban.safety.scanner import Scanner
from soban.safety.spans import MEASURES, Unit
from soban.safety.taxonomy import CATEGORIES
from unit.safety.random_texts import digit_runs, random_cuts, random_text, sentence_with_value
from unit.safety.seeing import filtered, output_decisions

DEFAULT = output_decisions()
MASK_ALL = Decisions(*[dict.fromkeys(CATEGORIES, Action.MASK)] * 2)


def leaks(text_filter_output: str, spans: list[str]) -> list[str]:
    """Runs of five digits of masked spans that stand in the output."""
    runs = {run for span in spans for run in digit_runs(span)}
    return [run for run in re.findall(r"(?=([0-9]{5}))", text_filter_output) if run in runs]


def test_ten_thousand_random_cuts_give_what_the_whole_text_gives(scanner: Scanner) -> None:
    """Output and findings alike, also where a blocked word stops the stream."""
    source = random.Random(24112026)
    for _ in range(10_000):
        text = random_text(source).text
        whole, whole_findings, _ = filtered(scanner, [text], DEFAULT)
        cut, cut_findings, _ = filtered(scanner, random_cuts(text, source), DEFAULT)
        assert "".join(cut) == "".join(whole)
        assert cut_findings == whole_findings


def test_output_is_the_text_with_placeholders_for_the_spans(scanner: Scanner) -> None:
    """So no code point of a masked span ever left, at any moment."""
    source = random.Random(7)
    for _ in range(2_000):
        text = random_text(source, swears=False).text.replace("[", "(")
        pieces, findings, _ = filtered(scanner, random_cuts(text, source), MASK_ALL)
        expected, done = "", 0
        for finding in findings:
            expected += text[done : finding.start] + finding.placeholder
            done = max(done, finding.end)
        assert "".join(pieces) == expected + text[done:]


def test_no_five_digits_of_a_value_leave_in_any_disguise(scanner: Scanner) -> None:
    """Judged by what was put in, not by what was found: after every piece, over all that is out by then."""
    source = random.Random(99)
    for _ in range(3_000):
        sample = sentence_with_value(source)
        pieces, _, _ = filtered(scanner, random_cuts(sample.text, source), DEFAULT)
        assert leaks(scanner.folding.fold("".join(pieces)).text, list(sample.values)) == [], sample.text


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from("0123456789-. @[]_전화번호시발개새끼ㅅㅂ이ab.com２\u200b"), max_size=50), st.data())
def test_any_cut_of_a_small_text_gives_the_same(scanner: Scanner, text: str, data: st.DataObject) -> None:
    """A failure shrinks to a text that a person can read."""
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    pieces = [text[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert "".join(filtered(scanner, pieces, DEFAULT)[0]) == "".join(filtered(scanner, [text], DEFAULT)[0])


def test_masks_inside_the_stream(scanner: Scanner) -> None:
    """The number is held, its placeholder goes out whole."""
    pieces, findings, _ = filtered(scanner, ["제 번호는 010-", "1234-56", "78이고", " 끝."], DEFAULT)
    assert pieces == ["제 번호는 ", "", "[전화번호_1]이고", " 끝.", ""]
    assert [(found.start, found.end, found.placeholder) for found in findings] == [(6, 19, "[전화번호_1]")]


def test_a_blocked_word_stops_the_stream(scanner: Scanner) -> None:
    """What stands before it goes out, nothing of it, and nothing after."""
    pieces, findings, text_filter = filtered(scanner, ["야 이 시", "발", " 뭐", "야 010-1234-5678"], DEFAULT)
    assert pieces == ["야 이 ", "", "", "", ""]
    assert [found.action for found in findings] == [Action.BLOCK]
    assert text_filter.stopped
    assert text_filter.released == 4


def test_an_observing_policy_holds_nothing(scanner: Scanner) -> None:
    """Findings are told, the text passes at once."""
    pieces, findings, _ = filtered(scanner, ["번호 010-1234", "-5678 시발"], output_decisions("observe"))
    assert pieces == ["번호 010-1234", "-5678 시발", ""]
    assert [(found.category, found.action, found.placeholder) for found in findings] == [
        ("pii.phone", Action.ALLOW, ""),
        ("abuse.profanity", Action.ALLOW, ""),
    ]


def test_what_is_held_at_the_end_is_released(scanner: Scanner) -> None:
    """A number that came to nothing."""
    assert filtered(scanner, ["비밀은 010-12"], DEFAULT)[0] == ["비밀은 ", "010-12"]


@pytest.mark.parametrize(
    ("unit", "span"), [(Unit.CODE_POINT, (5, 18)), (Unit.UTF8_BYTE, (14, 27)), (Unit.UTF16_UNIT, (6, 19))]
)
def test_positions_count_in_the_unit_asked_for(scanner: Scanner, unit: Unit, span: tuple[int, int]) -> None:
    """From the begin of the text as sent, over all its pieces."""
    text_filter = TextFilter(scanner, DEFAULT, Placeholders(), MEASURES[unit])
    findings = [found for piece in ("😀", "번호", "는 010-1234-", "5678") for found in text_filter.push(piece).findings]
    findings += text_filter.push("", final=True).findings
    assert [(found.start, found.end) for found in findings] == [span]


def test_look_alikes_of_placeholders(scanner: Scanner) -> None:
    """Before the number is given away they keep it, afterwards they are told apart; cuts do not matter."""
    before, after = "[전화번호_1] 010-1234-5678", "010-1234-5678 [전화번호_1]"
    assert "".join(filtered(scanner, list(before), DEFAULT)[0]) == "[전화번호_1] [전화번호_2]"
    assert "".join(filtered(scanner, list(after), DEFAULT)[0]) == "[전화번호_1] ［전화번호_1］"


def test_dropped_candidates_are_told_on_request(scanner: Scanner) -> None:
    """With positions in the text as sent."""
    text_filter = TextFilter(scanner, DEFAULT, Placeholders(), tells_rejected=True)
    (candidate,) = text_filter.push("주문번호 181024-4886484 ", final=True).rejected
    assert (candidate.category, candidate.start, candidate.end) == ("pii.resident_number", 5, 19)


def test_no_text_is_measured_again_for_every_candidate(scanner: Scanner) -> None:
    """Of one long push, all that is measured is a small multiple of its length."""
    measured: list[int] = []

    def measure(text: str) -> int:
        measured.append(len(text))
        return len(text)

    text = "주문번호 181024-4886484 ㅅㅂ, " * 1_000
    text_filter = TextFilter(scanner, DEFAULT, Placeholders(), measure, stops=False, tells_rejected=True)
    piece = text_filter.push(text, final=True)
    assert len(piece.rejected) == len(piece.findings) == 1_000
    assert sum(measured) < 4 * len(text)


def test_a_long_push_is_scanned_in_slices(scanner: Scanner) -> None:
    """So that no step holds up other threads; values over their borders are found."""
    text = ("가" * (SLICE - 5) + "010-1234-5678") * 3
    pieces, findings, _ = filtered(scanner, [text], DEFAULT)
    assert len(findings) == 3
    assert len(pieces[0]) == 3 * (SLICE - 5 + len("[전화번호_1]")) - len("[전화번호_1]") * (pieces[1] != "")
