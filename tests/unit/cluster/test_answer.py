"""What counts as a broken stream of Korean text."""

from __future__ import annotations

import unicodedata

from cluster.answer import Heard, text_fault


def whole(**changes: object) -> Heard:
    """A stream without a fault."""
    fields = {"pieces": ["안녕", "하세요."], "finish": "length", "tokens": 8, "complete": True}
    return Heard(**{**fields, **changes})


def test_a_whole_stream_has_no_fault() -> None:
    """Text, the reason of its end, the count and the last event are there."""
    assert whole().fault(8) == ""


def test_a_stream_without_its_last_event_is_broken() -> None:
    """Text alone is no answer."""
    assert whole(complete=False).fault(8) == "ended without its last event"


def test_an_answer_that_ends_too_early_is_broken() -> None:
    """Neither another reason nor fewer tokens pass."""
    assert "not length" in whole(finish="stop").fault(8)
    assert "missing" in whole(finish="").fault(8)
    assert whole(tokens=7).fault(8) == "7 tokens were counted, not 8"


def test_an_error_in_the_stream_goes_first() -> None:
    """It says more than what is missing because of it."""
    assert whole(error="UNAVAILABLE ENGINE_LOST", complete=False).fault(8) == "UNAVAILABLE ENGINE_LOST"


def test_a_cut_syllable_is_seen() -> None:
    """The second piece begins with the vowel that belongs to the consonant before."""
    consonant, vowel, *_ = unicodedata.normalize("NFD", "강")
    assert text_fault(["좋은 하루", consonant, vowel]) == "a Hangul syllable was cut"
    assert text_fault(["좋은 하루", consonant + vowel]) == ""


def test_half_of_a_character_is_seen() -> None:
    """A decoder puts U+FFFD where bytes of a character are missing."""
    half = "밥"[:1].encode()[:2].decode(errors="replace")
    assert text_fault(["점심은 ", half]) == "a character was cut"


def test_text_in_mixed_script_with_emoji_passes() -> None:
    """Compatibility jamo such as ㅋ stand by themselves."""
    assert text_fault(["KTX로 ", "서울역 3시 도착 🚄", "ㅋㅋ"]) == ""


def test_text_without_hangul_is_no_korean_answer() -> None:
    """An engine that repeats one sign would pass otherwise."""
    assert text_fault(["!!!!"]) == "no Hangul in the text"
