"""The scanner itself: order, context, windows; what it finds does not depend on cuts."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from soban.safety.normalization import Folding
from soban.safety.outcomes import CONTEXT, MORE, WINDOW, Hit, Outcome, Window
from soban.safety.scanner import Dropped, Found, Scanner
from unit.safety.random_texts import random_cuts, random_text
from unit.safety.seeing import seen


class WordRule:
    """Finds a word, for tests of the scanner alone."""

    def __init__(self, word: str, category: str, confidence: float = 0.9) -> None:
        self.starts = word[0]
        self.trigger = f"{word[0]}"
        self._word = word
        self._category = category
        self._confidence = confidence
        self.windows: list[Window] = []

    def look(self, window: Window) -> Outcome:
        self.windows.append(window)
        text = window.text[window.at : window.end]
        if text.startswith(self._word):
            return Hit(window.at + len(self._word), self._category, "word", self._confidence, 1, self._word)
        return MORE if not window.closed and self._word.startswith(text) else None


def scan(scanner: Scanner, pieces: list[str]) -> tuple[list[Found], list[Dropped]]:
    """All that is found and dropped, and on the way: nothing found has been let past."""
    scan = scanner.scan(lambda _: 1)
    found: list[Found] = []
    dropped: list[Dropped] = []
    upto = 0
    for number in range(len(pieces) + 1):
        step = scan.feed("".join(pieces[number : number + 1]), final=number == len(pieces))
        assert all(one.start >= upto for one in step.found)
        assert step.upto >= upto
        upto = step.upto
        found += step.found
        dropped += step.dropped
    assert upto == len("".join(pieces))
    return found, dropped


def test_plain_text_passes_at_once(scanner: Scanner) -> None:
    """Nothing of it is held."""
    assert scanner.scan(lambda _: 1).feed("오늘 날씨가 참 좋네요. 산책하러 가요").upto == 21


def test_digits_are_held_only_while_a_number_may_form(scanner: Scanner) -> None:
    """`12,` is no beginning of any number, `010-` is."""
    scan = scanner.scan(lambda _: 1)
    assert scan.feed("가격은 12").upto == 4
    assert scan.feed(",000원이고 ").upto == 14
    assert scan.feed("010-12").upto == 14
    assert scan.feed("시에 만나요").upto == 26


def test_a_word_of_latin_letters_is_held_until_it_ends(scanner: Scanner) -> None:
    """It might be the begin of an address."""
    scan = scanner.scan(lambda _: 1)
    assert scan.feed("저는 python").upto == 3
    assert scan.feed("을 써요").upto == 13


def test_the_longer_of_two_that_begin_together_wins() -> None:
    """As long as the policy cares for both and both are sure."""
    scanner = Scanner([WordRule("ab", "short"), WordRule("abc", "long")], Folding())
    assert [found.category for found in scan(scanner, ["a", "b", "c"])[0]] == ["long"]


def test_what_the_policy_masks_wins_over_what_it_only_reports() -> None:
    """A finding without consequence must not hide one with."""
    scanner = Scanner([WordRule("ab", "masked"), WordRule("abc", "reported")], Folding())
    step = scanner.scan({"masked": 2, "reported": 1}.__getitem__).feed("abc", final=True)
    assert [found.category for found in step.found] == ["masked"]


def test_what_is_sure_wins_over_what_is_long() -> None:
    """Below a confidence of .6, length does not help."""
    scanner = Scanner([WordRule("ab", "sure"), WordRule("abc", "unsure", 0.5)], Folding())
    assert [found.category for found in scan(scanner, ["abc"])[0]] == ["sure"]


def test_rules_see_the_same_context_for_every_cut() -> None:
    """At most CONTEXT folded characters before, at most WINDOW of the text as sent behind."""
    text = "가" * 100 + "x" + "\u200b나" * 600
    befores, afters = set(), set()
    for pieces in ([text], list(text)):
        rule = WordRule("x" + "나" * 700, "none")
        scan(Scanner([rule], Folding()), pieces)
        last = rule.windows[-1]
        befores.add(last.before())
        afters.add(last.text[last.at : last.end])
    assert befores == {"가" * CONTEXT}
    assert {len(after) for after in afters} == {WINDOW // 2}


def test_a_candidate_is_not_waited_for_without_end(scanner: Scanner) -> None:
    """Invisible characters without end cannot hold a stream back for ever."""
    scan = scanner.scan(lambda _: 1)
    scan.feed("010")
    assert scan.feed("\u200b" * WINDOW).upto == WINDOW + 3


def test_invisible_characters_inside_a_number_belong_to_it(scanner: Scanner) -> None:
    """Those around it do not."""
    text = "번호\u200b0\u200b10-1234-5678\u200b입니다"
    assert seen(scanner, text) == [("pii.phone", "0\u200b10-1234-5678")]


def test_random_cuts_find_what_the_whole_text_has(scanner: Scanner) -> None:
    """Findings and dropped candidates with all their details."""
    source = random.Random(20261125)
    for _ in range(2_000):
        text = random_text(source).text
        assert scan(scanner, random_cuts(text, source)) == scan(scanner, [text])


@settings(max_examples=300, deadline=None)
@given(
    st.text(st.sampled_from("0123456789-. ,()+_@[]x*aｂ２①\u200b시발씨개새끼ㅅㅂ이 가번호주문\n"), max_size=60),
    st.data(),
)
def test_hostile_alphabets_find_what_the_whole_text_has(scanner: Scanner, text: str, data: st.DataObject) -> None:
    """Texts from the characters that rules care for; a failure shrinks to a small one."""
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=12)))
    pieces = [text[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert scan(scanner, pieces) == scan(scanner, [text])
