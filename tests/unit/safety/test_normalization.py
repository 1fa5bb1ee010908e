"""Folding: what rules see, and the way back."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soban.safety.normalization import Folding

FOLDING = Folding()
PIECES = st.text(
    st.one_of(
        st.characters(), st.sampled_from("０１９①⑨𝟎𝟗٠๑०＠．－–～·ㆍﾡ\u200b\u200d\ufeff\u00ad\u3164\U000e0041가힣ᄀ")
    )
)


@pytest.mark.parametrize(
    ("sent", "folded"),
    [
        ("０１０－１２３４－５６７８", "010-1234-5678"),
        ("0\u200b1\u200b0", "010"),
        ("9️⃣4️⃣2️⃣0️⃣", "9420"),
        ("٠١٠-๐๑๐-०१०", "010-010-010"),
        ("⓪①⑨ 𝟎𝟏 ²", "019 01 2"),
        ("𝗁𝖺𝗉𝗉𝗒@𝖾𝗑𝖺𝗆𝗉𝗅𝖾．com", "happy@example.com"),
        ("010–1234—5678−9", "010-1234-5678-9"),
        ("010·1234ㆍ5678・9", "010·1234·5678·9"),
        ("2\u30644\u3164", "2つ4"),
        ("ﾡﾢ", "ㄱㄲ"),
        ("안녕하세요 😀❤", "안녕하세요 😀❤"),
    ],
)
def test_disguises_are_seen_through(sent: str, folded: str) -> None:
    """Width, digits of other scripts, styled letters, separators and invisible characters."""
    assert FOLDING.fold(sent).text == folded


def test_conjoining_letters_are_left_to_the_word_list() -> None:
    """NFD stays as it is: composing would need to know what comes next."""
    sent = unicodedata.normalize("NFD", "것부터")
    assert FOLDING.fold(sent).text == sent


def test_every_folded_character_knows_where_it_came_from() -> None:
    """Positions are those of the text as sent, counted from where the piece stands."""
    assert list(FOLDING.fold("a\u200b\u200bｂ", begin=10).origin) == [10, 13]


def test_steps_name_what_was_folded() -> None:
    """In their order, each once."""
    assert FOLDING.steps("０１\u200b–𝟎") == ("width", "invisible", "separators", "digits")
    assert FOLDING.steps("010-1234") == ()


@given(PIECES, PIECES)
def test_folding_pieces_is_folding_the_whole(left: str, right: str) -> None:
    """So a stream can be folded as it comes."""
    whole, first, second = FOLDING.fold(left + right), FOLDING.fold(left), FOLDING.fold(right, len(left))
    assert whole.text == first.text + second.text
    assert list(whole.origin) == [*first.origin, *second.origin]


@given(PIECES)
def test_a_code_point_becomes_one_or_none(sent: str) -> None:
    """And positions only grow."""
    folded = FOLDING.fold(sent)
    assert len(folded.text) == len(folded.origin) <= len(sent)
    assert all(earlier < later for earlier, later in zip(folded.origin, folded.origin[1:], strict=False))
