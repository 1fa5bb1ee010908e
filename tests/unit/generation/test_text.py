"""Whole text: no U+FFFD, no half character, no half syllable, however an engine cuts."""

from __future__ import annotations

import json
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from soban.generation.engines.sse import SseParser
from soban.generation.engines.text import WholeText
from unit.generation.cutting import pieces_of

SYLLABLES = "".join(map(chr, range(0xAC00, 0xD7A4)))
KOREAN = "배고파요! 무엇을 도와드릴까요? 서울에서 Busan까지 KTX로 2시간 반 ㅋㅋㅋ 👨‍👩‍👧 漢字"


def pushed(pieces: list[str]) -> tuple[list[str], str]:
    """What came out piece by piece, and all of it."""
    text = WholeText()
    out = [text.push(piece) for piece in pieces]
    out.append(text.flush())
    return out, "".join(out)


def test_every_syllable_survives_every_byte_split_of_its_event() -> None:
    """All 11,172 of them, cut inside their UTF-8 bytes on the wire."""
    assert len(SYLLABLES) == 11_172
    for syllable in SYLLABLES:
        event = b'data: "' + syllable.encode() + b'"\n\n'
        for at in range(7, 11):
            parser, text = SseParser(), WholeText()
            data = parser.feed(event[:at]) + parser.feed(event[at:])
            assert text.push(json.loads(data[0])) == syllable


@given(st.lists(st.integers(0, len(KOREAN)), max_size=30))
def test_clean_text_passes_through_in_any_pieces(cuts: list[int]) -> None:
    """Nothing is lost, and nothing waits for the end."""
    pieces = pieces_of(KOREAN, cuts)
    out, whole = pushed(pieces)
    assert whole == KOREAN
    assert out[:-1] == pieces


@given(st.text(max_size=60), st.lists(st.integers(0, 200), max_size=20))
def test_nfd_is_neither_normalised_nor_cut_inside_a_syllable(text: str, cuts: list[int]) -> None:
    """Each piece is whole syllables: composing the pieces is composing the whole."""
    nfd = unicodedata.normalize("NFD", "한글 값을 닭과 뷁 " + text + " 안녕히")
    nfd = nfd.replace("\ufffd", "")
    out, whole = pushed(pieces_of(nfd, cuts))
    assert whole == nfd
    jamo = "".join(unicodedata.normalize("NFC", piece) for piece in out)
    assert [c for c in jamo if "\u1100" <= c <= "\u11ff"] == [
        c for c in unicodedata.normalize("NFC", nfd) if "\u1100" <= c <= "\u11ff"
    ]


def test_an_nfd_syllable_waits_for_its_last_consonant() -> None:
    """It is shown with the character after it, or at the end."""
    text = WholeText()
    shown = [text.push(jamo) for jamo in unicodedata.normalize("NFD", "값이")]
    assert shown == ["", "", "", unicodedata.normalize("NFD", "값"), ""]
    assert text.flush() == unicodedata.normalize("NFD", "이")


def test_what_is_held_is_bounded() -> None:
    """A model that writes nothing but leading consonants is shown."""
    out, whole = pushed(["\u1100"] * 50)
    assert whole == "\u1100" * 50
    assert "".join(out[:-1]) != ""


def test_a_cut_off_syllable_is_dropped() -> None:
    """Engines write U+FFFD where max_tokens fell inside a syllable."""
    assert pushed(["안녕하세", "\ufffd"])[1] == "안녕하세"
    assert pushed(["안녕\ufffd\ufffd"])[1] == "안녕"
    assert pushed(["반갑\ufffd", "습니다"])[1] == "반갑습니다"


def test_the_halves_of_a_surrogate_pair_are_joined() -> None:
    """An emoji may come as two JSON escapes in two events."""
    assert pushed(["좋아요 \ud83d", "\ude00!"])[1] == "좋아요 😀!"
    assert pushed(["\ud83d\ude00"])[0][0] == "😀"


def test_lone_surrogates_are_left_out() -> None:
    """Protobuf takes none."""
    assert pushed(["가\ude00나", "다\ud83d"])[1] == "가나다"
    assert pushed(["\ud83d", "가"])[1] == "가"
